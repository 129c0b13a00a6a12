/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "digest_list.h"

#include "cleanup.h"
#include "error.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* Keys lie one after the other in `keys`; offsets[i] is where key i begins and
 * offsets[count] where the next one will.  When they are sorted, those that begin
 * with the `bits` bits of i are from starts[i] up to starts[i + 1]: few, when they
 * are hashes. */
struct ocs_digest_list {
    uint64_t *offsets;
    size_t offset_capacity;
    unsigned char *keys;
    size_t key_capacity;
    uint32_t count;
    unsigned bits;
    uint32_t *starts;
};

#define FIRST     64
#define COUNT_MAX (UINT32_MAX - 1)

int ocs_digest_list_new(struct ocs_digest_list **out, struct ocs_error *err)
{
    struct ocs_digest_list *list = calloc(1, sizeof(*list));
    if (!list)
        return ocs_error_memory(err);
    list->offsets = calloc(FIRST, sizeof(*list->offsets));
    if (!list->offsets) {
        ocs_digest_list_free(list);
        return ocs_error_memory(err);
    }
    list->offset_capacity = FIRST;
    *out = list;
    return 0;
}

void ocs_digest_list_free(struct ocs_digest_list *list)
{
    if (!list)
        return;
    free(list->offsets);
    free(list->keys);
    free(list->starts);
    free(list);
}

/* ---- adding ---- */

/* By half: the arrays are large, and realloc moves pages rather than bytes. */
static int reserve(void **array, size_t *capacity, size_t needed, size_t element,
                   struct ocs_error *err)
{
    if (needed <= *capacity)
        return 0;
    size_t wanted = *capacity + *capacity / 2;
    if (wanted < needed)
        wanted = needed;
    void *grown = reallocarray(*array, wanted, element);
    if (!grown)
        return ocs_error_memory(err);
    *array = grown;
    *capacity = wanted;
    return 0;
}

int ocs_digest_list_add(struct ocs_digest_list *list, const struct ocs_digest *digest,
                        struct ocs_error *err)
{
    uint64_t offset = list->offsets[list->count];
    if (list->count >= COUNT_MAX)
        return ocs_error_raise(err, OCS_FAILED, "more than %u digests", (unsigned)COUNT_MAX);
    int result = reserve((void **)&list->offsets, &list->offset_capacity, (size_t)list->count + 2,
                         sizeof(*list->offsets), err);
    if (result == 0)
        result = reserve((void **)&list->keys, &list->key_capacity, offset + digest->size, 1, err);
    if (result < 0)
        return result;
    memcpy(list->keys + offset, digest->key, digest->size);
    list->offsets[++list->count] = offset + digest->size;
    return 0;
}

/* ---- order ---- */

static size_t key_size(const struct ocs_digest_list *list, uint32_t place)
{
    return list->offsets[place + 1] - list->offsets[place];
}

static int compare_key(const struct ocs_digest_list *list, uint32_t place, const void *key,
                       size_t size)
{
    size_t own = key_size(list, place);
    int order = memcmp(list->keys + list->offsets[place], key, own < size ? own : size);
    return order ? order : (own > size) - (own < size);
}

struct ranked {
    uint32_t prefix; /* the first bits of the key as a number: the order of most keys */
    uint32_t place;
};

static int compare_ranked(const void *a, const void *b, void *data)
{
    const struct ranked *x = a, *y = b;
    const struct ocs_digest_list *list = data;
    return compare_key(list, x->place, list->keys + list->offsets[y->place],
                       key_size(list, y->place));
}

/* The first six bits of a key are those of an algorithm's number, zeros: the rest of
 * its first eight bytes, from the top. */
static uint64_t prefix_of(const unsigned char *key, size_t size)
{
    uint64_t prefix = 0;
    memcpy(&prefix, key, size < 8 ? size : 8);
    return be64toh(prefix) << 6;
}

static void rank(const struct ocs_digest_list *list, struct ranked *out)
{
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t prefix = prefix_of(list->keys + list->offsets[i], key_size(list, i));
        out[i] = (struct ranked){.prefix = (uint32_t)(prefix >> 32), .place = i};
    }
}

#define DIGITS 256u

/* One pass of a radix sort; false when the digit is the same everywhere. */
static bool sort_by_digit(const struct ranked *from, struct ranked *to, uint32_t count,
                          unsigned shift)
{
    uint32_t at[DIGITS] = {0};
    for (uint32_t i = 0; i < count; i++)
        at[from[i].prefix >> shift & 255]++;
    if (at[from[0].prefix >> shift & 255] == count)
        return false;
    for (uint32_t digit = 0, sum = 0; digit < DIGITS; digit++) {
        uint32_t size = at[digit];
        at[digit] = sum;
        sum += size;
    }
    for (uint32_t i = 0; i < count; i++)
        to[at[from[i].prefix >> shift & 255]++] = from[i];
    return true;
}

/* Names of files can be anybody's choice: the passes take the same time whatever the
 * digests are, and only those that share a prefix are compared. */
static struct ranked *sort_ranked(const struct ocs_digest_list *list, struct ranked *a,
                                  struct ranked *b)
{
    for (unsigned shift = 0; shift < 32; shift += 8) {
        if (!sort_by_digit(a, b, list->count, shift))
            continue;
        struct ranked *swap = a;
        a = b;
        b = swap;
    }
    for (uint32_t i = 0, end; i < list->count; i = end) {
        for (end = i + 1; end < list->count && a[end].prefix == a[i].prefix;)
            end++;
        if (end - i > 1)
            qsort_r(a + i, end - i, sizeof(*a), compare_ranked, (void *)(uintptr_t)list);
    }
    return a;
}

#define AHEAD 16

/* Each key lies somewhere else: the processor is told of it before it is needed. */
static void fetch_ahead(const struct ocs_digest_list *list, const struct ranked *order, uint32_t i)
{
    if (i + 2 * AHEAD >= list->count)
        return;

    __builtin_prefetch(&list->offsets[order[i + 2 * AHEAD].place]);
    __builtin_prefetch(list->keys + list->offsets[order[i + AHEAD].place]);
}

static bool repeats_last(const struct ocs_digest_list *list, const struct ranked *order, uint32_t i)
{
    return i > 0 && order[i].prefix == order[i - 1].prefix &&
           compare_ranked(&order[i], &order[i - 1], (void *)(uintptr_t)list) == 0;
}

/* `to` has room for everything that `from` has. */
static void copy_sorted(const struct ocs_digest_list *from, const struct ranked *order,
                        struct ocs_digest_list *to)
{
    uint64_t offset = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        fetch_ahead(from, order, i);
        if (repeats_last(from, order, i))
            continue;
        const unsigned char *key = from->keys + from->offsets[order[i].place];
        size_t size = key_size(from, order[i].place);
        memcpy(to->keys + offset, key, size);
        offset += size;
        to->offsets[++to->count] = offset;
    }
}

static int sort_into(const struct ocs_digest_list *list, struct ocs_digest_list *sorted,
                     struct ocs_error *err)
{
    auto_free struct ranked *ranked = malloc(list->count * sizeof(*ranked));
    auto_free struct ranked *other = malloc(list->count * sizeof(*other));
    if (!ranked || !other)
        return ocs_error_memory(err);
    rank(list, ranked);
    const struct ranked *order = sort_ranked(list, ranked, other);
    sorted->offset_capacity = (size_t)list->count + 1;
    sorted->key_capacity = list->offsets[list->count];
    sorted->offsets = calloc(sorted->offset_capacity, sizeof(*sorted->offsets));
    sorted->keys = malloc(sorted->key_capacity);
    if (!sorted->offsets || !sorted->keys)
        return ocs_error_memory(err);
    copy_sorted(list, order, sorted);
    return 0;
}

static size_t bucket_of(const struct ocs_digest_list *list, const unsigned char *key, size_t size)
{
    return prefix_of(key, size) >> (64 - list->bits);
}

static int find_starts(struct ocs_digest_list *list, struct ocs_error *err)
{
    list->bits = 4;
    while (list->bits < 24 && list->count >> list->bits)
        list->bits++;
    size_t buckets = (size_t)1 << list->bits, next = 0;
    list->starts = malloc((buckets + 1) * sizeof(*list->starts));
    if (!list->starts)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < list->count; i++) {
        size_t bucket = bucket_of(list, list->keys + list->offsets[i], key_size(list, i));
        while (next <= bucket)
            list->starts[next++] = i;
    }
    while (next <= buckets)
        list->starts[next++] = list->count;
    return 0;
}

int ocs_digest_list_sort(struct ocs_digest_list *list, struct ocs_error *err)
{
    struct ocs_digest_list sorted = {0};
    if (list->count == 0)
        return 0;
    int result = sort_into(list, &sorted, err);
    if (result == 0)
        result = find_starts(&sorted, err);
    struct ocs_digest_list *useless = result == 0 ? list : &sorted;
    free(useless->offsets);
    free(useless->keys);
    if (result == 0)
        *list = sorted;
    return result;
}

/* ---- looking ---- */

uint32_t ocs_digest_list_count(const struct ocs_digest_list *list)
{
    return list->count;
}

void ocs_digest_list_get(const struct ocs_digest_list *list, uint32_t place, struct ocs_digest *out)
{
    assert(place < list->count);
    out->size = (uint16_t)key_size(list, place);
    memcpy(out->key, list->keys + list->offsets[place], out->size);
}

bool ocs_digest_list_find(const struct ocs_digest_list *list, const struct ocs_digest *digest,
                          uint32_t *place)
{
    if (list->count == 0)
        return false;
    size_t bucket = bucket_of(list, digest->key, digest->size);
    uint32_t low = list->starts[bucket], high = list->starts[bucket + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_key(list, middle, digest->key, digest->size);
        if (order == 0) {
            *place = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool ocs_digest_list_seek(const struct ocs_digest_list *list, const void *key, size_t size,
                          uint32_t *place)
{
    int order = -1;
    while (*place < list->count && (order = compare_key(list, *place, key, size)) < 0)
        ++*place;
    return order == 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "digest_set.h"

#include "cleanup.h"
#include "error.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

/*
 * Keys lie one after the other in `keys`; offsets[i] is where key i begins and
 * offsets[count] where the next one will.  `slots` is an open-addressed table, a
 * power of two, at most three quarters full: the hash in the upper half, index + 1 in
 * the lower one (0: free).  The hash says where to begin, and with its other bits
 * that a key is not the one, without a look at the key.
 *
 * Documents choose their digests freely, so the hash is keyed (SipHash-1-3):
 * nobody can make them all fall into one slot.
 */
struct ocs_digest_set {
    uint64_t seed[2];
    uint64_t *slots;
    size_t slot_count;
    uint64_t *offsets;
    size_t offset_capacity;
    unsigned char *keys;
    size_t key_capacity;
    uint32_t count;
};

#define FIRST_SLOTS 64
#define COUNT_MAX   (UINT32_MAX - 1)

/* ---- hash ---- */

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static uint32_t hash_key(const struct ocs_digest_set *set, const unsigned char *key, size_t size)
{
    uint64_t v[4] = {set->seed[0] ^ 0x736f6d6570736575, set->seed[1] ^ 0x646f72616e646f6d,
                     set->seed[0] ^ 0x6c7967656e657261, set->seed[1] ^ 0x7465646279746573};
    for (size_t at = 0; at <= size; at += 8) {
        uint64_t word = 0;
        size_t part = size - at < 8 ? size - at : 8;
        memcpy(&word, key + at, part);
        if (part < 8)
            word |= (uint64_t)(size & 0xff) << 56;
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return (uint32_t)((v[0] ^ v[1] ^ v[2] ^ v[3]) >> 32);
}

/* ---- table ---- */

static size_t key_size(const struct ocs_digest_set *set, uint32_t index)
{
    return set->offsets[index + 1] - set->offsets[index];
}

static uint32_t slot_index(uint64_t slot)
{
    return (uint32_t)slot - 1;
}

static bool holds(const struct ocs_digest_set *set, uint64_t slot, uint32_t hash,
                  const unsigned char *key, size_t size)
{
    if (slot >> 32 != hash)
        return false;
    uint32_t index = slot_index(slot);
    return key_size(set, index) == size && memcmp(set->keys + set->offsets[index], key, size) == 0;
}

/* The slot that holds the key, or the free one where it belongs. */
static size_t find_slot(const struct ocs_digest_set *set, uint32_t hash, const unsigned char *key,
                        size_t size)
{
    size_t at = hash & (set->slot_count - 1);
    while (set->slots[at] && !holds(set, set->slots[at], hash, key, size))
        at = (at + 1) & (set->slot_count - 1);
    return at;
}

static int grow_slots(struct ocs_digest_set *set, struct ocs_error *err)
{
    size_t wanted = set->slot_count * 2;
    uint64_t *slots = calloc(wanted, sizeof(*slots));
    if (!slots)
        return ocs_error_memory(err);
    for (size_t i = 0; i < set->slot_count; i++) {
        size_t at = (size_t)(set->slots[i] >> 32) & (wanted - 1);
        if (!set->slots[i])
            continue;
        while (slots[at])
            at = (at + 1) & (wanted - 1);
        slots[at] = set->slots[i];
    }
    free(set->slots);
    set->slots = slots;
    set->slot_count = wanted;
    return 0;
}

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

static int reserve_one(struct ocs_digest_set *set, size_t size, struct ocs_error *err)
{
    if (set->count >= COUNT_MAX)
        return ocs_error_raise(err, OCS_FAILED, "more than %u digests", (unsigned)COUNT_MAX);
    int result = reserve((void **)&set->offsets, &set->offset_capacity, (size_t)set->count + 2,
                         sizeof(*set->offsets), err);
    if (result == 0)
        result = reserve((void **)&set->keys, &set->key_capacity, set->offsets[set->count] + size,
                         1, err);
    if (result == 0 && set->count >= set->slot_count - set->slot_count / 4)
        result = grow_slots(set, err);
    return result;
}

/* ---- interface ---- */

int ocs_digest_set_new(struct ocs_digest_set **out, struct ocs_error *err)
{
    struct ocs_digest_set *set = calloc(1, sizeof(*set));
    if (!set)
        return ocs_error_memory(err);
    set->slots = calloc(FIRST_SLOTS, sizeof(*set->slots));
    set->offsets = calloc(FIRST_SLOTS, sizeof(*set->offsets));
    if (!set->slots || !set->offsets) {
        ocs_digest_set_free(set);
        return ocs_error_memory(err);
    }
    set->slot_count = FIRST_SLOTS;
    set->offset_capacity = FIRST_SLOTS;
    if (getrandom(set->seed, sizeof(set->seed), 0) != (ssize_t)sizeof(set->seed)) {
        ocs_digest_set_free(set);
        return ocs_error_errno(err, "getrandom");
    }
    *out = set;
    return 0;
}

void ocs_digest_set_free(struct ocs_digest_set *set)
{
    if (!set)
        return;
    free(set->slots);
    free(set->offsets);
    free(set->keys);
    free(set);
}

static int add_hashed(struct ocs_digest_set *set, const struct ocs_digest *digest, uint32_t hash,
                      uint32_t *index, struct ocs_error *err)
{
    int result = reserve_one(set, digest->size, err);
    if (result < 0)
        return result;
    size_t at = find_slot(set, hash, digest->key, digest->size);
    if (set->slots[at]) {
        *index = slot_index(set->slots[at]);
        return OCS_DIGEST_SET_KNOWN;
    }
    uint64_t offset = set->offsets[set->count];
    memcpy(set->keys + offset, digest->key, digest->size);
    set->offsets[set->count + 1] = offset + digest->size;
    set->slots[at] = (uint64_t)hash << 32 | (set->count + 1);
    *index = set->count++;
    return 0;
}

int ocs_digest_set_add(struct ocs_digest_set *set, const struct ocs_digest *digest, uint32_t *index,
                       struct ocs_error *err)
{
    return add_hashed(set, digest, hash_key(set, digest->key, digest->size), index, err);
}

/* Where one key lies depends on its offset, that on its slot, that on its hash: each
 * is fetched for all before the next is for any, so that they wait together. */
static void fetch_ahead(const struct ocs_digest_set *set, const uint32_t *hashes, size_t count)
{
    size_t mask = set->slot_count - 1;
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&set->slots[hashes[i] & mask]);
    for (size_t i = 0; i < count; i++) {
        uint64_t slot = set->slots[hashes[i] & mask];
        __builtin_prefetch(&set->offsets[slot ? slot_index(slot) : 0]);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t slot = set->slots[hashes[i] & mask];
        __builtin_prefetch(set->keys + set->offsets[slot ? slot_index(slot) : 0]);
    }
}

int ocs_digest_set_add_many(struct ocs_digest_set *set, const struct ocs_digest *const *digests,
                            size_t count, uint32_t *indexes, struct ocs_error *err)
{
    uint32_t hashes[OCS_DIGEST_SET_MANY];
    int result = 0;
    assert(count <= OCS_DIGEST_SET_MANY);
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_key(set, digests[i]->key, digests[i]->size);
    fetch_ahead(set, hashes, count);
    for (size_t i = 0; result >= 0 && i < count; i++)
        result = add_hashed(set, digests[i], hashes[i], &indexes[i], err);
    return result < 0 ? result : 0;
}

bool ocs_digest_set_find(const struct ocs_digest_set *set, const struct ocs_digest *digest,
                         uint32_t *index)
{
    uint32_t hash = hash_key(set, digest->key, digest->size);
    uint64_t slot = set->slots[find_slot(set, hash, digest->key, digest->size)];
    if (!slot)
        return false;
    *index = slot_index(slot);
    return true;
}

void ocs_digest_set_get(const struct ocs_digest_set *set, uint32_t index, struct ocs_digest *out)
{
    assert(index < set->count);
    out->size = (uint16_t)key_size(set, index);
    memcpy(out->key, set->keys + set->offsets[index], out->size);
}

uint32_t ocs_digest_set_count(const struct ocs_digest_set *set)
{
    return set->count;
}

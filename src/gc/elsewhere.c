/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "elsewhere.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/hash.h"
#include "store/trash.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum place { IN_TRASH, IN_QUARANTINE, IN_LAYOUT };

struct copy {
    uint32_t index; /* of the wanted digest */
    enum place place;
    uint32_t layout; /* IN_LAYOUT: its position in the census */
    char *path;      /* else: the file, relative to .ocistore */
};

struct ocs_elsewhere {
    struct ocs_store *store;
    const struct ocs_census *census;
    const struct ocs_digest_set *wanted;
    struct copy *copies;
    size_t count;
};

void ocs_elsewhere_free(struct ocs_elsewhere *elsewhere)
{
    if (!elsewhere)
        return;
    for (size_t i = 0; i < elsewhere->count; i++)
        free(elsewhere->copies[i].path);
    free(elsewhere->copies);
    free(elsewhere);
}

/* Takes `path`. */
static int add_copy(struct ocs_elsewhere *elsewhere, struct copy copy, struct ocs_error *err)
{
    size_t count = elsewhere->count;
    if ((count & (count - 1)) == 0) { /* full at every power of two */
        struct copy *grown = realloc(elsewhere->copies, (count ? count * 2 : 1) * sizeof(*grown));
        if (!grown) {
            free(copy.path);
            return ocs_error_memory(err);
        }
        elsewhere->copies = grown;
    }
    elsewhere->copies[elsewhere->count++] = copy;
    return 0;
}

static int add_file(struct ocs_elsewhere *elsewhere, const struct ocs_digest *digest,
                    enum place place, const char *path, struct ocs_error *err)
{
    uint32_t index;
    if (!ocs_digest_set_find(elsewhere->wanted, digest, &index))
        return 0;
    struct copy copy = {.index = index, .place = place, .path = strdup(path)};
    return copy.path ? add_copy(elsewhere, copy, err) : ocs_error_memory(err);
}

/* ---- trash and quarantine ---- */

/* `run` NULL: the path is one of the quarantine. */
static int on_taken(void *data, const char *run, const char *path, const struct ocs_digest *digest,
                    const struct stat *st, struct ocs_error *err)
{
    char full[2 * OCS_DIGEST_BUF];
    int size = run ? snprintf(full, sizeof(full), "trash/%s/%s", run, path)
                   : snprintf(full, sizeof(full), "quarantine/%s", path);
    if (!digest || !S_ISREG(st->st_mode) || size >= (int)sizeof(full))
        return 0;
    return add_file(data, digest, run ? IN_TRASH : IN_QUARANTINE, full, err);
}

static int find_taken(struct ocs_elsewhere *elsewhere, struct ocs_error *err)
{
    struct ocs_trash_visitor visitor = {.data = elsewhere, .on_entry = on_taken};
    int result = ocs_trash_each(elsewhere->store->state, &visitor, err);
    return result == 0 ? ocs_quarantine_each(elsewhere->store->state, &visitor, err) : result;
}

/* ---- layouts ---- */

/* NULL in *out: it has none, or they are the store's. */
static int open_own_blobs(struct ocs_store *store, const struct ocs_root *root,
                          struct ocs_blobs **out, struct ocs_error *err)
{
    *out = NULL;
    if (strcmp(root->name, ".") == 0)
        return 0;
    auto_fd int dir = -1;
    char label[PATH_MAX];
    snprintf(label, sizeof(label), "%s/blobs", root->path);
    int result = ocs_store_open_layout(store, root, &dir, err);
    if (result == 0)
        result = ocs_blobs_open(dir, "blobs", 0, label, out, err);
    return result < 0 ? result : 0;
}

struct in_layout {
    struct ocs_elsewhere *elsewhere;
    uint32_t layout;
};

static int on_own(void *data, const struct ocs_blobs_entry *entry, struct ocs_error *err)
{
    struct in_layout *in = data;
    struct copy copy = {.place = IN_LAYOUT, .layout = in->layout};
    if (!entry->regular || !ocs_digest_set_find(in->elsewhere->wanted, &entry->digest, &copy.index))
        return 0;
    return add_copy(in->elsewhere, copy, err);
}

static int find_in_layouts(struct ocs_elsewhere *elsewhere, struct ocs_error *err)
{
    const struct ocs_census *census = elsewhere->census;
    for (uint32_t i = 0; i < census->layout_count; i++) {
        struct ocs_blobs *blobs;
        int result = open_own_blobs(elsewhere->store, &census->layouts[i].root, &blobs, err);
        if (result == 0 && blobs) {
            struct in_layout in = {.elsewhere = elsewhere, .layout = i};
            struct ocs_blobs_visitor visitor = {.data = &in, .on_blob = on_own};
            result = ocs_blobs_each(blobs, &visitor, err);
            ocs_blobs_close(blobs);
        }
        if (result)
            return result;
    }
    return 0;
}

/* ---- the whole ---- */

/* By digest; the trash before the quarantine, whose copies are bad more often. */
static int compare_copies(const void *a, const void *b)
{
    const struct copy *x = a, *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return (int)x->place - (int)y->place;
}

/* The first copy of a digest, or the end. */
static size_t first_copy(const struct ocs_elsewhere *elsewhere, uint32_t index)
{
    size_t low = 0, high = elsewhere->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (elsewhere->copies[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int ocs_elsewhere_find(struct ocs_store *store, const struct ocs_census *census,
                       const struct ocs_digest_set *wanted, struct ocs_elsewhere **out,
                       struct ocs_error *err)
{
    struct ocs_elsewhere *elsewhere = calloc(1, sizeof(*elsewhere));
    if (!elsewhere)
        return ocs_error_memory(err);
    *elsewhere = (struct ocs_elsewhere){.store = store, .census = census, .wanted = wanted};
    int result = find_taken(elsewhere, err);
    if (result == 0)
        result = find_in_layouts(elsewhere, err);
    if (result) {
        ocs_elsewhere_free(elsewhere);
        return result;
    }
    if (elsewhere->count > 0)
        qsort(elsewhere->copies, elsewhere->count, sizeof(*elsewhere->copies), compare_copies);
    *out = elsewhere;
    return 0;
}

bool ocs_elsewhere_was_here(const struct ocs_elsewhere *elsewhere, uint32_t index)
{
    size_t i = first_copy(elsewhere, index);
    return i < elsewhere->count && elsewhere->copies[i].index == index &&
           elsewhere->copies[i].place != IN_LAYOUT;
}

/* ---- reading ---- */

/* Positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR, OCS_BLOB_BAD. */
static int read_file(int state, const char *path, const struct ocs_digest *digest, uint64_t limit,
                     struct ocs_bytes *out, struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    struct ocs_digest actual;
    int result = ocs_io_open_regular(state, path, &fd, NULL, path, err);
    if (result == 0)
        result = ocs_io_read_all(fd, limit, &bytes, path, err);
    if (result)
        return result;
    if (!ocs_algorithm_verifiable(ocs_digest_algorithm(digest)))
        return OCS_BLOB_BAD;
    result = ocs_hash_bytes(ocs_digest_algorithm(digest), bytes.data, bytes.size, &actual, err);
    if (result)
        return result;
    if (!ocs_digest_equal(&actual, digest))
        return OCS_BLOB_BAD;
    *out = bytes;
    bytes = (struct ocs_bytes){0};
    return 0;
}

static int read_own(const struct ocs_elsewhere *elsewhere, uint32_t layout,
                    const struct ocs_digest *digest, uint64_t limit, struct ocs_bytes *out,
                    struct ocs_error *err)
{
    struct ocs_blobs *blobs;
    const struct ocs_root *root = &elsewhere->census->layouts[layout].root;
    int result = open_own_blobs(elsewhere->store, root, &blobs, err);
    if (result || !blobs)
        return result ? result : OCS_IO_ABSENT;
    result = ocs_blobs_read(blobs, digest, limit, out, NULL, err);
    ocs_blobs_close(blobs);
    return result;
}

/* A copy that cannot be read is no copy: another one may do. */
int ocs_elsewhere_read(const struct ocs_elsewhere *elsewhere, uint32_t index, uint64_t limit,
                       struct ocs_bytes *out, struct ocs_error *err)
{
    struct ocs_digest digest;
    ocs_digest_set_get(elsewhere->wanted, index, &digest);
    for (size_t i = first_copy(elsewhere, index); i < elsewhere->count; i++) {
        const struct copy *copy = &elsewhere->copies[i];
        if (copy->index != index)
            break;
        int result = copy->place == IN_LAYOUT
                         ? read_own(elsewhere, copy->layout, &digest, limit, out, err)
                         : read_file(elsewhere->store->state, copy->path, &digest, limit, out, err);
        if (result == 0)
            return 0;
    }
    return OCS_IO_ABSENT;
}

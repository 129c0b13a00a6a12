/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "saved.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <string.h>

#define MANIFEST_JSON "manifest.json"

void ocs_saved_clear(struct ocs_saved *saved)
{
    free(saved->ids);
    free(saved->layouts);
    free(saved->stamps);
    *saved = (struct ocs_saved){0};
}

/* ---- digests in the bytes ---- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static const char *algorithm_of_length(size_t hex_digits)
{
    switch (hex_digits) {
    case 64:
        return "sha256:";
    case 128:
        return "sha512:";
    default:
        return NULL;
    }
}

/* The bytes are not parsed: a name is a root whether it stands in `Config`,
 * `Layers` or in a document that some version of docker wrote differently, and a
 * root too many keeps a blob while one too few deletes it. */
int ocs_saved_each_digest(const char *bytes, size_t size, void *data,
                          int (*on_digest)(void *data, const struct ocs_digest *digest,
                                           struct ocs_error *err),
                          struct ocs_error *err)
{
    size_t at = 0;
    while (at < size) {
        size_t end = at;
        while (end < size && is_hex(bytes[end]))
            end++;
        const char *prefix = algorithm_of_length(end - at);
        if (prefix) {
            char text[OCS_DIGEST_BUF];
            struct ocs_digest digest;
            size_t length = strlen(prefix);
            memcpy(text, prefix, length);
            memcpy(text + length, bytes + at, end - at);
            int result = ocs_digest_parse(text, length + end - at, &digest);
            if (result == 0)
                result = on_digest(data, &digest, err);
            if (result)
                return result;
        }
        at = end + 1;
    }
    return 0;
}

/* ---- ids ---- */

struct finder {
    struct ocs_store *store;
    const struct ocs_census *census;
    struct ocs_saved *saved;
    size_t capacity;
    uint32_t layout; /* whose manifest.json is being read */
};

static int grow(struct finder *finder, struct ocs_error *err)
{
    struct ocs_saved *saved = finder->saved;
    size_t capacity = finder->capacity ? finder->capacity * 2 : 64;
    uint32_t *ids = realloc(saved->ids, capacity * sizeof(*ids));
    if (ids)
        saved->ids = ids;
    uint32_t *layouts = realloc(saved->layouts, capacity * sizeof(*layouts));
    if (layouts)
        saved->layouts = layouts;
    if (!ids || !layouts)
        return ocs_error_memory(err);
    finder->capacity = capacity;
    return 0;
}

static int add_id(struct finder *finder, uint32_t id, struct ocs_error *err)
{
    struct ocs_saved *saved = finder->saved;
    int result = saved->count == finder->capacity ? grow(finder, err) : 0;
    if (result)
        return result;
    saved->layouts[saved->count] = finder->layout;
    saved->ids[saved->count++] = id;
    return 0;
}

static int find_id(void *data, const struct ocs_digest *digest, struct ocs_error *err)
{
    struct finder *finder = data;
    uint32_t id;
    int result = ocs_census_find(finder->store, finder->census, digest, &id, err);
    if (result || id == OCS_CENSUS_NO_ID) /* then no file has that name either */
        return result;
    return add_id(finder, id, err);
}

/* ---- the files ---- */

/* Absent, or something that docker save does not write: nothing. */
static int open_manifest(int layout_dir, int *fd, struct stat *st, struct ocs_error *err)
{
    int result = ocs_io_open_regular(layout_dir, MANIFEST_JSON, fd, st, MANIFEST_JSON, err);
    if (result == -OCS_FAILED)
        return ocs_error_raise(err, OCS_REFUSED, "%s cannot be opened", MANIFEST_JSON);
    return result;
}

int ocs_saved_stamp(int layout_dir, struct ocs_stamp *out, struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat st;
    *out = (struct ocs_stamp){0};
    int result = open_manifest(layout_dir, &fd, &st, err);
    if (result == 0)
        *out = ocs_stamp_of(&st);
    return result < 0 ? result : 0;
}

static int read_manifest(int layout_dir, struct ocs_stamp *stamp, struct ocs_bytes *out,
                         struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat st;
    int result = open_manifest(layout_dir, &fd, &st, err);
    if (result)
        return result < 0 ? result : 0;
    *stamp = ocs_stamp_of(&st);
    return ocs_io_read_all(fd, OCS_JSON_INDEX_BYTES, out, MANIFEST_JSON, err);
}

static int read_layout(struct finder *finder, const struct ocs_census_layout *layout,
                       struct ocs_stamp *stamp, struct ocs_error *err)
{
    auto_fd int dir = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    const struct ocs_root *root = &layout->root;
    int result = ocs_store_open_layout(finder->store, root, &dir, err);
    if (result == 0)
        result = read_manifest(dir, stamp, &bytes, err);
    bool known = layout->state != OCS_LAYOUT_GOOD && !(result < 0 && ocs_io_no_means());
    if (result > 0 || known) /* the census has said what is wrong with the folder */
        return 0;
    if (result == 0)
        return ocs_saved_each_digest(bytes.data, bytes.size, finder, find_id, err);
    char label[OCS_LAYOUT_NAME_MAX + 32];
    return ocs_error_context(err, result, "%s", ocs_store_layout_label(root, label, sizeof(label)));
}

int ocs_saved_read(struct ocs_store *store, const struct ocs_census *census, struct ocs_saved *out,
                   struct ocs_error *err)
{
    struct ocs_saved saved = {.stamps = calloc(census->layout_count + 1, sizeof(*saved.stamps))};
    struct finder finder = {.store = store, .census = census, .saved = &saved};
    int result = saved.stamps ? 0 : ocs_error_memory(err);
    for (size_t i = 0; result == 0 && i < census->layout_count; i++) {
        finder.layout = (uint32_t)i;
        result = read_layout(&finder, &census->layouts[i], &saved.stamps[i], err);
    }
    if (result)
        ocs_saved_clear(&saved);
    else
        *out = saved;
    return result;
}

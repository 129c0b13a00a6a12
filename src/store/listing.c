/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "listing.h"

#include "cleanup.h"
#include "error.h"
#include "hash.h"
#include "image.h"
#include "json.h"

#include <fcntl.h>
#include <string.h>

#define LISTING   "listing"
#define SETTLE_NS (2 * INT64_C(1000000000))

void ocs_listing_clear(struct ocs_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->items[i].name);
    free(listing->items);
    *listing = (struct ocs_listing){0};
}

/* ---- reading: the digest of the rest on a line, then a JSON array ---- */

static bool is_whole(const struct ocs_bytes *bytes, const char **rest)
{
    struct ocs_digest actual, expected;
    const char *end = memchr(bytes->data, '\n', bytes->size);
    if (!end || ocs_digest_parse(bytes->data, (size_t)(end - bytes->data), &expected) != 0)
        return false;
    *rest = end + 1;
    size_t size = bytes->size - (size_t)(*rest - bytes->data);
    return ocs_hash_bytes(OCS_ALGORITHM_SHA256, *rest, size, &actual, NULL) == 0 &&
           ocs_digest_equal(&actual, &expected);
}

static bool read_number(const struct ocs_json *json, const struct ocs_json_value *object,
                        const char *name, int64_t *out)
{
    return ocs_json_integer(json, ocs_json_member(object, name), out) == 0;
}

/* Positive: it is not as we write it. */
static int read_item(const struct ocs_json *json, const struct ocs_json_value *value,
                     struct ocs_listed *out, struct ocs_error *err)
{
    const char *name = ocs_json_string(json, ocs_json_member(value, "name"));
    int64_t images, bytes, inode, size;
    if (!name || !read_number(json, value, "images", &images) ||
        !read_number(json, value, "bytes", &bytes) || !read_number(json, value, "inode", &inode) ||
        !read_number(json, value, "size", &size) ||
        !read_number(json, value, "mtime_ns", &out->stamp.mtime_ns) ||
        !read_number(json, value, "ctime_ns", &out->stamp.ctime_ns))
        return OCS_JSON_INVALID;
    out->images = (uint64_t)images;
    out->bytes = (uint64_t)bytes;
    out->stamp.inode = (uint64_t)inode;
    out->stamp.size = (uint64_t)size;
    out->name = strdup(name);
    return out->name ? 0 : ocs_error_memory(err);
}

static int read_items(const struct ocs_json *json, struct ocs_listing *out, struct ocs_error *err)
{
    const struct ocs_json_value *value = ocs_json_first(ocs_json_root(json));
    size_t count = 0;
    for (const struct ocs_json_value *at = value; at; at = ocs_json_next(at))
        count++;
    out->items = calloc(count + 1, sizeof(*out->items));
    if (!out->items)
        return ocs_error_memory(err);
    int result = 0;
    for (; value && result == 0; value = ocs_json_next(value)) {
        result = read_item(json, value, &out->items[out->count], err);
        out->count += result == 0;
    }
    return result;
}

int ocs_listing_read(struct ocs_store *store, struct ocs_listing *out, struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    auto_json struct ocs_json *json = NULL;
    const char *rest;
    *out = (struct ocs_listing){0};
    if (ocs_io_open_regular(store->state, LISTING, &fd, NULL, LISTING, NULL) != 0 ||
        ocs_io_read_all(fd, OCS_JSON_INDEX_BYTES, &bytes, LISTING, NULL) != 0 || bytes.size == 0 ||
        !is_whole(&bytes, &rest))
        return 0;
    size_t size = bytes.size - (size_t)(rest - bytes.data);
    int result = ocs_json_parse(rest, size, OCS_JSON_INDEX_LIMITS, &json, NULL, err);
    if (result == 0)
        result = read_items(json, out, err);
    if (result != 0)
        ocs_listing_clear(out);
    return result < 0 ? result : 0;
}

/* ---- looking ---- */

static int compare_name(const void *key, const void *item)
{
    return strcmp(key, ((const struct ocs_listed *)item)->name);
}

const struct ocs_listed *ocs_listing_find(struct ocs_store *store,
                                          const struct ocs_listing *listing,
                                          const struct ocs_root *root)
{
    auto_fd int fd = -1;
    struct stat st;
    if (listing->count == 0)
        return NULL;
    const struct ocs_listed *listed =
        bsearch(root->name, listing->items, listing->count, sizeof(*listing->items), compare_name);
    if (!listed || ocs_store_open_layout(store, root, &fd, NULL) != 0 ||
        fstatat(fd, "index.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return NULL;
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    return S_ISREG(st.st_mode) && ocs_stamp_equal(&stamp, &listed->stamp) ? listed : NULL;
}

/* ---- writing ---- */

static bool is_settled(const struct ocs_census_layout *layout)
{
    const struct ocs_stamp *stamp = &layout->stamp;
    int64_t latest = stamp->mtime_ns > stamp->ctime_ns ? stamp->mtime_ns : stamp->ctime_ns;
    return layout->state == OCS_LAYOUT_GOOD && ocs_now_ns() - latest > SETTLE_NS;
}

static void write_item(struct ocs_json_writer *w, const struct ocs_census_layout *layout,
                       uint64_t bytes)
{
    const struct ocs_stamp *stamp = &layout->stamp;
    ocs_json_write_open(w, NULL, '{');
    ocs_json_write_string(w, "name", layout->root.name, strlen(layout->root.name));
    ocs_json_write_integer(w, "images", (int64_t)layout->count);
    ocs_json_write_integer(w, "bytes", (int64_t)bytes);
    ocs_json_write_integer(w, "inode", (int64_t)stamp->inode);
    ocs_json_write_integer(w, "size", (int64_t)stamp->size);
    ocs_json_write_integer(w, "mtime_ns", stamp->mtime_ns);
    ocs_json_write_integer(w, "ctime_ns", stamp->ctime_ns);
    ocs_json_write_close(w, '}');
}

static int write_items(const struct ocs_census *census, struct ocs_json_writer *w,
                       struct ocs_error *err)
{
    struct ocs_image_sizes *sizes = NULL;
    int result = ocs_image_sizes_new(census, &sizes, err);
    if (result < 0)
        return result;
    ocs_json_write_open(w, NULL, '[');
    for (size_t i = 0; i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        if (is_settled(layout))
            write_item(w, layout, ocs_image_size_of_layout(sizes, layout));
    }
    ocs_json_write_close(w, ']');
    ocs_image_sizes_free(sizes);
    return w->failed ? ocs_error_memory(err) : 0;
}

/* One that says the same stays: a look at a store should not write to it. */
static bool is_known(struct ocs_store *store, const char *text, size_t size)
{
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    return ocs_io_open_regular(store->state, LISTING, &fd, NULL, LISTING, NULL) == 0 &&
           ocs_io_read_all(fd, OCS_JSON_INDEX_BYTES, &bytes, LISTING, NULL) == 0 &&
           bytes.size == size && memcmp(bytes.data, text, size) == 0;
}

static void write_listing(struct ocs_store *store, const struct ocs_bytes *items)
{
    struct ocs_json_writer w = {0};
    struct ocs_digest digest;
    char text[OCS_DIGEST_BUF];
    if (ocs_hash_bytes(OCS_ALGORITHM_SHA256, items->data, items->size, &digest, NULL) != 0)
        return;
    ocs_digest_format(&digest, text);
    ocs_json_write_raw(&w, text, strlen(text));
    ocs_json_write_raw(&w, "\n", 1);
    ocs_json_write_raw(&w, items->data, items->size);
    if (!w.failed && !is_known(store, w.text.data, w.text.size))
        ocs_io_replace(store->state, LISTING, w.text.data, w.text.size, OCS_MODE_FILE, LISTING,
                       NULL);
    ocs_json_writer_clear(&w);
}

void ocs_listing_remember(struct ocs_store *store, const struct ocs_census *census)
{
    struct ocs_json_writer w = {0};
    if (write_items(census, &w, NULL) == 0)
        write_listing(store, &w.text);
    ocs_json_writer_clear(&w);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "image.h"

#include "cleanup.h"
#include "error.h"
#include "hash.h"
#include "short_digest.h"

#include <stdlib.h>
#include <string.h>

/* ---- inspect ---- */

void ocs_inspection_clear(struct ocs_inspection *inspection)
{
    free(inspection->layout);
    free(inspection->ref);
    free(inspection->digest);
    free(inspection->media_type);
    free(inspection->manifest);
    free(inspection->config);
    *inspection = (struct ocs_inspection){0};
}

static int copy_text(char **out, const char *text, struct ocs_error *err)
{
    *out = text ? strdup(text) : NULL;
    return text && !*out ? ocs_error_memory(err) : 0;
}

/* What a positive result of the blob module means for somebody who wants to read.  A digest
 * that nobody has is wrong usage; that of an image that is `listed` is damage. */
static int not_readable(int result, const struct ocs_digest *digest, bool listed,
                        struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF];
    const char *fault = result == OCS_IO_ABSENT        ? "is not in the store"
                        : result == OCS_IO_NOT_REGULAR ? "is held by something that is no file"
                        : result == OCS_BLOB_LARGE     ? "is larger than any document may be"
                                                       : "is damaged";
    ocs_digest_format(digest, text);
    if (result == OCS_IO_ABSENT && !listed)
        return ocs_error_raise(err, OCS_USAGE, "%s %s", text, fault);
    return ocs_error_hint(err, ocs_error_raise(err, OCS_REFUSED, "%s %s", text, fault),
                          "ocistore fsck says what is hurt");
}

static int read_document(struct ocs_store *store, const struct ocs_digest *digest,
                         struct ocs_bytes *out, struct ocs_error *err)
{
    int result = ocs_blobs_read(store->blobs, digest, OCS_DOCUMENT_BYTES_MAX, out, NULL, err);
    return result > 0 ? not_readable(result, digest, true, err) : result;
}

static const struct ocs_digest *config_of(const struct ocs_document *document)
{
    for (size_t i = 0; i < document->count; i++) {
        if (document->descriptors[i].role == OCS_ROLE_CONFIG)
            return &document->descriptors[i].digest;
    }
    return NULL;
}

/* A config that is absent or no JSON is none. */
static int read_config(struct ocs_store *store, const struct ocs_bytes *manifest,
                       struct ocs_inspection *out, struct ocs_error *err)
{
    auto_document struct ocs_document document = {0};
    auto_bytes struct ocs_bytes config = {0};
    char text[OCS_DIGEST_BUF];
    int result =
        ocs_document_read(manifest->data, manifest->size, OCS_JSON_DOCUMENT_LIMITS, &document, err);
    if (result == 0 && !document.json)
        result = ocs_error_raise(err, OCS_REFUSED, "the document is no JSON%s%s",
                                 document.flaw.reason ? ": " : "",
                                 document.flaw.reason ? document.flaw.reason : "");
    const struct ocs_digest *digest = result == 0 ? config_of(&document) : NULL;
    if (!digest)
        return result;
    result = ocs_blobs_read(store->blobs, digest, OCS_DOCUMENT_BYTES_MAX, &config, NULL, err);
    if (result == OCS_BLOB_BAD || result == OCS_IO_NOT_REGULAR)
        return not_readable(result, digest, true, err);
    if (result == OCS_IO_ABSENT)
        ocs_store_notice(store, "the config is not shown: %s is not in the store",
                         ocs_digest_format(digest, text));
    if (result == 0)
        result = ocs_json_scan(config.data, config.size, OCS_JSON_DOCUMENT_LIMITS, NULL, err);
    if (result != 0)
        return result < 0 ? result : 0; /* absent, or no JSON: there is none to show */
    out->config_size = config.size;
    out->config = TAKE_PTR(config.data);
    return 0;
}

static int inspect_entry(struct ocs_store *store, const struct ocs_census *census,
                         const struct ocs_image_entry *image, struct ocs_inspection *out,
                         struct ocs_error *err)
{
    char digest[OCS_DIGEST_BUF];
    auto_bytes struct ocs_bytes manifest = {0};
    struct ocs_image_sizes *sizes = NULL;
    const struct ocs_descriptor *descriptor = ocs_image_descriptor(image->layout, image->entry);
    int result = copy_text(&out->layout, image->layout->root.name, err);
    if (result == 0)
        result = copy_text(&out->ref, ocs_image_ref(image->layout, image->entry), err);
    if (result == 0)
        result = copy_text(&out->digest, ocs_digest_format(&descriptor->digest, digest), err);
    if (result == 0)
        result = copy_text(&out->media_type, descriptor->media_type, err);
    if (result == 0)
        result = read_document(store, &descriptor->digest, &manifest, err);
    if (result == 0)
        result = read_config(store, &manifest, out, err);
    if (result == 0)
        result = ocs_image_sizes_new(census, &sizes, err);
    if (result < 0)
        return result;
    out->bytes = ocs_image_size(sizes, image->layout, image->entry);
    ocs_image_sizes_free(sizes);
    out->manifest_size = manifest.size;
    out->manifest = TAKE_PTR(manifest.data);
    return 0;
}

int ocs_inspect(struct ocs_store *store, const char *image, struct ocs_inspection *out,
                struct ocs_error *err)
{
    struct ocs_census census;
    struct ocs_image_entry entry;
    *out = (struct ocs_inspection){0};
    int result = ocs_census_take(store, 0, &census, err);
    if (result < 0)
        return result;
    result = ocs_image_find(&census, image, &entry, err);
    if (result == 0)
        result = inspect_entry(store, &census, &entry, out, err);
    if (result < 0)
        ocs_inspection_clear(out);
    ocs_census_clear(&census);
    return result;
}

/* ---- cat ---- */

#define CAT_BUFFER (256u << 10)

struct cat {
    const struct ocs_store *store;
    int from;
    int to;
    const struct ocs_digest *digest;
    struct ocs_hasher *hasher;
    char *buffer;
};

static int copy_bytes(const struct cat *cat, bool verify, struct ocs_error *err)
{
    for (;;) {
        if (ocs_store_cancelled(cat->store))
            return ocs_error_interrupted(err);
        ssize_t n = ocs_io_read(cat->from, cat->buffer, CAT_BUFFER);
        if (n < 0)
            return ocs_error_errno(err, "read");
        if (n == 0)
            return 0;
        int result = verify ? ocs_hasher_update(cat->hasher, cat->buffer, (size_t)n, err) : 0;
        if (result == 0)
            result = ocs_io_write(cat->to, cat->buffer, (size_t)n, "output", err);
        if (result < 0)
            return result;
    }
}

static int stream(const struct cat *cat, struct ocs_error *err)
{
    enum ocs_algorithm algorithm = ocs_digest_algorithm(cat->digest);
    bool verify = ocs_algorithm_verifiable(algorithm);
    struct ocs_digest actual;
    int result = verify ? ocs_hasher_begin(cat->hasher, algorithm, err) : 0;
    if (result == 0)
        result = copy_bytes(cat, verify, err);
    if (result == 0 && verify)
        result = ocs_hasher_end(cat->hasher, &actual, err);
    if (result == 0 && verify && !ocs_digest_equal(&actual, cat->digest))
        result = ocs_error_hint(err, ocs_error_raise(err, OCS_REFUSED, "it is damaged"),
                                "ocistore fsck says what is hurt");
    return result;
}

static int cat_blob(struct ocs_store *store, const struct ocs_digest *digest, bool listed, int to,
                    struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF];
    auto_fd int from = -1;
    int result = ocs_blobs_open_blob(store->blobs, digest, &from, NULL, err);
    if (result != 0)
        return result > 0 ? not_readable(result, digest, listed, err) : result;
    auto_free char *buffer = malloc(CAT_BUFFER);
    struct cat cat = {.store = store, .from = from, .to = to, .digest = digest, .buffer = buffer};
    result = buffer ? ocs_hasher_new(&cat.hasher, err) : ocs_error_memory(err);
    if (result == 0)
        result = stream(&cat, err);
    ocs_hasher_free(cat.hasher);
    return ocs_error_context(err, result, "%s", ocs_digest_format(digest, text));
}

static int find_digest(struct ocs_store *store, const char *image, struct ocs_digest *out,
                       struct ocs_error *err)
{
    struct ocs_census census;
    struct ocs_image_entry entry;
    int result = ocs_census_take(store, 0, &census, err);
    if (result < 0)
        return result;
    result = ocs_image_find(&census, image, &entry, err);
    if (result == 0)
        *out = ocs_image_descriptor(entry.layout, entry.entry)->digest;
    ocs_census_clear(&census);
    return result;
}

/* "sha256:12": a digest that was cut short. */
static bool means_digest(const char *text)
{
    return ocs_algorithm_by_name(text, strcspn(text, ":")) != OCS_ALGORITHM_OTHER;
}

/* One that only the trash has is as absent as a whole one. */
static int cat_short(struct ocs_store *store, const char *text, int to, struct ocs_error *err)
{
    struct ocs_digest digest;
    int result = ocs_short_digest(store, text, &digest, err);
    return result == 0 ? cat_blob(store, &digest, false, to, err) : result;
}

int ocs_cat(struct ocs_store *store, const char *digest_or_image, int fd, struct ocs_error *err)
{
    struct ocs_digest digest;
    struct ocs_digest listed;
    struct stat st;
    bool parses = ocs_digest_parse(digest_or_image, strlen(digest_or_image), &digest) == 0;
    if (parses && ocs_digest_algorithm(&digest) != OCS_ALGORITHM_OTHER)
        return cat_blob(store, &digest, false, fd, err);
    /* `app:v1` has the form of a digest, too */
    int result = find_digest(store, digest_or_image, &listed, err);
    if (result == -OCS_USAGE && parses && ocs_blobs_stat(store->blobs, &digest, &st, NULL) == 0)
        return cat_blob(store, &digest, false, fd, err);
    if (result == -OCS_USAGE && !parses && means_digest(digest_or_image))
        return cat_short(store, digest_or_image, fd, err);
    return result == 0 ? cat_blob(store, &listed, true, fd, err) : result;
}

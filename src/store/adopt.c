/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "census.h"

#include "cleanup.h"
#include "error.h"
#include "heal.h"
#include "merge.h"
#include "short_digest.h"

#include <stdio.h>
#include <string.h>

struct adopting {
    struct ocs_store *store;
    struct ocs_digest digest;
    char text[OCS_DIGEST_BUF];
    struct ocs_image_name image;
};

/* The document's own media type, or what its members say. */
static const char *media_type_of(const struct ocs_document *document)
{
    if (document->media_type)
        return document->media_type;
    if (document->shape & OCS_SHAPE_INDEX)
        return "application/vnd.oci.image.index.v1+json";
    return "application/vnd.oci.image.manifest.v1+json";
}

static int make_descriptor(const struct adopting *adopting, const struct ocs_document *document,
                           size_t size, char **out, struct ocs_error *err)
{
    struct ocs_json_writer w = {0};
    const char *media = media_type_of(document);
    const char *tag = adopting->image.tag;
    ocs_json_write_open(&w, NULL, '{');
    ocs_json_write_string(&w, "mediaType", media, strlen(media));
    ocs_json_write_string(&w, "digest", adopting->text, strlen(adopting->text));
    ocs_json_write_integer(&w, "size", (int64_t)size);
    if (tag) {
        ocs_json_write_open(&w, "annotations", '{');
        ocs_json_write_string(&w, "org.opencontainers.image.ref.name", tag, strlen(tag));
        ocs_json_write_close(&w, '}');
    }
    ocs_json_write_close(&w, '}');
    if (w.failed) {
        ocs_json_writer_clear(&w);
        return ocs_error_memory(err);
    }
    *out = w.text.data;
    return 0;
}

/* An image whose parts are gone is not worth listing. */
static int check_children(struct adopting *adopting, const struct ocs_document *document,
                          struct ocs_error *err)
{
    for (size_t i = 0; i < document->count; i++) {
        const struct ocs_descriptor *child = &document->descriptors[i];
        char text[OCS_DIGEST_BUF];
        struct stat st;
        if (child->role == OCS_ROLE_SUBJECT || child->role == OCS_ROLE_MANIFEST ||
            ocs_media_of(child->media_type) == OCS_MEDIA_LAYER_FOREIGN)
            continue;
        int result = ocs_blobs_stat(adopting->store->blobs, &child->digest, &st, err);
        if (result == OCS_IO_ABSENT)
            return ocs_error_raise(err, OCS_REFUSED, "%s is not complete: %s is missing",
                                   adopting->text, ocs_digest_format(&child->digest, text));
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_document(struct adopting *adopting, struct ocs_bytes *bytes,
                         struct ocs_document *document, struct ocs_error *err)
{
    int result = ocs_blobs_read(adopting->store->blobs, &adopting->digest, OCS_DOCUMENT_BYTES_MAX,
                                bytes, NULL, err);
    if (result == OCS_IO_ABSENT)
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_USAGE,
                                              "%s is neither in the store nor whole in its trash",
                                              adopting->text),
                              "ocistore trash list");
    if (result == OCS_BLOB_LARGE)
        return ocs_error_raise(err, OCS_REFUSED, "%s is larger than any document may be",
                               adopting->text);
    if (result > 0)
        return ocs_error_raise(err, OCS_REFUSED, "%s is damaged, or no manifest", adopting->text);
    if (result == 0)
        result =
            ocs_document_read(bytes->data, bytes->size, OCS_JSON_DOCUMENT_LIMITS, document, err);
    if (result == 0 && (document->state != OCS_DOCUMENT_STRICT || !document->shape))
        return ocs_error_raise(err, OCS_USAGE, "%s is no manifest and no index", adopting->text);
    return result == 0 ? check_children(adopting, document, err) : result;
}

static int adopt(struct adopting *adopting, struct ocs_error *err)
{
    auto_bytes struct ocs_bytes bytes = {0};
    auto_document struct ocs_document document = {0};
    auto_free char *text = NULL;
    struct ocs_descriptor wanted = {.digest = adopting->digest};
    const struct ocs_document listed = {.descriptors = &wanted, .count = 1};
    uint64_t healed = 0;
    /* with what it needs, where gc has moved them away */
    int result = ocs_heal_for(adopting->store, &listed, &healed, err);
    if (result == 0)
        result = read_document(adopting, &bytes, &document, err);
    if (result == 0)
        result = make_descriptor(adopting, &document, bytes.size, &text, err);
    if (result < 0)
        return result;
    struct ocs_merge_entry entry = {
        .text = text, .ref = adopting->image.tag, .digest = adopting->digest};
    return ocs_merge(adopting->store, adopting->image.layout, &entry, 1, err);
}

static int parse(struct adopting *adopting, const char *digest, const char *image,
                 struct ocs_error *err)
{
    int result = ocs_image_name_parse(image, &adopting->image, err);
    bool itself = result == 0 && strcmp(adopting->image.layout, ".") == 0;
    if (result == 0 && !itself)
        result = ocs_store_refuse_in_place(adopting->store, err);
    if (result < 0)
        return result;
    if (itself && !ocs_seen_in_place(adopting->store->dir))
        return ocs_error_raise(err, OCS_USAGE, "there is no layout '.': no store in place");
    result = ocs_short_digest(adopting->store, digest, &adopting->digest, err);
    if (result < 0)
        return result;
    if (adopting->image.has_digest || !ocs_layout_name_valid(adopting->image.layout))
        return ocs_error_raise(err, OCS_USAGE, "'%s' cannot be an image's name: NAME[:TAG]", image);
    ocs_digest_format(&adopting->digest, adopting->text);
    return adopting->image.tag ? ocs_image_new_tag(adopting->image.tag, err) : 0;
}

int ocs_adopt(struct ocs_store *store, const char *digest, const char *image, void *data,
              ocs_change_fn *on_change, struct ocs_error *err)
{
    struct adopting adopting = {.store = store};
    int result = parse(&adopting, digest, image, err);
    if (result == 0)
        result = ocs_store_writer(store, err);
    if (result == 0) {
        result = adopt(&adopting, err);
        ocs_store_writer_end(store);
    }
    if (result == 0 && on_change) {
        struct ocs_change change = {.action = "adopt",
                                    .layout = adopting.image.layout,
                                    .ref = adopting.image.tag,
                                    .digest = adopting.text};
        on_change(data, &change);
    }
    ocs_image_name_clear(&adopting.image);
    return result;
}

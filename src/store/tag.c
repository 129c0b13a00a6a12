/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "edit.h"

#include "cleanup.h"
#include "error.h"
#include "image.h"
#include "merge.h"

#include <string.h>

struct tagging {
    struct ocs_store *store;
    const struct ocs_image_name *image;
    const char *tag;
    struct ocs_digest digest;
    char *text; /* of the new entry; lives until the edit is done */
};

static bool matches(const struct tagging *tagging, const struct ocs_index *index, size_t entry)
{
    const struct ocs_image_name *image = tagging->image;
    if (image->has_digest)
        return ocs_digest_equal(&image->digest, &index->document.descriptors[entry].digest);
    const char *ref = ocs_index_ref(index, entry);
    return ref && strcmp(ref, image->tag) == 0;
}

static int make_edit(void *data, const struct ocs_index *index, struct ocs_index_edit *change,
                     struct ocs_error *err)
{
    struct tagging *tagging = data;
    size_t entry = 0;
    while (entry < index->document.count && !matches(tagging, index, entry))
        entry++;
    if (entry == index->document.count)
        return ocs_image_none_in(index, tagging->image->layout, tagging->image, err);
    free(tagging->text);
    tagging->text = NULL;
    int result = ocs_index_retag(index, entry, tagging->tag, &tagging->text, err);
    if (result < 0)
        return result;
    tagging->digest = index->document.descriptors[entry].digest;
    struct ocs_merge_entry added = {
        .text = tagging->text, .ref = tagging->tag, .digest = tagging->digest};
    return ocs_merge_change(tagging->store, tagging->image->layout, &added, 1, index, change, err);
}

static int tag_in(struct tagging *tagging, struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_roots_place place = ocs_store_roots_place(tagging->store);
    int result = ocs_roots_read(&place, &roots, err);
    if (result < 0)
        return result;
    const struct ocs_root *root = ocs_roots_find(&roots, tagging->image->layout);
    if (root) {
        struct ocs_edit edit = {.root = root, .data = tagging, .make = make_edit};
        result = ocs_edit(tagging->store, &edit, err);
    } else {
        result = ocs_image_no_layout(&roots, tagging->image->layout, err);
    }
    ocs_roots_clear(&roots);
    return result;
}

static int tag_image(struct tagging *tagging, struct ocs_error *err)
{
    if (!tagging->image->tag && !tagging->image->has_digest)
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_USAGE,
                                              "'%s' is a layout: which of its images? NAME:TAG",
                                              tagging->image->layout),
                              "ocistore ls %s", tagging->image->layout);
    int result = ocs_image_new_tag(tagging->tag, err);
    if (result == 0)
        result = ocs_store_writer(tagging->store, err);
    if (result < 0)
        return result;
    result = tag_in(tagging, err);
    ocs_store_writer_end(tagging->store);
    return result;
}

int ocs_tag(struct ocs_store *store, const char *image, const char *tag, void *data,
            ocs_change_fn *on_change, struct ocs_error *err)
{
    struct ocs_image_name name = {0};
    struct tagging tagging = {.store = store, .image = &name, .tag = tag};
    int result = ocs_image_name_parse(image, &name, err);
    if (result == 0)
        result = tag_image(&tagging, err);
    if (result == 0 && on_change) {
        char digest[OCS_DIGEST_BUF];
        struct ocs_change change = {.action = "tag",
                                    .layout = name.layout,
                                    .ref = tag,
                                    .digest = ocs_digest_format(&tagging.digest, digest)};
        on_change(data, &change);
    }
    free(tagging.text);
    ocs_image_name_clear(&name);
    return result;
}

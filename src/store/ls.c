/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "image.h"

#include "error.h"

#include <stdio.h>
#include <string.h>

struct listing {
    struct ocs_store *store;
    const struct ocs_ls_visitor *visitor;
    struct ocs_image_sizes *sizes;
};

static void show_layout(const struct listing *listing, const struct ocs_census_layout *layout)
{
    struct ocs_layout_info info = {
        .name = layout->root.name,
        .path = layout->root.path,
        .attached = layout->root.attached,
        .images = layout->count,
        .bytes = ocs_image_size_of_layout(listing->sizes, layout),
    };
    if (layout->state != OCS_LAYOUT_GOOD)
        ocs_store_notice(listing->store, "%s", layout->trouble);
    if (listing->visitor->on_layout)
        listing->visitor->on_layout(listing->visitor->data, &info);
}

static void show_image(const struct listing *listing, const struct ocs_census_layout *layout,
                       size_t entry)
{
    char digest[OCS_DIGEST_BUF];
    const struct ocs_descriptor *descriptor = ocs_image_descriptor(layout, entry);
    struct ocs_image image = {
        .layout = layout->root.name,
        .ref = ocs_image_ref(layout, entry),
        .digest = ocs_digest_format(&descriptor->digest, digest),
        .media_type = descriptor->media_type,
        .bytes = ocs_image_size(listing->sizes, layout, entry),
    };
    if (listing->visitor->on_image)
        listing->visitor->on_image(listing->visitor->data, &image);
}

static int list_one(const struct listing *listing, const struct ocs_census *census,
                    const char *name, struct ocs_error *err)
{
    struct ocs_error error = {0};
    const struct ocs_census_layout *layout = ocs_image_layout(census, name, &error);
    if (!layout) {
        if (err)
            *err = error;
        return -(int)error.status;
    }
    show_layout(listing, layout);
    for (size_t i = 0; i < layout->count; i++)
        show_image(listing, layout, i);
    return 0;
}

int ocs_ls(struct ocs_store *store, const char *name, const struct ocs_ls_visitor *visitor,
           struct ocs_error *err)
{
    struct ocs_census census;
    struct listing listing = {.store = store, .visitor = visitor};
    int result = ocs_census_take(store, 0, &census, err);
    if (result < 0)
        return result;
    result = ocs_image_sizes_new(&census, &listing.sizes, err);
    if (result == 0 && name)
        result = list_one(&listing, &census, name, err);
    for (size_t i = 0; result == 0 && !name && i < census.layout_count; i++)
        show_layout(&listing, &census.layouts[i]);
    ocs_image_sizes_free(listing.sizes);
    ocs_census_clear(&census);
    return result;
}

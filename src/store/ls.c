/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "image.h"
#include "listing.h"

#include "cleanup.h"
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
        .given = layout->root.given,
        .attached = layout->root.attached,
        .images = layout->count,
        .bytes = ocs_image_size_of_layout(listing->sizes, layout),
        .trouble = layout->trouble,
    };
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

/* ---- as it was counted last ---- */

static void show_listed(const struct listing *listing, const struct ocs_root *root,
                        const struct ocs_listed *listed)
{
    struct ocs_layout_info info = {
        .name = root->name,
        .path = root->path,
        .given = root->given,
        .attached = root->attached,
        .images = listed->images,
        .bytes = listed->bytes,
    };
    if (listing->visitor->on_layout)
        listing->visitor->on_layout(listing->visitor->data, &info);
}

#define NOT_LISTED 1 /* some layout has to be counted */

static int list_known(const struct listing *listing, const struct ocs_roots *roots,
                      struct ocs_error *err)
{
    auto_listing struct ocs_listing known = {0};
    auto_free const struct ocs_listed **of = calloc(roots->count + 1, sizeof(const void *));
    if (!of)
        return ocs_error_memory(err);
    int result = ocs_listing_read(listing->store, &known, err);
    for (size_t i = 0; result == 0 && i < roots->count; i++) {
        of[i] = ocs_listing_find(listing->store, &known, &roots->items[i]);
        if (!of[i])
            result = NOT_LISTED;
    }
    for (size_t i = 0; result == 0 && i < roots->count; i++)
        show_listed(listing, &roots->items[i], of[i]);
    return result;
}

static int list_layouts(const struct listing *listing, struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_roots_place place = ocs_store_roots_place(listing->store);
    int result = ocs_roots_read(&place, &roots, err);
    if (result == 0) /* what of the layouts cannot be seen is told by those who look */
        result = roots.damaged ? NOT_LISTED : list_known(listing, &roots, err);
    ocs_roots_clear(&roots);
    return result;
}

/* ---- counting ---- */

static int count_layouts(struct listing *listing, const char *name, struct ocs_error *err)
{
    struct ocs_census census;
    int result = name ? ocs_census_take(listing->store, 0, &census, err)
                      : ocs_census_take_ids(listing->store, 0, &census, err);
    if (result < 0)
        return result;
    result = ocs_image_sizes_new(&census, &listing->sizes, err);
    if (result == 0 && name)
        result = list_one(listing, &census, name, err);
    for (size_t i = 0; result == 0 && !name && i < census.layout_count; i++)
        show_layout(listing, &census.layouts[i]);
    if (result == 0)
        ocs_listing_remember(listing->store, &census);
    if (result == 0 && !name)
        result = ocs_image_unseen(listing->store, &census, err);
    ocs_image_sizes_free(listing->sizes);
    ocs_census_clear(&census);
    return result;
}

int ocs_ls(struct ocs_store *store, const char *name, const struct ocs_ls_visitor *visitor,
           struct ocs_error *err)
{
    struct listing listing = {.store = store, .visitor = visitor};
    int result = name ? NOT_LISTED : list_layouts(&listing, err);
    return result == NOT_LISTED ? count_layouts(&listing, name, err) : result;
}

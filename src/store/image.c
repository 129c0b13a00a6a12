/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "image.h"

#include "error.h"
#include "nearest.h"
#include "reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static int no_layout(const char *name, struct ocs_error *err)
{
    return ocs_error_hint(err, ocs_error_raise(err, OCS_USAGE, "there is no layout '%s'", name),
                          "ocistore ls");
}

int ocs_image_none_in(const struct ocs_index *index, const char *layout,
                      const struct ocs_image_name *name, struct ocs_error *err)
{
    char before[OCS_LAYOUT_NAME_MAX + 32];
    struct ocs_nearest tags = {.wanted = name->tag ? name->tag : ""};
    char digest[OCS_DIGEST_BUF] = "";
    if (name->has_digest)
        ocs_digest_format(&name->digest, digest);
    int result = ocs_error_raise(err, OCS_USAGE, "there is no image '%s%s%s'", layout,
                                 name->tag ? ":" : "@", name->tag ? name->tag : digest);
    ocs_error_hint(err, result, "ocistore ls --digests %s", layout);
    for (size_t i = 0; name->tag && i < index->document.count; i++) {
        if (ocs_index_ref(index, i))
            ocs_nearest_offer(&tags, ocs_index_ref(index, i));
    }
    snprintf(before, sizeof(before), "tags of '%s':", layout);
    return ocs_nearest_hint(&tags, err, result, before);
}

static void offer_layouts(const struct ocs_census *census, const char *name, struct ocs_error *err)
{
    struct ocs_nearest layouts = {.wanted = name};
    for (size_t i = 0; i < census->layout_count; i++)
        ocs_nearest_offer(&layouts, census->layouts[i].root.name);
    ocs_nearest_hint(&layouts, err, no_layout(name, err), "layouts:");
}

const struct ocs_census_layout *ocs_image_layout(const struct ocs_census *census, const char *name,
                                                 struct ocs_error *err)
{
    for (size_t i = 0; i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        if (strcmp(layout->root.name, name) != 0)
            continue;
        if (layout->state == OCS_LAYOUT_GOOD)
            return layout;
        int result = ocs_error_raise(err, layout->fault, "%s", layout->trouble);
        const char *help = ocs_root_help(&layout->root, layout->fault);
        if (layout->state == OCS_LAYOUT_MISSING)
            ocs_root_hint_missing(&layout->root, result, err);
        else if (help)
            ocs_error_hint(err, result, "%s", help);
        return NULL;
    }
    if (census->roots_damaged)
        ocs_error_hint(err,
                       ocs_error_raise(err, OCS_REFUSED, "no layout '%s' can be seen: %s", name,
                                       census->roots_trouble),
                       "%s", census->roots_help ? census->roots_help : "ocistore fsck");
    else
        offer_layouts(census, name, err);
    return NULL;
}

/* All but the last are said at once: an error has room for one. */
static int complain(const struct ocs_store *store, int result, struct ocs_error *now,
                    const struct ocs_error *last)
{
    if (result < 0)
        ocs_store_notice(store, "%s", now->message);
    *now = *last;
    return result < 0 && (int)last->status < -result ? result : -(int)last->status;
}

int ocs_image_unseen(const struct ocs_store *store, const struct ocs_census *census,
                     struct ocs_error *err)
{
    int result = 0;
    char label[OCS_LAYOUT_NAME_MAX + 32];
    struct ocs_error now = {0}, last = {0};
    if (census->roots_damaged) {
        ocs_error_raise(&last, OCS_REFUSED, "some layout may be unknown: %s",
                        census->roots_trouble ? census->roots_trouble : "roots");
        ocs_error_hint(&last, -1, "%s",
                       census->roots_help ? census->roots_help : "ocistore fsck says more");
        result = complain(store, result, &now, &last);
    }
    for (size_t i = 0; i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        if (layout->state == OCS_LAYOUT_GOOD)
            continue;
        ocs_store_layout_label(&layout->root, label, sizeof(label));
        ocs_error_raise(&last, layout->fault, "what %s needs is not known: %s", label,
                        layout->trouble);
        ocs_error_hint(&last, -1, "ocistore fsck says what helps");
        result = complain(store, result, &now, &last);
    }
    if (result < 0 && err) {
        *err = now;
        err->status = (enum ocs_status) - result;
    }
    return result;
}

int ocs_image_no_layout(const struct ocs_roots *roots, const char *name, struct ocs_error *err)
{
    struct ocs_nearest layouts = {.wanted = name};
    for (size_t i = 0; i < roots->count; i++)
        ocs_nearest_offer(&layouts, roots->items[i].name);
    if (!roots->damaged)
        return ocs_nearest_hint(&layouts, err, no_layout(name, err), "layouts:");
    return ocs_error_hint(
        err,
        ocs_error_raise(err, OCS_REFUSED, "no layout '%s' can be seen: %s", name, roots->trouble),
        "ocistore fsck");
}

const struct ocs_descriptor *ocs_image_descriptor(const struct ocs_census_layout *layout,
                                                  size_t entry)
{
    return &layout->index.document.descriptors[layout->entries[entry].entry];
}

const char *ocs_image_ref(const struct ocs_census_layout *layout, size_t entry)
{
    return ocs_index_ref(&layout->index, layout->entries[entry].entry);
}

bool ocs_image_matches(const struct ocs_image_name *name, const struct ocs_census_layout *layout,
                       size_t entry)
{
    if (name->has_digest)
        return ocs_digest_equal(&name->digest, &ocs_image_descriptor(layout, entry)->digest);
    if (!name->tag)
        return true;
    const char *ref = ocs_image_ref(layout, entry);
    return ref && strcmp(ref, name->tag) == 0;
}

static int find_in(const struct ocs_image_name *name, const struct ocs_census_layout *layout,
                   const char *text, struct ocs_image_entry *out, struct ocs_error *err)
{
    size_t found = 0;
    for (size_t i = 0; i < layout->count; i++) {
        if (!ocs_image_matches(name, layout, i))
            continue;
        *out = (struct ocs_image_entry){.layout = layout, .entry = i};
        found++;
    }
    bool same = name->has_digest || name->tag; /* listed twice is one image, the last one */
    if (found == 1 || (found > 1 && same))
        return 0;
    if (found == 0 && same)
        return ocs_image_none_in(&layout->index, layout->root.name, name, err);
    int result = ocs_error_raise(
        err, OCS_USAGE, "'%s' has %zu images: which? NAME:TAG or NAME@DIGEST", text, found);
    return ocs_error_hint(err, result, "ocistore ls %s", layout->root.name);
}

int ocs_image_find(const struct ocs_census *census, const char *text, struct ocs_image_entry *out,
                   struct ocs_error *err)
{
    struct ocs_image_name name;
    struct ocs_error error = {0};
    int result = ocs_image_name_parse(text, &name, &error);
    if (result == 0) {
        const struct ocs_census_layout *layout = ocs_image_layout(census, name.layout, &error);
        result = layout ? find_in(&name, layout, text, out, &error) : -(int)error.status;
        ocs_image_name_clear(&name);
    }
    if (result < 0 && err)
        *err = error;
    return result;
}

/* ---- sizes ---- */

struct ocs_image_sizes {
    const struct ocs_census *census;
    struct ocs_reach *reach;
    uint32_t *seen; /* by id: the number of the last sum that counted it */
    uint32_t number;
    uint64_t bytes;
};

int ocs_image_sizes_new(const struct ocs_census *census, struct ocs_image_sizes **out,
                        struct ocs_error *err)
{
    struct ocs_image_sizes *sizes = calloc(1, sizeof(*sizes));
    if (!sizes)
        return ocs_error_memory(err);
    sizes->census = census;
    sizes->seen = calloc((size_t)census->view.count + 1, sizeof(*sizes->seen));
    int result =
        sizes->seen ? ocs_reach_new(census, false, &sizes->reach, err) : ocs_error_memory(err);
    if (result < 0)
        ocs_image_sizes_free(sizes);
    else
        *out = sizes;
    return result;
}

void ocs_image_sizes_free(struct ocs_image_sizes *sizes)
{
    if (!sizes)
        return;
    ocs_reach_free(sizes->reach);
    free(sizes->seen);
    free(sizes);
}

static bool count(void *data, uint32_t id)
{
    struct ocs_image_sizes *sizes = data;
    if (sizes->seen[id] == sizes->number)
        return false;
    sizes->seen[id] = sizes->number;
    if (sizes->census->present[id])
        sizes->bytes += sizes->census->view.size[id];
    return true;
}

static void begin(struct ocs_image_sizes *sizes)
{
    sizes->number++;
    sizes->bytes = 0;
}

uint64_t ocs_image_size(struct ocs_image_sizes *sizes, const struct ocs_census_layout *layout,
                        size_t entry)
{
    begin(sizes);
    ocs_reach_from(sizes->reach, &layout->entries[entry].id, 1, sizes, count);
    return sizes->bytes;
}

uint64_t ocs_image_size_of_layout(struct ocs_image_sizes *sizes,
                                  const struct ocs_census_layout *layout)
{
    begin(sizes);
    for (size_t i = 0; i < layout->count; i++)
        ocs_reach_from(sizes->reach, &layout->entries[i].id, 1, sizes, count);
    return sizes->bytes;
}

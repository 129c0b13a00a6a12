/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "missing.h"

#include "census.h"
#include "cleanup.h"
#include "error.h"

#include <string.h>

#define REACHED 1
#define ABSENT  2

/* A sparse part of an index, a subject and what is no sure edge may be absent. */
static bool must_be_there(const struct ocs_child *child)
{
    return child->role == OCS_ROLE_CONFIG || child->role == OCS_ROLE_LAYER ||
           child->role == OCS_ROLE_BLOB || child->role == OCS_ROLE_FSLAYER;
}

static void mark_missing(const struct ocs_census *census, uint8_t *bits)
{
    const struct ocs_graph_view *view = &census->view;
    for (uint32_t id = 0; id < view->count; id++) {
        if (!(bits[id] & REACHED) || !census->present[id])
            continue;
        for (uint32_t k = view->first[id]; k < view->first[id + 1]; k++) {
            if (must_be_there(&view->children[k]) && !census->present[view->children[k].id])
                bits[view->children[k].id] |= ABSENT;
        }
    }
}

static int count_missing(const struct ocs_census *census, const struct ocs_census_layout *layout,
                         uint64_t *missing, struct ocs_error *err)
{
    auto_free uint8_t *bits = calloc((size_t)census->view.count + 1, 1);
    if (!bits)
        return ocs_error_memory(err);
    int result = 0;
    for (size_t i = 0; result == 0 && i < layout->count; i++) {
        uint32_t id = layout->entries[i].id;
        if (id == OCS_CENSUS_NO_ID)
            (*missing)++;
        else if (!census->present[id])
            bits[id] |= ABSENT;
        else if (!(bits[id] & REACHED))
            result = ocs_census_reach(census, &id, 1, false, bits, REACHED, err);
    }
    mark_missing(census, bits);
    for (uint32_t id = 0; id < census->view.count; id++)
        *missing += (bits[id] & ABSENT) != 0;
    return result;
}

void ocs_missing_tell(struct ocs_store *store, const char *name)
{
    struct ocs_census census;
    uint64_t missing = 0;
    if (ocs_census_take_ids(store, 0, &census, NULL) != 0)
        return;
    for (size_t i = 0; i < census.layout_count; i++) {
        if (strcmp(census.layouts[i].root.name, name) == 0 &&
            count_missing(&census, &census.layouts[i], &missing, NULL) != 0)
            missing = 0;
    }
    ocs_census_clear(&census);
    if (missing > 0)
        ocs_store_notice(store,
                         "layout '%s': %llu of the blobs that it needs %s not in %s/blobs: "
                         "ocistore fsck --quick names them",
                         name, (unsigned long long)missing, missing == 1 ? "is" : "are",
                         store->path);
}

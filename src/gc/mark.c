/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "mark.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <string.h>

static size_t count_entries(const struct ocs_census *census)
{
    size_t count = 0;
    for (size_t i = 0; i < census->layout_count; i++)
        count += census->layouts[i].count;
    return count;
}

static size_t list_entries(const struct ocs_census *census, uint32_t *ids, uint8_t *bits)
{
    size_t count = 0;
    for (size_t i = 0; i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        for (size_t k = 0; k < layout->count; k++) {
            uint32_t id = layout->entries[k].id;
            if (id >= census->view.count) /* never seen: doubt.h has a word on it */
                continue;
            bits[id] |= OCS_MARK_LISTED;
            ids[count++] = id;
        }
    }
    return count;
}

int ocs_mark_take(const struct ocs_census *census, const uint32_t *more, size_t more_count,
                  struct ocs_mark *out, struct ocs_error *err)
{
    size_t entries = count_entries(census);
    auto_free uint8_t *bits = calloc(census->view.count + 1u, 1);
    auto_free uint32_t *ids = calloc(entries + more_count + 1, sizeof(*ids));
    if (!bits || !ids)
        return ocs_error_memory(err);
    size_t count = list_entries(census, ids, bits);
    if (more_count)
        memcpy(ids + count, more, more_count * sizeof(*ids));
    int result = ocs_census_reach(census, ids, count + more_count, true, bits, OCS_MARK_LIVE, err);
    if (result)
        return result;
    out->bits = TAKE_PTR(bits);
    out->count = census->view.count;
    return 0;
}

void ocs_mark_clear(struct ocs_mark *mark)
{
    free(mark->bits);
    *mark = (struct ocs_mark){0};
}

int ocs_mark_young(const struct ocs_census *census, const uint32_t *ids, size_t count,
                   struct ocs_mark *mark, struct ocs_error *err)
{
    if (count == 0)
        return 0;
    return ocs_census_reach(census, ids, count, true, mark->bits, OCS_MARK_YOUNG, err);
}

/* ---- images that nothing lists ---- */

static bool is_part(const struct ocs_child *child)
{
    return child->role != OCS_ROLE_SUBJECT && child->role != OCS_ROLE_LOOSE;
}

static bool is_stored_document(const struct ocs_census *census, uint32_t id)
{
    return census->present[id] && census->view.kind[id] == OCS_NODE_DOCUMENT;
}

/* What some stored document names as a part of it, its own name aside. */
static void note_parts(const struct ocs_census *census, uint8_t *is_a_part)
{
    const struct ocs_graph_view *view = &census->view;
    for (uint32_t id = 0; id < view->count; id++) {
        if (!is_stored_document(census, id))
            continue;
        for (uint32_t k = view->first[id]; k < view->first[id + 1]; k++) {
            if (is_part(&view->children[k]) && view->children[k].id != id)
                is_a_part[view->children[k].id] = 1;
        }
    }
}

static bool is_complete(const struct ocs_census *census, uint32_t id)
{
    const struct ocs_graph_view *view = &census->view;
    uint32_t parts = 0;
    for (uint32_t k = view->first[id]; k < view->first[id + 1]; k++) {
        if (!is_part(&view->children[k]))
            continue;
        if (!census->present[view->children[k].id])
            return false;
        parts++;
    }
    return parts > 0;
}

int ocs_mark_unlisted(const struct ocs_census *census, const struct ocs_mark *mark, uint8_t *which,
                      uint64_t *count, struct ocs_error *err)
{
    auto_free uint8_t *is_a_part = calloc(census->view.count + 1u, 1);
    if (!is_a_part)
        return ocs_error_memory(err);
    note_parts(census, is_a_part);
    *count = 0;
    for (uint32_t id = 0; id < mark->count; id++) {
        if (ocs_mark_unreferenced(mark, census, id) && !is_a_part[id] &&
            !(census->view.flags[id] & OCS_NODE_REMOVED_BY_US) && is_stored_document(census, id) &&
            is_complete(census, id)) {
            which[id] = 1;
            (*count)++;
        }
    }
    return 0;
}

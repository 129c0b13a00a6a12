/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "sight.h"

#include "store/error.h"

void ocs_sight_clear(struct ocs_sight *sight)
{
    ocs_census_clear(&sight->census);
    ocs_saved_clear(&sight->saved);
    ocs_mark_clear(&sight->mark);
    *sight = (struct ocs_sight){0};
}

static void tell_trouble(const struct ocs_store *store, const struct ocs_census *census)
{
    char label[OCS_LAYOUT_NAME_MAX + 32];
    for (size_t i = 0; i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        if (layout->state != OCS_LAYOUT_GOOD)
            ocs_store_notice(store, "what %s needs is not known: %s",
                             ocs_store_layout_label(&layout->root, label, sizeof(label)),
                             layout->trouble);
    }
    if (census->roots_damaged)
        ocs_store_notice(store, "some layout may be unknown: %s", census->roots_trouble);
}

static int look(struct ocs_store *store, struct ocs_sight *out, struct ocs_error *err)
{
    int result = ocs_census_take(store, 0, &out->census, err);
    if (result == 0)
        result = ocs_saved_read(store, &out->census, &out->saved, err);
    if (result == 0)
        result = ocs_mark_take(&out->census, out->saved.ids, out->saved.count, &out->mark, err);
    return result;
}

int ocs_sight_take(struct ocs_store *store, struct ocs_sight *out, struct ocs_error *err)
{
    *out = (struct ocs_sight){0};
    int result = look(store, out, err);
    if (result == OCS_GRAPH_CORRUPT) {
        ocs_sight_clear(out);
        result = ocs_store_graph_rebuild(store, err);
        if (result == 0)
            result = look(store, out, err);
    }
    if (result > 0)
        result = ocs_error_raise(err, OCS_FAILED,
                                 "the graph is damaged again right after it was "
                                 "built anew");
    if (result < 0)
        ocs_sight_clear(out);
    else
        tell_trouble(store, &out->census);
    return result;
}

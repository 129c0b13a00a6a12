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
    return result;
}

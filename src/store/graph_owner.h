/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GRAPH_OWNER_H
#define OCS_STORE_GRAPH_OWNER_H

/* Whose a graph is that lies outside of its store: the file `store` beside data.mdb says so
 * (doc/store-format.md).  Another store, or a copy of this one, must not use it: what one
 * lets go would count for the other. */

#include "marker.h"

struct ocs_graph_owner {
    int dir;                /* the folder of the store that asks; borrowed, as all of it */
    const char *path;       /* of that, resolved */
    const char *uuid;       /* of the store; "": it gets one only now */
    const char *graph_path; /* the folder */
    bool is_new;            /* nothing that lies in the folder can be its own */
    bool any_unnamed;       /* a graph without the file may be: older versions wrote none */
};

/* OCS_REFUSED where it is that of another one.  Positive OCS_GRAPH_UNCLAIMED: the file is not
 * there, or the store has moved (*former: from where; free it; else NULL). */
#define OCS_GRAPH_UNCLAIMED 10
int ocs_graph_owner_check(const struct ocs_graph_owner *asking, char **former,
                          struct ocs_error *err);
int ocs_graph_owner_claim(const struct ocs_graph_owner *asking, struct ocs_error *err);

#endif

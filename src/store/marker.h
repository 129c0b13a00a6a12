/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_MARKER_H
#define OCS_STORE_MARKER_H

/* .ocistore/store.json: what makes a folder a store (doc/store-format.md). */

#include "io.h"

#define OCS_STORE_FORMAT 1

struct ocs_marker {
    char uuid[37];
    char *graph_dir;     /* NULL: .ocistore/graph */
    bool unsafe_network; /* blobs on a network file system were allowed */
    uint64_t roots;      /* entries of roots/ that there must be at least */
    bool has_root_ids;   /* older versions did not know */
    uint64_t root_ids;   /* the ids of these entries, xor-ed */
};

void ocs_marker_clear(struct ocs_marker *marker);

/* Positive: OCS_IO_ABSENT; OCS_MARKER_DAMAGED, described in *err: no file, no JSON, or a member
 * is missing. Negative also: an unknown format or an unknown feature. */
#define OCS_MARKER_DAMAGED 4
int ocs_marker_read(int state_dir, struct ocs_marker *out, struct ocs_error *err);
int ocs_marker_write(int state_dir, const struct ocs_marker *marker, struct ocs_error *err);

#endif

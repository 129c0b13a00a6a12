/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_DOUBT_H
#define OCS_GC_DOUBT_H

/* Whether the mark could follow every edge: live ids that should be documents
 * and whose edges are not known.  Their bytes are looked for wherever a copy may
 * lie; what is found is recorded in the graph.
 *
 * No obstacle: a child or a subject that was never here (a sparse image), a
 * layer or a config, a damaged document whose edges the graph knows.
 * An obstacle: an entry of index.json that is absent; whatever is live, damaged
 * or not to be read, and may be a document; what was here once and is not. */

#include "mark.h"

struct ocs_doubt {
    uint64_t obstacles;
    char first[512]; /* the first of them, for people */
    char digest[OCS_DIGEST_BUF];
};

/* Positive: OCS_DOUBT_LEARNED when the graph knows more now: take the census
 * again; OCS_CENSUS_CHANGED; OCS_GRAPH_CORRUPT. */
#define OCS_DOUBT_LEARNED 20
int ocs_doubt_resolve(struct ocs_store *store, const struct ocs_census *census,
                      const struct ocs_mark *mark, struct ocs_doubt *out, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_DECLARED_H
#define OCS_GC_DECLARED_H

/* What the descriptors that name a blob say it is, and the bytes that they may
 * carry in `data`.  Reads the documents again, so for few blobs only. */

#include "mark.h"
#include "store/digest_set.h"

struct ocs_declared {
    bool asked;            /* the caller wants to know */
    bool may_be_document;  /* some descriptor says so, is silent, or cannot be read */
    struct ocs_bytes data; /* verified; empty: none */
};

/* `answers` has one for each digest of `wanted`.  Positive: OCS_GRAPH_CORRUPT,
 * OCS_CENSUS_CHANGED (an index.json is another one by now). */
int ocs_declared_read(struct ocs_store *store, const struct ocs_census *census,
                      const struct ocs_mark *mark, const struct ocs_digest_set *wanted,
                      struct ocs_declared *answers, struct ocs_error *err);
void ocs_declared_clear(struct ocs_declared *answers, uint32_t count);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_ELSEWHERE_H
#define OCS_GC_ELSEWHERE_H

/* Copies of blobs outside blobs/: in the trash, in the quarantine, in a layout's
 * own blobs/ folder.  What a missing document names can be read from them. */

#include "store/census.h"
#include "store/digest_set.h"

struct ocs_elsewhere;

/* Looks for the digests of `wanted` (borrowed until _free) alone. */
int ocs_elsewhere_find(struct ocs_store *store, const struct ocs_census *census,
                       const struct ocs_digest_set *wanted, struct ocs_elsewhere **out,
                       struct ocs_error *err);
void ocs_elsewhere_free(struct ocs_elsewhere *elsewhere);

/* Some copy of wanted digest `index`, good or bad, lies in trash or quarantine:
 * it was here once. */
bool ocs_elsewhere_was_here(const struct ocs_elsewhere *elsewhere, uint32_t index);

/* The bytes of the first copy that verifies, whole in memory.
 * Positive: OCS_IO_ABSENT. */
int ocs_elsewhere_read(const struct ocs_elsewhere *elsewhere, uint32_t index, uint64_t limit,
                       struct ocs_bytes *out, struct ocs_error *err);

#endif

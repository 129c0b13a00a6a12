/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_SALVAGE_H
#define OCS_FSCK_SALVAGE_H

/* What stands whole in a damaged index.json, together with the last good one.
 *
 * An overlapped write leaves one document and the tail of another one: the leading
 * one counts.  A torn write leaves the beginning of one: each entry counts that is
 * complete in it.  Where the two name one tag, what the damaged file says is newer. */

#include "store/layout.h"

/* Where nothing can be made of `damaged`, *out is the last good one, byte for byte. */
int ocs_salvage_index(const struct ocs_bytes *damaged, const struct ocs_bytes *last,
                      struct ocs_bytes *out, struct ocs_error *err);

#endif

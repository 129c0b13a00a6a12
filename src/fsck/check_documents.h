/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_CHECK_DOCUMENTS_H
#define OCS_FSCK_CHECK_DOCUMENTS_H

/* Phase 3: every blob that an index.json reaches is looked at, every document
 * among them read once, and its edges kept. */

#include "run.h"

/* From the roots, breadth first. */
int ocs_check_documents(struct ocs_fsck_run *run, struct ocs_error *err);
/* These blobs, and with `reach` what they lead to and nobody has looked at;
 * `blobs` is taken. */
int ocs_check_documents_of(struct ocs_fsck_run *run, uint32_t *blobs, size_t count, bool reach,
                           struct ocs_error *err);
/* Documents that descriptors call by several media types, under the others. */
int ocs_check_other_types(struct ocs_fsck_run *run, struct ocs_error *err);

#endif

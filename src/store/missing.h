/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_MISSING_H
#define OCS_STORE_MISSING_H

#include "store.h"

/* A notice of how many blobs a layout needs that are not in the store; none when it
 * lacks nothing.  What keeps the store from being looked at is no error: fsck says it. */
void ocs_missing_tell(struct ocs_store *store, const char *layout);

#endif

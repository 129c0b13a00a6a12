/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_MISSING_H
#define OCS_STORE_MISSING_H

#include "store.h"

/* Tells `on_missing` (or nobody, when it is NULL) of each blob that a layout needs and that is
 * not in blobs/, and counts them.  A layout that is not there lacks nothing. */
typedef void ocs_missing_fn(void *data, const struct ocs_digest *digest);
int ocs_missing_each(struct ocs_store *store, const char *layout, void *data,
                     ocs_missing_fn *on_missing, uint64_t *count, struct ocs_error *err);

/* A notice of how many blobs a layout needs that are not in the store; none when it
 * lacks nothing.  What keeps the store from being looked at is no error: fsck says it. */
void ocs_missing_tell(struct ocs_store *store, const char *layout);

#endif

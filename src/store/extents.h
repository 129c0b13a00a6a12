/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_EXTENTS_H
#define OCS_STORE_EXTENTS_H

/* Space that files have together: reflinks, clones, snapshots. */

#include <stdint.h>

enum ocs_sharing {
    OCS_SHARING_NEVER, /* this file system has no such thing */
    OCS_SHARING_TOLD,  /* it tells: ocs_extents_shared */
    OCS_SHARING_UNTOLD,
};

/* Of the file system of an open file or folder. */
enum ocs_sharing ocs_extents_sharing(int fd);

/* Bytes of the file in extents that something else has, too.  They are not free
 * before that is gone as well.  Positive OCS_EXTENTS_UNTOLD. */
#define OCS_EXTENTS_UNTOLD 1
int ocs_extents_shared(int fd, uint64_t *bytes);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_IN_USE_H
#define OCS_STORE_IN_USE_H

/* Whether some process has a file open for writing, whatever locks it knows. */

enum ocs_use {
    OCS_USE_NONE,
    OCS_USE_WRITTEN,
    OCS_USE_UNTOLD, /* another user's file, or a file system without leases */
};

/* `fd` is open for reading alone. */
enum ocs_use ocs_use_of(int fd);

#endif

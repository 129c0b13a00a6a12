/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_LOCK_HOLDER_H
#define OCS_STORE_LOCK_HOLDER_H

/* Who has a flock, as far as /proc/locks tells (proc_locks(5)). */

#include <stddef.h>

/* "process 1234 (ocistore)", or "another process" when that cannot be known
 * (another pid namespace, no /proc).  For people. */
const char *ocs_lock_holder(int fd, char *buffer, size_t size);

#endif

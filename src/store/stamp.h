/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_STAMP_H
#define OCS_STORE_STAMP_H

/* What tells whether a file is still the one that was looked at, and the clock. */

#include "ocistore.h"

#include <sys/stat.h>

struct ocs_stamp {
    uint64_t inode;
    uint64_t size;
    int64_t mtime_ns;
    int64_t ctime_ns;
};

struct ocs_stamp ocs_stamp_of(const struct stat *st);
bool ocs_stamp_equal(const struct ocs_stamp *a, const struct ocs_stamp *b);
/* As equal, but for the ctime, which a rename changes. */
bool ocs_stamp_same_file(const struct ocs_stamp *a, const struct ocs_stamp *b);
/* By its times the file has not changed for 2 s: a change from now on shows in
 * another stamp, whatever the tick of the file system's clock.  To be asked before
 * the file is read. */
bool ocs_stamp_settled(const struct ocs_stamp *stamp);
/* What is done from now on may leave the ctime as it is: it lies within one tick of the
 * file system's clock. */
bool ocs_stamp_ticking(const struct ocs_stamp *stamp);

int64_t ocs_now_s(void);
int64_t ocs_now_ns(void);

#endif

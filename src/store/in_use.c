/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "in_use.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

/* fcntl(2): a read lease is given only while nobody has the file open for writing.
 * Who opens it in the moment that we hold one makes the kernel send a signal: one
 * that is ignored by default, since the other's default is the end of the process. */
enum ocs_use ocs_use_of(int fd)
{
    if (fcntl(fd, F_SETSIG, SIGURG) < 0)
        return OCS_USE_UNTOLD;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        return OCS_USE_NONE;
    }
    return errno == EAGAIN ? OCS_USE_WRITTEN : OCS_USE_UNTOLD;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* $OCS_FAULT_NETWORK is a folder: what lies in it is on NFS.
 * $OCS_FAULT_UNTYPED: folders do not tell what their entries are. */

#include <dirent.h>
#include <dlfcn.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

int fstatfs(int fd, struct statfs *out)
{
    const char *network = getenv("OCS_FAULT_NETWORK");
    char link[64];
    char target[4096];
    int result = (int)syscall(SYS_fstatfs, fd, out);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = network ? readlink(link, target, sizeof(target) - 1) : -1;
    if (result < 0 || size < 0)
        return result;
    target[size] = '\0';
    if (strncmp(target, network, strlen(network)) == 0)
        out->f_type = NFS_SUPER_MAGIC;
    return 0;
}

int fstatfs64(int fd, struct statfs64 *out) __attribute__((alias("fstatfs")));

struct dirent *readdir(DIR *dir)
{
    struct dirent *(*next)(DIR *) = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");
    struct dirent *entry = next(dir);
    if (entry && getenv("OCS_FAULT_UNTYPED"))
        entry->d_type = DT_UNKNOWN;
    return entry;
}

struct dirent64 *readdir64(DIR *dir) __attribute__((alias("readdir")));

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "lock_holder.h"

#include "cleanup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void close_file(FILE **file)
{
    if (*file)
        fclose(*file);
}
#define auto_file __attribute__((cleanup(close_file)))

/* "1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF"; one that waits has "->" and
 * does not match.  Some file systems show other device numbers here than stat
 * does: the inode has to do. */
static int holder_in_line(const char *line, unsigned long long inode)
{
    int pid;
    unsigned long long found;
    if (sscanf(line, "%*u: FLOCK %*s %*s %d %*[^:]:%*[^:]:%llu ", &pid, &found) != 2)
        return 0;
    return found == inode ? pid : 0;
}

static int find_holder(unsigned long long inode)
{
    auto_file FILE *locks = fopen("/proc/locks", "re");
    char line[256];
    int pid = 0;
    while (locks && pid <= 0 && fgets(line, sizeof(line), locks))
        pid = holder_in_line(line, inode);
    return pid;
}

const char *ocs_lock_holder(int fd, char *buffer, size_t size)
{
    struct stat st;
    int pid = fstat(fd, &st) == 0 ? find_holder(st.st_ino) : 0;
    if (pid <= 0)
        return "another process";
    char path[64];
    char name[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    auto_file FILE *comm = fopen(path, "re");
    if (comm && fgets(name, sizeof(name), comm))
        name[strcspn(name, "\n")] = '\0';
    if (*name)
        snprintf(buffer, size, "process %d (%s)", pid, name);
    else
        snprintf(buffer, size, "process %d", pid);
    return buffer;
}

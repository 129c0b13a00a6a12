/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "private_graph.h"

#include "cleanup.h"
#include "error.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DATA       "data.mdb"
#define DIRTY      "dirty"      /* beside it while it is written */
#define LEAST_FREE (256u << 10) /* bytes, to commit anything */
#define COPY_SIZE  (1u << 20)

/* A quota is seen by no statvfs: only by trying. */
static bool has_no_room(const char *graph_path)
{
    char name[sizeof("room.") + 17];
    char random[17];
    auto_fd int folder = open(graph_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_fd int fd = -1;
    ocs_io_random_name(random);
    snprintf(name, sizeof(name), "room.%s", random);
    if (folder < 0 || ocs_io_create(folder, name, 0600, &fd, name, NULL) < 0)
        return folder >= 0 && ocs_io_no_space();
    ocs_io_unlink(folder, name, 0, name, NULL); /* at once, lest it be left */
    return ocs_io_allocate(fd, LEAST_FREE, name, NULL) < 0 && ocs_io_no_space();
}

/* errno says why not. */
static bool may_write(const char *graph_path)
{
    char data[PATH_MAX];
    snprintf(data, sizeof(data), "%s/" DATA, graph_path);
    return faccessat(AT_FDCWD, graph_path, W_OK, AT_EACCESS) == 0 &&
           (faccessat(AT_FDCWD, data, W_OK, AT_EACCESS) == 0 || errno == ENOENT);
}

/* The folder that one which is not there would be made in. */
static bool may_make(const char *graph_path)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof(parent), "%s", graph_path);
    char *slash = strrchr(parent, '/');
    if (slash)
        *slash = '\0';
    return faccessat(AT_FDCWD, slash ? parent : ".", W_OK, AT_EACCESS) == 0;
}

const char *ocs_private_graph_trouble(const char *graph_path)
{
    char data[PATH_MAX];
    snprintf(data, sizeof(data), "%s/" DATA, graph_path);
    if (faccessat(AT_FDCWD, data, R_OK, AT_EACCESS) == 0 || errno == ENOENT)
        return "cannot be written: what is learned now is forgotten";
    return errno == ENOTDIR ? "is no folder: what is learned now is forgotten"
                            : "cannot be read: this run begins without what it knows, and what is "
                              "learned now is forgotten";
}

int ocs_private_graph_denied(const char *graph_path, struct ocs_error *err)
{
    if (may_write(graph_path) || (errno == ENOENT && may_make(graph_path)))
        return 0;
    const char *help = errno == EROFS     ? "mount the file system for writing; in a systemd unit: "
                                            "ReadWritePaths= of this folder"
                       : errno == ENOTDIR ? "move it away: it is a cache, and made anew"
                                          : "run this as the owner of the store";
    return ocs_error_hint(err, ocs_error_errno(err, "%s", graph_path), "%s", help);
}

bool ocs_private_graph_needed(const char *graph_path)
{
    struct statvfs fs;
    if (!may_write(graph_path))
        return true;
    if (statvfs(graph_path, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < LEAST_FREE)
        return true;
    return has_no_room(graph_path);
}

static int copy_all(int from, int to, void *buffer, struct ocs_error *err)
{
    ssize_t n;
    int result = 0;
    while (result == 0 && (n = ocs_io_read(from, buffer, COPY_SIZE)) > 0)
        result = ocs_io_write(to, buffer, (size_t)n, DATA, err);
    return result == 0 && n < 0 ? ocs_error_errno(err, DATA) : result;
}

/* Positive OCS_IO_ABSENT: there is none to copy. */
static int copy_data(const char *graph_path, int folder, struct ocs_error *err)
{
    auto_free void *buffer = malloc(COPY_SIZE);
    auto_fd int from_dir = open(graph_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_fd int from = -1;
    int to = -1;
    if (!buffer)
        return ocs_error_memory(err);
    if (from_dir < 0 || ocs_io_open_regular(from_dir, DATA, &from, NULL, DATA, NULL) != 0)
        return OCS_IO_ABSENT;
    int result = ocs_io_create(folder, DATA, 0600, &to, DATA, err);
    if (result < 0)
        return result;
    result = copy_all(from, to, buffer, err);
    int closed = ocs_io_close(to, DATA, err);
    return result < 0 ? result : closed;
}

int ocs_private_graph_make(const char *graph_path, char **path, bool *copied, struct ocs_error *err)
{
    const char *temporary = getenv("TMPDIR");
    auto_free char *made = NULL;
    if (!temporary || !*temporary)
        temporary = "/tmp";
    if (asprintf(&made, "%s/ocistore-graph.XXXXXX", temporary) < 0) {
        made = NULL;
        return ocs_error_memory(err);
    }
    if (!mkdtemp(made))
        return ocs_error_errno(err, "%s: a folder for a graph", temporary);
    auto_fd int folder = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = folder < 0 ? ocs_error_errno(err, "%s", made) : 0;
    *copied = result == 0 && copy_data(graph_path, folder, NULL) == 0;
    if (result == 0 && !*copied) /* half a copy is worse than none */
        result = ocs_io_unlink(folder, DATA, 0, made, err);
    if (result < 0) {
        ocs_private_graph_remove(made);
        return result;
    }
    *path = TAKE_PTR(made);
    return 0;
}

void ocs_private_graph_remove(const char *path)
{
    auto_fd int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return;
    ocs_io_remove_tree(folder, DATA, path, NULL);
    ocs_io_remove_tree(folder, DIRTY, path, NULL);
    ocs_io_unlink(AT_FDCWD, path, AT_REMOVEDIR, path, NULL);
}

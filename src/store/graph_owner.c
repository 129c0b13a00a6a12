/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph_owner.h"

#include "cleanup.h"
#include "error.h"
#include "shell_word.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define NAME      "store"
#define DATA      "data.mdb"
#define BYTES_MAX (PATH_MAX + 64u)

static int refuse(const struct ocs_graph_owner *asking, const char *other, struct ocs_error *err)
{
    return ocs_error_hint(
        err,
        ocs_error_raise(err, OCS_REFUSED, "the graph in %s is that of %s, not of %s",
                        asking->graph_path, other, asking->path),
        "give this one its own: ocistore init --graph-dir DIR %s; or, if no store uses that graph "
        "any more, remove %s/" DATA " and %s/" NAME ": it is a cache",
        ocs_shell_word(asking->path).text, asking->graph_path, asking->graph_path);
}

/* *path is behind the line with the uuid; NULL where the file is none of ours. */
static int read_owner(int folder, struct ocs_bytes *text, char **path, struct ocs_error *err)
{
    auto_fd int fd = -1;
    *path = NULL;
    int result = ocs_io_open_regular(folder, NAME, &fd, NULL, NAME, err);
    if (result == 0)
        result = ocs_io_read_all(fd, BYTES_MAX, text, NAME, err);
    if (result != 0 || text->size < 2 || text->data[text->size - 1] != '\n')
        return result < 0 ? result : 0;
    text->data[text->size - 1] = '\0';
    char *end = strchr(text->data, '\n');
    if (!end)
        return 0;
    *end = '\0';
    *path = end + 1;
    return 0;
}

static bool is_folder(const struct ocs_graph_owner *asking, const char *path)
{
    struct stat own, other;
    return strcmp(path, asking->path) == 0 ||
           (fstat(asking->dir, &own) == 0 && stat(path, &other) == 0 &&
            own.st_dev == other.st_dev && own.st_ino == other.st_ino);
}

/* The store that the graph belonged to is at `path` as ever, so that the one who asks is a
 * copy.  One that cannot be looked at is there. */
static bool is_copied(const struct ocs_graph_owner *asking, const char *path)
{
    struct ocs_marker marker = {0};
    struct ocs_error error = {0};
    auto_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_fd int state = -1;
    if (dir < 0)
        return errno != ENOENT && errno != ENOTDIR;
    int result = ocs_io_open_dir(dir, ".ocistore", &state, ".ocistore", &error);
    if (result == 0)
        result = ocs_marker_read(state, &marker, &error);
    bool copied = result < 0 || result == OCS_MARKER_DAMAGED ||
                  (result == 0 && strcmp(marker.uuid, asking->uuid) == 0 && marker.graph_dir &&
                   strcmp(marker.graph_dir, asking->graph_path) == 0);
    ocs_marker_clear(&marker);
    return copied;
}

/* Of an older version, or of nobody. */
static int check_unnamed(const struct ocs_graph_owner *asking, int folder, struct ocs_error *err)
{
    struct stat st;
    if (!asking->any_unnamed && fstatat(folder, DATA, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return refuse(asking, "another store", err);
    return OCS_GRAPH_UNCLAIMED;
}

int ocs_graph_owner_check(const struct ocs_graph_owner *asking, char **former,
                          struct ocs_error *err)
{
    auto_bytes struct ocs_bytes text = {0};
    char *path;
    *former = NULL;
    auto_fd int folder = open(asking->graph_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) /* whoever wants the graph will say it */
        return OCS_GRAPH_UNCLAIMED;
    int result = read_owner(folder, &text, &path, err);
    if (result < 0)
        return ocs_error_context(err, result, "%s", asking->graph_path);
    if (!path)
        return check_unnamed(asking, folder, err);
    bool same = strcmp(text.data, asking->uuid) == 0;
    if (!asking->is_new && is_folder(asking, path))
        return same ? 0 : OCS_GRAPH_UNCLAIMED;
    if (!same || is_copied(asking, path))
        return refuse(asking, path, err);
    *former = strdup(path);
    return *former ? OCS_GRAPH_UNCLAIMED : ocs_error_memory(err);
}

int ocs_graph_owner_claim(const struct ocs_graph_owner *asking, struct ocs_error *err)
{
    auto_fd int folder = open(asking->graph_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *text = NULL;
    if (folder < 0)
        return ocs_error_errno(err, "%s", asking->graph_path);
    int size = asprintf(&text, "%s\n%s\n", asking->uuid, asking->path);
    if (size < 0) {
        text = NULL;
        return ocs_error_memory(err);
    }
    int result = ocs_io_replace(folder, NAME, text, (size_t)size, OCS_MODE_FILE, NAME, err);
    return ocs_error_context(err, result, "%s", asking->graph_path);
}

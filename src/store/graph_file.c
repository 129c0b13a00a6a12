/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph_file.h"

#include "cleanup.h"
#include "error.h"
#include "graph_pages.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define DATA         "data.mdb"
#define DIRTY        "dirty"
#define BOOT_ID      "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE 36

struct ocs_graph_file {
    struct ocs_tables *tables;
    char *path;
    int dir_fd;
    int lock_fd;
    const struct ocs_lock_wait *wait;
    dev_t device; /* the data.mdb that is mapped */
    ino_t inode;
    uint64_t sound; /* the transaction as of which every page was checked */
    bool doubtful;
    bool corrupt;
    bool marked; /* we wrote: the mark is ours to take away */
};

/* ---- the lock ---- */

static int take_lock(struct ocs_graph_file *file, bool exclusive, struct ocs_error *err)
{
    int result = ocs_lock_briefly(file->lock_fd, exclusive, OCS_LOCK_GRAPH_WHAT, file->wait, err);
    return ocs_error_context(err, result, "graph in '%s'", file->path);
}

static void give_lock(struct ocs_graph_file *file)
{
    ocs_unlock_file(file->lock_fd);
}

/* ---- the dirty mark ---- */

struct boot_id {
    char text[BOOT_ID_SIZE + 1]; /* "" when it cannot be known */
};

static struct boot_id read_id(int dir, const char *path)
{
    struct boot_id id = {""};
    auto_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || ocs_io_read(fd, id.text, BOOT_ID_SIZE) != BOOT_ID_SIZE)
        id.text[0] = '\0';
    return id;
}

static bool mark_is_of_this_boot(struct ocs_graph_file *file)
{
    struct boot_id now = read_id(AT_FDCWD, BOOT_ID);
    struct boot_id mark = read_id(file->dir_fd, DIRTY);
    return now.text[0] && strcmp(now.text, mark.text) == 0;
}

static bool power_was_cut(struct ocs_graph_file *file)
{
    return faccessat(file->dir_fd, DIRTY, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
           !mark_is_of_this_boot(file);
}

/* The end of another writer may have taken the mark away: it is looked for each time. */
static int mark_dirty(struct ocs_graph_file *file, struct ocs_error *err)
{
    file->marked = true;
    if (mark_is_of_this_boot(file))
        return 0;
    struct boot_id now = read_id(AT_FDCWD, BOOT_ID);
    int result =
        ocs_io_replace(file->dir_fd, DIRTY, now.text, strlen(now.text), OCS_MODE_FILE, DIRTY, err);
    return ocs_error_context(err, result, "graph in '%s'", file->path);
}

static void unmark_dirty(struct ocs_graph_file *file)
{
    /* best effort: a mark that stays costs one check */
    ocs_io_unlink(file->dir_fd, DIRTY, 0, DIRTY, NULL);
}

/* ---- open ---- */

/* LMDB trusts what it reads, so that nothing of it is read before this. */
static int check_pages(struct ocs_graph_file *file, int fd, const struct ocs_pages *pages,
                       struct ocs_error *err)
{
    int result = ocs_pages_check(fd, err);
    if (result == 0)
        file->sound = pages->transaction;
    return result > 0 ? OCS_TABLES_CORRUPT : result;
}

/* Positive: OCS_TABLES_NONE when nothing was ever written, OCS_TABLES_CORRUPT. */
static int examine(struct ocs_graph_file *file, int fd, struct ocs_error *err)
{
    struct ocs_pages pages;
    int result = ocs_pages_look(fd, &pages, err);
    if (result == OCS_PAGES_EMPTY)
        return OCS_TABLES_NONE;
    if (result != 0)
        return result < 0 ? result : OCS_TABLES_CORRUPT;
    file->doubtful = power_was_cut(file);
    return check_pages(file, fd, &pages, err);
}

static int examine_data(struct ocs_graph_file *file, struct ocs_error *err)
{
    auto_fd int fd = -1;
    int result = ocs_io_open_regular(file->dir_fd, DATA, &fd, NULL, DATA, err);
    if (result == OCS_IO_ABSENT)
        return OCS_TABLES_NONE;
    if (result == OCS_IO_NOT_REGULAR)
        return OCS_TABLES_CORRUPT;
    if (result == 0)
        result = examine(file, fd, err);
    return ocs_error_context(err, result, "graph in '%s'", file->path);
}

/* Killed, or out of space, while it was made: LMDB makes a file only where there
 * is none, or an empty one. */
static int clear_half_made(struct ocs_graph_file *file, struct ocs_error *err)
{
    int result = ocs_io_unlink(file->dir_fd, DATA, 0, DATA, err);
    return ocs_error_context(err, result, "graph in '%s'", file->path);
}

static int open_locked(struct ocs_graph_file *file, bool create, struct ocs_error *err)
{
    struct stat st;
    int result = examine_data(file, err);
    if (result == OCS_TABLES_NONE && create)
        result = clear_half_made(file, err);
    if (result == 0)
        result = ocs_tables_open(file->path, OCS_TABLES_MAP, &file->tables, err);
    if (result != 0)
        return result;
    if (fstatat(file->dir_fd, DATA, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return ocs_error_errno(err, "graph in '%s'", file->path);
    file->device = st.st_dev;
    file->inode = st.st_ino;
    return 0;
}

int ocs_graph_file_open(const struct ocs_graph_file_options *options, struct ocs_graph_file **out,
                        struct ocs_error *err)
{
    struct ocs_graph_file *file = calloc(1, sizeof(*file));
    if (!file)
        return ocs_error_memory(err);
    file->lock_fd = options->lock_fd;
    file->wait = options->wait;
    file->dir_fd = fcntl(options->dir_fd, F_DUPFD_CLOEXEC, 0);
    file->path = strdup(options->path);
    int result = file->path ? 0 : ocs_error_memory(err);
    if (result == 0 && file->dir_fd < 0)
        result = ocs_error_errno(err, "graph in '%s'", options->path);
    if (result == 0)
        result = take_lock(file, true, err);
    if (result == 0) {
        result = open_locked(file, options->create, err);
        give_lock(file);
    }
    if (result != 0) {
        ocs_graph_file_close(file);
        return result;
    }
    *out = file;
    return 0;
}

void ocs_graph_file_close(struct ocs_graph_file *file)
{
    if (file->marked && !file->corrupt && take_lock(file, true, NULL) == 0) {
        unmark_dirty(file);
        give_lock(file);
    }
    if (file->tables)
        ocs_tables_close(file->tables);
    if (file->dir_fd >= 0)
        close(file->dir_fd);
    free(file->path);
    free(file);
}

struct ocs_tables *ocs_graph_file_tables(struct ocs_graph_file *file)
{
    return file->tables;
}

const char *ocs_graph_file_path(const struct ocs_graph_file *file)
{
    return file->path;
}

bool ocs_graph_file_doubtful(const struct ocs_graph_file *file)
{
    return file->doubtful;
}

void ocs_graph_file_trust(struct ocs_graph_file *file)
{
    file->doubtful = false;
    if (!ocs_tables_read_only(file->tables))
        unmark_dirty(file);
}

int ocs_graph_file_corrupt(struct ocs_graph_file *file)
{
    file->corrupt = true;
    return OCS_TABLES_CORRUPT;
}

bool ocs_graph_file_replaced(const struct ocs_graph_file *file)
{
    struct stat st;
    return fstatat(file->dir_fd, DATA, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != file->device ||
           st.st_ino != file->inode;
}

int ocs_graph_file_check(struct ocs_graph_file *file, struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct ocs_pages pages = {0};
    int result = ocs_io_open_regular(file->dir_fd, DATA, &fd, NULL, DATA, err);
    if (result == 0)
        result = ocs_pages_look(fd, &pages, err);
    if (result == 0 && pages.transaction != file->sound)
        result = check_pages(file, fd, &pages, err);
    return result > 0 ? ocs_graph_file_corrupt(file) : result;
}

/* ---- transactions ---- */

static int begin_locked(struct ocs_graph_file *file, bool write, struct ocs_error *err)
{
    if (file->corrupt || ocs_graph_file_replaced(file))
        return OCS_TABLES_CORRUPT;
    int result = write && !ocs_tables_read_only(file->tables) ? mark_dirty(file, err) : 0;
    if (result < 0 && ocs_graph_file_replaced(file)) /* the folder went in this moment */
        return OCS_TABLES_CORRUPT;
    return result == 0 ? ocs_tables_begin(file->tables, write, err) : result;
}

int ocs_graph_file_begin(struct ocs_graph_file *file, bool write, struct ocs_error *err)
{
    int result = take_lock(file, write, err);
    if (result < 0)
        return result;
    result = begin_locked(file, write, err);
    if (result != 0)
        give_lock(file);
    return result;
}

int ocs_graph_file_commit(struct ocs_graph_file *file, struct ocs_error *err)
{
    int result = ocs_tables_commit(file->tables, err);
    give_lock(file);
    return result > 0 ? ocs_graph_file_corrupt(file) : result;
}

void ocs_graph_file_abort(struct ocs_graph_file *file)
{
    ocs_tables_abort(file->tables);
    give_lock(file);
}

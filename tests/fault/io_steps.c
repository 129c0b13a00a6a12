/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * Does once, in an empty folder, everything that the lowest modules do to a file
 * system.  The sweep makes one call after the other fail: the step has to say so.
 */

#include "store/io.h"
#include "store/journal.h"
#include "store/lock.h"
#include "store/reserve.h"
#include "store/trash.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RUN   "20240506T070809Z-0123abcd"
#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static int write_hello(int dir, const char *name, struct ocs_error *err)
{
    int fd = -1;
    int result = ocs_io_create(dir, name, 0644, &fd, name, err);
    if (result < 0)
        return result;
    result = ocs_io_write(fd, "hello", 5, name, err);
    if (result == 0)
        result = ocs_io_fsync(fd, name, err);
    int closed = ocs_io_close(fd, name, result == 0 ? err : NULL);
    return result ? result : closed;
}

static int step_write(int dir, struct ocs_error *err)
{
    return write_hello(dir, "written", err);
}

static int step_syncfs(int dir, struct ocs_error *err)
{
    return ocs_io_syncfs(dir, "folder", err);
}

static int step_mkdirs(int dir, struct ocs_error *err)
{
    int result = ocs_io_mkdir(dir, "one", 0755, "one", err);
    return result ? result : ocs_io_mkdirs(dir, "a/b/c", 0755, "a/b/c", err);
}

static int step_replace(int dir, struct ocs_error *err)
{
    int result = ocs_io_replace(dir, "a/file", "first", 5, 0644, "a/file", err);
    return result ? result : ocs_io_replace(dir, "a/file", "second", 6, 0644, "a/file", err);
}

static int step_rename(int dir, struct ocs_error *err)
{
    int result = ocs_io_rename(dir, "written", dir, "renamed", "written", err);
    if (result == 0)
        result = ocs_io_rename_noreplace(dir, "renamed", dir, "a/moved", "renamed", err);
    if (result == 0)
        result = ocs_io_exchange(dir, "a/moved", dir, "a/file", "a/file", err);
    return result ? result : ocs_io_sync_dir(dir, "a", "a", err);
}

static int step_remove(int dir, struct ocs_error *err)
{
    int result = ocs_io_unlink(dir, "a/moved", 0, "a/moved", err);
    if (result == 0)
        result = ocs_io_rmdir(dir, "one", "one", err);
    return result ? result : ocs_io_remove_tree(dir, "a", "a", err);
}

static int step_reserve(int dir, struct ocs_error *err)
{
    int result = ocs_reserve_make(dir, err);
    return result ? result : ocs_reserve_release(dir, err);
}

static int step_locks(int dir, struct ocs_error *err)
{
    const struct ocs_lock_wait wait = {.timeout_ms = 0};
    struct ocs_locks *locks = NULL;
    int fd = -1;
    int result = ocs_locks_open(dir, &locks, err);
    if (result == 0)
        result = ocs_lock_layout(locks, "0123456789abcdef", &wait, &fd, err);
    if (fd >= 0)
        close(fd);
    ocs_locks_close(locks);
    return result;
}

static int step_journal(int dir, struct ocs_error *err)
{
    struct ocs_journal *journal = NULL;
    int result = ocs_journal_open(dir, RUN, &journal, err);
    if (result == 0)
        result = ocs_journal_add(journal, "trash", HELLO, err);
    if (result == 0)
        result = ocs_journal_sync(journal, err);
    ocs_journal_close(journal);
    return result;
}

static int there_and_back(int dir, struct ocs_blobs *blobs, struct ocs_trash_run *run,
                          const struct ocs_digest *hello, struct ocs_error *err)
{
    int result = ocs_blobs_publish(blobs, dir, "staged", hello, err);
    if (result == 0)
        result = ocs_blobs_sync(blobs, err);
    if (result == 0)
        result = ocs_trash_run_put_blob(run, blobs, hello, NULL, err);
    if (result == 0)
        result = ocs_trash_run_sync(run, err);
    if (result == 0)
        result = ocs_trash_restore_blob(dir, RUN, blobs, hello, err);
    if (result == 0)
        result = ocs_quarantine_put(dir, blobs, hello, NULL, err);
    return result;
}

static int step_blobs(int dir, struct ocs_error *err)
{
    struct ocs_blobs *blobs = NULL;
    struct ocs_trash_run *run = NULL;
    struct ocs_digest hello;
    ocs_digest_parse(HELLO, strlen(HELLO), &hello);
    int result = write_hello(dir, "staged", err);
    if (result == 0)
        result = ocs_io_mkdir(dir, "blobs", 0755, "blobs", err);
    if (result == 0)
        result = ocs_blobs_open(dir, "blobs", 0, "blobs", &blobs, err);
    if (result == 0)
        result = ocs_trash_run_open(dir, RUN, &run, err);
    if (result == 0)
        result = there_and_back(dir, blobs, run, &hello, err);
    ocs_trash_run_close(run);
    ocs_blobs_close(blobs);
    return result;
}

static int step_purge(int dir, struct ocs_error *err)
{
    int result = write_hello(dir, "index.json", err);
    if (result == 0)
        result = ocs_trash_put_file(dir, RUN, dir, "index.json", "layouts/a/index.json", err);
    if (result == 0)
        result = ocs_trash_sync(dir, RUN, err);
    if (result == 0)
        result = ocs_trash_unlink(dir, RUN, "layouts/a/index.json", err);
    return result ? result : ocs_trash_drop_empty(dir, RUN, err);
}

static const struct {
    const char *name;
    int (*run)(int dir, struct ocs_error *err);
} STEPS[] = {
    {"write", step_write},     {"syncfs", step_syncfs}, {"mkdirs", step_mkdirs},
    {"replace", step_replace}, {"rename", step_rename}, {"remove", step_remove},
    {"reserve", step_reserve}, {"locks", step_locks},   {"journal", step_journal},
    {"blobs", step_blobs},     {"purge", step_purge},
};

int main(int argc, char **argv)
{
    struct ocs_error err = {0};
    int dir = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir < 0) {
        fputs("ocistore: the folder cannot be opened\n", stderr);
        return OCS_FAILED;
    }
    for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
        int result = STEPS[i].run(dir, &err);
        if (result) {
            fprintf(stderr, "ocistore: %s: %d: %s\n", STEPS[i].name, result, err.message);
            return result < 0 ? -result : OCS_REFUSED;
        }
    }
    return 0;
}

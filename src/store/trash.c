/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "trash.h"

#include "cleanup.h"
#include "error.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TAKEN_MAX 1000 /* names tried for one file */

struct folder {
    int fd; /* -1: not made yet */
    bool changed;
};

struct ocs_trash_run {
    int state_dir; /* borrowed */
    char name[OCS_RUN_NAME_SIZE];
    struct folder folders[OCS_ALGORITHM_COUNT]; /* blobs/<alg>; OTHER is not kept */
};

/* ---- names ---- */

void ocs_run_name(char out[OCS_RUN_NAME_SIZE])
{
    char random[17];
    char stamp[17];
    int64_t now_us = ocs_now_ns() / 1000;
    time_t now = (time_t)(now_us / 1000000);
    struct tm tm;
    ocs_io_random_name(random);
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    snprintf(out, OCS_RUN_NAME_SIZE, "%s-%05x%.3s", stamp, (unsigned)(now_us % 1000000), random);
}

/* `pattern` has 0 for a digit, x for a lower-case hex digit. */
static bool matches(const char *text, const char *pattern)
{
    for (; *pattern; text++, pattern++) {
        const char *allowed = *pattern == '0' ? "0123456789" : "0123456789abcdef";
        bool fits = *pattern == '0' || *pattern == 'x' ? *text && strchr(allowed, *text)
                                                       : *text == *pattern;
        if (!fits)
            return false;
    }
    return *text == '\0';
}

int64_t ocs_run_time(const char *name)
{
    if (!matches(name, "00000000T000000Z-xxxxxxxx"))
        return -1;
    struct tm tm = {0};
    sscanf(name, "%4d%2d%2dT%2d%2d%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
           &tm.tm_min, &tm.tm_sec);
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    const struct tm written = tm;
    int64_t seconds = timegm(&tm); /* brings 31 February into order: then it is no time */
    bool same = tm.tm_mon == written.tm_mon && tm.tm_mday == written.tm_mday &&
                tm.tm_hour == written.tm_hour && tm.tm_min == written.tm_min &&
                tm.tm_sec == written.tm_sec;
    return same ? seconds : -1;
}

/* ---- a run that is held open ---- */

int ocs_trash_run_open(int state_dir, const char *run, struct ocs_trash_run **out,
                       struct ocs_error *err)
{
    if (ocs_run_time(run) < 0)
        return ocs_error_raise(err, OCS_FAILED, "'%s' is no name of a run", run);
    struct ocs_trash_run *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return ocs_error_memory(err);
    opened->state_dir = state_dir;
    memcpy(opened->name, run, OCS_RUN_NAME_SIZE);
    for (size_t i = 0; i < OCS_ALGORITHM_COUNT; i++)
        opened->folders[i].fd = -1;
    *out = opened;
    return 0;
}

void ocs_trash_run_close(struct ocs_trash_run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < OCS_ALGORITHM_COUNT; i++)
        ocs_cleanup_fd(&run->folders[i].fd);
    free(run);
}

static int make_folder(int state_dir, const char *path, int *fd, struct ocs_error *err)
{
    int result = ocs_io_mkdirs(state_dir, path, OCS_MODE_FOLDER, path, err);
    if (result == 0)
        result = ocs_io_open_dir(state_dir, path, fd, path, err);
    return result > 0 ? ocs_error_raise(err, OCS_FAILED, "%s: is a link or went away", path)
                      : result;
}

/* A blob on its way into the run. */
struct passage {
    int folder;
    int owned;           /* a folder that is not kept, or -1 */
    struct folder *kept; /* or NULL */
    char path[OCS_DIGEST_BUF];
    const char *name;
};

static void passage_clear(struct passage *passage)
{
    ocs_cleanup_fd(&passage->owned);
}
#define auto_passage __attribute__((cleanup(passage_clear)))

static int passage_open(struct ocs_trash_run *run, const struct ocs_digest *digest,
                        struct passage *passage, struct ocs_error *err)
{
    char path[PATH_MAX];
    enum ocs_algorithm algorithm = ocs_digest_algorithm(digest);
    *passage = (struct passage){.folder = -1, .owned = -1};
    ocs_digest_path(digest, passage->path);
    char *slash = strchr(passage->path, '/');
    *slash = '\0';
    passage->name = slash + 1;
    if (algorithm != OCS_ALGORITHM_OTHER)
        passage->kept = &run->folders[algorithm];
    int *fd = passage->kept ? &passage->kept->fd : &passage->owned;
    snprintf(path, sizeof(path), "trash/%s/blobs/%s", run->name, passage->path);
    int result = *fd < 0 ? make_folder(run->state_dir, path, fd, err) : 0;
    passage->folder = *fd;
    return result;
}

/* errno belongs to the step that failed. */
static int no_space_or(int result)
{
    return result < 0 && ocs_io_no_space() ? OCS_TRASH_NO_SPACE : result;
}

/* mtime too: a touch says that somebody has adopted it since. */
static bool is_expected(const struct passage *passage, const struct ocs_stamp *expected)
{
    struct stat st;
    if (!expected)
        return true;
    if (fstatat(passage->folder, passage->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    return ocs_stamp_same_file(&stamp, expected);
}

/* When somebody was quicker with another file, that one stays and ours too. */
static int put_back(const struct passage *passage, struct ocs_blobs *blobs,
                    const struct ocs_digest *digest, struct ocs_error *err)
{
    int result = ocs_blobs_publish(blobs, passage->folder, passage->name, digest, err);
    return result < 0 ? result : OCS_TRASH_CHANGED;
}

int ocs_trash_run_put_blob(struct ocs_trash_run *run, struct ocs_blobs *blobs,
                           const struct ocs_digest *digest, const struct ocs_stamp *expected,
                           struct ocs_error *err)
{
    auto_passage struct passage passage;
    int result = passage_open(run, digest, &passage, err);
    if (result < 0)
        return no_space_or(result);
    result = ocs_blobs_take(blobs, digest, passage.folder, passage.name, err);
    if (result)
        return no_space_or(result);
    if (passage.kept)
        passage.kept->changed = true;
    else
        result = ocs_io_fsync(passage.folder, passage.path, err);
    if (result == 0 && !is_expected(&passage, expected))
        return put_back(&passage, blobs, digest, err);
    return result;
}

int ocs_trash_run_sync(struct ocs_trash_run *run, struct ocs_error *err)
{
    for (size_t i = 0; i < OCS_ALGORITHM_COUNT; i++) {
        struct folder *folder = &run->folders[i];
        if (!folder->changed)
            continue;
        int result = ocs_io_fsync(folder->fd, "trash", err);
        if (result < 0)
            return result;
        folder->changed = false;
    }
    return 0;
}

/* ---- other files ---- */

static int make_parent(int state_dir, const char *path, struct ocs_error *err)
{
    char parent[PATH_MAX];
    int length = (int)(strrchr(path, '/') - path);
    snprintf(parent, sizeof(parent), "%.*s", length, path);
    return ocs_io_mkdirs(state_dir, parent, OCS_MODE_FOLDER, parent, err);
}

int ocs_trash_put_file(int state_dir, const char *run, int from_dir, const char *from,
                       const char *as, struct ocs_error *err)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "trash/%s/%s", run, as);
    if (length + 8 >= (int)sizeof(path))
        return ocs_error_raise(err, OCS_FAILED, "%s: name too long", as);
    int result = make_parent(state_dir, path, err);
    if (result < 0)
        return result;
    for (int i = 1; i <= TAKEN_MAX; i++) {
        result = ocs_io_rename_noreplace(from_dir, from, state_dir, path, from, err);
        if (result != OCS_IO_EXISTS)
            return result;
        snprintf(path + length, sizeof(path) - (size_t)length, ".%d", i);
    }
    return ocs_error_raise(err, OCS_FAILED, "%s: every name for it in the trash is taken", as);
}

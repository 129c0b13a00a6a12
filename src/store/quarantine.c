/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "trash.h"

#include "error.h"
#include "walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FOLDER    "quarantine"
#define TAKEN_MAX 1000 /* of one digest in one second */

/* A place for one file. */
struct ward {
    char path[OCS_DIGEST_BUF]; /* "<alg>/<encoded>" */
    char folder[OCS_DIGEST_BUF + 64];
    char name[OCS_DIGEST_BUF + 64];
    int64_t now;
    unsigned n;
};

/* A digest of an unknown algorithm can fill a file name: then it is cut, and its
 * file is for people alone. */
static void name_of(const char *path, int64_t now, unsigned n, char *out, size_t size)
{
    char stamp[17];
    time_t seconds = (time_t)now;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    snprintf(out, size, FOLDER "/%.230s.%s.%u", path, stamp, n);
}

/* Makes the folder of the digest's algorithm. */
static int open_ward(int state_dir, const struct ocs_digest *digest, struct ward *ward,
                     struct ocs_error *err)
{
    ocs_digest_path(digest, ward->path);
    snprintf(ward->folder, sizeof(ward->folder), FOLDER "/%.*s", (int)strcspn(ward->path, "/"),
             ward->path);
    ward->now = ocs_now_s();
    ward->n = 0;
    return ocs_io_mkdirs(state_dir, ward->folder, OCS_MODE_FOLDER, ward->folder, err);
}

static bool next_name(struct ward *ward)
{
    name_of(ward->path, ward->now, ward->n, ward->name, sizeof(ward->name));
    return ward->n++ < TAKEN_MAX;
}

static int all_taken(const struct ward *ward, struct ocs_error *err)
{
    return ocs_error_raise(err, OCS_FAILED, "%s: every name for it in the quarantine is taken",
                           ward->path);
}

static int sync_ward(int state_dir, const struct ward *ward, struct ocs_error *err)
{
    return ocs_io_sync_dir(state_dir, ward->folder, ward->folder, err);
}

static int take(int state_dir, struct ocs_blobs *blobs, const struct ocs_digest *digest,
                struct ward *ward, struct ocs_error *err)
{
    while (next_name(ward)) {
        int result = ocs_blobs_take(blobs, digest, state_dir, ward->name, err);
        if (result != OCS_IO_EXISTS)
            return result;
    }
    return all_taken(ward, err);
}

/* When somebody was quicker with another file, that one goes back. */
static int check_arrival(int state_dir, struct ocs_blobs *blobs, const struct ocs_digest *digest,
                         const struct ocs_stamp *expected, const struct ward *ward,
                         struct ocs_error *err)
{
    struct stat st;
    if (fstatat(state_dir, ward->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return ocs_error_errno(err, "%s", ward->name);
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    if (!expected || ocs_stamp_same_file(&stamp, expected))
        return 0;
    int result = ocs_blobs_publish(blobs, state_dir, ward->name, digest, err);
    return result < 0 ? result : OCS_TRASH_CHANGED;
}

int ocs_quarantine_put(int state_dir, struct ocs_blobs *blobs, const struct ocs_digest *digest,
                       const struct ocs_stamp *expected, struct ocs_error *err)
{
    struct ward ward;
    struct stat st;
    int result = ocs_blobs_stat(blobs, digest, &st, err);
    if (result)
        return result;
    result = open_ward(state_dir, digest, &ward, err);
    if (result == 0)
        result = take(state_dir, blobs, digest, &ward, err);
    if (result)
        return result;
    int arrived = check_arrival(state_dir, blobs, digest, expected, &ward, err);
    if (arrived >= 0)
        result = sync_ward(state_dir, &ward, err);
    if (arrived >= 0 && result == 0)
        result = ocs_blobs_sync(blobs, err);
    return arrived < 0 || result == 0 ? arrived : result;
}

/* The good copy lies in the quarantine for a moment: then one exchange does it. */
static int bring_in(int state_dir, struct ward *ward, int staged_dir, const char *staged,
                    struct ocs_error *err)
{
    while (next_name(ward)) {
        int result =
            ocs_io_rename_noreplace(staged_dir, staged, state_dir, ward->name, ward->name, err);
        if (result == OCS_IO_ABSENT)
            return ocs_error_raise(err, OCS_FAILED, "%s: the staged file is gone", ward->path);
        if (result != OCS_IO_EXISTS)
            return result;
    }
    return all_taken(ward, err);
}

/* Looks at what came out. */
static int judge(int state_dir, const struct ocs_digest *digest, const struct ward *ward,
                 struct ocs_error *err)
{
    if (ocs_trash_verify_file(state_dir, ward->name, digest, NULL) != 0)
        return 0; /* wrong, or nobody can tell: it stays here */
    int result = ocs_io_unlink(state_dir, ward->name, 0, ward->name, err);
    return result < 0 ? result : OCS_QUARANTINE_RIGHT;
}

int ocs_quarantine_swap(int state_dir, struct ocs_blobs *blobs, const struct ocs_digest *digest,
                        int staged_dir, const char *staged, struct ocs_error *err)
{
    struct ward ward;
    int result = open_ward(state_dir, digest, &ward, err);
    if (result == 0)
        result = bring_in(state_dir, &ward, staged_dir, staged, err);
    if (result < 0)
        return result;
    result = ocs_blobs_swap(blobs, digest, state_dir, ward.name, err);
    if (result) { /* the caller still wants it */
        int back =
            ocs_io_rename_noreplace(state_dir, ward.name, staged_dir, staged, ward.name, NULL);
        return back < 0 ? back : result;
    }
    result = sync_ward(state_dir, &ward, err);
    return result < 0 ? result : judge(state_dir, digest, &ward, err);
}

/* "<alg>/<encoded>.<time>.<n>": the digest is what stands before the last two dots. */
static bool digest_of(const char *path, struct ocs_digest *out)
{
    char text[PATH_MAX];
    snprintf(text, sizeof(text), "%s", path);
    char *slash = strchr(text, '/');
    for (int i = 0; slash && i < 2; i++) {
        char *dot = strrchr(slash, '.');
        if (!dot)
            return false;
        *dot = '\0';
    }
    if (!slash)
        return false;
    *slash = ':';
    return ocs_digest_parse(text, strlen(text), out) == 0;
}

static int visit_file(struct ocs_walk *walk, const struct stat *st, struct ocs_error *err)
{
    struct ocs_digest digest;
    const struct ocs_trash_visitor *visitor = walk->data;
    const char *path = walk->path + strlen(FOLDER "/");
    bool named = digest_of(path, &digest);
    return visitor->on_entry(visitor->data, NULL, path, named ? &digest : NULL, st, err);
}

int ocs_quarantine_each(int state_dir, const struct ocs_trash_visitor *visitor,
                        struct ocs_error *err)
{
    struct ocs_walk walk = {
        .root = state_dir, .path = FOLDER, .data = (void *)visitor, .on_file = visit_file};
    return ocs_walk_run(&walk, err);
}

int ocs_quarantine_restore_blob(int state_dir, const char *path, struct ocs_blobs *blobs,
                                const struct ocs_digest *digest, struct ocs_error *err)
{
    char full[PATH_MAX];
    if (snprintf(full, sizeof(full), FOLDER "/%s", path) >= (int)sizeof(full))
        return ocs_error_raise(err, OCS_FAILED, "%s: name too long", path);
    return ocs_trash_restore_file(state_dir, full, blobs, digest, err);
}

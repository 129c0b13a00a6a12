/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "trash.h"

#include "error.h"
#include "walk.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FOLDER    "quarantine"
#define TAKEN_MAX 1000 /* of one digest in one second */

static int make_folder(int state_dir, const char *path, struct ocs_error *err)
{
    return ocs_io_mkdirs(state_dir, path, 0755, path, err);
}

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

static int take(int state_dir, struct ocs_blobs *blobs, const struct ocs_digest *digest,
                const char *path, struct ocs_error *err)
{
    char name[OCS_DIGEST_BUF + 64];
    const int64_t now = ocs_now_s();
    for (unsigned n = 0; n < TAKEN_MAX; n++) {
        name_of(path, now, n, name, sizeof(name));
        int result = ocs_blobs_take(blobs, digest, state_dir, name, err);
        if (result != OCS_IO_EXISTS)
            return result;
    }
    return ocs_error_raise(err, OCS_FAILED, "%s: every name for it in the quarantine is taken",
                           path);
}

int ocs_quarantine_put(int state_dir, struct ocs_blobs *blobs, const struct ocs_digest *digest,
                       struct ocs_error *err)
{
    char path[OCS_DIGEST_BUF];
    char folder[OCS_DIGEST_BUF + 64];
    struct stat st;
    int result = ocs_blobs_stat(blobs, digest, &st, err);
    if (result)
        return result;
    ocs_digest_path(digest, path);
    snprintf(folder, sizeof(folder), FOLDER "/%.*s", (int)strcspn(path, "/"), path);
    result = make_folder(state_dir, folder, err);
    if (result == 0)
        result = take(state_dir, blobs, digest, path, err);
    if (result == 0)
        result = ocs_io_sync_dir(state_dir, folder, folder, err);
    return result ? result : ocs_blobs_sync(blobs, err);
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

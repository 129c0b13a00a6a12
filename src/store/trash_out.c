/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "trash.h"

#include "cleanup.h"
#include "error.h"
#include "hash.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* How long the path to the run is. */
static size_t walk_begin(struct ocs_walk *walk, const char *run)
{
    return (size_t)snprintf(walk->path, sizeof(walk->path), "trash/%s", run);
}

/* ---- every entry of every run ---- */

/* "blobs/<alg>/<encoded>" */
static bool digest_of_blob(const char *path, struct ocs_digest *digest)
{
    char text[PATH_MAX];
    if (strncmp(path, "blobs/", 6) != 0)
        return false;
    int size = snprintf(text, sizeof(text), "%s", path + 6);
    char *slash = strchr(text, '/');
    if (!slash)
        return false;
    *slash = ':';
    return ocs_digest_parse(text, (size_t)size, digest) == 0;
}

struct visit {
    const char *run;
    size_t base; /* where the path inside the run begins */
    const struct ocs_trash_visitor *visitor;
};

static int visit_file(struct ocs_walk *walk, const struct stat *st, struct ocs_error *err)
{
    struct ocs_digest digest;
    const struct visit *visit = walk->data;
    const struct ocs_trash_visitor *visitor = visit->visitor;
    const char *path = walk->path + visit->base;
    bool named = digest_of_blob(path, &digest);
    return visitor->on_entry(visitor->data, visit->run, path, named ? &digest : NULL, st, err);
}

/* What others left in the folder of a layout need not be ours to read; a blob must not be
 * overlooked. */
static int visit_closed(struct ocs_walk *walk, struct ocs_error *err)
{
    const struct visit *visit = walk->data;
    struct stat st;
    if (strncmp(walk->path + visit->base, "layouts/", strlen("layouts/")) != 0)
        return -OCS_FAILED;
    if (fstatat(walk->root, walk->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : ocs_error_errno(err, "%s", walk->path);
    return visit_file(walk, &st, err);
}

struct names {
    char (*items)[OCS_RUN_NAME_SIZE];
    size_t count;
};

static void names_clear(struct names *names)
{
    free(names->items);
}
#define auto_names __attribute__((cleanup(names_clear)))

static int names_add(struct names *names, const char *name, struct ocs_error *err)
{
    if ((names->count & (names->count - 1)) == 0) {
        size_t capacity = names->count ? names->count * 2 : 1;
        void *grown = realloc(names->items, capacity * sizeof(*names->items));
        if (!grown)
            return ocs_error_memory(err);
        names->items = grown;
    }
    memcpy(names->items[names->count++], name, OCS_RUN_NAME_SIZE);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int list_runs(int state_dir, struct names *names, struct ocs_error *err)
{
    auto_dir DIR *dir = NULL;
    int result = ocs_walk_open(state_dir, "trash", &dir, err);
    if (result)
        return result < 0 ? result : 0;
    struct dirent *entry;
    while ((entry = ocs_walk_next(dir))) {
        if (ocs_run_time(entry->d_name) < 0)
            continue;
        result = names_add(names, entry->d_name, err);
        if (result < 0)
            return result;
    }
    if (errno)
        return ocs_error_errno(err, "trash");
    if (names->count)
        qsort(names->items, names->count, sizeof(*names->items), by_name);
    return 0;
}

int ocs_trash_each(int state_dir, const struct ocs_trash_visitor *visitor, struct ocs_error *err)
{
    auto_names struct names runs = {0};
    int result = list_runs(state_dir, &runs, err);
    for (size_t i = 0; result == 0 && i < runs.count; i++) {
        struct visit visit = {.run = runs.items[i], .visitor = visitor};
        struct ocs_walk walk = {
            .root = state_dir,
            .sorted = visitor->sorted,
            .data = &visit,
            .on_file = visit_file,
            .on_closed = visit_closed,
        };
        visit.base = walk_begin(&walk, runs.items[i]) + 1;
        result = ocs_walk_run(&walk, err);
    }
    return result;
}

struct measure {
    uint64_t files, bytes;
};

static int measure_entry(void *data, const char *run, const char *path,
                         const struct ocs_digest *digest, const struct stat *st,
                         struct ocs_error *err)
{
    struct measure *measure = data;
    (void)run;
    (void)path;
    (void)digest;
    (void)err;
    measure->files++;
    measure->bytes += ocs_blob_frees(st);
    return 0;
}

int ocs_trash_measure(int state_dir, uint64_t *files, uint64_t *bytes, struct ocs_error *err)
{
    struct measure measure = {0};
    struct ocs_trash_visitor visitor = {.data = &measure, .on_entry = measure_entry};
    int result = ocs_trash_each(state_dir, &visitor, err);
    *files = measure.files;
    *bytes = measure.bytes;
    return result;
}

/* ---- folders of a run ---- */

static int sync_folder(struct ocs_walk *walk, struct ocs_error *err)
{
    return ocs_io_sync_dir(walk->root, walk->path, walk->path, err);
}

/* It came as it is, with a folder above it. */
static int leave_closed(struct ocs_walk *walk, struct ocs_error *err)
{
    (void)walk;
    (void)err;
    return 0;
}

int ocs_trash_sync(int state_dir, const char *run, struct ocs_error *err)
{
    struct ocs_walk walk = {
        .root = state_dir, .on_folder_end = sync_folder, .on_closed = leave_closed};
    walk_begin(&walk, run);
    return ocs_walk_run(&walk, err);
}

static int drop_folder(struct ocs_walk *walk, struct ocs_error *err)
{
    int result = ocs_io_rmdir(walk->root, walk->path, walk->path, err);
    return result == OCS_IO_EXISTS ? 0 : result;
}

int ocs_trash_drop_empty(int state_dir, const char *run, struct ocs_error *err)
{
    struct ocs_walk walk = {
        .root = state_dir, .on_folder_end = drop_folder, .on_closed = leave_closed};
    walk_begin(&walk, run);
    return ocs_walk_run(&walk, err);
}

int ocs_trash_unlink(int state_dir, const char *run, const char *path, struct ocs_error *err)
{
    char full[PATH_MAX];
    if (snprintf(full, sizeof(full), "trash/%s/%s", run, path) >= (int)sizeof(full))
        return ocs_error_raise(err, OCS_FAILED, "%s: name too long", path);
    return ocs_io_unlink(state_dir, full, 0, full, err);
}

/* ---- a layout with another name ---- */

/* Positive: the run has nothing of its list, or of both. */
static int rename_in_run(int state_dir, const char *old, const char *new, struct ocs_error *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct stat st;
    snprintf(from, sizeof(from), "%s/oci-layout", old);
    if (fstatat(state_dir, from, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return OCS_IO_ABSENT;
    snprintf(from, sizeof(from), "%s/index.json", old);
    snprintf(to, sizeof(to), "%s/index.json", new);
    if (fstatat(state_dir, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return OCS_IO_ABSENT;
    int result = ocs_io_mkdirs(state_dir, new, OCS_MODE_FOLDER, new, err);
    if (result == 0)
        result = ocs_io_rename_noreplace(state_dir, from, state_dir, to, from, err);
    if (result == 0)
        result = ocs_io_sync_dir(state_dir, new, new, err);
    return result == 0 ? ocs_io_sync_dir(state_dir, old, old, err) : result;
}

int ocs_trash_rename_layout(int state_dir, const char *from, const char *to, struct ocs_error *err)
{
    auto_names struct names runs = {0};
    int result = list_runs(state_dir, &runs, err);
    for (size_t i = 0; result == 0 && i < runs.count; i++) {
        char old[PATH_MAX], new[PATH_MAX];
        snprintf(old, sizeof(old), "trash/%s/layouts/%s", runs.items[i], from);
        snprintf(new, sizeof(new), "trash/%s/layouts/%s", runs.items[i], to);
        result = rename_in_run(state_dir, old, new, err);
        if (result == 0)
            result = ocs_io_rmdir(state_dir, old, old, err);
        result = result > 0 ? 0 : result;
    }
    return result;
}

/* ---- back into blobs/ ---- */

/* What cannot be verified is taken as it is: it lay in blobs/ like that.
 * fsync: whoever wrote it may not have done it. */
int ocs_trash_verify_file(int state_dir, const char *path, const struct ocs_digest *digest,
                          struct ocs_error *err)
{
    auto_fd int fd = -1;
    int result = ocs_io_open_regular(state_dir, path, &fd, NULL, path, err);
    if (result)
        return result == OCS_IO_NOT_REGULAR ? OCS_BLOB_BAD : result;
    enum ocs_algorithm algorithm = ocs_digest_algorithm(digest);
    struct ocs_digest actual = *digest;
    if (ocs_algorithm_verifiable(algorithm))
        result = ocs_hash_file(fd, algorithm, &actual, path, err);
    if (result == OCS_HASH_UNREADABLE)
        return OCS_BLOB_BAD;
    if (result == 0 && !ocs_digest_equal(digest, &actual))
        return OCS_BLOB_BAD;
    return result ? result : ocs_io_fsync(fd, path, err);
}

int ocs_trash_restore_file(int state_dir, const char *path, struct ocs_blobs *blobs,
                           const struct ocs_digest *digest, struct ocs_error *err)
{
    struct stat st;
    int result = ocs_blobs_stat(blobs, digest, &st, err);
    if (result <= 0)
        return result < 0 ? result : OCS_IO_EXISTS;
    result = ocs_trash_verify_file(state_dir, path, digest, err);
    if (result == 0)
        result = ocs_blobs_publish(blobs, state_dir, path, digest, err);
    if (result < 0 && fstatat(state_dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return OCS_IO_ABSENT; /* somebody else has put it back */
    return result;
}

int ocs_trash_restore_blob(int state_dir, const char *run, struct ocs_blobs *blobs,
                           const struct ocs_digest *digest, struct ocs_error *err)
{
    char name[OCS_DIGEST_BUF];
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "trash/%s/blobs/%s", run, ocs_digest_path(digest, name));
    return ocs_trash_restore_file(state_dir, path, blobs, digest, err);
}

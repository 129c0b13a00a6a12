/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store.h"

#include "cleanup.h"
#include "error.h"
#include "graph_owner.h"
#include "marker.h"
#include "reserve.h"
#include "shell_word.h"
#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

struct init {
    const struct ocs_init_options *options;
    struct ocs_init_report *report;
    const char *path;
    int dir;
    int state;
};

static void notice(const struct init *init, const char *text)
{
    const struct ocs_hooks *hooks = init->options->hooks;
    if (hooks && hooks->notice)
        hooks->notice(hooks->data, text);
}

static int open_folder(const char *dir, int *fd, struct ocs_error *err)
{
    char store[PATH_MAX];
    bool made = mkdir(dir, OCS_MODE_FOLDER) == 0;
    if (!made && errno != EEXIST)
        return ocs_error_errno(err, "%s: create the folder", dir);
    if (ocs_seen_inside(dir, store)) { /* its gc would not know of that one's layouts */
        if (made)
            ocs_io_rmdir(AT_FDCWD, dir, dir, NULL);
        return ocs_error_hint(
            err, ocs_error_raise(err, OCS_USAGE, "it lies inside the store %s", store),
            "what lies there is of that store: ocistore --store %s ls", ocs_shell_word(store).text);
    }
    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd < 0 ? ocs_error_errno(err, "%s", dir) : 0;
}

static bool has(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A link in the place of an algorithm's folder. */
static bool has_linked_folder(const struct init *init)
{
    for (int i = OCS_ALGORITHM_SHA256; ocs_algorithm_name((enum ocs_algorithm)i); i++) {
        char path[32];
        struct stat st;
        snprintf(path, sizeof(path), "blobs/%s", ocs_algorithm_name((enum ocs_algorithm)i));
        if (fstatat(init->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
            return true;
    }
    return false;
}

/* Before anything is made: blobs must lie here, not behind a link. */
static int check_blobs(const struct init *init, struct ocs_error *err)
{
    struct ocs_blobs *blobs = NULL;
    int result = ocs_blobs_open(init->dir, "blobs", 0, "blobs", &blobs, err);
    if (result == OCS_IO_ABSENT)
        return 0;
    if (result < 0)
        return result;
    bool linked = result == OCS_IO_NOT_REGULAR || has_linked_folder(init);
    ocs_blobs_close(blobs);
    if (linked)
        return ocs_error_raise(err, OCS_REFUSED,
                               "blobs, or a folder in it, is a link or no folder: a store's blobs "
                               "must lie in the store");
    return 0;
}

/* Its layouts would be seen by no command. */
static int check_layouts(const struct init *init, struct ocs_error *err)
{
    struct stat st;
    if (fstatat(init->dir, "layouts", &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
        return 0;
    return ocs_error_hint(err,
                          ocs_error_raise(err, OCS_REFUSED,
                                          "layouts is a link or no folder: a store's layouts must "
                                          "lie in the store, or be attached"),
                          "put it elsewhere, then init again, and ocistore attach each of its "
                          "layouts");
}

static const char *const STATE[] = {"roots", "graph", "locks",      "locks/layouts",
                                    "tmp",   "trash", "quarantine", "journal"};
#define STATE_COUNT (sizeof(STATE) / sizeof(STATE[0]))

static int make_folders(struct init *init, struct ocs_error *err)
{
    int result = ocs_io_mkdir(init->dir, ".ocistore", OCS_MODE_FOLDER, ".ocistore", err);
    if (result == 0)
        result = ocs_io_open_dir(init->dir, ".ocistore", &init->state, ".ocistore", err);
    if (result > 0)
        return ocs_error_raise(err, OCS_REFUSED, ".ocistore is no folder");
    for (size_t i = 0; result == 0 && i < STATE_COUNT; i++)
        result = ocs_io_mkdir(init->state, STATE[i], OCS_MODE_FOLDER, STATE[i], err);
    if (result == 0)
        result = ocs_io_mkdir(init->dir, "blobs", OCS_MODE_FOLDER, "blobs", err);
    if (result == 0 && !init->report->in_place)
        result = ocs_io_mkdir(init->dir, "layouts", OCS_MODE_FOLDER, "layouts", err);
    return result;
}

/* A folder that can be no store must not look like one that lost its store.json.  What
 * was there before has something in it. */
static void take_folders_away(const struct init *init)
{
    if (has(init->state, "store.json"))
        return;
    for (size_t i = STATE_COUNT; i > 0; i--)
        ocs_io_rmdir(init->state, STATE[i - 1], STATE[i - 1], NULL);
    ocs_io_rmdir(init->dir, ".ocistore", ".ocistore", NULL);
}

/* All that a store is to do: an import, the exchange of a damaged blob, a sweep. */
static int rename_about(int tmp, int blobs, int trash, const char *name, struct ocs_error *err)
{
    const char *what = "blobs and .ocistore must be on one file system";
    int result = ocs_io_mkdir(tmp, name, 0700, what, err);
    if (result == 0)
        result = ocs_io_rename_noreplace(tmp, name, blobs, name, what, err);
    if (result == 0)
        result = ocs_io_mkdir(tmp, name, 0700, what, err);
    if (result == 0)
        result = ocs_io_exchange(tmp, name, blobs, name, what, err);
    if (result == 0)
        result = ocs_io_rename_noreplace(blobs, name, trash, name, what, err);
    if (result < 0 && errno == EINVAL)
        return ocs_error_hint(err, result,
                              "one that knows RENAME_NOREPLACE and RENAME_EXCHANGE, see rename(2)");
    return result > 0 ? ocs_error_raise(err, OCS_FAILED, "%s is moved about by others", name)
                      : result;
}

/* Device numbers lie (bind mounts, btrfs subvolumes): a rename does not. */
static int prove_rename(const struct init *init, struct ocs_error *err)
{
    char random[17];
    char name[64];
    ocs_io_random_name(random);
    snprintf(name, sizeof(name), ".ocistore-probe-%s", random);
    int blobs = openat(init->dir, "blobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int tmp = openat(init->state, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int trash = openat(init->state, "trash", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = rename_about(tmp, blobs, trash, name, err);
    /* wherever it is now */
    ocs_io_unlink(tmp, name, AT_REMOVEDIR, name, NULL);
    ocs_io_unlink(blobs, name, AT_REMOVEDIR, name, NULL);
    ocs_io_unlink(trash, name, AT_REMOVEDIR, name, NULL);
    close(trash);
    close(tmp);
    close(blobs);
    return result;
}

static void make_uuid(char out[37])
{
    char a[17], b[17];
    ocs_io_random_name(a);
    ocs_io_random_name(b);
    a[12] = '4'; /* RFC 4122: version 4, variant 1 */
    b[0] = "89ab"[b[0] & 3];
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", a, a + 8, a + 12, b, b + 4);
}

/* The graph is kept in that folder from now on.  `uuid` "": there was no store yet. */
static int take_graph_dir(const struct init *init, const char *uuid, struct ocs_marker *marker,
                          struct ocs_error *err)
{
    auto_free char *path = realpath(init->options->graph_dir, NULL);
    auto_free char *store = realpath(init->path, NULL);
    auto_free char *former = NULL;
    if (!path || !store)
        return ocs_error_errno(err, "%s", path ? init->path : init->options->graph_dir);
    struct ocs_graph_owner owner = {.dir = init->dir,
                                    .path = store,
                                    .uuid = uuid,
                                    .graph_path = path,
                                    .any_unnamed = *uuid == '\0'};
    int result = ocs_graph_owner_check(&owner, &former, err);
    if (result < 0)
        return result;
    free(marker->graph_dir);
    marker->graph_dir = TAKE_PTR(path);
    owner.uuid = marker->uuid;
    result = ocs_marker_write(init->state, marker, err);
    return result == 0 ? ocs_graph_owner_claim(&owner, err) : result;
}

static int write_marker(const struct init *init, struct ocs_marker *marker, struct ocs_error *err)
{
    make_uuid(marker->uuid);
    marker->unsafe_network = init->options->unsafe_network && init->options->graph_dir;
    return init->options->graph_dir ? take_graph_dir(init, "", marker, err)
                                    : ocs_marker_write(init->state, marker, err);
}

/* Of a store that is there already; store.json is changed under this lock (roots.h). */
static int move_graph(const struct init *init, struct ocs_error *err)
{
    struct ocs_marker marker = {0};
    auto_fd int lock = openat(init->state, "roots", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *path = realpath(init->options->graph_dir, NULL);
    if (lock < 0 || flock(lock, LOCK_EX) < 0)
        return ocs_error_errno(err, ".ocistore/roots: lock");
    int result = ocs_marker_read(init->state, &marker, err);
    if (result > 0)
        result = ocs_error_raise(err, OCS_BUSY, ".ocistore/store.json was changed meanwhile");
    bool same = result == 0 && path && marker.graph_dir && strcmp(marker.graph_dir, path) == 0;
    if (result == 0 && !same) {
        char uuid[sizeof(marker.uuid)];
        memcpy(uuid, marker.uuid, sizeof(uuid));
        result = take_graph_dir(init, uuid, &marker, err);
        init->report->graph_moved = result == 0;
    }
    ocs_marker_clear(&marker);
    return result;
}

/* What it held is made anew: the graph is a cache, the entries of roots/ are counted. */
static int put_marker_aside(const struct init *init, struct ocs_error *err)
{
    int result = ocs_io_rename_noreplace(init->state, "store.json", init->state,
                                         "store.json.damaged", ".ocistore/store.json", err);
    if (result == OCS_IO_EXISTS)
        return ocs_error_hint(
            err, ocs_error_raise(err, OCS_FAILED, ".ocistore/store.json.damaged is there already"),
            "remove it");
    if (result == 0)
        notice(init, ".ocistore/store.json was damaged, and is kept as store.json.damaged; if it "
                     "named a folder for the graph, it has to be made anew with --graph-dir");
    return result < 0 ? result : 0;
}

/* The marker comes last: with it the folder is a store. */
static int make_marker(struct init *init, struct ocs_error *err)
{
    struct ocs_marker marker = {0};
    int result = ocs_marker_read(init->state, &marker, err);
    init->report->existed = result == 0;
    if (result == OCS_MARKER_DAMAGED) {
        result = put_marker_aside(init, err);
        result = result == 0 ? write_marker(init, &marker, err) : result;
    } else if (result == OCS_IO_ABSENT) {
        result = write_marker(init, &marker, err);
    }
    if (result == 0)
        memcpy(init->report->uuid, marker.uuid, sizeof(marker.uuid));
    ocs_marker_clear(&marker);
    if (result == 0 && init->report->existed && init->options->graph_dir)
        result = move_graph(init, err);
    return result;
}

/* A folder that lost its store.json still has its layouts, and entries of them that are
 * not to be overlooked when they get lost, too. */
static int count_roots(struct init *init, struct ocs_error *err)
{
    struct ocs_roots_place place = {.store_dir = init->dir, .state_dir = init->state};
    struct ocs_marker marker = {0};
    struct ocs_roots roots = {0};
    uint64_t entries = 0;
    int result = ocs_roots_read(&place, &roots, err);
    for (size_t i = 0; i < roots.count; i++)
        entries += roots.items[i].registered;
    init->report->layouts = roots.count;
    ocs_roots_clear(&roots);
    if (result == 0)
        result = ocs_marker_read(init->state, &marker, err);
    if (result > 0)
        result = ocs_error_raise(err, OCS_BUSY, ".ocistore/store.json was changed meanwhile");
    if (result == 0 && marker.roots < entries) {
        marker.roots = entries;
        result = ocs_marker_write(init->state, &marker, err);
    }
    ocs_marker_clear(&marker);
    return result;
}

static int count_blob(void *data, const struct ocs_blobs_entry *entry, struct ocs_error *err)
{
    struct ocs_init_report *report = data;
    (void)err;
    report->blobs += entry->regular;
    return 0;
}

static int pass_stranger(void *data, const char *path, struct ocs_error *err)
{
    (void)data;
    (void)path;
    (void)err;
    return 0;
}

/* By their names alone.  The store is made by now: a folder that cannot be read is told. */
static void count_blobs(struct init *init)
{
    struct ocs_error trouble = {0};
    struct ocs_blobs_visitor visitor = {
        .data = init->report, .on_blob = count_blob, .on_stranger = pass_stranger};
    struct ocs_blobs *blobs = NULL;
    int result = ocs_blobs_open(init->dir, "blobs", 0, "blobs", &blobs, &trouble);
    if (result == 0)
        result = ocs_blobs_each(blobs, &visitor, &trouble);
    ocs_blobs_close(blobs);
    if (result < 0)
        notice(init, trouble.message);
}

static int register_in_place(const struct init *init, struct ocs_error *err)
{
    struct ocs_roots_place place = {.store_dir = init->dir, .state_dir = init->state};
    struct ocs_index_wait wait = {.patience_ms = 5000, .hooks = init->options->hooks};
    struct ocs_root root = {.name = (char *)".", .path = (char *)"."};
    auto_index struct ocs_index index = {0};
    struct ocs_error trouble = {0};
    int result = ocs_index_read(init->dir, "layout '.'", &wait, &index, &trouble);
    if (result < 0) {
        if (err)
            *err = trouble;
        return result;
    }
    if (result > 0) {
        char text[sizeof(trouble.message) + 64];
        snprintf(text, sizeof(text), "%s; gc will refuse until that is mended", trouble.message);
        notice(init, text);
    }
    return ocs_roots_put(&place, &root, &index.bytes, err);
}

static int make_reserve(const struct init *init, struct ocs_error *err)
{
    int result = ocs_reserve_make(init->state, err);
    if (result == OCS_RESERVE_NO_SPACE)
        notice(init, "the disk is too full to keep space back for deleting");
    return result < 0 ? result : 0;
}

/* Before anything is made.  store.json is JSON, which would change a path that is no UTF-8. */
static int check_graph_dir(const char *graph_dir, const char *dir, struct ocs_error *err)
{
    auto_free char *path = realpath(graph_dir, NULL);
    auto_free char *state = NULL;
    auto_free char *former = NULL;
    struct stat st;
    if (!path)
        return ocs_error_errno(err, "%s", graph_dir);
    if (!ocs_utf8_valid(path))
        return ocs_error_raise(err, OCS_USAGE, "%s: the path is no UTF-8, and cannot be kept",
                               path);
    if (asprintf(&state, "%s/.ocistore", dir) < 0) {
        state = NULL;
        return ocs_error_memory(err);
    }
    if (lstat(state, &st) == 0) /* a store, or what is left of one */
        return 0;
    const struct ocs_graph_owner owner = {
        .dir = -1, .path = dir, .uuid = "", .graph_path = path, .is_new = true};
    int result = ocs_graph_owner_check(&owner, &former, err);
    return result < 0 ? result : 0;
}

/* On a network the graph at least has to be elsewhere. */
static int check_filesystems(const struct init *init, const char *dir, struct ocs_error *err)
{
    const struct ocs_init_options *options = init->options;
    bool allowed = options->unsafe_network && options->graph_dir;
    int result = ocs_store_check_filesystem(init->dir, dir, allowed, err);
    if (result < 0 || !options->graph_dir)
        return result;
    auto_fd int graph = open(options->graph_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (graph < 0)
        return ocs_error_errno(err, "%s", options->graph_dir);
    return ocs_store_check_filesystem(graph, options->graph_dir, false, err);
}

static int make_store(struct init *init, struct ocs_error *err)
{
    int result = check_blobs(init, err);
    if (result == 0 && !init->report->in_place)
        result = check_layouts(init, err);
    if (result == 0)
        result = make_folders(init, err);
    if (result == 0)
        result = prove_rename(init, err);
    if (result < 0 && init->state >= 0)
        take_folders_away(init);
    if (result == 0)
        result = ocs_io_sync_dir(init->state, ".", ".ocistore", err);
    if (result == 0)
        result = ocs_io_sync_dir(init->dir, ".", "store", err);
    if (result == 0)
        result = make_reserve(init, err);
    if (result == 0)
        result = make_marker(init, err);
    if (result == 0 && !init->report->existed)
        result = count_roots(init, err);
    if (result == 0 && !init->report->existed)
        count_blobs(init);
    if (result == 0 && init->report->in_place)
        result = register_in_place(init, err);
    return result;
}

int ocs_store_init(const char *dir, const struct ocs_init_options *options,
                   struct ocs_init_report *report, struct ocs_error *err)
{
    static const struct ocs_init_options none = {0};
    struct ocs_init_report unused;
    struct init init = {
        .options = options ? options : &none,
        .report = report ? report : &unused,
        .path = dir,
        .dir = -1,
        .state = -1,
    };
    *init.report = (struct ocs_init_report){0};
    const char *graph_dir = init.options->graph_dir;
    int result = graph_dir ? check_graph_dir(graph_dir, dir, err) : 0;
    if (result == 0)
        result = open_folder(dir, &init.dir, err);
    if (result < 0)
        return result;
    init.report->in_place = has(init.dir, "oci-layout") || has(init.dir, "index.json");
    result = check_filesystems(&init, dir, err);
    if (result == 0)
        result = make_store(&init, err);
    if (init.state >= 0)
        close(init.state);
    close(init.dir);
    return ocs_error_context(err, result, "%s", dir);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store.h"

#include "cleanup.h"
#include "error.h"
#include "grammar.h"
#include "graph_owner.h"
#include "journal.h"
#include "marker.h"
#include "owner.h"
#include "private_graph.h"
#include "shell_word.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

/* ---- opening ---- */

int ocs_store_check_filesystem(int dir, const char *path, bool allowed, struct ocs_error *err)
{
    static const long network[] = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC,
                                   SMB2_SUPER_MAGIC, V9FS_MAGIC,      CEPH_SUPER_MAGIC,
                                   AFS_SUPER_MAGIC,  0x0BD00BD0 /* Lustre */};
    struct statfs fs;
    if (fstatfs(dir, &fs) < 0)
        return ocs_error_errno(err, "%s", path);
    for (size_t i = 0; !allowed && i < sizeof(network) / sizeof(network[0]); i++) {
        if ((unsigned)fs.f_type == (unsigned)network[i])
            return ocs_error_hint(err,
                                  ocs_error_raise(err, OCS_REFUSED,
                                                  "%s is on a network file system, where neither "
                                                  "locks nor the graph's map can be trusted",
                                                  path),
                                  "ocistore init --graph-dir LOCAL-FOLDER --unsafe-network");
    }
    return 0;
}

/* Whether the message begins with the store's name. */
static bool names_store(const struct ocs_error *err, const char *dir)
{
    size_t size = strlen(dir);
    return err && strncmp(err->message, dir, size) == 0 &&
           strncmp(err->message + size, ": ", 2) == 0;
}

static int no_store(const char *dir, struct ocs_error *err)
{
    char store[PATH_MAX];
    bool inside = ocs_seen_inside(dir, store);
    return ocs_error_hint(err, ocs_error_raise(err, OCS_USAGE, "%s is no store", dir),
                          inside ? "what lies there is of a store: ocistore --store %s ls"
                                 : "ocistore init %s",
                          ocs_shell_word(inside ? store : dir).text);
}

static int no_folder(const char *dir, struct ocs_error *err)
{
    return ocs_error_hint(err, ocs_error_raise(err, OCS_USAGE, "%s is a file, and no store", dir),
                          "a store is a folder that holds .ocistore/");
}

static int open_folders(struct ocs_store *store, const char *dir, struct ocs_error *err)
{
    store->path = realpath(dir, NULL);
    if (!store->path)
        return errno == ENOENT ? no_store(dir, err) : ocs_error_errno(err, "%s", dir);
    store->dir = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir < 0)
        return errno == ENOTDIR ? no_folder(dir, err) : ocs_error_errno(err, "%s", dir);
    int result = ocs_io_open_dir(store->dir, ".ocistore", &store->state, ".ocistore", err);
    if (result < 0 && errno == EACCES)
        return ocs_error_hint(err, result, "run this as the owner of the store");
    return result > 0 ? no_store(dir, err) : result;
}

/* With what a store has by default. */
static int do_without_marker(struct ocs_store *store, struct ocs_error *err)
{
    if (asprintf(&store->graph_path, "%s/.ocistore/graph", store->path) >= 0)
        return 0;
    store->graph_path = NULL;
    return ocs_error_memory(err);
}

static struct ocs_graph_owner owner_of(const struct ocs_store *store)
{
    return (struct ocs_graph_owner){.dir = store->dir,
                                    .path = store->path,
                                    .uuid = store->uuid,
                                    .graph_path = store->graph_path,
                                    .any_unnamed = true};
}

static int check_graph_owner(struct ocs_store *store, struct ocs_error *err)
{
    auto_free char *former = NULL;
    struct ocs_graph_owner owner = owner_of(store);
    int result = ocs_graph_owner_check(&owner, &former, err);
    store->graph_unclaimed = result == OCS_GRAPH_UNCLAIMED;
    return result < 0 ? result : 0;
}

static int claim_graph(struct ocs_store *store, struct ocs_error *err)
{
    auto_free char *former = NULL;
    struct ocs_graph_owner owner = owner_of(store);
    int result = ocs_graph_owner_check(&owner, &former, err);
    if (result <= 0)
        return result;
    if (former)
        ocs_store_notice(store,
                         "the graph in %s was that of %s, where this store is no more: it is taken "
                         "along",
                         store->graph_path, former);
    result = ocs_graph_owner_claim(&owner, err);
    store->graph_unclaimed = result < 0;
    return result;
}

static int read_marker(struct ocs_store *store, bool for_fsck, struct ocs_error *err)
{
    struct ocs_marker marker = {0};
    int result = ocs_marker_read(store->state, &marker, err);
    if (for_fsck && (result > 0 || (result < 0 && !ocs_io_no_means())))
        return do_without_marker(store, err);
    if (result == OCS_MARKER_DAMAGED)
        return ocs_error_hint(err, -OCS_FAILED, "ocistore init %s makes it anew",
                              ocs_shell_word(store->path).text);
    if (result > 0)
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_FAILED, ".ocistore/store.json is missing"),
                              "ocistore init %s completes what an interrupted one left out",
                              ocs_shell_word(store->path).text);
    if (result < 0)
        return result;
    memcpy(store->uuid, marker.uuid, sizeof(store->uuid));
    result = ocs_store_check_filesystem(store->dir, store->path, marker.unsafe_network, err);
    int size = marker.graph_dir ? asprintf(&store->graph_path, "%s", marker.graph_dir)
                                : asprintf(&store->graph_path, "%s/.ocistore/graph", store->path);
    bool elsewhere = marker.graph_dir;
    ocs_marker_clear(&marker);
    if (size < 0) {
        store->graph_path = NULL;
        return ocs_error_memory(err);
    }
    return result == 0 && elsewhere ? check_graph_owner(store, err) : result;
}

static int open_blobs(struct ocs_store *store, bool for_fsck, struct ocs_error *err)
{
    int result = ocs_blobs_open(store->dir, "blobs", 0, "blobs", &store->blobs, err);
    if (result == OCS_IO_NOT_REGULAR && for_fsck)
        return 0;
    if (result == OCS_IO_ABSENT)
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_FAILED, "the folder blobs is not there"),
                              "put it back, or mount it");
    if (result == OCS_IO_NOT_REGULAR)
        return ocs_error_raise(err, OCS_REFUSED,
                               "blobs, or a folder in it, is a link or no folder: a store's blobs "
                               "must lie in the store");
    return result;
}

const char *ocs_store_odd_folder(int state_dir, size_t *next)
{
    static const char *const folders[] = {"trash", "quarantine", "tmp", "locks", "locks/layouts"};
    while (*next < sizeof(folders) / sizeof(folders[0])) {
        struct stat st;
        const char *folder = folders[(*next)++];
        if (fstatat(state_dir, folder, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
            return folder;
    }
    return NULL;
}

static int check_folders(const struct ocs_store *store, struct ocs_error *err)
{
    size_t next = 0;
    const char *odd = ocs_store_odd_folder(store->state, &next);
    if (!odd)
        return 0;
    return ocs_error_hint(
        err, ocs_error_raise(err, OCS_REFUSED, ".ocistore/%s is a link or no folder", odd),
        OCS_STORE_ODD_HELP);
}

int ocs_store_open(const char *dir, const struct ocs_open_options *options, struct ocs_store **out,
                   struct ocs_error *err)
{
    struct ocs_store *store = calloc(1, sizeof(*store));
    if (!store)
        return ocs_error_memory(err);
    store->dir = store->state = -1;
    if (options && options->hooks)
        store->hooks = *options->hooks;
    store->lock_timeout_given = options && options->lock_timeout_given;
    store->wait = (struct ocs_lock_wait){
        .timeout_ms = store->lock_timeout_given ? options->lock_timeout_ms : -1,
        .hooks = &store->hooks,
    };
    bool for_fsck = options && options->for_fsck;
    int result = open_folders(store, dir, err);
    if (result == 0)
        result = read_marker(store, for_fsck, err);
    if (result == 0)
        result = open_blobs(store, for_fsck, err);
    if (result == 0 && !for_fsck)
        result = check_folders(store, err);
    if (result == 0)
        result = ocs_locks_open(store->state, &store->locks, err);
    if (result < 0) {
        ocs_store_close(store);
        return result == -OCS_USAGE || names_store(err, dir)
                   ? result
                   : ocs_error_context(err, result, "%s", dir);
    }
    *out = store;
    return 0;
}

void ocs_store_close(struct ocs_store *store)
{
    if (!store)
        return;
    if (store->graph)
        ocs_graph_close(store->graph);
    if (store->locks)
        ocs_locks_close(store->locks);
    if (store->blobs)
        ocs_blobs_close(store->blobs);
    if (store->state >= 0)
        close(store->state);
    if (store->dir >= 0)
        close(store->dir);
    if (store->graph_is_private)
        ocs_private_graph_remove(store->graph_path);
    free(store->graph_path);
    free(store->path);
    free(store);
}

const char *ocs_store_path(const struct ocs_store *store)
{
    return store->path;
}

/* ---- the graph ---- */

static int open_graph(struct ocs_store *store, struct ocs_error *err)
{
    int result = ocs_io_mkdir(AT_FDCWD, store->graph_path, OCS_MODE_FOLDER, store->graph_path, err);
    if (result == 0 && store->graph_unclaimed && !store->graph_is_private)
        result = claim_graph(store, err);
    if (result < 0)
        return result;
    auto_fd int dir = open(store->graph_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return ocs_error_errno(err, "%s", store->graph_path);
    struct ocs_graph_options options = {
        .dir_fd = dir,
        .path = store->graph_path,
        .lock_fd = ocs_locks_fd(store->locks, OCS_LOCK_GRAPH),
        .wait = &store->wait,
        .create = true,
    };
    result = ocs_graph_open(&options, &store->graph, err);
    if (result == 0)
        ocs_owner_of_foreign_file(dir, "data.mdb");
    return result;
}

static int copy_graph(struct ocs_store *store, char **path, bool *copied, struct ocs_error *err)
{
    int result = ocs_lock_take(store->locks, OCS_LOCK_GRAPH, false, &store->wait, err);
    if (result < 0)
        return result;
    result = ocs_private_graph_make(store->graph_path, path, copied, err);
    ocs_lock_release(store->locks, OCS_LOCK_GRAPH);
    return result;
}

int ocs_store_graph_leave(struct ocs_store *store, struct ocs_error *err)
{
    char *path = NULL;
    bool copied = false;
    if (store->graph_is_private || !ocs_private_graph_needed(store->graph_path))
        return OCS_STORE_GRAPH_AS_IT_WAS;
    int result = copy_graph(store, &path, &copied, err);
    if (result < 0)
        return result;
    if (store->graph && !copied) { /* somebody may know ids of the one that is open */
        ocs_private_graph_remove(path);
        free(path);
        return OCS_STORE_GRAPH_AS_IT_WAS;
    }
    ocs_store_notice(store, "the graph in %s %s", store->graph_path,
                     ocs_private_graph_trouble(store->graph_path));
    if (store->graph)
        ocs_graph_close(store->graph);
    store->graph = NULL;
    free(store->graph_path);
    store->graph_path = path;
    store->graph_is_private = true;
    return 0;
}

/* One that cannot be made, or not be cleared of a half-made one, is no obstacle. */
static int open_some_graph(struct ocs_store *store, struct ocs_error *err)
{
    int result = open_graph(store, err);
    if (result != -OCS_FAILED)
        return result;
    int left = ocs_store_graph_leave(store, NULL);
    return left == 0 ? open_graph(store, err) : result;
}

int ocs_store_graph(struct ocs_store *store, struct ocs_graph **out, struct ocs_error *err)
{
    int result = store->graph ? 0 : open_some_graph(store, err);
    if (result == OCS_GRAPH_CORRUPT)
        result = ocs_store_graph_rebuild(store, err);
    if (result < 0)
        return ocs_error_context(err, result, "graph");
    *out = store->graph;
    return 0;
}

bool ocs_store_graph_is_open(const struct ocs_store *store)
{
    return store->graph;
}

/* The last bad graph is kept beside, for people who want to know why. */
static int move_graph_aside(struct ocs_store *store, struct ocs_error *err)
{
    char bad[PATH_MAX];
    char data[PATH_MAX];
    snprintf(data, sizeof(data), "%s/data.mdb", store->graph_path);
    snprintf(bad, sizeof(bad), "%s/data.mdb.bad", store->graph_path);
    int result = ocs_io_unlink(AT_FDCWD, bad, 0, bad, err);
    if (result == 0)
        result = ocs_io_rename_noreplace(AT_FDCWD, data, AT_FDCWD, bad, data, err);
    return result < 0 ? result : 0;
}

/* What this process has open is no longer what is there: somebody else built it
 * anew before us. */
static bool was_replaced(struct ocs_store *store)
{
    return store->graph && ocs_graph_replaced(store->graph);
}

int ocs_store_graph_rebuild(struct ocs_store *store, struct ocs_error *err)
{
    bool replaced = was_replaced(store);
    if (store->graph)
        ocs_graph_close(store->graph);
    store->graph = NULL;
    if (replaced && open_graph(store, err) == 0)
        return 0;
    ocs_store_notice(store, "the graph is damaged: it is built anew from the blobs");
    int result = ocs_lock_take(store->locks, OCS_LOCK_GRAPH, true, &store->wait, err);
    if (result < 0)
        return result;
    result = move_graph_aside(store, err);
    ocs_lock_release(store->locks, OCS_LOCK_GRAPH);
    if (result == 0)
        result = open_graph(store, err);
    if (result > 0)
        result = ocs_error_raise(err, OCS_FAILED, "a new graph in %s is damaged at once",
                                 store->graph_path);
    return result;
}

/* ---- for the commands ---- */

int ocs_store_writer(struct ocs_store *store, struct ocs_error *err)
{
    return ocs_lock_writer(store->locks, &store->wait, err);
}

void ocs_store_writer_end(struct ocs_store *store)
{
    ocs_lock_release(store->locks, OCS_LOCK_STORE);
}

int ocs_store_refuse_in_place(const struct ocs_store *store, struct ocs_error *err)
{
    if (!ocs_seen_in_place(store->dir))
        return 0;
    return ocs_error_raise(err, OCS_USAGE,
                           "%s is a store in place: it holds that one layout only, since a tool "
                           "that cleans it up would destroy others",
                           store->path);
}

struct ocs_roots_place ocs_store_roots_place(struct ocs_store *store)
{
    return (struct ocs_roots_place){
        .store_dir = store->dir, .state_dir = store->state, .wait = &store->wait};
}

void ocs_store_settle_journal(const struct ocs_store *store, struct ocs_journal *journal)
{
    struct ocs_error trouble = {0};
    if (ocs_journal_sync(journal, &trouble) < 0)
        ocs_store_notice(store, "the journal could not be written: %s", trouble.message);
}

bool ocs_store_cancelled(const struct ocs_store *store)
{
    return store->hooks.cancelled && store->hooks.cancelled(store->hooks.data);
}

void ocs_store_notice(const struct ocs_store *store, const char *format, ...)
{
    if (!store->hooks.notice)
        return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    store->hooks.notice(store->hooks.data, text);
}

/* ---- names of images ---- */

static int parse_suffix(const char *text, size_t split, struct ocs_image_name *out,
                        struct ocs_error *err)
{
    const char *rest = text + split + 1;
    if (text[split] == ':') {
        out->tag = *rest ? strdup(rest) : NULL;
        if (*rest)
            return out->tag ? 0 : ocs_error_memory(err);
        return ocs_error_raise(err, OCS_USAGE, "'%s': the tag is empty", text);
    }
    if (text[split] == '@') {
        out->has_digest = true;
        if (ocs_digest_parse(rest, strlen(rest), &out->digest) != 0)
            return ocs_error_raise(err, OCS_USAGE, "'%s': '%s' is no digest", text, rest);
    }
    return 0;
}

int ocs_image_name_parse(const char *text, struct ocs_image_name *out, struct ocs_error *err)
{
    struct ocs_image_name name = {0};
    size_t split = strcspn(text, ":@");
    name.layout = strndup(text, split);
    if (!name.layout)
        return ocs_error_memory(err);
    int result = text[split] ? parse_suffix(text, split, &name, err) : 0;
    if (result == 0 && split == 0)
        result = ocs_error_raise(err, OCS_USAGE, "'%s': the name of the layout is missing", text);
    if (result < 0) {
        ocs_image_name_clear(&name);
        return result;
    }
    *out = name;
    return 0;
}

int ocs_image_new_tag(const char *tag, struct ocs_error *err)
{
    if (ocs_grammar_ref_name(tag))
        return 0;
    return ocs_error_hint(err,
                          ocs_error_raise(err, OCS_USAGE,
                                          *tag ? "'%s' cannot be a tag" : "the new tag is empty",
                                          tag),
                          "letters and digits, with one of -._:@+/ between them");
}

void ocs_image_name_clear(struct ocs_image_name *name)
{
    free(name->layout);
    free(name->tag);
    *name = (struct ocs_image_name){0};
}

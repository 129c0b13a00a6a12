/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "edit.h"

#include "cleanup.h"
#include "error.h"
#include "given.h"
#include "heal.h"
#include "image.h"
#include "leavings.h"
#include "missing.h"
#include "shell_word.h"
#include "trash.h"
#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* mv and attach: which layouts are registered, under what name. */

static void report(ocs_change_fn *on_change, void *data, const char *action, const char *layout)
{
    struct ocs_change change = {.action = action, .layout = layout};
    if (on_change)
        on_change(data, &change);
}

static int bad_name(const char *name, struct ocs_error *err)
{
    return ocs_error_hint(err,
                          ocs_error_raise(err, OCS_USAGE, "'%s' cannot be a layout's name", name),
                          "letters, digits, '_', '.', '-', parts separated by '/'");
}

static int read_roots(struct ocs_store *store, struct ocs_roots *roots, struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(store);
    return ocs_roots_read(&place, roots, err);
}

/* The layout's folder and its index as they are now. */
static int read_index(struct ocs_store *store, const struct ocs_root *root, struct ocs_index *index,
                      struct ocs_error *err)
{
    auto_fd int dir = -1;
    char label[OCS_LAYOUT_NAME_MAX + 32];
    struct ocs_index_wait wait = {.patience_ms = 5000, .hooks = &store->hooks};
    struct ocs_error why = {0};
    ocs_store_layout_label(root, label, sizeof(label));
    int result = ocs_store_open_layout(store, root, &dir, &why);
    if (result < 0)
        return ocs_error_raise(err, why.status, "%s", why.message);
    if (result > 0) {
        result = ocs_error_raise(err, OCS_USAGE, "%s: no layout is there: %s", label, why.message);
        return root->registered ? ocs_root_hint_missing(root, result, err) : result;
    }
    result = ocs_index_read(dir, label, &wait, index, err);
    return result > 0 ? ocs_root_refuse(root, err) : result;
}

/* ---- mv ---- */

static bool lies_below(const struct ocs_roots *roots, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < roots->count; i++) {
        const char *other = roots->items[i].name;
        if (strncmp(other, name, size) == 0 && other[size] == '/')
            return true;
    }
    return false;
}

/* Its folder is there by now, and no folder can be renamed into its place. */
static int refuse_below(const struct ocs_roots *roots, const char *name, const char *new_name,
                        struct ocs_error *err)
{
    char below[2 * OCS_LAYOUT_NAME_MAX + 2];
    const char *slash = strrchr(name, '/');
    int result = ocs_error_raise(
        err, OCS_USAGE, "other layouts lie below '%s', and so no layout can move there", new_name);
    snprintf(below, sizeof(below), "%s/%s", new_name, slash ? slash + 1 : name);
    bool free_name = !ocs_roots_find(roots, below) && ocs_layout_name_valid(below);
    return free_name ? ocs_error_hint(err, result, "ocistore mv %s %s", name, below) : result;
}

static int check_move(const struct ocs_roots *roots, const struct ocs_root *root, const char *name,
                      const char *new_name, struct ocs_error *err)
{
    if (!root)
        return ocs_image_no_layout(roots, name, err);
    if (strcmp(name, ".") == 0)
        return ocs_error_raise(err, OCS_USAGE, "the layout '.' is the store itself");
    if (strcmp(new_name, ".") == 0 || !ocs_layout_name_valid(new_name))
        return bad_name(new_name, err);
    if (ocs_roots_find(roots, new_name))
        return ocs_error_raise(err, OCS_USAGE, "there is a layout '%s' already", new_name);
    size_t size = strlen(name);
    if (!root->attached && strncmp(new_name, name, size) == 0 && new_name[size] == '/')
        return ocs_error_raise(err, OCS_USAGE, "'%s' cannot move into itself", name);
    if (!root->attached && lies_below(roots, name))
        return ocs_error_raise(err, OCS_USAGE, "other layouts lie below '%s': move those first",
                               name);
    return root->attached || !lies_below(roots, new_name)
               ? 0
               : refuse_below(roots, name, new_name, err);
}

/* A folder in its place that is no layout, before anything is changed; an empty one goes. */
static int check_place(const struct ocs_store *store, const char *path, struct ocs_error *err)
{
    struct stat st;
    if (ocs_io_rmdir(store->dir, path, path, NULL) == 0 ||
        fstatat(store->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return ocs_error_hint(err,
                          ocs_error_raise(err, OCS_REFUSED, "%s is there, and is no layout", path),
                          "move it away, or choose another name");
}

struct moving {
    struct ocs_store *store;
    const char *from, *to;
};

static int hint_lower(const struct moving *moving, int result, struct ocs_error *err)
{
    const char *store = moving->store->path;
    const char *from = moving->from + strlen("layouts/"), *to = moving->to + strlen("layouts/");
    return ocs_error_hint(err, result,
                          "of overlayfs, a folder of a lower layer cannot be renamed: ocistore "
                          "import --shared-blobs %s/blobs --name %s %s/%s, then ocistore rm %s",
                          ocs_shell_word(store).text, to, ocs_shell_word(store).text, moving->from,
                          from);
}

static int rename_folder(void *data, struct ocs_error *err)
{
    const struct moving *moving = data;
    int dir = moving->store->dir;
    char parent[OCS_LAYOUT_NAME_MAX + 32];
    snprintf(parent, sizeof(parent), "%s", moving->to);
    *strrchr(parent, '/') = '\0';
    int result = ocs_io_mkdirs(dir, parent, OCS_MODE_FOLDER, parent, err);
    if (result == 0)
        result = ocs_io_rename_noreplace(dir, moving->from, dir, moving->to, moving->to, err);
    if (result == OCS_IO_EXISTS)
        return ocs_error_raise(err, OCS_REFUSED, "%s is taken", moving->to);
    if (result == OCS_IO_ABSENT)
        return ocs_error_raise(err, OCS_FAILED, "%s, or the folder above %s, went away",
                               moving->from, moving->to);
    if (result < 0)
        return errno == EXDEV ? hint_lower(moving, result, err) : result;
    result = ocs_io_sync_dir(dir, parent, parent, err);
    if (result == 0)
        result = ocs_io_sync_dir(dir, "layouts", "layouts", err);
    return result == 0 ? ocs_leavings_sync_above(dir, moving->from, err) : result;
}

/* The layout is unregistered, renamed and registered again: at every moment a
 * folder below layouts/ is seen, registered or not. */
static int move_folder(struct ocs_store *store, const struct ocs_root *root,
                       const struct ocs_root *moved, const char *run, struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(store);
    struct moving moving = {.store = store, .from = root->path, .to = moved->path};
    const struct ocs_roots_then then = {.data = &moving, .call = rename_folder};
    return ocs_roots_remove_and(&place, root->name, run, &then, err);
}

static int move_registered(struct ocs_store *store, const struct ocs_root *root,
                           const char *new_name, struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    auto_fd int lock = -1;
    char run[OCS_RUN_NAME_SIZE];
    char path[OCS_LAYOUT_NAME_MAX + 32];
    struct ocs_roots_place place = ocs_store_roots_place(store);
    snprintf(path, sizeof(path), "layouts/%s", new_name);
    struct ocs_root moved = {.name = (char *)new_name,
                             .path = root->attached ? root->path : path,
                             .given = root->given,
                             .attached = root->attached};
    ocs_run_name(run);
    int result = ocs_edit_lock(store, root->name, &lock, err);
    if (result == 0)
        result = read_index(store, root, &index, err);
    if (result == 0 && !root->attached)
        result = check_place(store, path, err);
    if (result == 0 && !root->attached)
        result = move_folder(store, root, &moved, run, err);
    if (result == 0)
        result = ocs_roots_put(&place, &moved, &index.bytes, err);
    /* an attached layout is never without an entry */
    if (result == 0 && root->attached)
        result = ocs_roots_remove(&place, root->name, run, err);
    return result;
}

/* The layout is renamed by now: that this was not to be done is told. */
static void rename_in_trash(struct ocs_store *store, const char *name, const char *new_name)
{
    struct ocs_error trouble = {0};
    if (ocs_trash_rename_layout(store->state, name, new_name, &trouble) < 0)
        ocs_store_notice(store, "what rm took from '%s' stays in the trash under that name: %s",
                         name, trouble.message);
}

int ocs_rename_layout(struct ocs_store *store, const char *name, const char *new_name, void *data,
                      ocs_change_fn *on_change, struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    int result = ocs_store_writer(store, err);
    if (result < 0)
        return result;
    result = read_roots(store, &roots, err);
    if (result == 0) {
        const struct ocs_root *root = ocs_roots_find(&roots, name);
        result = check_move(&roots, root, name, new_name, err);
        if (result == 0)
            result = move_registered(store, root, new_name, err);
        if (result == 0)
            rename_in_trash(store, name, new_name);
    }
    ocs_store_writer_end(store);
    ocs_roots_clear(&roots);
    if (result == 0)
        report(on_change, data, "move", new_name);
    return result;
}

/* ---- attach ---- */

static int choose_name(const char *path, const char *name, struct ocs_root *out,
                       struct ocs_error *err)
{
    out->name = name ? strdup(name) : ocs_layout_name_of_path(path);
    if (!out->name)
        return ocs_error_memory(err);
    if (strcmp(out->name, ".") == 0 || !ocs_layout_name_valid(out->name))
        return bad_name(out->name, err);
    return 0;
}

/* What is registered is kept as JSON, which would change it. */
static int refuse_other_bytes(const struct ocs_root *root, struct ocs_error *err)
{
    if (ocs_utf8_valid(root->path) && (!root->given || ocs_utf8_valid(root->given)))
        return 0;
    return ocs_error_hint(err,
                          ocs_error_raise(err, OCS_USAGE,
                                          "%s: the path is no UTF-8, and cannot "
                                          "be kept",
                                          root->path),
                          "rename what is not, then attach it");
}

/* Blobs of its own would not be watched over. */
static int refuse_own_blobs(const char *path, struct ocs_error *err)
{
    auto_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct ocs_blobs *blobs = NULL;
    struct stat st;
    if (dir < 0)
        return ocs_error_errno(err, "%s", path);
    char label[PATH_MAX];
    snprintf(label, sizeof(label), "%s/blobs", path);
    int result = ocs_blobs_open(dir, "blobs", OCS_BLOBS_FOLLOW, label, &blobs, err);
    if (result == 0)
        ocs_blobs_close(blobs);
    if (result != 0)
        return result < 0 ? result : 0;
    if (fstatat(dir, "blobs/sha256", &st, 0) < 0)
        return 0; /* the empty folder that skopeo leaves */
    return ocs_error_hint(
        err, ocs_error_raise(err, OCS_USAGE, "%s has blobs of its own, not in this store", path),
        "ocistore import %s", ocs_shell_word(path).text);
}

static bool same_folder(const char *a, const char *b)
{
    struct stat x, y;
    return strcmp(a, b) == 0 ||
           (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static const char *called(const struct ocs_root *root)
{
    return root->given ? root->given : root->path;
}

static bool called_alike(const struct ocs_root *a, const struct ocs_root *b)
{
    return strcmp(called(a), called(b)) == 0;
}

/* Another layout that watches over the folder.  One that was given by a link does so only
 * while that leads there. */
static const struct ocs_root *find_watching(const struct ocs_roots *roots, const char *path,
                                            const char *name)
{
    for (size_t i = 0; i < roots->count; i++) {
        const struct ocs_root *root = &roots->items[i];
        if (root->attached && strcmp(root->name, name) != 0 && same_folder(root->path, path))
            return root;
    }
    return NULL;
}

static int refuse_taken(const struct ocs_roots *roots, const struct ocs_root *root,
                        struct ocs_error *err)
{
    char name[OCS_LAYOUT_NAME_MAX + 16];
    const char *path = root->given ? root->given : root->path;
    int result = ocs_error_raise(err, OCS_USAGE, "there is a layout '%s' already", root->name);
    bool found = ocs_roots_free_name(roots, root->name, name, sizeof(name));
    return ocs_error_hint(err, result, "ocistore attach --name %s %s", found ? name : "NAME",
                          ocs_shell_word(path).text);
}

static int check_attach(const struct ocs_store *store, const struct ocs_roots *roots,
                        const struct ocs_root *root, struct ocs_error *err)
{
    const struct ocs_root *other = ocs_roots_find(roots, root->name);
    const struct ocs_root *watching = find_watching(roots, root->path, root->name);
    size_t size = strlen(store->path);
    if (strncmp(root->path, store->path, size) == 0 &&
        (root->path[size] == '/' || root->path[size] == '\0'))
        return ocs_error_hint(
            err, ocs_error_raise(err, OCS_USAGE, "%s lies in the store itself", root->path),
            "the layouts below layouts/ are watched over by themselves: ocistore ls");
    if (other &&
        !(other->attached && (same_folder(other->path, root->path) || called_alike(other, root))))
        return refuse_taken(roots, root, err);
    if (watching && (!root->given || called_alike(watching, root)))
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_USAGE, "%s is attached already, as '%s'",
                                              root->path, watching->name),
                              "ocistore mv %s %s", watching->name, root->name);
    return refuse_own_blobs(root->path, err);
}

/* Of the folder that the link led to before. */
static int choose_former_name(const struct ocs_roots *roots, const struct ocs_root *former,
                              char *out, size_t size, struct ocs_error *err)
{
    auto_free char *folder = ocs_layout_name_of_path(former->path);
    if (!folder)
        return ocs_error_memory(err);
    snprintf(out, size, "%s", folder);
    if (ocs_roots_is_free(roots, out) || ocs_roots_free_name(roots, former->name, out, size))
        return 0;
    return ocs_error_hint(err,
                          ocs_error_raise(err, OCS_USAGE, "there is no name for %s", former->path),
                          "ocistore forget %s, and attach both", former->name);
}

struct attaching {
    struct ocs_store *store;
    const struct ocs_root *root;
    void *data;
    ocs_change_fn *on_change;
};

/* A link that leads elsewhere now is attached again: the folder that it led to stays a root. */
static int keep_former(const struct attaching *attaching, const struct ocs_roots *roots,
                       struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(attaching->store);
    const struct ocs_root *former = ocs_roots_find(roots, attaching->root->name);
    if (!former || same_folder(former->path, attaching->root->path) ||
        find_watching(roots, former->path, former->name))
        return 0;
    auto_bytes struct ocs_bytes last = {0};
    struct ocs_bytes none = {.data = "", .size = 0};
    char name[OCS_LAYOUT_NAME_MAX + 32];
    int result = choose_former_name(roots, former, name, sizeof(name), err);
    if (result == 0)
        result = ocs_roots_last_index(&place, former->name, &last, err);
    if (result < 0)
        return result;
    struct ocs_root kept = {.name = name, .path = former->path, .attached = true};
    result = ocs_roots_put(&place, &kept, result == 0 ? &last : &none, err);
    if (result < 0)
        return result;
    report(attaching->on_change, attaching->data, "attach", name);
    ocs_store_notice(attaching->store,
                     "%s led to %s before, which stays attached, as '%s'; when nothing needs it "
                     "any more: ocistore forget %s",
                     attaching->root->given, former->path, name, name);
    return 0;
}

static int put_attached(const struct attaching *attaching, const struct ocs_roots *roots,
                        struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    struct ocs_roots_place place = ocs_store_roots_place(attaching->store);
    int result = check_attach(attaching->store, roots, attaching->root, err);
    if (result == 0)
        result = read_index(attaching->store, attaching->root, &index, err);
    if (result == 0)
        result = keep_former(attaching, roots, err);
    return result == 0 ? ocs_roots_put(&place, attaching->root, &index.bytes, err) : result;
}

static int attach(const struct attaching *attaching, struct ocs_error *err)
{
    struct ocs_store *store = attaching->store;
    struct ocs_roots roots = {0};
    struct ocs_roots_place place = ocs_store_roots_place(store);
    uint64_t healed = 0;
    int result = ocs_store_refuse_in_place(store, err);
    if (result == 0)
        result = ocs_roots_read(&place, &roots, err);
    if (result == 0)
        result = put_attached(attaching, &roots, err);
    ocs_roots_clear(&roots);
    if (result == 0)
        result = ocs_heal(store, &healed, err);
    if (result == 0)
        ocs_missing_tell(store, attaching->root->name);
    return result;
}

int ocs_attach(struct ocs_store *store, const char *dir, const char *name, void *data,
               ocs_change_fn *on_change, struct ocs_error *err)
{
    auto_free char *path = realpath(dir, NULL);
    if (!path && errno == ENOMEM)
        return ocs_error_memory(err);
    if (!path)
        return ocs_error_raise(err, OCS_USAGE, "%s: %s", dir, strerror(errno));
    struct ocs_root root = {.path = path, .attached = true};
    path = NULL;
    int result = ocs_given_path(dir, root.path, &root.given, err);
    if (result == 0)
        result = refuse_other_bytes(&root, err);
    if (result == 0)
        result = choose_name(dir, name, &root, err);
    if (result == 0)
        result = ocs_store_writer(store, err);
    if (result == 0) {
        const struct attaching attaching = {
            .store = store, .root = &root, .data = data, .on_change = on_change};
        result = attach(&attaching, err);
        ocs_store_writer_end(store);
    }
    if (result == 0)
        report(on_change, data, "attach", root.name);
    ocs_root_clear(&root);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "leavings.h"

#include "cleanup.h"
#include "extras.h"
#include "edit.h"
#include "error.h"
#include "image.h"
#include "journal.h"
#include "reserve.h"
#include "trash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* What goes from one layout. */
struct removal {
    const struct ocs_root *root;
    bool whole;
    const struct ocs_image_name **names; /* of this layout, unless `whole` */
    size_t name_count;
};

struct removing {
    struct ocs_store *store;
    struct ocs_image_name *names;
    size_t name_count;
    struct ocs_roots roots;
    struct removal *removals;
    size_t removal_count;
    char run[OCS_RUN_NAME_SIZE];
    struct ocs_journal *journal;
    void *data;
    ocs_change_fn *on_change;
    struct ocs_remove_report *report;
};

/* ---- what is meant ---- */

static bool is_whole(const struct ocs_image_name *name)
{
    return !name->tag && !name->has_digest;
}

static int check_whole(const struct ocs_root *root, struct ocs_error *err)
{
    if (strcmp(root->name, ".") == 0)
        return ocs_error_raise(err, OCS_USAGE,
                               "the layout '.' is the store itself: its images can "
                               "be removed one by one");
    if (root->attached)
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_USAGE,
                                              "layout '%s' is attached: it is not "
                                              "the store's to remove",
                                              root->name),
                              "ocistore forget %s", root->name);
    return 0;
}

static struct removal *removal_of(struct removing *removing, const struct ocs_root *root)
{
    for (size_t i = 0; i < removing->removal_count; i++) {
        if (removing->removals[i].root == root)
            return &removing->removals[i];
    }
    struct removal *removal = &removing->removals[removing->removal_count];
    removal->names = calloc(removing->name_count, sizeof(*removal->names));
    if (!removal->names)
        return NULL;
    removing->removal_count++;
    removal->root = root;
    return removal;
}

static int add_name(struct removing *removing, const struct ocs_image_name *name,
                    struct ocs_error *err)
{
    const struct ocs_root *root = ocs_roots_find(&removing->roots, name->layout);
    if (!root)
        return ocs_image_no_layout(&removing->roots, name->layout, err);
    int result = is_whole(name) ? check_whole(root, err) : 0;
    if (result < 0)
        return result;
    struct removal *removal = removal_of(removing, root);
    if (!removal)
        return ocs_error_memory(err);
    removal->whole = removal->whole || is_whole(name);
    removal->names[removal->name_count++] = name;
    return 0;
}

static int parse_names(struct removing *removing, const char *const *images, size_t count,
                       struct ocs_error *err)
{
    removing->names = calloc(count + 1, sizeof(*removing->names));
    removing->removals = calloc(count + 1, sizeof(*removing->removals));
    if (!removing->names || !removing->removals)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++) {
        int result = ocs_image_name_parse(images[i], &removing->names[i], err);
        if (result < 0)
            return result;
        removing->name_count++;
    }
    return 0;
}

static int group_names(struct removing *removing, struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < removing->name_count; i++)
        result = add_name(removing, &removing->names[i], err);
    return result;
}

/* ---- entries of one index ---- */

static bool matches(const struct ocs_image_name *name, const struct ocs_index *index, size_t entry)
{
    if (name->has_digest)
        return ocs_digest_equal(&name->digest, &index->document.descriptors[entry].digest);
    const char *ref = ocs_index_ref(index, entry);
    return ref && strcmp(ref, name->tag) == 0;
}

/* keep[i] becomes false for what goes. OCS_USAGE: a name that matches nothing, unless it
 * `may_be_gone`. */
static int choose(const struct removal *removal, const struct ocs_index *index, bool may_be_gone,
                  bool *keep, struct ocs_error *err)
{
    for (size_t n = 0; n < removal->name_count; n++) {
        const struct ocs_image_name *name = removal->names[n];
        bool found = false;
        for (size_t i = 0; i < index->document.count; i++) {
            if (matches(name, index, i))
                keep[i] = !(found = true);
        }
        if (!found && !may_be_gone)
            return ocs_image_none_in(index, name->layout, name, err);
    }
    return 0;
}

static int read_index(struct removing *removing, const struct removal *removal, int *dir,
                      struct ocs_index *index, struct ocs_error *err)
{
    struct ocs_index_wait wait = {.patience_ms = 5000, .hooks = &removing->store->hooks};
    char label[OCS_LAYOUT_NAME_MAX + 32];
    struct ocs_error why = {0};
    ocs_store_layout_label(removal->root, label, sizeof(label));
    int result = ocs_store_open_layout(removing->store, removal->root, dir, &why);
    if (result < 0)
        return ocs_error_raise(err, why.status, "%s", why.message);
    if (result > 0)
        return ocs_root_hint_missing(
            removal->root,
            ocs_error_raise(err, OCS_REFUSED, "%s is not there: %s", label, why.message), err);
    result = ocs_index_read(*dir, label, &wait, index, err);
    return result > 0 ? ocs_root_refuse(removal->root, err) : result;
}

/* Every name is looked up before anything is changed. */
static int check_names(struct removing *removing, struct ocs_error *err)
{
    for (size_t i = 0; i < removing->removal_count; i++) {
        const struct removal *removal = &removing->removals[i];
        auto_index struct ocs_index index = {0};
        auto_fd int dir = -1;
        if (removal->whole)
            continue;
        int result = read_index(removing, removal, &dir, &index, err);
        if (result < 0)
            return result;
        auto_free bool *keep = calloc(index.document.count + 1, sizeof(*keep));
        result = keep ? choose(removal, &index, false, keep, err) : ocs_error_memory(err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* ---- removing images ---- */

static void report_entry(const struct removing *removing, const struct removal *removal,
                         const struct ocs_index *index, size_t entry)
{
    char digest[OCS_DIGEST_BUF];
    struct ocs_change change = {
        .action = "remove",
        .layout = removal->root->name,
        .ref = ocs_index_ref(index, entry),
        .digest = ocs_digest_format(&index->document.descriptors[entry].digest, digest),
    };
    removing->report->images++;
    if (removing->on_change)
        removing->on_change(removing->data, &change);
}

struct editing {
    struct removing *removing;
    const struct removal *removal;
    bool again; /* what was there a moment ago may have gone with the first attempt */
};

static int make_edit(void *data, const struct ocs_index *index, struct ocs_index_edit *change,
                     struct ocs_error *err)
{
    struct editing *editing = data;
    int result = choose(editing->removal, index, editing->again, change->keep, err);
    editing->again = true;
    if (result < 0)
        return result;
    return memchr(change->keep, false, index->document.count) ? 0 : OCS_EDIT_NOTHING;
}

static void on_edited(void *data, const struct ocs_index *index,
                      const struct ocs_index_edit *change)
{
    const struct editing *editing = data;
    for (size_t i = 0; i < index->document.count; i++) {
        if (!change->keep[i])
            report_entry(editing->removing, editing->removal, index, i);
    }
}

static int edit_layout(struct removing *removing, const struct removal *removal,
                       struct ocs_error *err)
{
    struct editing editing = {.removing = removing, .removal = removal};
    struct ocs_edit edit = {
        .root = removal->root,
        .run = removing->run,
        .data = &editing,
        .make = make_edit,
        .done = on_edited,
    };
    return ocs_edit_locked(removing->store, &edit, err);
}

/* ---- removing a layout ---- */

/* Another layout lies below this one's folder. */
static bool has_layout_below(const struct removing *removing, const struct ocs_root *root)
{
    size_t size = strlen(root->name);
    for (size_t i = 0; i < removing->roots.count; i++) {
        const char *name = removing->roots.items[i].name;
        if (strncmp(name, root->name, size) == 0 && name[size] == '/')
            return true;
    }
    return false;
}

static int move_files(struct removing *removing, const struct ocs_root *root, struct ocs_error *err)
{
    static const char *const files[] = {"oci-layout", "index.json"};
    for (size_t i = 0; i < 2; i++) {
        char from[OCS_LAYOUT_NAME_MAX + 32], as[OCS_LAYOUT_NAME_MAX + 32];
        snprintf(from, sizeof(from), "%s/%s", root->path, files[i]);
        snprintf(as, sizeof(as), "%s/%s", root->path, files[i]);
        int result = ocs_trash_put_file(removing->store->state, removing->run, removing->store->dir,
                                        from, as, err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* Where the folder was gone, or empty: by this file `trash restore` finds the last good
 * index.json, which goes along. */
static int leave_name(struct removing *removing, const struct ocs_root *root, struct ocs_error *err)
{
    char path[OCS_LAYOUT_NAME_MAX + 96];
    struct stat st;
    int state = removing->store->state;
    int length = snprintf(path, sizeof(path), "trash/%s/%s", removing->run, root->path);
    snprintf(path + length, sizeof(path) - (size_t)length, "/oci-layout");
    if (fstatat(state, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    path[length] = '\0';
    int result = ocs_io_mkdirs(state, path, OCS_MODE_FOLDER, path, err);
    path[length] = '/';
    return result == 0 ? ocs_io_replace(state, path, OCS_LAYOUT_FILE, strlen(OCS_LAYOUT_FILE),
                                        OCS_MODE_FILE, path, err)
                       : result;
}

/* Of overlayfs, a folder of a lower layer cannot be renamed, only files can. */
static int put_folder(struct removing *removing, const struct ocs_root *root, struct ocs_error *err)
{
    struct ocs_store *store = removing->store;
    int result =
        ocs_trash_put_file(store->state, removing->run, store->dir, root->path, root->path, err);
    if (result >= 0 || errno != EXDEV)
        return result;
    result = move_files(removing, root, err);
    if (result >= 0 && ocs_io_rmdir(store->dir, root->path, root->path, NULL) != 0)
        ocs_store_notice(store, "what else lies in %s/%s stays there", store->path, root->path);
    return result;
}

/* The folder goes as a whole, so that it is there or not there; only when another
 * layout lies below it do its files go one by one. */
struct moving {
    struct removing *removing;
    const struct ocs_root *root;
};

static int move_folder(void *data, struct ocs_error *err)
{
    struct removing *removing = ((struct moving *)data)->removing;
    const struct ocs_root *root = ((struct moving *)data)->root;
    struct ocs_store *store = removing->store;
    bool aside;
    int result = ocs_extras_put_aside(store, removing->run, root->name, &aside, err);
    if (result >= 0 && !aside)
        result = has_layout_below(removing, root) ? move_files(removing, root, err)
                                                  : put_folder(removing, root, err);
    if (result >= 0)
        result = leave_name(removing, root, err);
    if (result < 0)
        return result;
    return ocs_leavings_sync_above(store->dir, root->path, err);
}

/* It is done by now: that it cannot be looked at is no failure. */
static void tell_extras(const struct removing *removing, const struct ocs_root *root)
{
    struct ocs_extras extras;
    if (ocs_extras_look(removing->store, removing->run, root->name, &extras, NULL) == 0 &&
        extras.files > 0)
        ocs_store_notice(removing->store,
                         "layout '%s': what else lay in its folder (%llu files, %s, ...) is in the "
                         "trash, too: ocistore trash restore %s brings it back",
                         root->name, (unsigned long long)extras.files, extras.first, root->name);
}

static int remove_layout(struct removing *removing, const struct removal *removal,
                         struct ocs_error *err)
{
    auto_fd int dir = -1;
    auto_index struct ocs_index index = {0};
    struct ocs_error unreadable;
    struct ocs_roots_place place = ocs_store_roots_place(removing->store);
    /* an index that cannot be read goes all the same: it stays in the trash */
    bool is_read = read_index(removing, removal, &dir, &index, &unreadable) == 0;
    struct moving moving = {.removing = removing, .root = removal->root};
    const struct ocs_roots_then then = {.data = &moving, .call = move_folder};
    int result = ocs_roots_remove_and(&place, removal->root->name, removing->run, &then, err);
    if (result < 0)
        return result;
    removing->report->images += is_read ? index.document.count : 0;
    removing->report->freed_unknown |= !is_read;
    tell_extras(removing, removal->root);
    struct ocs_change change = {.action = "remove", .layout = removal->root->name};
    if (removing->on_change)
        removing->on_change(removing->data, &change);
    return 0;
}

static int remove_one(struct removing *removing, const struct removal *removal,
                      struct ocs_leavings *leavings, struct ocs_error *err)
{
    auto_fd int lock = -1;
    const char *name = removal->root->name;
    int result = 0;
    if (removal->whole)
        result = ocs_leavings_unregister(leavings, name, &removing->report->freed_unknown, err);
    if (result == 0)
        result = ocs_journal_add(removing->journal, "remove", name, err);
    if (result == 0)
        result = ocs_edit_lock(removing->store, name, &lock, err);
    if (result < 0)
        return result;
    return removal->whole ? remove_layout(removing, removal, err)
                          : edit_layout(removing, removal, err);
}

/* ---- the run ---- */

static int remove_all(struct removing *removing, struct ocs_error *err)
{
    struct ocs_leavings leavings;
    struct ocs_census_sum left;
    int result = ocs_leavings_begin(removing->store, false, &leavings, err);
    if (result < 0)
        return result;
    ocs_run_name(removing->run);
    /* what the look at the graph has left: the layouts need it */
    result = ocs_reserve_lend(removing->store->state, err);
    if (result == 0)
        result = ocs_journal_open(removing->store->state, removing->run, &removing->journal, err);
    for (size_t i = 0; result == 0 && i < removing->removal_count; i++)
        result = remove_one(removing, &removing->removals[i], &leavings, err);
    if (result == 0)
        result = ocs_trash_sync(removing->store->state, removing->run, err);
    if (removing->journal)
        ocs_store_settle_journal(removing->store, removing->journal);
    ocs_journal_close(removing->journal);
    left = ocs_leavings_end(&leavings, result == 0 || removing->report->images > 0);
    removing->report->freed_blobs = left.blobs;
    removing->report->freed_bytes = left.bytes;
    return result;
}

static void removing_clear(struct removing *removing)
{
    for (size_t i = 0; removing->names && i < removing->name_count; i++)
        ocs_image_name_clear(&removing->names[i]);
    for (size_t i = 0; removing->removals && i < removing->removal_count; i++)
        free(removing->removals[i].names);
    free(removing->names);
    free(removing->removals);
    ocs_roots_clear(&removing->roots);
}

int ocs_remove(struct ocs_store *store, const char *const *images, size_t count, void *data,
               ocs_change_fn *on_change, struct ocs_remove_report *report, struct ocs_error *err)
{
    struct ocs_remove_report unused;
    struct removing removing = {
        .store = store,
        .data = data,
        .on_change = on_change,
        .report = report ? report : &unused,
    };
    struct ocs_roots_place place = ocs_store_roots_place(store);
    *removing.report = (struct ocs_remove_report){0};
    int result = parse_names(&removing, images, count, err);
    if (result == 0)
        result = ocs_store_writer(store, err);
    if (result < 0) {
        removing_clear(&removing);
        return result;
    }
    result = ocs_roots_read(&place, &removing.roots, err);
    if (result == 0)
        result = group_names(&removing, err);
    if (result == 0)
        result = check_names(&removing, err);
    if (result == 0)
        result = remove_all(&removing, err);
    ocs_store_writer_end(store);
    removing_clear(&removing);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "mend_layout.h"

#include "await_layout.h"
#include "salvage.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Somebody may be writing it, who has no lock of ours. */
#define PATIENCE_MS 5000

/* ---- what the new index.json says ---- */

/* Positive OCS_MEND_LEFT: there is nothing to make it of. */
static int compose(struct ocs_mender *mender, const char *name, int dir, struct ocs_bytes *out,
                   struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes damaged = {0};
    auto_bytes struct ocs_bytes last = {0};
    struct ocs_roots_place roots = ocs_store_roots_place(mender->run->store);
    if (ocs_roots_last_index(&roots, name, &last, NULL) != 0)
        return OCS_MEND_LEFT;
    int r = ocs_io_open_regular(dir, "index.json", &fd, NULL, "index.json", err);
    if (r == 0)
        r = ocs_io_read_all(fd, OCS_JSON_INDEX_BYTES, &damaged, "index.json", err);
    bool too_large = r < 0 && errno == EFBIG;
    return r < 0 && !too_large ? r : ocs_salvage_index(&damaged, &last, out, err);
}

/* ---- writing it ---- */

static bool holds_name(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What holds the name is kept beside it. */
static int put_file(int dir, const char *name, const char *bytes, size_t size,
                    struct ocs_error *err)
{
    char random[17], staged[48], beside[64];
    ocs_io_random_name(random);
    snprintf(staged, sizeof(staged), "%s.%s.tmp", name, random);
    snprintf(beside, sizeof(beside), "%s.damaged.%" PRId64, name, ocs_now_s());
    if (!holds_name(dir, name))
        return ocs_io_replace(dir, name, bytes, size, OCS_MODE_FILE, name, err);
    int r = ocs_io_replace(dir, staged, bytes, size, OCS_MODE_FILE, name, err);
    if (r == 0)
        r = ocs_io_exchange(dir, staged, dir, name, name, err);
    if (r == 0)
        r = ocs_io_rename_noreplace(dir, staged, dir, beside, beside, err);
    return r < 0 ? r : ocs_io_sync_dir(dir, ".", "layout folder", err);
}

/* Positive OCS_MEND_LEFT: gc would refuse it, too. */
static int is_known(const struct ocs_bytes *bytes, struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    struct ocs_bytes copy = {.data = strndup(bytes->data, bytes->size), .size = bytes->size};
    if (!copy.data)
        return ocs_error_memory(err);
    int r = ocs_index_parse(&copy, &index, err);
    if (r < 0)
        return r;
    return r > 0 || ocs_index_known(&index, NULL) != 0 ? OCS_MEND_LEFT : 0;
}

static int write_anew(struct ocs_mender *mender, const struct ocs_root *root, int dir,
                      struct ocs_error *err)
{
    auto_bytes struct ocs_bytes bytes = {0};
    int r = compose(mender, root->name, dir, &bytes, err);
    if (r == 0)
        r = is_known(&bytes, err);
    if (r != 0)
        return r;
    ocs_mender_say(mender, "written anew from the last good one%s",
                   holds_name(dir, "index.json") ? ", the bad one kept beside" : "");
    if (mender->dry_run)
        return 0;
    r = ocs_mender_note(mender, "index", root->name, err);
    if (r == 0)
        r = put_file(dir, "index.json", bytes.data, bytes.size, err);
    mender->run->tally->rolled_back |= r == 0;
    return r;
}

/* Under all the locks: is it still bad?  What cannot be read is not known to be. */
static int mend_index(struct ocs_mender *mender, const struct ocs_root *root, int dir,
                      struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    struct ocs_index_wait wait = {.patience_ms = PATIENCE_MS, .hooks = mender->run->hooks};
    struct ocs_error why = {0};
    int r = ocs_index_read(dir, root->name, &wait, &index, &why);
    if (r < 0)
        return ocs_error_raise(err, why.status, "%s", why.message);
    if (r > 0 && why.status != OCS_REFUSED) {
        snprintf(mender->action, sizeof(mender->action), "%s", OCS_ROOT_READ_HELP);
        return OCS_MEND_LEFT;
    }
    if (r > 0)
        r = write_anew(mender, root, dir, err);
    else
        ocs_mender_say(mender, "right when it was read again");
    mender->run->tally->index_mended |= r == 0 && !mender->dry_run;
    return r;
}

/* An entry has no valid digest. */
static bool lacks_digest(const struct ocs_mender *mender, const struct ocs_root *root, int dir)
{
    auto_index struct ocs_index index = {0};
    struct ocs_index_wait wait = {
        .patience_ms = PATIENCE_MS, .hooks = mender->run->hooks, .any_entries = true};
    struct ocs_error ignored = {0};
    return ocs_index_read(dir, root->name, &wait, &index, &ignored) == 0 &&
           ocs_index_known(&index, NULL) != 0;
}

/* Then gc refuses: it comes back from the last good one. */
static int mend_entries_of(struct ocs_mender *mender, const struct ocs_root *root, int dir,
                           struct ocs_error *err)
{
    if (!lacks_digest(mender, root, dir))
        return OCS_MEND_LEFT;
    int r = write_anew(mender, root, dir, err);
    mender->run->tally->index_mended |= r == 0 && !mender->dry_run;
    return r;
}

static bool layout_file_is_right(const struct ocs_mender *mender, int dir)
{
    auto_bytes struct ocs_bytes bytes = {0};
    struct ocs_index_wait wait = {.hooks = mender->run->hooks};
    struct ocs_error ignored = {0};
    return ocs_layout_file_read(dir, &wait, &bytes, &ignored) == 0;
}

static int mend_layout_file(struct ocs_mender *mender, const struct ocs_root *root, int dir,
                            struct ocs_error *err)
{
    if (root->attached) {
        snprintf(mender->action, sizeof(mender->action),
                 "left, since the folder is not the store's: write %s into it", OCS_LAYOUT_FILE);
        return OCS_MEND_LEFT;
    }
    if (layout_file_is_right(mender, dir)) {
        ocs_mender_say(mender, "right when it was read again");
        return 0;
    }
    ocs_mender_say(mender, "written anew%s",
                   holds_name(dir, "oci-layout") ? ", the bad one kept beside" : "");
    if (mender->dry_run)
        return 0;
    int r = ocs_mender_note(mender, "oci-layout", root->name, err);
    return r == 0 ? put_file(dir, "oci-layout", OCS_LAYOUT_FILE, strlen(OCS_LAYOUT_FILE), err) : r;
}

static int mend_entry(struct ocs_mender *mender, const struct ocs_root *root, int dir,
                      struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    struct ocs_index_wait wait = {.patience_ms = 0, .hooks = mender->run->hooks};
    struct ocs_roots_place roots = ocs_store_roots_place(mender->run->store);
    struct ocs_error ignored;
    if (ocs_index_read(dir, root->name, &wait, &index, &ignored) != 0)
        return OCS_MEND_LEFT;
    ocs_mender_say(mender, "written anew from the layout, the damaged one kept beside");
    if (mender->dry_run)
        return 0;
    int r = ocs_mender_note(mender, "roots", root->name, err);
    if (r == 0)
        r = ocs_roots_rewrite(&roots, root, &index.bytes, err);
    return r > 0 ? OCS_MEND_LEFT : r;
}

/* An index.json that cannot be read now is none that anybody saw: its layout counts all
 * the same. */
static int mend_lost(struct ocs_mender *mender, const struct ocs_root *root, int dir,
                     struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    struct ocs_index_wait wait = {.patience_ms = 0, .hooks = mender->run->hooks};
    struct ocs_roots_place roots = ocs_store_roots_place(mender->run->store);
    struct ocs_bytes none = {.data = "", .size = 0};
    struct ocs_error ignored;
    if (mender->dry_run)
        return 0;
    bool good = ocs_index_read(dir, root->name, &wait, &index, &ignored) == 0;
    int r = ocs_mender_note(mender, "roots", root->name, err);
    return r == 0 ? ocs_roots_put(&roots, root, good ? &index.bytes : &none, err) : r;
}

/* ---- around it ---- */

typedef int mend_fn(struct ocs_mender *mender, const struct ocs_root *root, int dir,
                    struct ocs_error *err);

static int with_layout_lock(struct ocs_mender *mender, const struct ocs_root *root, int dir,
                            mend_fn *act, struct ocs_error *err)
{
    auto_fd int lock = -1;
    char id[OCS_ROOT_ID_SIZE];
    if (mender->dry_run)
        return act(mender, root, dir, err);
    int r = ocs_mender_lock(mender, err);
    if (r != 0)
        return r;
    r = ocs_root_id(root->name, id, err);
    if (r == 0)
        r = ocs_lock_layout(mender->run->store->locks, id, &mender->run->store->wait, &lock, err);
    if (r == 0)
        r = act(mender, root, dir, err);
    ocs_mender_unlock(mender);
    return r;
}

/* Before any lock is taken: is there something to do? */
typedef bool wants_fn(const struct ocs_mender *mender, const struct ocs_root *root, int dir);

/* One whose entry is damaged is found as it is seen. */
static int find_root(const struct ocs_mender *mender, const char *name, struct ocs_root *out,
                     struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_roots_place where = ocs_store_roots_place(mender->run->store);
    int r = ocs_roots_locate(&where, name, out, err);
    if (r <= 0)
        return r;
    r = ocs_roots_read(&where, &roots, err);
    const struct ocs_root *root = r == 0 ? ocs_roots_find(&roots, name) : NULL;
    if (r == 0)
        r = root ? ocs_root_copy(root, out, err) : OCS_MEND_LEFT;
    ocs_roots_clear(&roots);
    return r;
}

/* `wants` NULL: there always is. */
static int mend(struct ocs_mender *mender, const struct ocs_fsck_place *place, wants_fn *wants,
                mend_fn *act, struct ocs_error *err)
{
    auto_fd int dir = -1;
    struct ocs_root root = {0};
    mender->action[0] = '\0';
    int r = find_root(mender, place->name, &root, err);
    int result = r < 0 ? r : OCS_MEND_LEFT;
    if (r == 0)
        r = ocs_await_layout(mender->run, &root, &dir, err);
    if (r == 0 && (!wants || wants(mender, &root, dir)))
        result = with_layout_lock(mender, &root, dir, act, err);
    ocs_root_clear(&root);
    return result;
}

int ocs_mend_index(struct ocs_mender *mender, const struct ocs_fsck_place *place,
                   struct ocs_error *err)
{
    return mend(mender, place, NULL, mend_index, err);
}

int ocs_mend_entries(struct ocs_mender *mender, const struct ocs_fsck_place *place,
                     struct ocs_error *err)
{
    if (mender->renewed == place) /* by what was said of another entry */
        return 0;
    int r = mend(mender, place, lacks_digest, mend_entries_of, err);
    if (r == 0)
        mender->renewed = place;
    return r;
}

int ocs_mend_layout_file(struct ocs_mender *mender, const struct ocs_fsck_place *place,
                         struct ocs_error *err)
{
    return mend(mender, place, NULL, mend_layout_file, err);
}

/* A folder below layouts/ whose entry is there and cannot be read is that entry's. */
static bool has_damaged_entry(const struct ocs_mender *mender, const struct ocs_root *root)
{
    char id[OCS_ROOT_ID_SIZE], path[64];
    struct stat st;
    if (root->registered || ocs_root_id(root->name, id, NULL) < 0)
        return false;
    snprintf(path, sizeof(path), "roots/%s.json", id);
    return fstatat(mender->run->store->state, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static mend_fn *entry_remedy(const struct ocs_mender *mender, const struct ocs_roots *roots,
                             const struct ocs_root *root)
{
    if (has_damaged_entry(mender, root))
        return mend_entry;
    return roots->all_seen && !root->registered ? mend_lost : NULL;
}

static int mend_entries(struct ocs_mender *mender, const struct ocs_roots *roots,
                        struct ocs_error *err)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < roots->count; i++) {
        auto_fd int dir = -1;
        mend_fn *remedy = entry_remedy(mender, roots, &roots->items[i]);
        if (!remedy)
            continue;
        r = ocs_store_open_layout(mender->run->store, &roots->items[i], &dir, err);
        if (r == 0)
            r = with_layout_lock(mender, &roots->items[i], dir, remedy, err);
    }
    return r < 0 ? r : 0;
}

/* Also where it was done in passing, by whoever looked at the layouts. */
static int register_lost(struct ocs_mender *mender, const struct ocs_roots *roots,
                         struct ocs_error *err)
{
    int state = mender->run->store->state;
    if (roots->all_seen || !roots->damaged)
        ocs_mender_say(mender, "registered anew from the layouts");
    if (mender->dry_run || !roots->damaged)
        return 0;
    int r = ocs_io_mkdir(state, "roots", OCS_MODE_FOLDER, ".ocistore/roots", err);
    return r == 0 ? ocs_io_sync_dir(state, ".", ".ocistore", err) : r;
}

int ocs_mend_roots(struct ocs_mender *mender, struct ocs_error *err)
{
    struct ocs_roots roots = {0}, after = {0};
    struct ocs_roots_place place = ocs_store_roots_place(mender->run->store);
    mender->action[0] = '\0';
    int r = ocs_roots_read(&place, &roots, err);
    if (r == 0)
        r = register_lost(mender, &roots, err);
    if (r == 0)
        r = mend_entries(mender, &roots, err);
    ocs_roots_clear(&roots);
    if (r == 0)
        r = ocs_roots_read(&place, &after, err);
    bool left = after.damaged && !(mender->dry_run && mender->action[0]);
    ocs_roots_clear(&after);
    return r == 0 && left ? OCS_MEND_LEFT : r;
}

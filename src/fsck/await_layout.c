/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "await_layout.h"

#include "store/cleanup.h"

#include <fcntl.h>

#define PATIENCE_MS 5000

struct look {
    unsigned files; /* of oci-layout and index.json */
    bool young;     /* the folder was changed lately */
    bool registered;
    bool seen; /* it has a last good index.json */
};

static unsigned count_files(int dir)
{
    struct stat st;
    return (unsigned)(fstatat(dir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0) +
           (unsigned)(fstatat(dir, "index.json", &st, AT_SYMLINK_NOFOLLOW) == 0);
}

/* A damaged entry is one, too. */
static int look_up(struct ocs_fsck_run *run, const char *name, struct look *look,
                   struct ocs_error *err)
{
    struct ocs_root root = {0};
    struct ocs_roots_place place = ocs_store_roots_place(run->store);
    int r = ocs_roots_locate(&place, name, &root, err);
    if (r < 0)
        return r;
    look->registered = r > 0 || root.registered;
    look->seen = r > 0 || root.last.size > 0;
    ocs_root_clear(&root);
    return 0;
}

int ocs_await_registered(struct ocs_fsck_run *run, const char *name, bool *registered,
                         struct ocs_error *err)
{
    struct look look = {0};
    int r = look_up(run, name, &look, err);
    *registered = look.registered;
    return r;
}

static int look_at(struct ocs_fsck_run *run, const struct ocs_root *root, int dir,
                   struct look *look, struct ocs_error *err)
{
    struct stat st;
    look->files = count_files(dir);
    look->young = fstat(dir, &st) == 0 &&
                  ocs_now_ns() - ocs_stamp_of(&st).mtime_ns < PATIENCE_MS * INT64_C(1000000);
    return look->files == 2 ? 0 : look_up(run, root->name, look, err);
}

int ocs_await_layout(struct ocs_fsck_run *run, const struct ocs_root *root, int *dir,
                     struct ocs_error *err)
{
    struct ocs_index_wait wait = {.patience_ms = PATIENCE_MS, .hooks = run->hooks};
    int64_t waited_ms = 0;
    for (;;) {
        auto_fd int opened = -1;
        struct look look = {0};
        int r = ocs_store_open_layout(run->store, root, &opened, err);
        if (r == 0)
            r = look_at(run, root, opened, &look, err);
        if (r == 0 && look.files == 0 && !look.registered)
            return OCS_AWAIT_GONE;
        bool coming = r == 0 && look.files < 2 && look.young && !look.seen;
        int paused = coming ? ocs_index_pause(&wait, &waited_ms, err) : OCS_INDEX_PATIENCE_OVER;
        if (paused < 0)
            return paused;
        if (paused == 0)
            continue;
        *dir = TAKE_FD(opened);
        return r;
    }
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "leftovers.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/reserve.h"
#include "store/trash.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#define BATCH 1024u

/* ---- one file ---- */

static int put(const struct ocs_leftovers_sweep *sweep, const struct ocs_leftover *item,
               const char *as, struct ocs_error *err)
{
    int state = sweep->store->state;
    int result = ocs_trash_put_file(state, sweep->run, sweep->store->dir, item->path, as, err);
    if (result >= 0 || !ocs_io_no_space())
        return result;
    result = ocs_reserve_release(state, err);
    if (result < 0)
        return result;
    result = ocs_trash_put_file(state, sweep->run, sweep->store->dir, item->path, as, err);
    if (result >= 0 || !ocs_io_no_space() || !sweep->now)
        return result;
    return ocs_io_unlink(sweep->store->dir, item->path, 0, item->path, err);
}

/* Another file that got the name meanwhile goes back. */
static int check_arrival(const struct ocs_leftovers_sweep *sweep, const struct ocs_leftover *item,
                         const char *as, struct ocs_error *err)
{
    char path[PATH_MAX];
    struct stat st;
    int state = sweep->store->state;
    snprintf(path, sizeof(path), "trash/%s/%s", sweep->run, as);
    if (fstatat(state, path, &st, AT_SYMLINK_NOFOLLOW) < 0) { /* unlinked, for lack of space */
        sweep->report->purged++;
        sweep->report->purged_bytes += item->bytes;
        return 0;
    }
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    if (ocs_stamp_same_file(&stamp, &item->stamp))
        return 0;
    int result = ocs_io_rename_noreplace(state, path, sweep->store->dir, item->path, path, err);
    return result < 0 ? result : OCS_TRASH_CHANGED;
}

static int drop_folder(const struct ocs_leftovers_sweep *sweep, const struct ocs_leftover *item,
                       struct ocs_error *err)
{
    char folder[PATH_MAX];
    if (item->folder == 0)
        return 0;
    snprintf(folder, sizeof(folder), "%.*s", (int)item->folder, item->path);
    int result = ocs_io_rmdir(sweep->store->dir, folder, folder, err);
    return result < 0 ? result : 0;
}

/* There is nothing in it that the trash could keep. */
static int drop_empty(const struct ocs_leftovers_sweep *sweep, const struct ocs_leftover *item,
                      struct ocs_error *err)
{
    int result = ocs_io_rmdir(sweep->store->dir, item->path, item->path, err);
    if (result)
        return result < 0 ? result : 0;
    sweep->report->temporaries_trashed++;
    return ocs_journal_add(sweep->journal, "rmdir", item->path, err);
}

static int move(const struct ocs_leftovers_sweep *sweep, const struct ocs_leftover *item,
                struct ocs_error *err)
{
    char as[PATH_MAX];
    if (snprintf(as, sizeof(as), "temporary/%s", item->path) >= (int)sizeof(as))
        return 0;
    int result = put(sweep, item, as, err);
    if (result == 0)
        result = check_arrival(sweep, item, as, err);
    if (result)
        return result < 0 ? result : 0;
    sweep->report->temporaries_trashed++;
    sweep->report->temporaries_trashed_bytes += item->bytes;
    result = ocs_journal_add(sweep->journal, "trash", item->path, err);
    return result ? result : drop_folder(sweep, item, err);
}

static int sweep_one(const struct ocs_leftovers_sweep *sweep, const struct ocs_leftover *item,
                     struct ocs_error *err)
{
    auto_fd int lock = -1;
    bool in_use = false, untold;
    if (item->state != OCS_LEFTOVER_DUE)
        return 0;
    int result = ocs_leftover_lock(sweep->store->dir, item, &lock, err);
    if (result == 0)
        result = ocs_leftover_use(sweep->store->dir, item, &in_use, &untold, err);
    if (result || in_use)
        return result < 0 ? result : 0;
    return item->empty ? drop_empty(sweep, item, err) : move(sweep, item, err);
}

/* ---- in batches ---- */

static int settle(const struct ocs_leftovers_sweep *sweep, struct ocs_error *err)
{
    struct ocs_error trouble = {0};
    int result = ocs_trash_sync(sweep->store->state, sweep->run, err);
    if (result == 0 && ocs_journal_sync(sweep->journal, &trouble) < 0)
        ocs_store_notice(sweep->store, "the journal could not be written: %s", trouble.message);
    return result;
}

static int sweep_batch(const struct ocs_leftovers_sweep *sweep,
                       const struct ocs_leftovers *leftovers, size_t first, struct ocs_error *err)
{
    struct ocs_store *store = sweep->store;
    size_t end = leftovers->count - first < BATCH ? leftovers->count : first + BATCH;
    if (ocs_store_cancelled(store))
        return ocs_error_interrupted(err);
    int result = ocs_lock_sweep(store->locks, &store->wait, err);
    if (result)
        return result;
    for (size_t i = first; result == 0 && i < end; i++)
        result = sweep_one(sweep, &leftovers->items[i], err);
    int settled = settle(sweep, result ? NULL : err);
    ocs_lock_sweep_end(store->locks);
    return result ? result : settled;
}

int ocs_leftovers_sweep(const struct ocs_leftovers_sweep *sweep,
                        const struct ocs_leftovers *leftovers, struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && leftovers->due > 0 && i < leftovers->count; i += BATCH)
        result = sweep_batch(sweep, leftovers, i, err);
    return result;
}

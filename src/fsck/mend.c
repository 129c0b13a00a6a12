/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "mend.h"

#include "array.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/hash.h"
#include "store/trash.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES (256u << 10)
#define LOCK_MS      60000

/* ---- opening ---- */

static bool is_needed(const struct ocs_fsck_run *run, const struct ocs_digest *digest,
                      uint32_t *blob)
{
    return ocs_digest_set_find(run->inventory.set, digest, blob) &&
           run->inventory.blobs[*blob].flags & OCS_BLOB_REACHABLE;
}

static int keep_spare(struct ocs_mender *mender, const char *folder, const char *run_name,
                      const char *path, const struct ocs_digest *digest, struct ocs_error *err)
{
    struct ocs_spare spare;
    auto_free char *whole = NULL;
    if (!digest || !is_needed(mender->run, digest, &spare.blob))
        return 0;
    if (asprintf(&whole, "%s/%s%s%s", folder, run_name ? run_name : "", run_name ? "/" : "", path) <
        0) {
        whole = NULL;
        return ocs_error_memory(err);
    }
    int r = ocs_text_pool_add(&mender->texts, whole, &spare.path, err);
    if (r == 0)
        r = ocs_array_reserve(&mender->spares, &mender->spare_capacity, mender->spare_count + 1,
                              sizeof(spare), err);
    if (r == 0)
        mender->spares[mender->spare_count++] = spare;
    return r;
}

static int on_trash(void *data, const char *run_name, const char *path,
                    const struct ocs_digest *digest, const struct stat *st, struct ocs_error *err)
{
    (void)st;
    return keep_spare(data, "trash", run_name, path, digest, err);
}

static int on_quarantined(void *data, const char *run_name, const char *path,
                          const struct ocs_digest *digest, const struct stat *st,
                          struct ocs_error *err)
{
    (void)run_name;
    (void)st;
    return keep_spare(data, "quarantine", NULL, path, digest, err);
}

/* A layout, or a folder of blobs. */
static int open_source(struct ocs_mender *mender, const char *path, struct ocs_error *err)
{
    auto_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        int r = ocs_error_errno(err, "--from %s", path);
        if (err)
            err->status = OCS_USAGE;
        return r < 0 ? -OCS_USAGE : r;
    }
    struct ocs_blobs *blobs = NULL;
    char label[PATH_MAX];
    snprintf(label, sizeof(label), "%s/blobs", path);
    int r = ocs_blobs_open(dir, "blobs", OCS_BLOBS_FOLLOW, label, &blobs, err);
    if (r > 0)
        r = ocs_blobs_open(dir, ".", OCS_BLOBS_FOLLOW, path, &blobs, err);
    if (r > 0)
        r = ocs_error_raise(err, OCS_USAGE, "--from %s: there are no blobs", path);
    if (r == 0)
        mender->sources[mender->source_count++] = blobs;
    return r;
}

static int open_sources(struct ocs_mender *mender, struct ocs_error *err)
{
    const struct ocs_fsck_options *options = mender->run->options;
    mender->sources = calloc(options->from_count + 1, sizeof(struct ocs_blobs *));
    if (!mender->sources)
        return ocs_error_memory(err);
    int r = 0;
    for (size_t i = 0; r == 0 && i < options->from_count; i++)
        r = open_source(mender, options->from[i], err);
    return r;
}

int ocs_mender_open(struct ocs_mender *mender, struct ocs_fsck_run *run, struct ocs_error *err)
{
    *mender = (struct ocs_mender){
        .run = run,
        .dry_run = run->options->dry_run,
        .staging = {.parent = -1, .dir = -1},
    };
    int state = run->store->state;
    struct ocs_trash_visitor trash = {.data = mender, .on_entry = on_trash};
    struct ocs_trash_visitor quarantine = {.data = mender, .on_entry = on_quarantined};
    ocs_run_name(mender->name);
    int r = ocs_journal_open(state, mender->name, &mender->journal, err);
    if (r == 0)
        r = ocs_trash_each(state, &trash, err);
    if (r == 0)
        r = ocs_quarantine_each(state, &quarantine, err);
    return r == 0 ? open_sources(mender, err) : r;
}

void ocs_mender_close(struct ocs_mender *mender)
{
    for (size_t i = 0; i < mender->source_count; i++)
        ocs_blobs_close(mender->sources[i]);
    free(mender->sources);
    free(mender->spares);
    ocs_text_pool_clear(&mender->texts);
    ocs_staging_close(&mender->staging);
    ocs_journal_close(mender->journal);
}

/* ---- one action ---- */

int ocs_mender_lock(struct ocs_mender *mender, struct ocs_error *err)
{
    struct ocs_lock_wait wait = {.timeout_ms = LOCK_MS, .hooks = mender->run->hooks};
    if (mender->busy)
        return OCS_MEND_LEFT;
    int r = ocs_lock_sweep(mender->run->store->locks, &wait, err);
    if (r != -OCS_BUSY)
        return r;
    mender->busy = true;
    snprintf(mender->action, sizeof(mender->action), "not done: the store was in use for a minute");
    return OCS_MEND_LEFT;
}

void ocs_mender_unlock(struct ocs_mender *mender)
{
    ocs_lock_sweep_end(mender->run->store->locks);
}

int ocs_mender_note(struct ocs_mender *mender, const char *action, const char *subject,
                    struct ocs_error *err)
{
    int r = ocs_journal_add(mender->journal, action, subject, err);
    return r == 0 ? ocs_journal_sync(mender->journal, err) : r;
}

void ocs_mender_say(struct ocs_mender *mender, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int used =
        snprintf(mender->action, sizeof(mender->action), "%s", mender->dry_run ? "would be " : "");
    vsnprintf(mender->action + used, sizeof(mender->action) - (size_t)used, format, args);
    va_end(args);
}

/* ---- bytes ---- */

#define UNREAD 6 /* beside OCS_BLOB_BAD */

/* Positive: OCS_BLOB_BAD (other bytes), UNREAD (some that the disk does not give).
 * Negative: our own trouble, or that of the file that is written (to -1: none). */
static int copy_verified(int from, int to, const struct ocs_digest *digest, struct ocs_error *err)
{
    auto_free char *buffer = malloc(BUFFER_BYTES);
    struct ocs_hasher *hasher = NULL;
    struct ocs_digest actual;
    int r = buffer ? ocs_hasher_new(&hasher, err) : ocs_error_memory(err);
    if (r == 0)
        r = ocs_hasher_begin(hasher, ocs_digest_algorithm(digest), err);
    ssize_t size = BUFFER_BYTES;
    while (r == 0 && size == BUFFER_BYTES) {
        size = ocs_io_read(from, buffer, BUFFER_BYTES);
        if (size < 0)
            r = UNREAD;
        if (r == 0)
            r = ocs_hasher_update(hasher, buffer, (size_t)size, err);
        if (r == 0 && to >= 0)
            r = ocs_io_write(to, buffer, (size_t)size, "copy of a blob", err);
    }
    if (r == 0)
        r = ocs_hasher_end(hasher, &actual, err);
    ocs_hasher_free(hasher);
    if (r != 0)
        return r;
    return ocs_digest_equal(&actual, digest) ? 0 : OCS_BLOB_BAD;
}

enum place { PLACE_RIGHT, PLACE_EMPTY, PLACE_WRONG, PLACE_UNREADABLE, PLACE_LINK };

/* What holds the name now.  A link that leads nowhere just now counts as unreadable. */
static int look_in_place(struct ocs_mender *mender, const struct ocs_digest *digest,
                         enum place *place, struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat st;
    if (ocs_blobs_stat(mender->run->blobs, digest, &st, NULL) == 0)
        mender->found = ocs_stamp_of(&st);
    int r = ocs_blobs_open_blob(mender->run->blobs, digest, &fd, NULL, NULL);
    bool odd = r == OCS_IO_NOT_REGULAR;
    *place = r == OCS_IO_ABSENT ? PLACE_EMPTY : PLACE_UNREADABLE;
    if (odd)
        r = ocs_blobs_open_target(mender->run->blobs, digest, &fd, NULL);
    if (r == OCS_IO_NOT_REGULAR)
        *place = PLACE_WRONG;
    if (r != 0)
        return 0;
    r = copy_verified(fd, -1, digest, err);
    *place = r == UNREAD ? PLACE_UNREADABLE : r != 0 ? PLACE_WRONG : odd ? PLACE_LINK : PLACE_RIGHT;
    return r < 0 ? r : 0;
}

/* ---- the ladder ---- */

/* Out of the way, never deleted; and nothing but what was looked at. */
static int put_away(struct ocs_mender *mender, const struct ocs_digest *digest,
                    struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF];
    int r = ocs_mender_note(mender, "quarantine", ocs_digest_format(digest, text), err);
    if (r == 0)
        r = ocs_quarantine_put(mender->run->store->state, mender->run->blobs, digest,
                               &mender->found, err);
    if (r != OCS_TRASH_CHANGED)
        return r < 0 ? r : 0;
    ocs_mender_say(mender, "left, it changed while it was looked at: run it again");
    return OCS_MEND_CHANGED;
}

static int restore(struct ocs_mender *mender, const char *path, const struct ocs_digest *digest,
                   bool held, struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF];
    int state = mender->run->store->state;
    int r = ocs_trash_verify_file(state, path, digest, err);
    if (r != 0) /* also what cannot be read lies there for just that reason */
        return r < 0 && ocs_io_no_means() ? r : OCS_MEND_LEFT;
    ocs_mender_say(mender, "restored from .ocistore/%s", path);
    if (mender->dry_run)
        return 0;
    if (held)
        r = put_away(mender, digest, err);
    if (r == 0)
        r = ocs_mender_note(mender, "restore", ocs_digest_format(digest, text), err);
    if (r != 0)
        return r;
    r = ocs_trash_restore_file(state, path, mender->run->blobs, digest, err);
    if (r != 0)
        return r < 0 ? r : OCS_MEND_LEFT;
    return ocs_blobs_sync(mender->run->blobs, err);
}

static int try_spares(struct ocs_mender *mender, uint32_t blob, const struct ocs_digest *digest,
                      bool held, struct ocs_error *err)
{
    int r = OCS_MEND_LEFT;
    for (size_t i = mender->spare_count; r == OCS_MEND_LEFT && i > 0; i--) { /* newest first */
        const struct ocs_spare *spare = &mender->spares[i - 1];
        if (spare->blob == blob)
            r = restore(mender, ocs_text_pool_get(&mender->texts, spare->path), digest, held, err);
    }
    return r;
}

/* A verified copy in the staging folder. Positive as copy_verified. */
static int stage(struct ocs_mender *mender, int from, const struct ocs_digest *digest,
                 struct ocs_error *err)
{
    int to = -1;
    int r = mender->staging.dir >= 0
                ? 0
                : ocs_staging_open(mender->run->store->state, &mender->staging, err);
    if (r == 0)
        r = ocs_io_unlink(mender->staging.dir, "copy", 0, "copy of a blob", err);
    if (r == 0)
        r = ocs_io_create(mender->staging.dir, "copy", OCS_MODE_BLOB, &to, "copy of a blob", err);
    if (r < 0)
        return r;
    r = copy_verified(from, to, digest, err);
    if (r == 0)
        r = ocs_io_fsync(to, "copy of a blob", err);
    int closed = ocs_io_close(to, "copy of a blob", r == 0 ? err : NULL);
    return r == 0 ? closed : r;
}

static int place_copy(struct ocs_mender *mender, const struct ocs_digest *digest, bool held,
                      struct ocs_error *err)
{
    struct ocs_blobs *blobs = mender->run->blobs;
    int dir = mender->staging.dir;
    char text[OCS_DIGEST_BUF];
    int r = ocs_mender_note(mender, "copy", ocs_digest_format(digest, text), err);
    if (r < 0)
        return r;
    r = held ? ocs_quarantine_swap(mender->run->store->state, blobs, digest, dir, "copy", err)
             : ocs_blobs_publish(blobs, dir, "copy", digest, err);
    if (r != 0 && r != OCS_QUARANTINE_RIGHT)
        return r < 0 ? r : OCS_MEND_LEFT;
    return ocs_blobs_sync(blobs, err);
}

static int try_source(struct ocs_mender *mender, size_t source, const struct ocs_digest *digest,
                      bool held, struct ocs_error *err)
{
    auto_fd int fd = -1;
    if (ocs_blobs_open_blob(mender->sources[source], digest, &fd, NULL, NULL) != 0)
        return OCS_MEND_LEFT;
    int r = mender->dry_run ? copy_verified(fd, -1, digest, err) : stage(mender, fd, digest, err);
    if (r != 0)
        return r < 0 ? r : OCS_MEND_LEFT;
    ocs_mender_say(mender, "copied from %s", mender->run->options->from[source]);
    return mender->dry_run ? 0 : place_copy(mender, digest, held, err);
}

static int climb(struct ocs_mender *mender, uint32_t blob, const struct ocs_digest *digest,
                 struct ocs_error *err)
{
    enum place place;
    int r = look_in_place(mender, digest, &place, err);
    if (r == 0 && place == PLACE_RIGHT)
        ocs_mender_say(mender, "right when it was read again");
    if (r < 0 || place == PLACE_RIGHT)
        return r;
    bool held = place != PLACE_EMPTY;
    r = try_spares(mender, blob, digest, held, err);
    for (size_t i = 0; r == OCS_MEND_LEFT && i < mender->source_count; i++)
        r = try_source(mender, i, digest, held, err);
    if (r == OCS_MEND_LEFT && place == PLACE_LINK) {
        ocs_mender_say(mender, "left, it is a link to the right bytes: put the file itself there");
        return OCS_MEND_LINK;
    }
    if (r != OCS_MEND_LEFT || place != PLACE_WRONG)
        return r; /* what cannot be read stays where it is: the disk may recover */
    ocs_mender_say(mender, "moved to .ocistore/quarantine");
    r = mender->dry_run ? 0 : put_away(mender, digest, err);
    bool needed = mender->run->inventory.blobs[blob].flags & OCS_BLOB_REACHABLE;
    return r != 0 || !needed ? r : OCS_MEND_LEFT;
}

int ocs_mend_blob(struct ocs_mender *mender, uint32_t blob, struct ocs_error *err)
{
    struct ocs_digest digest;
    mender->action[0] = '\0';
    ocs_inventory_digest(&mender->run->inventory, blob, &digest);
    if (!ocs_algorithm_verifiable(ocs_digest_algorithm(&digest)))
        return OCS_MEND_LEFT;
    if (mender->dry_run)
        return climb(mender, blob, &digest, err);
    int r = ocs_mender_lock(mender, err);
    if (r != 0)
        return r;
    r = climb(mender, blob, &digest, err);
    ocs_mender_unlock(mender);
    return r;
}

static int close_to_others(struct ocs_mender *mender, const struct ocs_digest *digest,
                           struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat st;
    char text[OCS_DIGEST_BUF];
    if (ocs_blobs_open_blob(mender->run->blobs, digest, &fd, &st, NULL) != 0)
        return OCS_MEND_LEFT;
    ocs_mender_say(mender, "made unwritable for others");
    if (mender->dry_run || !(st.st_mode & S_IWOTH))
        return 0;
    int r = ocs_mender_note(mender, "chmod", ocs_digest_format(digest, text), err);
    if (r < 0)
        return r;
    mode_t mode = st.st_mode & 07777 & ~(mode_t)S_IWOTH;
    if (ocs_io_chmod(fd, mode, text, NULL) == 0)
        return 0;
    mender->action[0] = '\0'; /* a file of somebody else */
    return OCS_MEND_LEFT;
}

int ocs_mend_mode(struct ocs_mender *mender, uint32_t blob, struct ocs_error *err)
{
    struct ocs_digest digest;
    mender->action[0] = '\0';
    ocs_inventory_digest(&mender->run->inventory, blob, &digest);
    int r = mender->dry_run ? 0 : ocs_mender_lock(mender, err);
    if (r != 0)
        return r;
    r = close_to_others(mender, &digest, err);
    if (!mender->dry_run)
        ocs_mender_unlock(mender);
    return r;
}

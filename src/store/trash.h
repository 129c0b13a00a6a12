/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_TRASH_H
#define OCS_STORE_TRASH_H

/* Where things go before they are gone: trash/<run>/{blobs,layouts}/... and
 * quarantine/<alg>/<hex>.<time>.<n>. */

#include "blob.h"

#define OCS_RUN_NAME_SIZE 26 /* "YYYYMMDDTHHMMSSZ-xxxxxxxx" and NUL */

/* Names sort in the order in which they were made: of the eight hex digits the first five
 * are microseconds. */
void ocs_run_name(char out[OCS_RUN_NAME_SIZE]);
/* The time in a run's name, in seconds; -1 when it is no such name. */
int64_t ocs_run_time(const char *name);

/* One run of the trash, for moving many blobs: its folders are made at the first
 * use and stay open, so that a blob costs one rename and one stat.
 * For one thread. */
struct ocs_trash_run;

int ocs_trash_run_open(int state_dir, const char *run, struct ocs_trash_run **out,
                       struct ocs_error *err);
void ocs_trash_run_close(struct ocs_trash_run *run);

/* Move a blob to trash/<run>/blobs/<alg>/<hex>; the file that arrives must be
 * the one of `expected` (inode, size and mtime; NULL: any), else it is put back and
 * OCS_TRASH_CHANGED returned.  Positive also: OCS_IO_ABSENT, OCS_IO_EXISTS (the
 * run holds that digest already) and OCS_TRASH_NO_SPACE (the disk is full,
 * nothing was moved: see reserve.h). */
#define OCS_TRASH_CHANGED  6
#define OCS_TRASH_NO_SPACE 7
int ocs_trash_run_put_blob(struct ocs_trash_run *run, struct ocs_blobs *blobs,
                           const struct ocs_digest *digest, const struct ocs_stamp *expected,
                           struct ocs_error *err);
/* fsync of the run's folders that were changed through this object (not of
 * blobs/: ocs_blobs_sync). */
int ocs_trash_run_sync(struct ocs_trash_run *run, struct ocs_error *err);

/* Move any file of ours to trash/<run>/<as>, or <as>.1 and so on when that is
 * taken. Positive: OCS_IO_ABSENT. */
int ocs_trash_put_file(int state_dir, const char *run, int from_dir, const char *from,
                       const char *as, struct ocs_error *err);
/* fsync of every folder of a run. */
int ocs_trash_sync(int state_dir, const char *run, struct ocs_error *err);

struct ocs_trash_visitor {
    void *data;
    /* path is relative to trash/<run>; digest is NULL for what is no blob.  A folder that
     * may not be read, of a layout that was removed, is an entry. */
    int (*on_entry)(void *data, const char *run, const char *path, const struct ocs_digest *digest,
                    const struct stat *st, struct ocs_error *err);
    bool sorted; /* by path in each run; else as the folders have them */
};
/* Every entry of every run, oldest run first. */
int ocs_trash_each(int state_dir, const struct ocs_trash_visitor *visitor, struct ocs_error *err);

/* Everything in it, and what its files take: as ocs_blob_frees. */
int ocs_trash_measure(int state_dir, uint64_t *files, uint64_t *bytes, struct ocs_error *err);

/* Put a blob of the trash back, verified first; ocs_blobs_sync makes it durable.
 * Positive: OCS_IO_ABSENT, OCS_BLOB_BAD (other bytes or no regular file),
 * OCS_IO_EXISTS (the name is taken); then it stays where it is. */
int ocs_trash_restore_blob(int state_dir, const char *run, struct ocs_blobs *blobs,
                           const struct ocs_digest *digest, struct ocs_error *err);
/* The same for a file anywhere in the state folder. */
int ocs_trash_restore_file(int state_dir, const char *path, struct ocs_blobs *blobs,
                           const struct ocs_digest *digest, struct ocs_error *err);
/* Is a file of the state folder a blob's right copy?  Then it is fsynced.
 * Positive: OCS_IO_ABSENT, OCS_BLOB_BAD (other bytes or no regular file). */
int ocs_trash_verify_file(int state_dir, const char *path, const struct ocs_digest *digest,
                          struct ocs_error *err);
/* Unlink one entry of a run (from any thread); absent is fine.  Empty folders go
 * by ocs_trash_drop_empty. */
int ocs_trash_unlink(int state_dir, const char *run, const char *path, struct ocs_error *err);
/* What was taken from the list of a layout that goes on under another name is found under
 * that one, durably.  What was taken with its whole folder stays. */
int ocs_trash_rename_layout(int state_dir, const char *from, const char *to, struct ocs_error *err);
/* The run's folder too, if nothing is left in it. */
int ocs_trash_drop_empty(int state_dir, const char *run, struct ocs_error *err);

/* ---- the quarantine: quarantine/<alg>/<encoded>.<time>.<n> ---- */

/* Move a damaged blob, or what holds its name, to the quarantine, durably.  What arrives
 * must be what was judged (`expected` as for ocs_trash_run_put_blob), else it is put back
 * and OCS_TRASH_CHANGED returned.  Positive also: OCS_IO_ABSENT. */
int ocs_quarantine_put(int state_dir, struct ocs_blobs *blobs, const struct ocs_digest *digest,
                       const struct ocs_stamp *expected, struct ocs_error *err);
/* Exchange what holds a blob's name and a good copy that is staged (fsynced), so
 * that the name is never without a file.  What came out is in the quarantine; if
 * it is right after all (somebody else was quicker), it is dropped and
 * OCS_QUARANTINE_RIGHT returned.  Durable but for ocs_blobs_sync.
 * Positive also: OCS_IO_ABSENT when nothing holds the name; nothing was done. */
#define OCS_QUARANTINE_RIGHT 8
int ocs_quarantine_swap(int state_dir, struct ocs_blobs *blobs, const struct ocs_digest *digest,
                        int staged_dir, const char *staged, struct ocs_error *err);
/* on_entry gets NULL as run and a path relative to quarantine/; digest is the one
 * that the file was blamed for not having. */
int ocs_quarantine_each(int state_dir, const struct ocs_trash_visitor *visitor,
                        struct ocs_error *err);
/* Put it back, verified first (a repaired disk, a wrong accusation).  Positive as
 * for ocs_trash_restore_blob. */
int ocs_quarantine_restore_blob(int state_dir, const char *path, struct ocs_blobs *blobs,
                                const struct ocs_digest *digest, struct ocs_error *err);

#endif

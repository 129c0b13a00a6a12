/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_BLOB_H
#define OCS_STORE_BLOB_H

/* The files of one `blobs` folder: open, stat, iterate, publish.  Everything
 * above asks this module; no caller builds a path.  Knows nothing of the graph.
 *
 * Reading functions may be called from any thread. */

#include "digest.h"
#include "io.h"

struct ocs_blobs;

#define OCS_BLOBS_FOLLOW 1u /* blobs and blobs/<alg> may be links (an import's source) */

/* `path` relative to `root` ("blobs"). `label` names the folder in messages.
 * Positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR (no folder, or a link without FOLLOW). */
int ocs_blobs_open(int root, const char *path, unsigned flags, const char *label,
                   struct ocs_blobs **out, struct ocs_error *err);
void ocs_blobs_close(struct ocs_blobs *blobs);
const char *ocs_blobs_label(const struct ocs_blobs *blobs);

/* Positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR. */
int ocs_blobs_open_blob(const struct ocs_blobs *blobs, const struct ocs_digest *digest, int *fd,
                        struct stat *st, struct ocs_error *err);
/* The same for what a link under a blob's name leads to: only to tell what it is. */
int ocs_blobs_open_target(const struct ocs_blobs *blobs, const struct ocs_digest *digest, int *fd,
                          struct ocs_error *err);
/* Without following a link.  Positive: OCS_IO_ABSENT.  The caller looks at st_mode. */
int ocs_blobs_stat(const struct ocs_blobs *blobs, const struct ocs_digest *digest, struct stat *st,
                   struct ocs_error *err);

/* What gc gives back by taking a file away: the space that it has, none while the
 * file has other names. */
static inline uint64_t ocs_blob_frees(const struct stat *st)
{
    return st->st_nlink > 1 ? 0 : (uint64_t)st->st_blocks * 512;
}

/* What lies in the folder, without stat. */
struct ocs_blobs_entry {
    struct ocs_digest digest;
    bool regular;   /* a regular file */
    uint64_t inode; /* as the folder has it: good for an order, not for an identity */
};
struct ocs_blobs_visitor {
    void *data;
    /* Named by a digest. */
    int (*on_blob)(void *data, const struct ocs_blobs_entry *entry, struct ocs_error *err);
    /* Anything that is not named by a digest; `path` is relative to blobs/. */
    int (*on_stranger)(void *data, const char *path, struct ocs_error *err);
};
int ocs_blobs_each(const struct ocs_blobs *blobs, const struct ocs_blobs_visitor *visitor,
                   struct ocs_error *err);

/* Give a staged file (already fsynced) its name.  Positive: OCS_IO_EXISTS when
 * something holds the name; the folder counts as changed then, too, since whoever gave it
 * may not have flushed it.  The algorithm's folder is made when needed. */
int ocs_blobs_publish(struct ocs_blobs *blobs, int from_dir, const char *from,
                      const struct ocs_digest *digest, struct ocs_error *err);
/* Move a blob away.  Positive: OCS_IO_ABSENT, OCS_IO_EXISTS.  errno is kept when
 * it fails. */
int ocs_blobs_take(struct ocs_blobs *blobs, const struct ocs_digest *digest, int to_dir,
                   const char *to, struct ocs_error *err);
/* Exchange a blob and a staged file. Positive: OCS_IO_ABSENT. */
int ocs_blobs_swap(struct ocs_blobs *blobs, const struct ocs_digest *digest, int other_dir,
                   const char *other, struct ocs_error *err);
int ocs_blobs_unlink(struct ocs_blobs *blobs, const struct ocs_digest *digest,
                     struct ocs_error *err);
/* fsync of every algorithm's folder that was changed through this object. */
int ocs_blobs_sync(struct ocs_blobs *blobs, struct ocs_error *err);

/* Bytes of a blob verified while they are read, whole in memory.
 * Positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR, OCS_BLOB_BAD (other bytes),
 * OCS_BLOB_LARGE (more than `limit`). */
#define OCS_BLOB_BAD   4
#define OCS_BLOB_LARGE 5
int ocs_blobs_read(const struct ocs_blobs *blobs, const struct ocs_digest *digest, uint64_t limit,
                   struct ocs_bytes *out, struct stat *st, struct ocs_error *err);

#endif

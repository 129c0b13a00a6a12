/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_STORE_H
#define OCS_STORE_STORE_H

/* An open store: the one place that knows how its parts belong together. */

#include "blob.h"
#include "graph_batch.h"
#include "lock.h"
#include "roots.h"

struct ocs_store {
    char *path;
    char uuid[37];
    int dir;   /* STORE */
    int state; /* STORE/.ocistore */
    struct ocs_blobs *blobs;
    struct ocs_locks *locks;
    struct ocs_graph *graph; /* private: ocs_store_graph */
    char *graph_path;        /* private: the folder of data.mdb */
    bool graph_is_private;   /* private: private_graph.h */
    bool graph_unclaimed;    /* private: graph_owner.h */
    struct ocs_hooks hooks;
    struct ocs_lock_wait wait; /* for writers */
    bool lock_timeout_given;
};

/* Network file systems lie about locks and maps: OCS_REFUSED unless `allowed`. */
int ocs_store_check_filesystem(int dir, const char *path, bool allowed, struct ocs_error *err);

/* Of the folders of the state that are made when they are wanted, the next one from *next on
 * (0 at first) that is something else: nothing could be put there, and what was there would be
 * overlooked.  NULL: no more. */
const char *ocs_store_odd_folder(int state_dir, size_t *next);
#define OCS_STORE_ODD_HELP "move it away: a folder is made when it is wanted"

/* Opens the graph, or makes one when there is none or the old one is corrupt
 * (which is kept beside).  Negative: OCS_FAILED when there can be none. */
int ocs_store_graph(struct ocs_store *store, struct ocs_graph **out, struct ocs_error *err);
/* It was opened, and was not found corrupt by that. */
bool ocs_store_graph_is_open(const struct ocs_store *store);
/* After a write to the graph failed: where it cannot be written at all, goes on
 * with a copy of its own (ids stay), and says so.  Else OCS_STORE_GRAPH_AS_IT_WAS. */
#define OCS_STORE_GRAPH_AS_IT_WAS 1
int ocs_store_graph_leave(struct ocs_store *store, struct ocs_error *err);
/* After OCS_GRAPH_CORRUPT: moves the graph aside and starts an empty one. */
int ocs_store_graph_rebuild(struct ocs_store *store, struct ocs_error *err);

/* gate and store for a command that writes; ocs_store_writer_end gives them back. */
int ocs_store_writer(struct ocs_store *store, struct ocs_error *err);
void ocs_store_writer_end(struct ocs_store *store);

struct ocs_roots_place ocs_store_roots_place(struct ocs_store *store);
/* For what would make a second layout: OCS_USAGE when the store is one in place. */
int ocs_store_refuse_in_place(const struct ocs_store *store, struct ocs_error *err);
/* The folder of a registered layout. Positive, described in *err as well: OCS_IO_ABSENT, also
 * for an attached one with neither oci-layout nor index.json, or that was led away (roots.h);
 * OCS_IO_NOT_REGULAR. */
int ocs_store_open_layout(struct ocs_store *store, const struct ocs_root *root, int *fd,
                          struct ocs_error *err);
/* "layout 'NAME'" or "layout 'NAME' (attached)" for messages. */
const char *ocs_store_layout_label(const struct ocs_root *root, char *buffer, size_t size);

/* Syncs the log.  That it could not be written is told, and no failure: what it
 * tells of is done. */
struct ocs_journal;
void ocs_store_settle_journal(const struct ocs_store *store, struct ocs_journal *journal);

bool ocs_store_cancelled(const struct ocs_store *store);
void ocs_store_notice(const struct ocs_store *store, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* NAME, NAME:TAG, NAME@DIGEST taken apart.  Free with ocs_image_name_clear. */
struct ocs_image_name {
    char *layout;
    char *tag; /* or NULL */
    bool has_digest;
    struct ocs_digest digest;
};
int ocs_image_name_parse(const char *text, struct ocs_image_name *out, struct ocs_error *err);
void ocs_image_name_clear(struct ocs_image_name *name);
/* OCS_USAGE when the specification has no such name for an image: we make none. */
int ocs_image_new_tag(const char *tag, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCISTORE_H
#define OCISTORE_H

/*
 * ocistore: a content-addressed store for many OCI image layouts.
 *
 * Results.  Functions that can fail return an int: 0 is success, a negative
 * value is -(enum ocs_status) and is described in *err, a positive value is a
 * condition that the function documents.  `err` comes last, is owned by the
 * caller and may be NULL.
 *
 * The library never prints, exits, installs a signal handler or keeps a
 * mutable global.  A store object belongs to one thread at a time; callbacks
 * run on the thread that made the call unless they say otherwise.
 *
 * Strings handed to callbacks live until the callback returns.  They may hold
 * any byte that was found on the disk: escape them before printing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OCS_PUBLIC __attribute__((visibility("default")))

/* ---- results ------------------------------------------------------------ */

/* Also the exit statuses of the program (doc/cli.md). */
enum ocs_status {
    OCS_OK = 0,
    OCS_CORRECTED = 1,    /* fsck: everything that was found was corrected */
    OCS_REFUSED = 4,      /* damage is left, or refused for safety; nothing was lost */
    OCS_FAILED = 8,       /* could not be done: I/O, memory, graph */
    OCS_USAGE = 16,       /* wrong usage: no store, no such layout or tag, contradiction */
    OCS_INTERRUPTED = 32, /* the cancel hook asked for the end */
    OCS_BUSY = 75,        /* a lock was not to be had in time: try again */
};

struct ocs_error {
    enum ocs_status status;
    char message[1024]; /* "what was being done: what went wrong" */
    char hint[1024];    /* the command that helps, or "" */
};

OCS_PUBLIC const char *ocs_version(void);

/* ---- progress, notices, cancellation ------------------------------------ */

struct ocs_progress {
    const char *phase; /* "import", "hash", "mark", "sweep", ... */
    uint64_t blobs_done, blobs_total;
    uint64_t bytes_done, bytes_total;
    uint64_t errors; /* so far */
};

/* Every member may be NULL. */
struct ocs_hooks {
    void *data;
    /* Asked by every thread, at least once per MiB: true ends the work. */
    bool (*cancelled)(void *data);
    /* About ten times a second while work is going on. */
    void (*progress)(void *data, const struct ocs_progress *progress);
    /* Something a person should know: what is waited for, what was healed. */
    void (*notice)(void *data, const char *text);
};

/* ---- a store ------------------------------------------------------------ */

struct ocs_store;

struct ocs_init_options {
    const char *graph_dir; /* keep the graph in this folder instead of .ocistore/graph */
    bool unsafe_network;   /* allow a network file system, with graph_dir on a local one */
    const struct ocs_hooks *hooks;
};

struct ocs_init_report {
    bool in_place;    /* the folder was an OCI layout, now registered as "." */
    bool graph_moved; /* it existed, and keeps its graph in another folder now */
    bool existed;     /* it was a store already; what was missing was completed */
    uint64_t layouts; /* that lay there when store.json was made (lost, maybe) */
    uint64_t blobs;   /* likewise: files named by a digest */
    char uuid[37];
};

/* Make `dir` a store; an existing OCI layout becomes a store in place and keeps
 * every byte.  Repeating it completes what an interrupted run left out. */
OCS_PUBLIC int ocs_store_init(const char *dir, const struct ocs_init_options *options,
                              struct ocs_init_report *report, struct ocs_error *err);

struct ocs_open_options {
    const struct ocs_hooks *hooks; /* borrowed until the store is closed */
    int64_t lock_timeout_ms;       /* -1: wait as long as it takes (gc, fsck: 0 by default) */
    bool lock_timeout_given;
    bool for_fsck; /* a store.json that is missing or not understood, and blobs behind a link,
                      are ocs_fsck's to find: for nothing else */
};

/* Open the store in `dir` (the folder that holds .ocistore).
 * Errors: OCS_USAGE where there is none, OCS_FAILED for an unknown format. */
OCS_PUBLIC int ocs_store_open(const char *dir, const struct ocs_open_options *options,
                              struct ocs_store **out, struct ocs_error *err);
OCS_PUBLIC void ocs_store_close(struct ocs_store *store);
OCS_PUBLIC const char *ocs_store_path(const struct ocs_store *store);

/* ---- images ------------------------------------------------------------- */

/*
 * An image is named NAME, NAME:TAG or NAME@DIGEST; NAME is a layout, TAG is
 * everything after the first ':' and is compared with the annotation
 * org.opencontainers.image.ref.name (image-spec, annotations.md).
 */
struct ocs_image {
    const char *layout;
    const char *ref; /* NULL for an entry without a name */
    const char *digest;
    const char *media_type;
    uint64_t bytes; /* of every blob it reaches, each counted once; absent ones as 0 */
};

struct ocs_layout_info {
    const char *name;
    const char *path;
    const char *given; /* attached by a path that leads over a link: that one; else NULL */
    bool attached;
    uint64_t images;
    uint64_t bytes;      /* of every blob its images reach, each counted once */
    const char *trouble; /* why neither is known, or NULL */
};

/* ---- import ------------------------------------------------------------- */

/* How blobs of a source come in. */
enum ocs_link {
    OCS_LINK_AUTO,    /* shared where the file system can (FICLONE), else copied */
    OCS_LINK_REFLINK, /* shared; OCS_USAGE where that cannot be */
    OCS_LINK_COPY,
};

struct ocs_import_options {
    const char *name;         /* layout to import into; NULL: after the source */
    const char *tag;          /* name for the one image that is imported */
    unsigned jobs;            /* threads; 0: the processors available */
    const char *shared_blobs; /* where the sources keep their blobs */
    bool allow_missing;       /* bring in images with absent blobs */
    enum ocs_link link;
    void *data;
    void (*on_image)(void *data, const struct ocs_image *image); /* after its layout is durable */
    /* A further source that failed; NULL: a notice tells. */
    void (*on_failure)(void *data, const struct ocs_error *error);
};

struct ocs_import_report {
    uint64_t images;
    uint64_t referrers; /* of these or each other, which came along without being an entry */
    uint64_t blobs_copied;
    uint64_t blobs_reused;
    uint64_t bytes_copied;
};

/* Verify and bring in `count` sources: layout folders and PATH:TAG.
 * Each is taken whole or not at all; the first failure is described in *err
 * after the others were tried, and every further one by on_failure. */
OCS_PUBLIC int ocs_import(struct ocs_store *store, const char *const *sources, size_t count,
                          const struct ocs_import_options *options,
                          struct ocs_import_report *report, struct ocs_error *err);

/* ---- looking ------------------------------------------------------------ */

struct ocs_ls_visitor {
    void *data;
    void (*on_layout)(void *data, const struct ocs_layout_info *layout);
    void (*on_image)(void *data, const struct ocs_image *image);
};

/* Layouts with the number of images and sizes, sorted by name; with a `name`
 * that layout and its images.  When some layout cannot be read, the others are told
 * before that is: OCS_REFUSED (damaged, gone) or OCS_FAILED. */
OCS_PUBLIC int ocs_ls(struct ocs_store *store, const char *name,
                      const struct ocs_ls_visitor *visitor, struct ocs_error *err);

struct ocs_tree_node {
    const char *digest;
    const char *parent; /* digest, or NULL for an entry of index.json */
    unsigned depth;
    const char *role;       /* "manifest", "config", "layer", "blob", "subject", "referrer", ... */
    const char *media_type; /* as the descriptor says; NULL when it does not */
    uint64_t size;          /* as the descriptor says */
    bool present;
    bool shared;  /* another image of the store reaches it as well */
    bool repeats; /* shown before: its children are not shown again */
};

/* Walk what an image is made of, depth first, in document order.  OCS_REFUSED when a
 * damaged document, or an image that is not there, could not be followed; the rest was
 * shown. */
OCS_PUBLIC int ocs_tree(struct ocs_store *store, const char *image, void *data,
                        void (*on_node)(void *data, const struct ocs_tree_node *node),
                        struct ocs_error *err);

struct ocs_inspection {
    char *layout, *ref, *digest, *media_type;
    uint64_t bytes; /* as in struct ocs_image */
    char *manifest; /* the document's bytes, NUL-terminated */
    size_t manifest_size;
    char *config; /* the config blob's bytes; NULL where there is none or it is no JSON */
    size_t config_size;
};

/* The documents of one image, verified.  Free with ocs_inspection_clear. */
OCS_PUBLIC int ocs_inspect(struct ocs_store *store, const char *image, struct ocs_inspection *out,
                           struct ocs_error *err);
OCS_PUBLIC void ocs_inspection_clear(struct ocs_inspection *inspection);

/* Stream the bytes of a digest, or of an image's document, to `fd`, verified
 * while they stream: damage is OCS_REFUSED after the bytes went out. */
OCS_PUBLIC int ocs_cat(struct ocs_store *store, const char *digest_or_image, int fd,
                       struct ocs_error *err);

/* ---- changing ----------------------------------------------------------- */

struct ocs_change {
    const char *action; /* "remove", "tag", "move", "attach", "forget", "adopt", ... */
    const char *layout;
    const char *ref;    /* NULL: the layout as a whole, or a nameless entry */
    const char *digest; /* NULL: the layout as a whole */
};

typedef void ocs_change_fn(void *data, const struct ocs_change *change);

struct ocs_remove_report {
    uint64_t images;
    uint64_t freed_blobs; /* what the next gc frees because of this */
    uint64_t freed_bytes;
    bool freed_unknown; /* an index.json that counts could not be read */
};

/* Drop images or whole layouts; blobs stay until gc.  Every name is looked up
 * before anything is changed.  The old index.json goes to the trash. */
OCS_PUBLIC int ocs_remove(struct ocs_store *store, const char *const *images, size_t count,
                          void *data, ocs_change_fn *on_change, struct ocs_remove_report *report,
                          struct ocs_error *err);

/* Give an image (NAME:TAG or NAME@DIGEST) one more tag.  A tag that is there
 * moves, and its old entry goes. */
OCS_PUBLIC int ocs_tag(struct ocs_store *store, const char *image, const char *tag, void *data,
                       ocs_change_fn *on_change, struct ocs_error *err);

/* Rename a layout. */
OCS_PUBLIC int ocs_rename_layout(struct ocs_store *store, const char *name, const char *new_name,
                                 void *data, ocs_change_fn *on_change, struct ocs_error *err);

/* Register a layout that lives elsewhere and keeps its blobs here (skopeo with
 * --dest-shared-blob-dir STORE/blobs), so that gc spares them. `name` NULL: the
 * folder's name. */
OCS_PUBLIC int ocs_attach(struct ocs_store *store, const char *dir, const char *name, void *data,
                          ocs_change_fn *on_change, struct ocs_error *err);
/* Unregister an attached layout; its folder is not touched. */
OCS_PUBLIC int ocs_forget(struct ocs_store *store, const char *name, void *data,
                          ocs_change_fn *on_change, struct ocs_remove_report *report,
                          struct ocs_error *err);
/* Accept that entries of .ocistore/roots are lost, and with them attached layouts that
 * nobody knows any more: what only these listed becomes garbage.  The layouts below
 * layouts/ are registered again.  *lost: how many entries. */
OCS_PUBLIC int ocs_forget_lost(struct ocs_store *store, uint64_t *lost, struct ocs_error *err);

/* List a manifest or index that lies in the store and that no layout lists, lost
 * by copies that raced: `image` is NAME or NAME:TAG; the layout is made when
 * needed. */
OCS_PUBLIC int ocs_adopt(struct ocs_store *store, const char *digest, const char *image, void *data,
                         ocs_change_fn *on_change, struct ocs_error *err);

/* ---- a foreign tool as a cooperating writer ------------------------------ */

/* Keep the store from being swept until it is closed, as our own writers do, so
 * that a tool that knows nothing of our locks can write.  *environment is
 * "OCISTORE_HELD=..." for that tool's environment: ocistore commands below it then
 * know that the store is held, and do not wait for a sweep that waits for them.
 * Free it. */
OCS_PUBLIC int ocs_hold(struct ocs_store *store, char **environment, struct ocs_error *err);

/* ---- the trash ---------------------------------------------------------- */

struct ocs_gc_report;

struct ocs_trash_entry {
    const char *run;    /* YYYYMMDDTHHMMSSZ-xxxxxxxx */
    int64_t since;      /* seconds since 1970 */
    const char *path;   /* in the run */
    const char *digest; /* of a blob; else NULL */
    const char *layout; /* of an index.json; else NULL */
    const char *first;  /* an image of it that the layout lacks now, as ":TAG" or "@DIGEST" */
    uint64_t images;    /* how many of those there are */
    uint64_t bytes;     /* that go free with it */
};

/* Everything that lies there, by run. */
OCS_PUBLIC int ocs_trash_list(struct ocs_store *store, void *data,
                              void (*on_entry)(void *data, const struct ocs_trash_entry *entry),
                              struct ocs_error *err);

/* Put back blobs (verified) by digest, and what a layout listed by its name: the
 * entries of its last index.json in the trash are merged into the one it has now.
 * A tag that it has again stays as it is.  OCS_USAGE: nothing of that name lies
 * there.  OCS_REFUSED: a copy is damaged, or such a layout lacks blobs afterwards: each is
 * told as the change "missing", and the layout's as "restore-incomplete". */
OCS_PUBLIC int ocs_trash_restore(struct ocs_store *store, const char *const *names, size_t count,
                                 void *data, ocs_change_fn *on_change, struct ocs_error *err);

/* Unlink everything in the trash that nothing references. */
OCS_PUBLIC int ocs_trash_empty(struct ocs_store *store, struct ocs_gc_report *report,
                               struct ocs_error *err);

struct ocs_prune_options {
    bool untagged;        /* nameless entries, as retagging leaves them beside named ones */
    int64_t older_than_s; /* images that came into the store longer ago; negative: no rule */
    unsigned keep_last;   /* all but the N youngest of each layout; with older_than_s: spare these;
                             0: no rule */
    bool dry_run;
    void *data;
    ocs_change_fn *on_change;
};

#define OCS_PRUNE_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .older_than_s = -1                                                                         \
    }

/* Drop entries of these layouts (none: of all but the attached) by rule; blobs stay
 * until gc.  The age of an image is that of its document's file in the store.  What
 * belongs to an image (it has it as subject, or its tag says so: sha256-<hex>...)
 * goes with it and is judged by no rule.  OCS_USAGE without any rule.  Where a layout had
 * to be left alone (of all) the others are done, and that is the error. */
OCS_PUBLIC int ocs_prune(struct ocs_store *store, const char *const *layouts, size_t count,
                         const struct ocs_prune_options *options, struct ocs_remove_report *report,
                         struct ocs_error *err);

/* ---- gc ----------------------------------------------------------------- */

struct ocs_gc_candidate {
    const char *digest;
    uint64_t size;
    uint64_t bytes; /* of space that go free with it; 0 while it has other names */
    unsigned links; /* its names */
    int64_t mtime;  /* seconds since 1970 */
    const char *reason;
    const char *action; /* "trash" or "wait" */
    int64_t due;        /* when it goes, or would have gone */
};

/* A file that another tool did not finish: doc/safety.md. */
struct ocs_gc_temporary {
    const char *path; /* in the store */
    uint64_t size;
    int64_t mtime;
    const char *reason;
    const char *action; /* "trash" or "wait" */
    int64_t due;
};

struct ocs_gc_purge {
    const char *digest; /* or the path inside the run for what is no blob */
    const char *run;
    uint64_t bytes;
};

#define OCS_GC_UNLISTED_TOLD 3

/* Complete images that no layout lists, nor did when gc last looked: of layouts that are not
 * attached, maybe, or of tags that moved. */
struct ocs_gc_unlisted {
    uint64_t images;
    const char *digests[OCS_GC_UNLISTED_TOLD]; /* of the first ones; then NULL */
};

struct ocs_gc_options {
    bool dry_run;
    int64_t grace_s;     /* seconds a blob must have been unreferenced */
    int64_t trash_for_s; /* seconds a run stays in the trash */
    bool now;            /* grace 0 and trash_for 0 */
    unsigned max_delete_percent;
    bool allow_empty;
    bool measure_trash; /* fill trash_files and trash_bytes of the report */
    unsigned jobs;
    void *data;
    void (*on_candidate)(void *data, const struct ocs_gc_candidate *candidate);
    void (*on_temporary)(void *data, const struct ocs_gc_temporary *temporary);
    void (*on_purge)(void *data, const struct ocs_gc_purge *purge);
    /* A run without grace is about to take some; called before anything is done. */
    void (*on_unlisted)(void *data, const struct ocs_gc_unlisted *unlisted);
};

#define OCS_GC_OPTIONS_INIT                                                                        \
    {                                                                                              \
        .grace_s = 23 * 3600, .trash_for_s = 3 * 86400, .max_delete_percent = 50                   \
    }

struct ocs_gc_report {
    uint64_t layouts;
    /* Bytes of live blobs and *_size are sizes of files, so that these add up to what lies
     * in blobs/; the other bytes are space that goes free, or went. */
    uint64_t live_blobs, live_bytes;
    uint64_t candidates, candidate_bytes, candidate_size; /* that go in this run */
    uint64_t waiting, waiting_bytes, waiting_size; /* unreferenced, but still in their grace */
    uint64_t linked, linked_size; /* of the candidates: with other names, so no space goes free */
    uint64_t holes;               /* sizes of the others beyond the space that they take */
    uint64_t reflinked_bytes;     /* space of candidates that other files have, too */
    bool reflinks_told;           /* or else it cannot be told here */
    uint64_t trashed, trashed_bytes;
    uint64_t temporaries, temporaries_bytes; /* files of other tools that go in this run */
    uint64_t temporaries_waiting, temporaries_waiting_bytes;
    uint64_t temporaries_trashed, temporaries_trashed_bytes;
    uint64_t purges, purge_bytes; /* old files of the trash that go in this run; with `now` also
                                     what was only just moved there, which is not counted here */
    uint64_t purged, purged_bytes;
    uint64_t trash_files, trash_bytes; /* left there in the end, if asked for */
    uint64_t rescued;                  /* referenced again while the sweep was going on */
    uint64_t left_alone;               /* strange names and unknown algorithms */
    uint64_t unlisted_images;          /* complete images that no layout lists */
    uint64_t unlisted_due;             /* of them: that go in this run */
    uint64_t healed;    /* referenced blobs that came back from the trash or quarantine */
    char refused[1024]; /* why nothing was deleted, or "" */
};

/* Mark from every layout's index.json and sweep what nothing reaches.
 * OCS_REFUSED, with report->refused filled, when it cannot know what is needed:
 * then nothing was deleted. */
OCS_PUBLIC int ocs_gc(struct ocs_store *store, const struct ocs_gc_options *options,
                      struct ocs_gc_report *report, struct ocs_error *err);

/* ---- explaining --------------------------------------------------------- */

struct ocs_why_step {
    const char *digest;
    /* What it is to the step before: "manifest", "layer", "referrer", ...; of the first one to
     * the layout: "saved" when docker save's manifest.json names it. */
    const char *role;
};

/* One way from a layout to the blob. */
struct ocs_why_path {
    const char *layout;
    const char *ref;                  /* of the image; NULL: nameless */
    const struct ocs_why_step *steps; /* the image first, the blob last */
    size_t count;
};

struct ocs_why_garbage {
    const char *digest;
    uint64_t size;
    int64_t since; /* nothing needs it, in seconds since 1970; 0: no gc has looked yet */
    int64_t due;   /* when it goes by the grace that was given; 0: never */
    const char *reason;
    const char *const *once; /* digests of documents that lead to it, listed by a layout once */
    size_t once_count;       /* told, of report->once */
};

struct ocs_why_options {
    int64_t grace_s;
    uint64_t most_paths; /* to be told; the others are counted */
    void *data;
    void (*on_path)(void *data, const struct ocs_why_path *path);
    void (*on_garbage)(void *data, const struct ocs_why_garbage *garbage);
};

#define OCS_WHY_OPTIONS_INIT                                                                       \
    {                                                                                              \
        .grace_s = 23 * 3600, .most_paths = 100                                                    \
    }

struct ocs_why_report {
    bool live;        /* some layout needs it */
    uint64_t paths;   /* ways to it that were counted */
    bool more_paths;  /* there are more than could be counted */
    uint64_t images;  /* entries of index.json files that lead to it */
    uint64_t layouts; /* that they stand in */
    uint64_t once;    /* documents that lead to it and that a layout listed once */
};

/* Why a blob is kept: the ways to it from every layout, through referrers too; or
 * since when nothing needs it, and when gc takes it.
 * OCS_USAGE: no digest, or one that the store does not have.  OCS_REFUSED or OCS_FAILED, after
 * the rest was told: some layout cannot be read. */
OCS_PUBLIC int ocs_why(struct ocs_store *store, const char *digest,
                       const struct ocs_why_options *options, struct ocs_why_report *report,
                       struct ocs_error *err);

/* Of an image, or of a layout as a whole: everything that it needs, referrers too. */
struct ocs_usage {
    const char *layout;
    const char *ref;    /* NULL: the layout, or a nameless entry */
    const char *digest; /* NULL: the layout */
    uint64_t blobs;
    uint64_t total_bytes;     /* space on the disk, each blob once */
    uint64_t exclusive_bytes; /* of these: what nothing else in the store needs */
    uint64_t shared_bytes;    /* the rest */
    uint64_t freed_bytes;     /* what gc gives back once this is removed: of the exclusive bytes,
                                 those of files with one name and a digest that can be verified */
    uint64_t apparent_bytes;  /* sizes of the files, where the others are space on the disk */
    const char *trouble;      /* why none of these is known, or NULL */
};

struct ocs_usage_options {
    bool images; /* tell of each image too, not of layouts alone */
    void *data;
    void (*on_usage)(void *data, const struct ocs_usage *usage);
};

/* Of the store, whatever names were given. */
struct ocs_usage_report {
    uint64_t layouts, images;
    uint64_t live_blobs;
    uint64_t total_bytes;    /* of what some layout needs, each blob once */
    uint64_t shared_bytes;   /* of these: needed by more than one layout */
    uint64_t apparent_bytes; /* sizes: live_bytes of gc */
    uint64_t garbage_blobs;  /* that gc takes now or later */
    uint64_t garbage_bytes;  /* what it gives back by that */
};

/* Space on the disk by layout, or of what is named (NAME: the layout and its images;
 * NAME:TAG, NAME@DIGEST: the image).  When some layout cannot be read, the others are told
 * before that is: OCS_REFUSED (damaged, gone) or OCS_FAILED. */
OCS_PUBLIC int ocs_usage(struct ocs_store *store, const char *const *names, size_t count,
                         const struct ocs_usage_options *options, struct ocs_usage_report *report,
                         struct ocs_error *err);

/* How much a run of fsck looked at. */
enum ocs_fsck_extent {
    OCS_FSCK_EXTENT_UNKNOWN,
    OCS_FSCK_EXTENT_FULL,
    OCS_FSCK_EXTENT_PART,  /* not every blob was rehashed */
    OCS_FSCK_EXTENT_QUICK, /* none was */
    OCS_FSCK_EXTENT_IMAGE, /* one image alone */
};

struct ocs_store_status {
    uint64_t layouts, images;
    uint64_t troubled_layouts;             /* that cannot be read */
    uint64_t live_blobs, live_bytes;       /* sizes */
    uint64_t garbage_blobs, garbage_bytes; /* what gc would take now and give back, by default */
    uint64_t waiting_blobs, waiting_bytes; /* the same, once its grace is over */
    uint64_t left_alone;                   /* strange names and unknown algorithms */
    uint64_t temporary_files, temporary_bytes; /* that other tools left, or work at */
    uint64_t trash_files, trash_bytes;
    uint64_t quarantine_files, quarantine_bytes;
    int64_t last_gc, last_fsck; /* their ends, in seconds since 1970; 0: not known */
    enum ocs_status last_gc_status, last_fsck_status;
    enum ocs_fsck_extent last_fsck_extent;
    uint64_t bad_blobs;      /* damaged when they were last rehashed, and unchanged since */
    int64_t oldest_verified; /* 0: some blob never was */
    uint64_t never_verified;
    char refuses[1024]; /* why gc would delete nothing, or ""; then garbage is not known */
};

OCS_PUBLIC int ocs_store_status(struct ocs_store *store, struct ocs_store_status *out,
                                struct ocs_error *err);

/* ---- fsck --------------------------------------------------------------- */

enum ocs_severity {
    OCS_SEVERITY_INFO,
    OCS_SEVERITY_NOTICE,
    OCS_SEVERITY_WARNING,
    OCS_SEVERITY_ERROR,
    OCS_SEVERITY_FATAL,
};

struct ocs_affected {
    const char *layout;
    const char *ref;    /* NULL for an entry without a name: then digest tells */
    const char *digest; /* NULL: the layout as a whole */
};

struct ocs_finding {
    const char *id; /* stable: doc/fsck.md */
    enum ocs_severity severity;
    const char *digest;            /* NULL when it is not about a blob */
    const char *path;              /* relative to the store or layout; NULL when not about a file */
    const char *expected, *actual; /* NULL when there is nothing to compare */
    const char *message;           /* details for people, or NULL */
    const struct ocs_affected *affects;
    size_t affects_count; /* listed */
    uint64_t affects_total;
    const char *action; /* what was done or would help, or NULL */
    bool corrected;     /* by a repair */
};

struct ocs_fsck_options {
    bool quick;               /* no rehashing */
    bool deep;                /* diff_ids too */
    bool strict;              /* warnings count as errors for the status */
    const char *shared_blobs; /* where a plain layout keeps its blobs */
    unsigned jobs;            /* threads; 0: the processors available */
    uint64_t max_document;    /* bytes that a document may have; 0: OCS_FSCK_MAX_DOCUMENT.  Those
                                 above OCS_DOCUMENT_BYTES_MAX are read by nobody */
    /* What is rehashed; existence and sizes are always looked at. 0 or NULL: no limit. */
    bool only_bad;      /* what the store has recorded as bad, and nothing else */
    int64_t max_age_s;  /* not what was verified in the last so many seconds */
    int64_t max_time_s; /* no further blob is begun so many seconds after the start */
    uint64_t max_bytes; /* so many bytes, but one blob at least */
    uint64_t rate;      /* bytes a second */
    bool direct;        /* leave the page cache as it was: what had to be read from the disk
                           is dropped from it again */
    bool portable_hash; /* hash by libcrypto, one stream at a time, whatever the processor
                           can: for comparisons */
    const char *image;  /* what this image reaches, and nothing else: NAME[:TAG|@DIGEST];
                           for a plain layout also TAG or DIGEST */
    /* A store alone; every action is verified under the exclusive lock, written to
     * the journal, and deletes nothing. */
    bool repair;
    bool dry_run;            /* with repair: only say what would be done */
    const char *const *from; /* with repair: layouts or folders of blobs to copy from */
    size_t from_count;
    void *data;
    void (*on_finding)(void *data, const struct ocs_finding *finding);
};

#define OCS_FSCK_FINDING_IDS_MAX 64
#define OCS_FSCK_MAX_DOCUMENT    (UINT64_C(4) << 20) /* what registries have to take */
#define OCS_DOCUMENT_BYTES_MAX   (UINT64_C(32) << 20)

struct ocs_fsck_report {
    enum ocs_status status; /* what was found: OK, CORRECTED, REFUSED (errors are left), FAILED
                               (fatal findings), INTERRUPTED */
    uint64_t blobs_checked, bytes_checked;
    uint64_t images;
    uint64_t fatal, errors, warnings, notices, infos;
    uint64_t corrected;   /* of the errors and warnings, by repair */
    uint64_t blobs_total; /* that could have been checked; coverage = checked / total */
    uint64_t bytes_total;
    uint64_t blobs_left;     /* due, but left for another run by max_time_s or max_bytes */
    int64_t oldest_verified; /* seconds since 1970; 0: some blob never was */
    double seconds;
    size_t ids; /* findings by id, in order of first appearance */
    struct {
        const char *id;
        uint64_t count;
    } by_id[OCS_FSCK_FINDING_IDS_MAX];
};

/* Verify a store.  0 means that the run came to an end: what it found is in
 * the report's status. */
OCS_PUBLIC int ocs_fsck(struct ocs_store *store, const struct ocs_fsck_options *options,
                        struct ocs_fsck_report *report, struct ocs_error *err);

/* Verify a plain OCI layout that is no store.  Writes nothing anywhere. */
OCS_PUBLIC int ocs_fsck_layout(const char *path, const struct ocs_hooks *hooks,
                               const struct ocs_fsck_options *options,
                               struct ocs_fsck_report *report, struct ocs_error *err);

#ifdef __cplusplus
}
#endif
#endif

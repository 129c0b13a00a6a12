/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_RUN_H
#define OCS_FSCK_RUN_H

/* One run of fsck: what it looks at, what it knows so far, what it found.
 * The phases (doc/fsck.md) are functions over it, called by fsck.c in order. */

#include "finding.h"

#include "store/store.h"

struct ocs_fsck_place { /* a layout */
    char *name;         /* as findings name its images */
    char *prefix;       /* before the names of its files: "", "layouts/x/", an absolute path */
};

/* The names in blobs/, as src/fsck/folder.c has them. */
struct ocs_folder {
    unsigned char *bytes;
    size_t used, capacity;
    struct ocs_folder_place {
        uint64_t inode;
        size_t at; /* in `bytes` */
    } * places;
    size_t place_count, place_capacity;
};
void ocs_folder_clear(struct ocs_folder *folder);

/* Findings of all rounds of a repair together; else of the one run. */
struct ocs_tally {
    struct ocs_fsck_report *report;
    uint64_t fixed_errors, fixed_warnings;
    bool undone;       /* the last round could not do what would help */
    bool rolled_back;  /* an index.json was written anew */
    bool index_mended; /* in this round: what no index.json lists is the next one's to tell */
    bool untold;       /* the round before left that untold */
    bool again;        /* a later round: only what is new is told */
    uint64_t *told;    /* hashes of what was told and not fixed */
    size_t told_count, told_capacity;
    size_t told_before; /* by earlier rounds; these are sorted */
};

struct ocs_fsck_run {
    const struct ocs_fsck_options *options;
    const struct ocs_hooks *hooks;
    struct ocs_fsck_report *report; /* of this round, but for the findings */
    struct ocs_tally *tally;
    int64_t began_ns;
    uint32_t now; /* when it began, in seconds since 1970; the time of all that it verifies */

    struct ocs_store *store; /* NULL: a plain layout, and nothing is written anywhere */
    int layout_dir;          /* of a plain layout; else -1 */
    char *layout_name;       /* of a plain layout; else NULL */
    struct ocs_blobs *blobs; /* NULL: the folder is not there */
    bool owns_blobs;

    struct ocs_graph *graph;     /* NULL: there is none, or not one that can be believed */
    struct ocs_results *results; /* on their way into it; NULL: there is none */
    bool roots_unknown;          /* a layout or its index.json could not be read */
    bool graph_is_new;           /* it was empty when the run began: nothing in it is missed */
    uint32_t *graph_blobs;       /* by graph id: the blob */
    uint32_t graph_count;

    struct ocs_folder folder; /* from when it is read until it is taken */

    struct ocs_fsck_place *places;
    size_t place_count, place_capacity;

    struct ocs_inventory inventory;
    struct ocs_findings findings;
    uint64_t unlooked; /* reachable blobs that a run cut short did not come to */
};

int ocs_fsck_run_init(struct ocs_fsck_run *run, struct ocs_error *err);
void ocs_fsck_run_clear(struct ocs_fsck_run *run);

bool ocs_fsck_cancelled(const struct ocs_fsck_run *run);
/* That work at the same time. */
unsigned ocs_fsck_threads(const struct ocs_fsck_run *run);

/* A finding of its table's severity about a blob (its path is added) ... */
int ocs_fsck_blame_blob(struct ocs_fsck_run *run, const char *id, uint32_t blob,
                        const char *message, struct ocs_error *err);
/* ... or about a file. */
int ocs_fsck_blame_file(struct ocs_fsck_run *run, const char *id, const char *path,
                        const char *message, struct ocs_error *err);
#define OCS_FSCK_UNSTABLE "wrong bytes at the first reading, the right ones at the second"
/* It changed between two looks; INFO, or WARNING when that was a day ago. */
int ocs_fsck_blame_flux(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_stamp *stamp,
                        struct ocs_error *err);
/* ERROR when something references the blob, else WARNING. */
enum ocs_severity ocs_fsck_damage_severity(const struct ocs_fsck_run *run, uint32_t blob);

#endif

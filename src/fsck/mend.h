/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_MEND_H
#define OCS_FSCK_MEND_H

/* The tools of a repair, and the ladder for one blob (doc/fsck.md):
 *
 *     read again -> trash or quarantine -> another layout, or --from -> quarantine
 *
 * Every action takes gate and store exclusive, verifies again, acts, is written
 * to the journal and made durable, and gives the locks back.  Nothing is deleted:
 * what was in the way lies in the quarantine, and moving it back undoes it. */

#include "run.h"

#include "store/journal.h"
#include "store/staging.h"

/* A file of the state folder under the name of a blob that is needed. */
struct ocs_spare {
    uint32_t blob;
    uint32_t path; /* in `texts`, relative to .ocistore */
};

struct ocs_mender {
    struct ocs_fsck_run *run;
    bool dry_run; /* only says what it would do */
    bool busy;    /* the locks were not to be had: nothing more is tried */
    char name[OCS_RUN_NAME_SIZE];
    struct ocs_journal *journal;
    struct ocs_staging staging; /* made when it is needed */
    struct ocs_spare *spares;
    size_t spare_count, spare_capacity;
    struct ocs_text_pool texts;
    struct ocs_blobs **sources; /* of --from */
    size_t source_count;
    const struct ocs_fsck_place *renewed; /* whose index.json got back entries last */
    struct ocs_stamp found;               /* of what holds the name of the blob under way */
    char action[1024];                    /* what was done or would help; "" */
};

int ocs_mender_open(struct ocs_mender *mender, struct ocs_fsck_run *run, struct ocs_error *err);
void ocs_mender_close(struct ocs_mender *mender);

/* The locks of one action. Positive OCS_MEND_LEFT when they are not to be had. */
#define OCS_MEND_LEFT 1
int ocs_mender_lock(struct ocs_mender *mender, struct ocs_error *err);
void ocs_mender_unlock(struct ocs_mender *mender);
/* A line of the journal, before something is done. */
int ocs_mender_note(struct ocs_mender *mender, const char *action, const char *subject,
                    struct ocs_error *err);
/* Sets mender->action, with "would be " in front of it in a dry run. */
void ocs_mender_say(struct ocs_mender *mender, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 0: the blob is right, or a bad one that nothing needs is out of the way.
 * Positive OCS_MEND_LEFT: it is not there, or not right; OCS_MEND_LINK: a link
 * leads to the right bytes, and no other copy was found to put in its place;
 * OCS_MEND_CHANGED: somebody put another file there meanwhile, which stays.
 * mender->action says what was done, if anything was. */
#define OCS_MEND_LINK    2
#define OCS_MEND_CHANGED 3
int ocs_mend_blob(struct ocs_mender *mender, uint32_t blob, struct ocs_error *err);
/* Takes the right to write from others. */
int ocs_mend_mode(struct ocs_mender *mender, uint32_t blob, struct ocs_error *err);

#endif

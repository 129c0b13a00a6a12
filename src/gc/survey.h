/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_SURVEY_H
#define OCS_GC_SURVEY_H

/* One look at the whole store: who is there, what is needed, what would go.
 * The first look of a run and every further one are this. */

#include "plan.h"
#include "saved.h"
#include "watch.h"

struct ocs_survey_options {
    int64_t now;
    int64_t grace_s;
    bool allow_empty;
    unsigned jobs;
};

struct ocs_survey {
    struct ocs_watch watch;
    struct ocs_census census;
    struct ocs_saved saved;
    struct ocs_mark mark;
    struct ocs_plan plan;
    bool just_seen; /* private: watch and census are those of ocs_survey_heal, not used yet */
};

/* Heals (heal.h: needs the store lock) and leaves in `out`, zeros before, what was
 * seen by it, so that ocs_survey_take need not look again. */
int ocs_survey_heal(struct ocs_store *store, struct ocs_survey *out, uint64_t *healed,
                    struct ocs_error *err);

/* `out` is zeros before, or from ocs_survey_heal, and is cleared by the caller whatever the result:
 * after OCS_REFUSED it holds what could be seen. */
int ocs_survey_take(struct ocs_store *store, const struct ocs_survey_options *options,
                    struct ocs_survey *out, struct ocs_error *err);
void ocs_survey_clear(struct ocs_survey *survey);

/* Positive OCS_WATCH_CHANGED: something happened since that can matter. */
int ocs_survey_holds(struct ocs_store *store, const struct ocs_survey *survey,
                     struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "survey.h"

#include "doubt.h"
#include "refuse.h"

#include "store/error.h"
#include "store/heal.h"

/* Each further round knows the edges of at least one document more. */
#define ROUNDS_MAX 64

void ocs_survey_clear(struct ocs_survey *survey)
{
    ocs_watch_clear(&survey->watch);
    ocs_census_clear(&survey->census);
    ocs_saved_clear(&survey->saved);
    ocs_mark_clear(&survey->mark);
    ocs_plan_clear(&survey->plan);
    *survey = (struct ocs_survey){0};
}

/* Positive: OCS_DOUBT_LEARNED, OCS_GRAPH_CORRUPT. */
static int mark(struct ocs_store *store, const struct ocs_survey_options *options,
                struct ocs_survey *survey, struct ocs_error *err)
{
    struct ocs_doubt doubt = {0};
    const struct ocs_census *census = &survey->census;
    bool seen = survey->just_seen;
    survey->just_seen = false;
    int result = seen ? 0 : ocs_watch_begin(store, &survey->watch, err);
    if (result == 0 && !seen)
        result = ocs_census_take_ids(store, options->jobs, &survey->census, err);
    if (result == 0)
        result = ocs_refuse_roots(store, census, options->allow_empty, err);
    if (result == 0)
        result = ocs_saved_read(store, census, &survey->saved, err);
    if (result == 0)
        result = ocs_mark_take(census, survey->saved.ids, survey->saved.count, &survey->mark, err);
    if (result == 0)
        result = ocs_doubt_resolve(store, census, &survey->mark, &doubt, err);
    return result ? result : ocs_refuse_doubt(&doubt, err);
}

int ocs_survey_heal(struct ocs_store *store, struct ocs_survey *out, uint64_t *healed,
                    struct ocs_error *err)
{
    /* a folder that cannot be watched is the survey's to complain of */
    if (ocs_watch_begin(store, &out->watch, NULL) != 0)
        return ocs_heal(store, healed, err);
    int result = ocs_heal_and_look(store, &out->census, healed, err);
    out->just_seen = result == 0 && out->census.present;
    return result;
}

int ocs_survey_take(struct ocs_store *store, const struct ocs_survey_options *options,
                    struct ocs_survey *out, struct ocs_error *err)
{
    int result = 1;
    for (unsigned round = 0; result > 0 && round < ROUNDS_MAX; round++) {
        if (!out->just_seen)
            ocs_survey_clear(out);
        if (ocs_store_cancelled(store))
            return ocs_error_interrupted(err);
        result = mark(store, options, out, err);
        if (result == OCS_GRAPH_CORRUPT) {
            int rebuilt = ocs_store_graph_rebuild(store, err);
            if (rebuilt)
                return rebuilt;
        }
    }
    if (result > 0)
        return ocs_error_raise(err, OCS_REFUSED,
                               "the edges of the documents in this store could "
                               "not be learned to the end");
    if (result < 0)
        return result;
    struct ocs_plan_options plan = {.now = options->now, .grace_s = options->grace_s};
    return ocs_plan_make(store, &out->census, &plan, &out->mark, &out->plan, err);
}

/* A file that could not be read as a document may be one by now: other tools
 * write manifests under their final names. */
static int compare_unread(struct ocs_store *store, const struct ocs_plan *plan,
                          struct ocs_error *err)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        struct ocs_digest digest;
        struct stat st;
        if (plan->items[i].kind != OCS_NODE_UNREAD)
            continue;
        ocs_plan_digest(plan, &plan->items[i], &digest);
        int result = ocs_blobs_stat(store->blobs, &digest, &st, err);
        if (result < 0)
            return result;
        struct ocs_stamp stamp = result == 0 ? ocs_stamp_of(&st) : (struct ocs_stamp){0};
        if (!ocs_stamp_equal(&stamp, &plan->items[i].stamp))
            return OCS_WATCH_CHANGED;
    }
    return 0;
}

int ocs_survey_holds(struct ocs_store *store, const struct ocs_survey *survey,
                     struct ocs_error *err)
{
    int result = ocs_watch_blobs(store, &survey->watch, err);
    if (result == 0)
        result = ocs_watch_roots(store, &survey->census, &survey->saved, err);
    return result ? result : compare_unread(store, &survey->plan, err);
}

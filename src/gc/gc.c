/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "gc.h"

#include "breaker.h"
#include "known.h"
#include "purge.h"
#include "refuse.h"
#include "survey.h"
#include "sweep.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/heal.h"
#include "store/history.h"
#include "store/listing.h"
#include "store/private_graph.h"
#include "store/reserve.h"
#include "store/staging.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define JOURNAL_KEEP_S (90 * INT64_C(86400)) /* doc/store-format.md */

struct run {
    struct ocs_store *store;
    const struct ocs_gc_options *options;
    const struct ocs_gc_play *play;
    struct ocs_gc_report *report;
    struct ocs_survey_options look;
    struct ocs_survey first;
    struct ocs_survey again; /* the last look, when there was a further one */
    struct ocs_leftovers leftovers;
    struct ocs_purge purge; /* as it was shown */
    struct ocs_breaker breaker;
    uint64_t never_listed; /* complete images that go, and that no look of gc saw listed */
    struct ocs_digest never[OCS_GC_UNLISTED_TOLD];
    bool unremembered; /* the last good indexes could not be written: once more at the end */
    char name[OCS_RUN_NAME_SIZE];
};

static void run_clear(struct run *run)
{
    ocs_survey_clear(&run->first);
    ocs_survey_clear(&run->again);
    ocs_leftovers_clear(&run->leftovers);
    ocs_purge_clear(&run->purge);
}

static const struct ocs_survey *last_look(const struct run *run)
{
    return run->again.mark.bits ? &run->again : &run->first;
}

/* ---- before the mark ---- */

static int heal(struct run *run, struct ocs_error *err)
{
    uint64_t healed = 0;
    int result = ocs_store_writer(run->store, err);
    if (result)
        return result;
    result = ocs_survey_heal(run->store, &run->first, &healed, err);
    ocs_store_writer_end(run->store);
    run->report->healed += healed;
    return result;
}

static int check_clock(struct run *run, struct ocs_error *err)
{
    int64_t last;
    int result = ocs_known_last_run(run->store, &last, err);
    if (result == OCS_GRAPH_CORRUPT) { /* then there is no last run that we know of */
        last = 0;
        ocs_survey_clear(&run->first);
        result = ocs_store_graph_rebuild(run->store, err);
    }
    return result ? result : ocs_refuse_clock(run->store, run->look.now, last, err);
}

/* ---- what was seen ---- */

static void report_census(struct run *run)
{
    run->report->layouts = run->first.census.layout_count;
    run->report->left_alone = run->first.census.strangers + run->first.plan.left;
}

static void report_plan(struct run *run)
{
    const struct ocs_survey *survey = &run->first;
    struct ocs_gc_report *report = run->report;
    struct ocs_census_sum live = ocs_census_sum(&survey->census, survey->mark.bits, OCS_MARK_LIVE);
    report->live_blobs = live.blobs;
    report->live_bytes = live.bytes;
    report->candidates = survey->plan.due;
    report->candidate_bytes = survey->plan.due_bytes;
    report->candidate_size = survey->plan.due_size;
    report->waiting = survey->plan.waiting;
    report->waiting_bytes = survey->plan.waiting_bytes;
    report->waiting_size = survey->plan.waiting_size;
    report->linked = survey->plan.linked;
    report->linked_size = survey->plan.linked_size;
    report->holes = survey->plan.holes;
}

static void note_unlisted(struct run *run, const struct ocs_plan_item *item)
{
    run->report->unlisted_due++;
    if (run->first.census.view.flags[item->id] & OCS_NODE_WAS_LISTED)
        return;
    if (run->never_listed < OCS_GC_UNLISTED_TOLD)
        ocs_plan_digest(&run->first.plan, item, &run->never[run->never_listed]);
    run->never_listed++;
}

static int report_unlisted(struct run *run, struct ocs_error *err)
{
    const struct ocs_survey *seen = &run->first;
    struct ocs_gc_report *report = run->report;
    auto_free uint8_t *which = calloc((size_t)seen->census.view.count + 1, 1);
    if (!which)
        return ocs_error_memory(err);
    int result =
        ocs_mark_unlisted(&seen->census, &seen->mark, which, &report->unlisted_images, err);
    for (uint32_t i = 0; result == 0 && i < seen->plan.count; i++) {
        const struct ocs_plan_item *item = &seen->plan.items[i];
        if (item->state == OCS_PLAN_DUE && !item->left && which[item->id])
            note_unlisted(run, item);
    }
    return result;
}

static int survey(struct run *run, struct ocs_error *err)
{
    int result = ocs_survey_take(run->store, &run->look, &run->first, err);
    report_census(run);
    if (result)
        return result;
    report_plan(run);
    result = ocs_plan_reflinked(run->store, &run->first.plan, &run->report->reflinked_bytes,
                                &run->report->reflinks_told, err);
    if (result)
        return result;
    ocs_play_reached(run->play, OCS_GC_SURVEYED);
    return report_unlisted(run, err);
}

/* A full disk must not keep gc from deleting: a graph that cannot be written
 * forgets, and forgetting makes blobs wait longer.  Positive: OCS_GRAPH_CORRUPT. */
static int note_known(struct run *run, const struct ocs_survey *seen)
{
    struct ocs_error trouble = {0};
    int result = ocs_known_write(run->store, &seen->census, &seen->mark, run->look.now, &trouble);
    if (result > 0)
        return result;
    if (result < 0)
        ocs_store_notice(run->store, "what was learned could not be written into the graph: %s",
                         trouble.message);
    return 0;
}

static struct ocs_purge_options purge_options(const struct run *run, const char *own_run)
{
    return (struct ocs_purge_options){
        .now = run->look.now,
        .trash_for_s = run->options->now ? 0 : run->options->trash_for_s,
        .own_run = own_run,
    };
}

static int plan_purge(struct run *run, const struct ocs_survey *survey, const char *own_run,
                      struct ocs_purge *out, struct ocs_error *err)
{
    struct ocs_purge_options options = purge_options(run, own_run);
    return ocs_purge_plan(run->store, &survey->census, &survey->mark, &options, out, err);
}

static int plan_leftovers(struct run *run, struct ocs_error *err)
{
    struct ocs_leftovers_options options = {.now = run->look.now, .grace_s = run->look.grace_s};
    struct ocs_gc_report *report = run->report;
    const struct ocs_leftovers *found = &run->leftovers;
    int result = ocs_leftovers_find(run->store, &run->first.census, &options, &run->leftovers, err);
    report->left_alone += found->others;
    report->temporaries = found->due;
    report->temporaries_bytes = found->due_bytes;
    report->temporaries_waiting = found->waiting;
    report->temporaries_waiting_bytes = found->waiting_bytes;
    return result;
}

/* The plan, and whether it may be carried out; the same for a dry run. */
static int plan(struct run *run, struct ocs_error *err)
{
    const struct ocs_survey *seen = &run->first;
    int result = ocs_breaker_take(run->store, &seen->census, &seen->plan, &run->breaker, err);
    if (result == 0)
        result = plan_purge(run, seen, NULL, &run->purge, err);
    run->report->purges = run->purge.count;
    run->report->purge_bytes = run->purge.bytes;
    if (result == 0)
        result = plan_leftovers(run, err);
    if (result == 0)
        result = note_known(run, seen);
    if (result)
        return result;
    ocs_plan_show(&seen->plan, run->options);
    ocs_leftovers_show(&run->leftovers, run->options);
    ocs_purge_show(&run->purge, run->options);
    return ocs_breaker_check(&run->breaker, run->options->max_delete_percent, err);
}

/* ---- doing it ---- */

static int sweep(struct run *run, struct ocs_error *err)
{
    struct ocs_sweep_options options = {
        .survey = &run->look,
        .now = run->options->now,
        .play = run->play,
        .leftovers = &run->leftovers,
        .run = run->name,
    };
    return ocs_sweep_run(run->store, &options, &run->first, &run->again, run->report, err);
}

/* What was live and is about to go without a command of ours stays on record
 * until it is gone: the next run's breaker wants to know of it. */
static bool may_remember(const struct run *run)
{
    uint64_t bytes = run->breaker.due_bytes + run->breaker.waiting_bytes;
    return !ocs_breaker_exceeds(&run->breaker, bytes, run->options->max_delete_percent);
}

/* Under the store lock: what is referenced by now comes back.  Compared with the
 * first look, since a further one may have seen the change when a part of it was
 * in the trash already. */
static int look_once_more(struct run *run, bool *changed, struct ocs_error *err)
{
    uint64_t healed = 0;
    int result = ocs_watch_roots(run->store, &run->first.census, &run->first.saved, err);
    *changed = result == OCS_WATCH_CHANGED;
    if (*changed)
        result = ocs_heal(run->store, &healed, err);
    else if (result == 0 && may_remember(run)) /* on a full disk what goes makes room for it */
        run->unremembered = ocs_census_remember(run->store, &run->first.census, NULL) < 0;
    run->report->rescued += healed;
    return result;
}

static int rescue(struct run *run, struct ocs_error *err)
{
    bool changed = false;
    int result = ocs_store_writer(run->store, err);
    if (result)
        return result;
    result = look_once_more(run, &changed, err);
    ocs_store_writer_end(run->store);
    if (result == 0 && changed)
        result = ocs_survey_take(run->store, &run->look, &run->again, err);
    return result;
}

/* Whoever has changed a root since has remembered it. */
static int remember_late(struct run *run, struct ocs_error *err)
{
    int result = ocs_store_writer(run->store, err);
    if (result)
        return result;
    result = ocs_watch_roots(run->store, &run->first.census, &run->first.saved, err);
    if (result == 0)
        result = ocs_census_remember(run->store, &run->first.census, err);
    ocs_store_writer_end(run->store);
    return result == OCS_WATCH_CHANGED ? 0 : result;
}

static int purge_items(struct run *run, const struct ocs_purge *purge, struct ocs_error *err)
{
    int result = ocs_purge_run(run->store, purge, run->options->jobs, err);
    if (result == 0) {
        run->report->purged += purge->count;
        run->report->purged_bytes += purge->bytes;
    }
    return result;
}

/* By the last look, which may know of more than the plan did. */
static int purge_again(struct run *run, const struct ocs_survey *seen, const char *own_run,
                       struct ocs_error *err)
{
    struct ocs_purge purge = {0};
    int result = plan_purge(run, seen, own_run, &purge, err);
    if (result == 0)
        result = purge_items(run, &purge, err);
    ocs_purge_clear(&purge);
    return result;
}

static int purge(struct run *run, struct ocs_error *err)
{
    const char *own_run = run->options->now ? run->name : NULL;
    struct ocs_purge_options options = purge_options(run, own_run);
    ocs_play_reached(run->play, OCS_GC_PURGING);
    bool as_planned = !own_run && !run->again.mark.bits;
    int result = as_planned ? purge_items(run, &run->purge, err)
                            : purge_again(run, last_look(run), own_run, err);
    return result ? result : ocs_purge_tidy(run->store, &options, err);
}

static void note_end(struct run *run)
{
    struct ocs_error trouble = {0};
    int64_t now = run->play && run->play->now ? run->play->now : ocs_now_s();
    if (ocs_staging_tidy(run->store->state, &trouble) < 0 ||
        ocs_reserve_make(run->store->state, &trouble) < 0 ||
        ocs_known_ended(run->store, now, &trouble) < 0 ||
        ocs_journal_expire(run->store->state, now, JOURNAL_KEEP_S, &trouble) < 0)
        ocs_store_notice(run->store, "gc is done, but did not tidy up behind itself: %s",
                         trouble.message);
}

/* With a grace there is time to see what waits; without one this is the last chance. */
static void tell_unlisted(const struct run *run)
{
    char texts[OCS_GC_UNLISTED_TOLD][OCS_DIGEST_BUF];
    struct ocs_gc_unlisted unlisted = {.images = run->never_listed};
    if (!run->options->on_unlisted || run->look.grace_s > 0 || run->never_listed == 0)
        return;
    for (size_t i = 0; i < OCS_GC_UNLISTED_TOLD && i < run->never_listed; i++)
        unlisted.digests[i] = ocs_digest_format(&run->never[i], texts[i]);
    run->options->on_unlisted(run->options->data, &unlisted);
}

static int carry_out(struct run *run, struct ocs_error *err)
{
    tell_unlisted(run);
    int result = sweep(run, err);
    if (result == 0)
        result = rescue(run, err);
    if (result == 0 && run->again.mark.bits)
        result = note_known(run, &run->again);
    if (result == 0)
        result = purge(run, err);
    if (result == 0 && run->unremembered)
        result = remember_late(run, err);
    if (result == 0)
        ocs_listing_remember(run->store, &last_look(run)->census);
    if (result == 0)
        note_end(run);
    if (result == 0 && run->options->measure_trash)
        result = ocs_trash_measure(run->store->state, &run->report->trash_files,
                                   &run->report->trash_bytes, err);
    return result;
}

static int run_all(struct run *run, struct ocs_error *err)
{
    int result = run->options->dry_run ? 0 : heal(run, err);
    if (result == 0)
        result = check_clock(run, err);
    if (result == 0)
        result = survey(run, err);
    if (result == 0)
        result = plan(run, err);
    if (result == 0 && !run->options->dry_run)
        result = carry_out(run, err);
    return result;
}

/* The sweep would wait for the very command that waits for us. */
static int refuse_below_hold(const struct run *run, struct ocs_error *err)
{
    if (run->options->dry_run || !ocs_lock_is_held(run->store->state))
        return 0;
    return ocs_error_raise(err, OCS_BUSY,
                           "this runs below `ocistore hold` of the same store, "
                           "which keeps gc from sweeping");
}

/* Without it no run would ever know since when a blob is unreferenced.  Not so on a full
 * disk: what this run deletes makes room to remember it. */
static int check_memory(const struct run *run, struct ocs_error *err)
{
    int result = ocs_private_graph_denied(run->store->graph_path, err);
    return ocs_error_context(err, result, "what is learned could not be kept");
}

static int run_locked(struct run *run, struct ocs_error *err)
{
    struct ocs_store *store = run->store;
    int held = refuse_below_hold(run, err);
    if (held)
        return held;
    struct ocs_lock_wait wait = {
        .timeout_ms = store->lock_timeout_given ? store->wait.timeout_ms : 0,
        .hooks = &store->hooks,
    };
    int result = ocs_lock_take(store->locks, OCS_LOCK_GC, true, &wait, err);
    if (result)
        return ocs_error_context(err, result, "another gc is at work");
    if (!run->options->dry_run)
        result = check_memory(run, err);
    if (result == 0)
        result = run_all(run, err);
    if (result == OCS_GRAPH_CORRUPT) /* whoever has asked it */
        result = ocs_known_corrupt(run->store, err);
    if (!run->options->dry_run)
        ocs_history_write(store, OCS_HISTORY_GC,
                          &(struct ocs_history){.ended = ocs_now_s(), .status = -result});
    ocs_lock_release(store->locks, OCS_LOCK_GC);
    return result;
}

/* A play has its own time of day, and its runs too. */
static void name_run(struct run *run)
{
    ocs_run_name(run->name);
    if (!run->play || !run->play->now)
        return;
    char time[17];
    struct tm tm;
    time_t now = (time_t)run->play->now;
    gmtime_r(&now, &tm);
    strftime(time, sizeof(time), "%Y%m%dT%H%M%SZ", &tm);
    memcpy(run->name, time, sizeof(time) - 1);
}

int ocs_gc_run(struct ocs_store *store, const struct ocs_gc_options *options,
               const struct ocs_gc_play *play, struct ocs_gc_report *report, struct ocs_error *err)
{
    struct ocs_error error = {0};
    struct run run = {
        .store = store,
        .options = options,
        .play = play,
        .report = report,
        .look =
            {
                .now = play && play->now ? play->now : ocs_now_s(),
                .grace_s = options->now ? 0 : options->grace_s,
                .allow_empty = options->allow_empty,
                .jobs = options->jobs,
            },
    };
    *report = (struct ocs_gc_report){0};
    name_run(&run);
    int result = run_locked(&run, &error);
    run_clear(&run);
    if (result == -OCS_REFUSED)
        snprintf(report->refused, sizeof(report->refused), "%s", error.message);
    if (result < 0 && err)
        *err = error;
    return result;
}

OCS_PUBLIC int ocs_gc(struct ocs_store *store, const struct ocs_gc_options *options,
                      struct ocs_gc_report *report, struct ocs_error *err)
{
    return ocs_gc_run(store, options, NULL, report, err);
}

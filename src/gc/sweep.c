/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "sweep.h"

#include "known.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/journal.h"
#include "store/reserve.h"
#include "store/trash.h"

#define BATCH_NS    (2 * INT64_C(1000000000))
#define CLOCK_EVERY 64u

/*
 * One batch, and who may do what meanwhile:
 *
 *     survey    [ lock | look | rename ... | fsync ]    log, graph    survey
 *     anybody     only tools that know no locks        anybody
 *
 * The look compares what the survey saw with what is there; when it differs the
 * survey is taken again under the lock, and what is needed by now stays.
 */
struct sweep {
    struct ocs_store *store;
    const struct ocs_sweep_options *options;
    const struct ocs_plan *planned;  /* what was shown: of the first survey */
    const struct ocs_survey *survey; /* the last look */
    struct ocs_survey *again;
    struct ocs_gc_report *report;
    struct ocs_trash_run *trash;
    struct ocs_journal *journal;
    uint32_t *order; /* positions in `planned` */
    uint64_t count, at;
    uint32_t *swept; /* ids of this batch, for the graph */
    size_t swept_count;
};

static void sweep_clear(struct sweep *sweep)
{
    ocs_trash_run_close(sweep->trash);
    ocs_journal_close(sweep->journal);
    free(sweep->order);
    free(sweep->swept);
}

/* ---- looking again ---- */

static int look_again(struct sweep *sweep, struct ocs_error *err)
{
    sweep->survey = sweep->again;
    return ocs_survey_take(sweep->store, sweep->options->survey, sweep->again, err);
}

static int look_if_changed(struct sweep *sweep, struct ocs_error *err)
{
    int result = ocs_survey_holds(sweep->store, sweep->survey, err);
    return result == OCS_WATCH_CHANGED ? look_again(sweep, err) : result;
}

/* What the last look says of a blob that the plan has; NULL: it is not
 * unreferenced any more, or gone. */
static const struct ocs_plan_item *current(const struct sweep *sweep,
                                           const struct ocs_plan_item *planned)
{
    const struct ocs_plan *plan = &sweep->survey->plan;
    if (plan == sweep->planned)
        return planned;
    struct ocs_digest digest;
    ocs_plan_digest(sweep->planned, planned, &digest);
    uint32_t low = 0, high = plan->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct ocs_digest other;
        ocs_plan_digest(plan, &plan->items[middle], &other);
        int order = ocs_digest_compare(&other, &digest);
        if (order == 0)
            return &plan->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- one blob ---- */

static void count_trashed(struct sweep *sweep, const struct ocs_plan_item *item)
{
    sweep->report->trashed++;
    sweep->report->trashed_bytes += item->bytes;
    sweep->swept[sweep->swept_count++] = item->id;
}

/* With nothing left to lose by it: the user said --now. */
static int unlink_instead(struct sweep *sweep, const struct ocs_plan_item *item,
                          const struct ocs_digest *digest, struct ocs_error *err)
{
    if (!sweep->options->now)
        return ocs_error_hint(
            err, ocs_error_raise(err, OCS_FAILED, "no space is left to move blobs into the trash"),
            "ocistore gc --now");
    int result = ocs_blobs_unlink(sweep->store->blobs, digest, err);
    if (result)
        return result;
    count_trashed(sweep, item);
    sweep->report->purged++;
    sweep->report->purged_bytes += item->bytes;
    return 0;
}

static int put(struct sweep *sweep, const struct ocs_digest *digest,
               const struct ocs_plan_item *item, struct ocs_error *err)
{
    struct ocs_blobs *blobs = sweep->store->blobs;
    int result = ocs_trash_run_put_blob(sweep->trash, blobs, digest, &item->stamp, err);
    if (result != OCS_TRASH_NO_SPACE)
        return result;
    result = ocs_reserve_release(sweep->store->state, err);
    if (result < 0)
        return result;
    return ocs_trash_run_put_blob(sweep->trash, blobs, digest, &item->stamp, err);
}

static int log_blob(struct sweep *sweep, const struct ocs_digest *digest, struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF];
    return ocs_journal_add(sweep->journal, "trash", ocs_digest_format(digest, text), err);
}

static int sweep_blob(struct sweep *sweep, const struct ocs_plan_item *planned,
                      struct ocs_error *err)
{
    const struct ocs_plan_item *item = current(sweep, planned);
    if (!item || item->state != OCS_PLAN_DUE) {
        sweep->report->rescued++;
        return 0;
    }
    struct ocs_digest digest;
    ocs_plan_digest(sweep->planned, planned, &digest);
    int result = put(sweep, &digest, item, err);
    switch (result) {
    case 0:
        count_trashed(sweep, item);
        break;
    case OCS_TRASH_NO_SPACE:
        result = unlink_instead(sweep, item, &digest, err);
        break;
    case OCS_TRASH_CHANGED: /* somebody put another file there: it is not ours to take */
        sweep->report->rescued++;
        return 0;
    default:
        return result < 0 ? result : 0;
    }
    ocs_play_reached(sweep->options->play, OCS_GC_RENAMED);
    return result ? result : log_blob(sweep, &digest, err);
}

/* ---- one batch ---- */

static bool batch_full(const struct sweep *sweep, uint64_t done, int64_t since)
{
    const struct ocs_gc_play *play = sweep->options->play;
    if (play && play->batch)
        return done >= play->batch;
    return done > 0 && done % CLOCK_EVERY == 0 && ocs_now_ns() - since >= BATCH_NS;
}

static void show_progress(const struct sweep *sweep)
{
    const struct ocs_hooks *hooks = &sweep->store->hooks;
    struct ocs_progress progress = {
        .phase = "sweep", .blobs_done = sweep->at, .blobs_total = sweep->count};
    if (hooks->progress)
        hooks->progress(hooks->data, &progress);
}

static int sweep_some(struct sweep *sweep, struct ocs_error *err)
{
    int64_t since = ocs_now_ns();
    int result = 0;
    for (uint64_t done = 0; result == 0 && sweep->at < sweep->count; done++) {
        if (batch_full(sweep, done, since))
            break;
        if (done % 4096 == 0)
            show_progress(sweep);
        if (done % CLOCK_EVERY == 0 && ocs_store_cancelled(sweep->store))
            return ocs_error_interrupted(err);
        result = sweep_blob(sweep, &sweep->planned->items[sweep->order[sweep->at++]], err);
    }
    return result;
}

static int sync_folders(struct sweep *sweep, struct ocs_error *err)
{
    int result = ocs_trash_run_sync(sweep->trash, err);
    return result == 0 ? ocs_blobs_sync(sweep->store->blobs, err) : result;
}

/* Without the lock: one is a log, and what the other forgets makes a blob that
 * somebody brings back meanwhile wait longer.  A log that cannot be written, or a
 * graph, does not keep a full disk full. */
static int note_batch(struct sweep *sweep)
{
    struct ocs_error trouble = {0};
    ocs_store_settle_journal(sweep->store, sweep->journal);
    int result = ocs_known_swept(sweep->store, sweep->swept, sweep->swept_count, &trouble);
    sweep->swept_count = 0;
    if (result < 0)
        ocs_store_notice(sweep->store, "the graph could not be written: %s", trouble.message);
    return result > 0 ? result : 0;
}

/* What was renamed is made durable even when the rest failed. */
static int sweep_locked(struct sweep *sweep, struct ocs_error *err)
{
    ocs_play_reached(sweep->options->play, OCS_GC_LOCKED);
    int result = look_if_changed(sweep, err);
    if (result)
        return result;
    result = sweep_some(sweep, err);
    int synced = sync_folders(sweep, result ? NULL : err);
    if (synced)
        sweep->swept_count = 0; /* the graph may not say more than the disk holds */
    return result ? result : synced;
}

static int sweep_batch(struct sweep *sweep, struct ocs_error *err)
{
    /* again outside the lock first, so that the look under it finds nothing new */
    int result = sweep->at > 0 ? look_again(sweep, err) : 0;
    if (result)
        return result;
    result = ocs_lock_sweep(sweep->store->locks, &sweep->store->wait, err);
    if (result)
        return result;
    result = sweep_locked(sweep, err);
    ocs_lock_sweep_end(sweep->store->locks);
    ocs_play_reached(sweep->options->play, OCS_GC_SWEPT);
    int noted = note_batch(sweep);
    return result ? result : noted;
}

/* ---- the whole ---- */

static int prepare(struct sweep *sweep, struct ocs_error *err)
{
    struct ocs_store *store = sweep->store;
    const char *run = sweep->options->run;
    sweep->swept = malloc((sweep->count + 1) * sizeof(*sweep->swept));
    if (!sweep->swept)
        return ocs_error_memory(err);
    int result = ocs_plan_order(sweep->planned, &sweep->survey->census, &sweep->order, err);
    if (result == 0)
        result = ocs_trash_run_open(store->state, run, &sweep->trash, err);
    return result ? result : ocs_journal_open(store->state, run, &sweep->journal, err);
}

static int sweep_leftovers(const struct sweep *sweep, struct ocs_error *err)
{
    struct ocs_leftovers_sweep options = {
        .store = sweep->store,
        .run = sweep->options->run,
        .journal = sweep->journal,
        .now = sweep->options->now,
        .report = sweep->report,
    };
    return ocs_leftovers_sweep(&options, sweep->options->leftovers, err);
}

int ocs_sweep_run(struct ocs_store *store, const struct ocs_sweep_options *options,
                  const struct ocs_survey *first, struct ocs_survey *again,
                  struct ocs_gc_report *report, struct ocs_error *err)
{
    if (first->plan.due == 0 && options->leftovers->due == 0)
        return 0;
    struct sweep sweep = {
        .store = store,
        .options = options,
        .planned = &first->plan,
        .survey = first,
        .again = again,
        .report = report,
        .count = first->plan.due,
    };
    int result = prepare(&sweep, err);
    while (result == 0 && sweep.at < sweep.count)
        result = sweep_batch(&sweep, err);
    if (result == 0)
        result = sweep_leftovers(&sweep, err);
    sweep_clear(&sweep);
    return result;
}

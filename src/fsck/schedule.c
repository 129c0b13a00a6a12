/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "schedule.h"

#include "store/error.h"

#include <stdlib.h>

/* A stamp belongs to one state of the file, and to the past. */
static uint32_t verified_at(const struct ocs_blob_state *state, uint32_t now)
{
    bool valid = state->known_stamp == state->stamp && state->verified_at <= now;
    return valid ? state->verified_at : 0;
}

static bool is_bad(const struct ocs_blob_state *state)
{
    return state->flags & OCS_BLOB_DAMAGED || state->known_result == OCS_RESULT_BAD;
}

bool ocs_schedule_wants(const struct ocs_fsck_run *run, const struct ocs_blob_state *state)
{
    const struct ocs_fsck_options *options = run->options;
    if (is_bad(state) || options->max_age_s <= 0)
        return is_bad(state) || !options->only_bad;
    uint32_t verified = verified_at(state, run->now);
    bool fresh = verified && run->now - verified < options->max_age_s;
    return !fresh && !options->only_bad;
}

bool ocs_schedule_in_passing(const struct ocs_fsck_run *run)
{
    const struct ocs_fsck_options *options = run->options;
    return options->max_time_s <= 0 && options->max_bytes == 0 && options->rate == 0;
}

bool ocs_schedule_must(const struct ocs_blob_state *state)
{
    return state->flags & OCS_BLOB_DAMAGED;
}

static bool is_due(const struct ocs_fsck_run *run, uint32_t blob)
{
    const struct ocs_blob_state *state = &run->inventory.blobs[blob];
    if (state->presence != OCS_PRESENCE_HERE ||
        state->flags & (OCS_BLOB_VERIFIED | OCS_BLOB_EMPTY | OCS_BLOB_SIGNED))
        return false;
    if (run->options->quick)
        return ocs_schedule_must(state);
    if (!ocs_schedule_wants(run, state))
        return false;
    struct ocs_digest digest;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    return ocs_algorithm_verifiable(ocs_digest_algorithm(&digest));
}

static int compare(const void *left, const void *right, void *data)
{
    const struct ocs_fsck_run *run = data;
    const struct ocs_blob_state *a = &run->inventory.blobs[*(const uint32_t *)left];
    const struct ocs_blob_state *b = &run->inventory.blobs[*(const uint32_t *)right];
    if (ocs_schedule_must(a) != ocs_schedule_must(b))
        return ocs_schedule_must(a) ? -1 : 1;
    if (is_bad(a) != is_bad(b))
        return is_bad(a) ? -1 : 1;
    uint32_t first = verified_at(a, run->now), second = verified_at(b, run->now);
    if (first != second)
        return first < second ? -1 : 1;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return 0;
}

/* One blob at least, so that every run comes on. */
static void cut(struct ocs_fsck_run *run, struct ocs_schedule *schedule)
{
    uint64_t allowed = run->options->max_bytes;
    uint64_t bytes = 0;
    size_t kept = 0;
    while (kept < schedule->count) {
        const struct ocs_blob_state *state = &run->inventory.blobs[schedule->blobs[kept]];
        bool over = allowed && (state->size > allowed || bytes > allowed - state->size);
        if (kept && over && !ocs_schedule_must(state))
            break;
        bytes += state->size;
        kept++;
    }
    run->report->blobs_left += schedule->count - kept;
    schedule->count = kept;
    schedule->bytes = bytes;
}

int ocs_schedule_make(struct ocs_fsck_run *run, struct ocs_schedule *out, struct ocs_error *err)
{
    uint32_t count = ocs_inventory_count(&run->inventory);
    struct ocs_schedule schedule = {.blobs = malloc(((size_t)count + 1) * sizeof(uint32_t))};
    if (!schedule.blobs)
        return ocs_error_memory(err);
    for (uint32_t blob = 0; blob < count; blob++) {
        if (is_due(run, blob))
            schedule.blobs[schedule.count++] = blob;
    }
    qsort_r(schedule.blobs, schedule.count, sizeof(uint32_t), compare, run);
    cut(run, &schedule);
    *out = schedule;
    return 0;
}

void ocs_schedule_clear(struct ocs_schedule *schedule)
{
    free(schedule->blobs);
    *schedule = (struct ocs_schedule){0};
}

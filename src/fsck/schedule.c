/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "schedule.h"

#include "store/error.h"

#include <stdlib.h>

struct order {
    const struct ocs_fsck_run *run;
    uint32_t now;
};

static bool is_due(const struct ocs_fsck_run *run, uint32_t blob)
{
    const struct ocs_blob_state *state = &run->inventory.blobs[blob];
    if (state->presence != OCS_PRESENCE_HERE ||
        state->flags & (OCS_BLOB_VERIFIED | OCS_BLOB_EMPTY | OCS_BLOB_SIGNED))
        return false;
    if (run->options->quick)
        return state->flags & OCS_BLOB_DAMAGED;
    struct ocs_digest digest;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    return ocs_algorithm_verifiable(ocs_digest_algorithm(&digest));
}

/* A stamp belongs to one state of the file, and to the past. */
static uint32_t verified_at(const struct order *order, const struct ocs_blob_state *state)
{
    bool valid = state->known_stamp == state->stamp && state->verified_at <= order->now;
    return valid ? state->verified_at : 0;
}

static bool is_bad(const struct ocs_blob_state *state)
{
    return state->flags & OCS_BLOB_DAMAGED || state->known_result == OCS_RESULT_BAD;
}

static int compare(const void *left, const void *right, void *data)
{
    const struct order *order = data;
    const struct ocs_blob_state *a = &order->run->inventory.blobs[*(const uint32_t *)left];
    const struct ocs_blob_state *b = &order->run->inventory.blobs[*(const uint32_t *)right];
    if (is_bad(a) != is_bad(b))
        return is_bad(a) ? -1 : 1;
    uint32_t first = verified_at(order, a), second = verified_at(order, b);
    if (first != second)
        return first < second ? -1 : 1;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return 0;
}

int ocs_schedule_make(struct ocs_fsck_run *run, struct ocs_schedule *out, struct ocs_error *err)
{
    uint32_t count = ocs_inventory_count(&run->inventory);
    struct ocs_schedule schedule = {.blobs = malloc(((size_t)count + 1) * sizeof(uint32_t))};
    if (!schedule.blobs)
        return ocs_error_memory(err);
    for (uint32_t blob = 0; blob < count; blob++) {
        if (!is_due(run, blob))
            continue;
        schedule.blobs[schedule.count++] = blob;
        schedule.bytes += run->inventory.blobs[blob].size;
    }
    struct order order = {.run = run, .now = (uint32_t)ocs_now_s()};
    qsort_r(schedule.blobs, schedule.count, sizeof(uint32_t), compare, &order);
    *out = schedule;
    return 0;
}

void ocs_schedule_clear(struct ocs_schedule *schedule)
{
    free(schedule->blobs);
    *schedule = (struct ocs_schedule){0};
}

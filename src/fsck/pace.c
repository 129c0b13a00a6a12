/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "pace.h"

#include <time.h>

#define SLICE_NS 50000000 /* a cancel is noticed that soon */

void ocs_pace_init(struct ocs_pace *pace, const struct ocs_fsck_run *run)
{
    int64_t limit = run->options->max_time_s;
    pace->began_ns = ocs_now_ns();
    pace->deadline_ns =
        limit > 0 && limit < INT64_MAX / 2000000000 ? run->began_ns + limit * 1000000000 : 0;
    pace->rate = run->options->rate;
    atomic_init(&pace->spent, 0);
    atomic_init(&pace->begun, false);
    atomic_init(&pace->ended, false);
    atomic_init(&pace->last, OCS_NO_BLOB);
}

static bool is_late(const struct ocs_pace *pace)
{
    return pace->deadline_ns && ocs_now_ns() >= pace->deadline_ns;
}

bool ocs_pace_is_over(struct ocs_pace *pace)
{
    bool late = is_late(pace);
    return atomic_exchange(&pace->begun, true) && late;
}

void ocs_pace_note_end(struct ocs_pace *pace)
{
    atomic_store(&pace->ended, true);
}

bool ocs_pace_drops(struct ocs_pace *pace, uint32_t blob)
{
    uint32_t last = OCS_NO_BLOB;
    if (!is_late(pace))
        return false;
    if (atomic_load(&pace->ended))
        return true;
    return !atomic_compare_exchange_strong(&pace->last, &last, blob) && last != blob;
}

/* When the bytes so far are due, counted from the beginning. */
static int64_t due_ns(const struct ocs_pace *pace, uint64_t spent)
{
    return pace->began_ns + (int64_t)((double)spent / (double)pace->rate * 1e9);
}

bool ocs_pace_spend(struct ocs_pace *pace, uint64_t bytes, struct ocs_workers *workers)
{
    if (pace->rate == 0)
        return !ocs_workers_cancelled(workers);
    int64_t due = due_ns(pace, atomic_fetch_add(&pace->spent, bytes) + bytes);
    for (;;) {
        if (ocs_workers_cancelled(workers))
            return false;
        int64_t wait = due - ocs_now_ns();
        if (wait <= 0)
            return true;
        struct timespec pause = {.tv_nsec = wait < SLICE_NS ? wait : SLICE_NS};
        nanosleep(&pause, NULL);
    }
}

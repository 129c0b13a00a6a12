/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "breaker.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/shell_word.h"

#include <stdio.h>

/* By id. */
#define WAS_LIVE 1
#define DUE      2 /* in this run, and no command of ours has let it go */

/* ---- what the last good index.json reached ---- */

/* *due: some of its entries are. */
static int reach_index(struct ocs_store *store, const struct ocs_census *census,
                       const struct ocs_index *index, uint8_t *marks, bool *due,
                       struct ocs_error *err)
{
    size_t count = index->document.count;
    auto_free uint32_t *ids = calloc(count + 1, sizeof(*ids));
    if (!ids)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++) {
        int result =
            ocs_census_find(store, census, &index->document.descriptors[i].digest, &ids[i], err);
        if (result)
            return result;
        *due |= ids[i] != OCS_CENSUS_NO_ID && marks[ids[i]] & DUE;
    }
    return ocs_census_reach(census, ids, count, true, marks, WAS_LIVE, err);
}

/* One that cannot be read says nothing; the graph still does. */
static int reach_last(struct ocs_store *store, const struct ocs_census *census,
                      const struct ocs_census_layout *layout, uint8_t *marks,
                      struct ocs_breaker *out, struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(store);
    auto_bytes struct ocs_bytes bytes = {0};
    auto_index struct ocs_index index = {0};
    bool due = false;
    if (!layout->root.registered || ocs_index_sum_equal(&layout->root.last, &layout->sum))
        return 0;
    int result = ocs_roots_last_index(&place, layout->root.name, &bytes, err);
    if (result)
        return result < 0 ? result : 0;
    if (ocs_index_parse(&bytes, &index, NULL) != 0)
        return 0;
    result = reach_index(store, census, &index, marks, &due, err);
    if (due && out->shorter++ == 0)
        out->layout = layout->root.name;
    return result;
}

static int find_was_live(struct ocs_store *store, const struct ocs_census *census, uint8_t *marks,
                         struct ocs_breaker *out, struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < census->layout_count; i++)
        result = reach_last(store, census, &census->layouts[i], marks, out, err);
    for (uint32_t id = 0; result == 0 && id < census->view.count; id++)
        marks[id] |= census->view.flags[id] & OCS_NODE_WAS_LIVE ? WAS_LIVE : 0;
    return result;
}

/* ---- sums ---- */

static bool counts(const struct ocs_plan_item *item)
{
    return !(item->flags & OCS_NODE_REMOVED_BY_US) && !item->left;
}

static void mark_due(const struct ocs_plan *plan, uint8_t *marks)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct ocs_plan_item *item = &plan->items[i];
        marks[item->id] |= counts(item) && item->state == OCS_PLAN_DUE ? DUE : 0;
    }
}

static void sum_up(const struct ocs_census *census, const struct ocs_plan *plan,
                   const uint8_t *marks, struct ocs_breaker *out)
{
    for (uint32_t id = 0; id < census->view.count; id++) {
        if (marks[id] & WAS_LIVE && census->present[id])
            out->was_live += census->view.size[id];
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct ocs_plan_item *item = &plan->items[i];
        uint64_t size = census->view.size[item->id];
        if (!(marks[item->id] & WAS_LIVE) || !counts(item))
            continue;
        bool due = item->state == OCS_PLAN_DUE;
        out->waiting_bytes += due ? 0 : size;
        out->due_bytes += due ? size : 0;
        out->due_blobs += due;
    }
}

int ocs_breaker_take(struct ocs_store *store, const struct ocs_census *census,
                     const struct ocs_plan *plan, struct ocs_breaker *out, struct ocs_error *err)
{
    *out = (struct ocs_breaker){0};
    if (plan->count == 0)
        return 0;
    auto_free uint8_t *marks = calloc(census->view.count + 1u, 1);
    if (!marks)
        return ocs_error_memory(err);
    mark_due(plan, marks);
    int result = find_was_live(store, census, marks, out, err);
    if (result == 0)
        sum_up(census, plan, marks, out);
    return result;
}

/* ---- the limit ---- */

/* Without overflow: bytes * 100 > was_live * percent. */
bool ocs_breaker_exceeds(const struct ocs_breaker *breaker, uint64_t bytes, unsigned percent)
{
    if (percent >= 100)
        return false;
    uint64_t allowed = breaker->was_live / 100 * percent + breaker->was_live % 100 * percent / 100;
    return bytes > allowed;
}

static unsigned needed_percent(const struct ocs_breaker *breaker)
{
    unsigned percent = 0;
    while (ocs_breaker_exceeds(breaker, breaker->due_bytes, percent))
        percent++;
    return percent;
}

static void describe_shorter(const struct ocs_breaker *breaker, char *text, size_t size)
{
    char more[32] = "";
    text[0] = '\0';
    if (breaker->shorter > 1)
        snprintf(more, sizeof(more), " (and %zu more)", breaker->shorter - 1);
    if (breaker->shorter > 0)
        snprintf(text, size, "; layout '%s'%s no longer lists what it did", breaker->layout, more);
}

int ocs_breaker_check(const struct ocs_breaker *breaker, unsigned percent, struct ocs_error *err)
{
    if (!ocs_breaker_exceeds(breaker, breaker->due_bytes, percent))
        return 0;
    unsigned needed = needed_percent(breaker);
    char shorter[OCS_LAYOUT_NAME_MAX + 64];
    describe_shorter(breaker, shorter, sizeof(shorter));
    int result = ocs_error_raise(
        err, OCS_REFUSED,
        "%llu blobs with %llu bytes would go that layouts needed once and that no command of "
        "ocistore removed: %u %% of all that was needed then, and at most %u %% may go in one "
        "run%s",
        (unsigned long long)breaker->due_blobs, (unsigned long long)breaker->due_bytes, needed,
        percent, shorter);
    if (breaker->shorter == 0)
        return ocs_error_hint(err, result,
                              "nothing was deleted; if it is right that they go: ocistore gc "
                              "--max-delete %u%%",
                              needed);
    return ocs_error_hint(err, result,
                          "nothing was deleted; if it is right that they go: ocistore gc "
                          "--max-delete %u%%; if not, ocistore trash restore %s lists again what "
                          "the layout listed",
                          needed, ocs_shell_word(breaker->layout).text);
}

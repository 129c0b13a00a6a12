/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "plan.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <string.h>

#define NO_ITEM UINT32_MAX

/* ---- reasons ---- */

enum past { NEVER_NEEDED, NO_LONGER_NEEDED, TAKEN_OUT, PASTS };

static enum past past_of(const struct ocs_plan_item *item)
{
    if (item->flags & OCS_NODE_REMOVED_BY_US)
        return TAKEN_OUT;
    return item->flags & OCS_NODE_WAS_LIVE ? NO_LONGER_NEEDED : NEVER_NEEDED;
}

const char *ocs_plan_reason(const struct ocs_plan_item *item)
{
    static const char *const reasons[][PASTS] = {
        [OCS_PLAN_DUE] = {"no layout needs it", "no layout needs it any more",
                          "the image was removed"},
        [OCS_PLAN_WAITING] = {"no layout needs it; waits for its grace",
                              "no layout needs it any more; waits for its grace",
                              "the image was removed; waits for its grace"},
        [OCS_PLAN_FUTURE] = {"no layout needs it; its time is in the future",
                             "no layout needs it any more; its time is in the future",
                             "the image was removed; its time is in the future"},
        [OCS_PLAN_KEPT] = {"no layout needs it; part of a document in its grace",
                           "no layout needs it any more; part of a document in its grace",
                           "the image was removed; part of a document in its grace"},
    };
    return reasons[item->state][past_of(item)];
}

/* ---- times ---- */

/* In whole seconds, as `now` is: a file of this very second has no time in the future. */
static int64_t mtime_of(const struct ocs_plan_item *item)
{
    return item->stamp.mtime_ns / 1000000000;
}

static int64_t add_grace(int64_t time, int64_t grace)
{
    int64_t due;
    return __builtin_add_overflow(time, grace, &due) ? INT64_MAX : due;
}

static void decide_by_time(struct ocs_plan_item *item, const struct ocs_plan_options *options)
{
    if (item->since == 0)
        item->since = options->now;
    int64_t latest = item->since > mtime_of(item) ? item->since : mtime_of(item);
    item->due = add_grace(latest, options->grace_s);
    if (item->due <= options->now)
        item->state = OCS_PLAN_DUE;
    else
        item->state = latest > options->now ? OCS_PLAN_FUTURE : OCS_PLAN_WAITING;
}

/* ---- what young documents keep ---- */

struct keeper {
    struct ocs_plan *plan;
    const struct ocs_census *census;
    uint32_t *young; /* items: documents in their grace, those that wait longest first */
    uint32_t young_count;
    uint32_t *item_of; /* by id */
    uint32_t *stack;   /* ids; each is pushed once */
    uint8_t *seen;     /* by id */
};

static void keeper_clear(struct keeper *keeper)
{
    free(keeper->young);
    free(keeper->item_of);
    free(keeper->stack);
    free(keeper->seen);
}

static int keeper_init(struct keeper *keeper, struct ocs_error *err)
{
    size_t ids = keeper->census->view.count + 1u;
    keeper->young = calloc(keeper->plan->count + 1u, sizeof(*keeper->young));
    keeper->item_of = malloc(ids * sizeof(*keeper->item_of));
    keeper->stack = malloc(ids * sizeof(*keeper->stack));
    keeper->seen = calloc(ids, 1);
    if (!keeper->young || !keeper->item_of || !keeper->stack || !keeper->seen)
        return ocs_error_memory(err);
    memset(keeper->item_of, 0xff, ids * sizeof(*keeper->item_of));
    for (uint32_t i = 0; i < keeper->plan->count; i++)
        keeper->item_of[keeper->plan->items[i].id] = i;
    return 0;
}

static int compare_due(const void *a, const void *b, void *data)
{
    const struct ocs_plan *plan = data;
    int64_t x = plan->items[*(const uint32_t *)a].due, y = plan->items[*(const uint32_t *)b].due;
    return (x < y) - (x > y);
}

/* A document kept for its algorithm alone is forever, not young. */
static void find_young(struct keeper *keeper)
{
    struct ocs_plan *plan = keeper->plan;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->items[i].kind == OCS_NODE_DOCUMENT && plan->items[i].state != OCS_PLAN_DUE)
            keeper->young[keeper->young_count++] = i;
    }
    qsort_r(keeper->young, keeper->young_count, sizeof(*keeper->young), compare_due, plan);
}

static void keep_item(struct keeper *keeper, uint32_t id, int64_t due)
{
    uint32_t position = keeper->item_of[id];
    if (position == NO_ITEM)
        return;
    struct ocs_plan_item *item = &keeper->plan->items[position];
    if (item->due >= due)
        return;
    item->due = due;
    if (item->state == OCS_PLAN_DUE)
        item->state = OCS_PLAN_KEPT;
}

/* What is reached from several documents goes when the last of them does: they
 * come in that order, so each id is visited once. */
static void keep_closure(struct keeper *keeper, uint32_t root, int64_t due)
{
    const struct ocs_graph_view *view = &keeper->census->view;
    uint32_t depth = 0;
    if (!keeper->seen[root])
        keeper->stack[depth++] = root;
    keeper->seen[root] = 1;
    while (depth > 0) {
        uint32_t id = keeper->stack[--depth];
        keep_item(keeper, id, due);
        for (uint32_t k = view->first[id]; k < view->first[id + 1]; k++) {
            uint32_t child = view->children[k].id;
            if (!keeper->seen[child])
                keeper->stack[depth++] = child;
            keeper->seen[child] = 1;
        }
    }
}

/* Referrers of a young document, and what only they need, have no path from it. */
static void keep_marked(struct keeper *keeper, const struct ocs_mark *mark, int64_t due)
{
    for (uint32_t i = 0; i < keeper->plan->count; i++) {
        struct ocs_plan_item *item = &keeper->plan->items[i];
        if (item->state == OCS_PLAN_DUE && ocs_mark_has(mark, item->id, OCS_MARK_YOUNG))
            keep_item(keeper, item->id, due);
    }
}

static int mark_young(struct keeper *keeper, struct ocs_mark *mark, struct ocs_error *err)
{
    auto_free uint32_t *ids = calloc(keeper->young_count + 1u, sizeof(*ids));
    if (!ids)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < keeper->young_count; i++)
        ids[i] = keeper->plan->items[keeper->young[i]].id;
    return ocs_mark_young(keeper->census, ids, keeper->young_count, mark, err);
}

static int keep_young(struct ocs_plan *plan, const struct ocs_census *census, struct ocs_mark *mark,
                      struct ocs_error *err)
{
    struct keeper keeper = {.plan = plan, .census = census};
    int result = keeper_init(&keeper, err);
    if (result == 0) {
        find_young(&keeper);
        result = mark_young(&keeper, mark, err);
    }
    if (result == 0 && keeper.young_count > 0) {
        int64_t last = plan->items[keeper.young[0]].due;
        for (uint32_t i = 0; i < keeper.young_count; i++) {
            const struct ocs_plan_item *root = &plan->items[keeper.young[i]];
            keep_closure(&keeper, root->id, root->due);
        }
        keep_marked(&keeper, mark, last);
    }
    keeper_clear(&keeper);
    return result;
}

/* ---- the whole ---- */

static void add_due(struct ocs_plan *plan, const struct ocs_plan_item *item)
{
    uint64_t size = item->stamp.size;
    bool linked = item->links > 1;
    plan->due++;
    plan->due_bytes += item->bytes;
    plan->due_size += size;
    plan->linked += linked;
    plan->linked_size += linked ? size : 0;
    plan->holes += !linked && size > item->bytes ? size - item->bytes : 0;
}

static void sum_up(struct ocs_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct ocs_plan_item *item = &plan->items[i];
        if (item->left) {
            plan->left++;
        } else if (item->state == OCS_PLAN_DUE) {
            add_due(plan, item);
        } else {
            plan->waiting++;
            plan->waiting_bytes += item->bytes;
            plan->waiting_size += item->stamp.size;
        }
    }
}

int ocs_plan_decide(struct ocs_plan *plan, const struct ocs_census *census,
                    const struct ocs_plan_options *options, struct ocs_mark *mark,
                    struct ocs_error *err)
{
    plan->now = options->now;
    for (uint32_t i = 0; i < plan->count; i++)
        decide_by_time(&plan->items[i], options);
    int result = keep_young(plan, census, mark, err);
    if (result == 0)
        sum_up(plan);
    return result;
}

/* ---- order of the sweep ---- */

/*
 * Depth first over the documents that are due; a document is written down when
 * all that it names has been, from the end of the array towards its beginning:
 *
 *     index -> manifest -> config, layers
 *     [ index | manifest | ... everything that is no document ]
 *
 * A cycle (an honest index lists M and has subject M) is cut where it closes.
 */
struct order {
    const struct ocs_plan *plan;
    const struct ocs_graph_view *view;
    uint32_t *item_of; /* by id: items that are due and not yet visited */
    uint32_t *stack;   /* positions of items */
    uint32_t *next;    /* by depth: the edge to follow next */
    uint32_t *out;
    uint32_t documents; /* still to be written down, before `out` begins the rest */
};

static void visit(struct order *order, uint32_t root)
{
    uint32_t depth = 0;
    order->stack[0] = root;
    order->next[0] = order->view->first[order->plan->items[root].id];
    order->item_of[order->plan->items[root].id] = NO_ITEM;
    for (;;) {
        uint32_t position = order->stack[depth];
        uint32_t id = order->plan->items[position].id;
        if (order->next[depth] == order->view->first[id + 1]) {
            order->out[--order->documents] = position;
            if (depth-- == 0)
                return;
            continue;
        }
        uint32_t child = order->view->children[order->next[depth]++].id;
        uint32_t found = order->item_of[child];
        if (found == NO_ITEM)
            continue;
        order->item_of[child] = NO_ITEM;
        order->stack[++depth] = found;
        order->next[depth] = order->view->first[child];
    }
}

static bool goes(const struct ocs_plan_item *item)
{
    return item->state == OCS_PLAN_DUE && !item->left;
}

static void fill_order(struct order *order)
{
    const struct ocs_plan *plan = order->plan;
    for (uint32_t i = 0; i < plan->count; i++)
        order->documents += goes(&plan->items[i]) && plan->items[i].kind == OCS_NODE_DOCUMENT;
    uint32_t rest = order->documents;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (!goes(&plan->items[i]))
            continue;
        if (plan->items[i].kind == OCS_NODE_DOCUMENT)
            order->item_of[plan->items[i].id] = i;
        else
            order->out[rest++] = i;
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        if (order->item_of[plan->items[i].id] == i)
            visit(order, i);
    }
}

int ocs_plan_order(const struct ocs_plan *plan, const struct ocs_census *census, uint32_t **out,
                   struct ocs_error *err)
{
    size_t ids = census->view.count + 1u, items = plan->count + 1u;
    auto_free uint32_t *item_of = malloc(ids * sizeof(*item_of));
    auto_free uint32_t *stack = malloc(items * sizeof(*stack));
    auto_free uint32_t *next = malloc(items * sizeof(*next));
    auto_free uint32_t *positions = malloc(items * sizeof(*positions));
    if (!item_of || !stack || !next || !positions)
        return ocs_error_memory(err);
    memset(item_of, 0xff, ids * sizeof(*item_of));
    struct order order = {
        .plan = plan,
        .view = &census->view,
        .item_of = item_of,
        .stack = stack,
        .next = next,
        .out = positions,
    };
    fill_order(&order);
    *out = TAKE_PTR(positions);
    return 0;
}

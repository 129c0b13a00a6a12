/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "census.h"

#include "cleanup.h"
#include "error.h"

/* Who has whom as subject: referrers of i are list[first[i] .. first[i + 1]). */
struct referrers {
    uint32_t *first;
    uint32_t *list;
};

static void referrers_clear(struct referrers *referrers)
{
    free(referrers->first);
    free(referrers->list);
}
#define auto_referrers __attribute__((cleanup(referrers_clear)))

/* A referrer that was listed and has been taken out of its last index lives only
 * if something else keeps it. */
static bool is_referrer(const struct ocs_graph_view *view, uint32_t parent, uint32_t edge)
{
    return view->children[edge].role == OCS_ROLE_SUBJECT &&
           !(view->flags[parent] & OCS_NODE_WAS_LISTED);
}

static void count_referrers(const struct ocs_graph_view *view, uint32_t *first)
{
    for (uint32_t parent = 0; parent < view->count; parent++) {
        for (uint32_t edge = view->first[parent]; edge < view->first[parent + 1]; edge++) {
            if (is_referrer(view, parent, edge))
                first[view->children[edge].id + 1]++;
        }
    }
}

static int find_referrers(const struct ocs_graph_view *view, struct referrers *out,
                          struct ocs_error *err)
{
    out->first = calloc((size_t)view->count + 2, sizeof(*out->first));
    if (!out->first)
        return ocs_error_memory(err);
    count_referrers(view, out->first);
    for (uint32_t i = 0; i <= view->count; i++)
        out->first[i + 1] += out->first[i];
    out->list = malloc(((size_t)out->first[view->count] + 1) * sizeof(*out->list));
    auto_free uint32_t *at = malloc(((size_t)view->count + 1) * sizeof(*at));
    if (!out->list || !at)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < view->count; i++)
        at[i] = out->first[i];
    for (uint32_t parent = 0; parent < view->count; parent++) {
        for (uint32_t edge = view->first[parent]; edge < view->first[parent + 1]; edge++) {
            if (is_referrer(view, parent, edge))
                out->list[at[view->children[edge].id]++] = parent;
        }
    }
    return 0;
}

struct marking {
    uint8_t *live;
    uint8_t bit;
    uint32_t *stack; /* each node is pushed once: view.count entries are enough */
    size_t depth;
};

static void push(struct marking *marking, uint32_t id)
{
    if (marking->live[id] & marking->bit)
        return;
    marking->live[id] |= marking->bit;
    marking->stack[marking->depth++] = id;
}

static void follow(struct marking *marking, const struct ocs_graph_view *view,
                   const struct referrers *referrers)
{
    while (marking->depth > 0) {
        uint32_t id = marking->stack[--marking->depth];
        for (uint32_t edge = view->first[id]; edge < view->first[id + 1]; edge++)
            push(marking, view->children[edge].id);
        if (!referrers->first)
            continue;
        for (uint32_t i = referrers->first[id]; i < referrers->first[id + 1]; i++)
            push(marking, referrers->list[i]);
    }
}

int ocs_census_reach(const struct ocs_census *census, const uint32_t *ids, size_t count,
                     bool with_referrers, uint8_t *live, uint8_t bit, struct ocs_error *err)
{
    const struct ocs_graph_view *view = &census->view;
    auto_referrers struct referrers referrers = {0};
    int result = with_referrers ? find_referrers(view, &referrers, err) : 0;
    if (result < 0)
        return result;
    auto_free uint32_t *stack = malloc(((size_t)view->count + 1) * sizeof(*stack));
    if (!stack)
        return ocs_error_memory(err);
    struct marking marking = {.live = live, .bit = bit, .stack = stack};
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < view->count)
            push(&marking, ids[i]);
    }
    follow(&marking, view, &referrers);
    return 0;
}

int ocs_census_reach_listed(const struct ocs_census *census, uint8_t *live, uint8_t bit,
                            struct ocs_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < census->layout_count; i++)
        count += census->layouts[i].count;
    auto_free uint32_t *ids = malloc((count + 1) * sizeof(*ids));
    if (!ids)
        return ocs_error_memory(err);
    count = 0;
    for (size_t i = 0; i < census->layout_count; i++) {
        for (size_t j = 0; j < census->layouts[i].count; j++)
            ids[count++] = census->layouts[i].entries[j].id;
    }
    return ocs_census_reach(census, ids, count, true, live, bit, err);
}

struct ocs_census_sum ocs_census_sum(const struct ocs_census *census, const uint8_t *live,
                                     uint8_t bit)
{
    struct ocs_census_sum sum = {0};
    for (uint32_t id = 0; id < census->view.count; id++) {
        if ((live[id] & bit) && census->present[id]) {
            sum.blobs++;
            sum.bytes += census->view.size[id];
        }
    }
    return sum;
}

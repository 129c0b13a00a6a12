/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "reach.h"

#include "cleanup.h"
#include "error.h"

/* Who has whom as subject: referrers of i are list[first[i] .. first[i + 1]). */
struct referrers {
    uint32_t *first;
    uint32_t *list;
};

struct ocs_reach {
    const struct ocs_census *census;
    struct referrers referrers; /* empty when they are not asked for */
    uint32_t *stack;            /* each node is pushed once: view.count entries are enough */
};

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

int ocs_reach_new(const struct ocs_census *census, bool referrers, struct ocs_reach **out,
                  struct ocs_error *err)
{
    struct ocs_reach *reach = calloc(1, sizeof(*reach));
    if (!reach)
        return ocs_error_memory(err);
    reach->census = census;
    reach->stack = malloc(((size_t)census->view.count + 1) * sizeof(*reach->stack));
    int result = reach->stack ? 0 : ocs_error_memory(err);
    if (result == 0 && referrers)
        result = find_referrers(&census->view, &reach->referrers, err);
    if (result < 0)
        ocs_reach_free(reach);
    else
        *out = reach;
    return result;
}

void ocs_reach_free(struct ocs_reach *reach)
{
    if (!reach)
        return;
    free(reach->referrers.first);
    free(reach->referrers.list);
    free(reach->stack);
    free(reach);
}

const uint32_t *ocs_reach_referrers(const struct ocs_reach *reach, uint32_t id, size_t *count)
{
    *count = 0;
    if (!reach->referrers.first)
        return NULL;
    *count = reach->referrers.first[id + 1] - reach->referrers.first[id];
    return reach->referrers.list + reach->referrers.first[id];
}

void ocs_reach_from(struct ocs_reach *reach, const uint32_t *ids, size_t count, void *data,
                    bool (*enter)(void *data, uint32_t id))
{
    const struct ocs_graph_view *view = &reach->census->view;
    size_t depth = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < view->count && enter(data, ids[i]))
            reach->stack[depth++] = ids[i];
    }
    while (depth > 0) {
        uint32_t id = reach->stack[--depth];
        for (uint32_t edge = view->first[id]; edge < view->first[id + 1]; edge++) {
            if (enter(data, view->children[edge].id))
                reach->stack[depth++] = view->children[edge].id;
        }
        size_t referrers = 0;
        const uint32_t *list = ocs_reach_referrers(reach, id, &referrers);
        for (size_t i = 0; i < referrers; i++) {
            if (enter(data, list[i]))
                reach->stack[depth++] = list[i];
        }
    }
}

/* ---- ownership ---- */

struct owning {
    uint32_t *owners;
    uint32_t number;
};

/* A node changes at most twice: to its first owner, and to shared. */
static bool own(void *data, uint32_t id)
{
    const struct owning *owning = data;
    uint32_t *owner = &owning->owners[id];
    if (*owner == owning->number || *owner == OCS_OWNER_SHARED)
        return false;
    *owner = *owner == OCS_OWNER_NONE ? owning->number : OCS_OWNER_SHARED;
    return true;
}

void ocs_reach_own(struct ocs_reach *reach, const uint32_t *ids, size_t count, uint32_t number,
                   uint32_t *owners)
{
    struct owning owning = {.owners = owners, .number = number};
    ocs_reach_from(reach, ids, count, &owning, own);
}

/* ---- marks ---- */

struct marking {
    uint8_t *live;
    uint8_t bit;
};

static bool mark(void *data, uint32_t id)
{
    const struct marking *marking = data;
    if (marking->live[id] & marking->bit)
        return false;
    marking->live[id] |= marking->bit;
    return true;
}

int ocs_census_reach(const struct ocs_census *census, const uint32_t *ids, size_t count,
                     bool referrers, uint8_t *live, uint8_t bit, struct ocs_error *err)
{
    struct ocs_reach *reach = NULL;
    struct marking marking = {.live = live, .bit = bit};
    int result = ocs_reach_new(census, referrers, &reach, err);
    if (result == 0)
        ocs_reach_from(reach, ids, count, &marking, mark);
    ocs_reach_free(reach);
    return result;
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

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "paths.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/reach.h"

#include <string.h>

#define UNREACHED UINT32_MAX
#define STEPS_MAX 10000000u

/*
 * Forward, breadth first from the roots, every node that is reached gets its place
 * in that order.  Backward, every one of them gets its parents, sorted by that
 * order, so that walking up from the target along first parents leads straight to
 * a nearest root:
 *
 *     roots  a   b          order: a b c d
 *            | \ |          parents of d: b c
 *            c  \|          paths told: b d; a d; a c d
 *             \--d
 */
struct search {
    const struct ocs_census *census;
    const struct ocs_paths_options *options;
    struct ocs_reach *reach;
    uint32_t *order; /* nodes that are reached, nearest first */
    uint32_t reached;
    uint32_t *first; /* by id, count + 1: its parents are parents[first[id] .. first[id + 1]) */
    struct ocs_paths_step *parents; /* with the role that the child has for them */
    uint32_t *roots;                /* places in options->roots, by id and place */
    struct frame *stack;
    uint8_t *on_path;             /* by id */
    struct ocs_paths_step *steps; /* of the path that is being told */
    uint64_t steps_left;
    struct ocs_paths_report *report;
};

/* A node on the way up. */
struct frame {
    uint32_t id;
    uint32_t next; /* place in `parents` */
    uint8_t role;  /* for the parent that is being tried */
};

static void search_clear(struct search *search)
{
    ocs_reach_free(search->reach);
    free(search->order);
    free(search->first);
    free(search->parents);
    free(search->roots);
    free(search->stack);
    free(search->on_path);
    free(search->steps);
}

/* ---- forward ---- */

static void reach_node(struct search *search, uint8_t *seen, uint32_t id)
{
    if (seen[id])
        return;
    seen[id] = 1;
    search->order[search->reached++] = id;
}

static int walk_forward(struct search *search, struct ocs_error *err)
{
    const struct ocs_graph_view *view = &search->census->view;
    auto_free uint8_t *seen = calloc(view->count + 1u, 1);
    search->order = malloc((view->count + 1u) * sizeof(*search->order));
    if (!seen || !search->order)
        return ocs_error_memory(err);
    for (size_t i = 0; i < search->options->root_count; i++) {
        if (search->options->roots[i] < view->count)
            reach_node(search, seen, search->options->roots[i]);
    }
    for (uint32_t at = 0; at < search->reached; at++) {
        uint32_t id = search->order[at];
        for (uint32_t edge = view->first[id]; edge < view->first[id + 1]; edge++)
            reach_node(search, seen, view->children[edge].id);
        size_t count = 0;
        const uint32_t *list = ocs_reach_referrers(search->reach, id, &count);
        for (size_t i = 0; i < count; i++)
            reach_node(search, seen, list[i]);
    }
    return 0;
}

/* ---- parents ---- */

/* Tells `visit` each edge between nodes that are reached, nearest parents first. */
static void each_edge(struct search *search, void (*visit)(struct search *search, uint32_t child,
                                                           uint32_t parent, uint8_t role))
{
    const struct ocs_graph_view *view = &search->census->view;
    for (uint32_t at = 0; at < search->reached; at++) {
        uint32_t id = search->order[at];
        for (uint32_t edge = view->first[id]; edge < view->first[id + 1]; edge++)
            visit(search, view->children[edge].id, id, view->children[edge].role);
        size_t count = 0;
        const uint32_t *list = ocs_reach_referrers(search->reach, id, &count);
        for (size_t i = 0; i < count; i++)
            visit(search, list[i], id, OCS_PATHS_REFERRER);
    }
}

static void count_parent(struct search *search, uint32_t child, uint32_t parent, uint8_t role)
{
    (void)parent;
    (void)role;
    search->first[child + 1]++;
}

/* first[child] is where the next one goes, and in the end where they end. */
static void add_parent(struct search *search, uint32_t child, uint32_t parent, uint8_t role)
{
    search->parents[search->first[child]++] = (struct ocs_paths_step){parent, role};
}

static int find_parents(struct search *search, struct ocs_error *err)
{
    uint32_t count = search->census->view.count;
    search->first = calloc((size_t)count + 2, sizeof(*search->first));
    if (!search->first)
        return ocs_error_memory(err);
    each_edge(search, count_parent);
    for (uint32_t i = 0; i <= count; i++)
        search->first[i + 1] += search->first[i];
    search->parents = malloc(((size_t)search->first[count] + 1) * sizeof(*search->parents));
    if (!search->parents)
        return ocs_error_memory(err);
    each_edge(search, add_parent);
    memmove(search->first + 1, search->first, count * sizeof(*search->first));
    search->first[0] = 0;
    return 0;
}

/* ---- roots ---- */

static int compare_roots(const void *a, const void *b, void *data)
{
    const uint32_t *ids = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (ids[x] != ids[y])
        return ids[x] < ids[y] ? -1 : 1;
    return (x > y) - (x < y);
}

static int sort_roots(struct search *search, struct ocs_error *err)
{
    size_t count = search->options->root_count;
    search->roots = malloc((count + 1) * sizeof(*search->roots));
    if (!search->roots)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++)
        search->roots[i] = (uint32_t)i;
    if (count > 0)
        qsort_r(search->roots, count, sizeof(*search->roots), compare_roots,
                (void *)search->options->roots);
    return 0;
}

/* The first of the sorted roots whose id is not less. */
static size_t first_root(const struct search *search, uint32_t id)
{
    size_t low = 0, high = search->options->root_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (search->options->roots[search->roots[middle]] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_root(const struct search *search, size_t at, uint32_t id)
{
    return at < search->options->root_count && search->options->roots[search->roots[at]] == id;
}

static void tell_roots(struct search *search, uint32_t id)
{
    for (size_t at = first_root(search, id); is_root(search, at, id); at++)
        search->options->on_root(search->options->data, search->roots[at]);
}

/* Every root that reaches the target, with one walk up. */
static int find_roots(struct search *search, uint32_t target, struct ocs_error *err)
{
    auto_free uint8_t *seen = calloc(search->census->view.count + 1u, 1);
    auto_free uint32_t *queue = malloc((search->reached + 1u) * sizeof(*queue));
    if (!seen || !queue)
        return ocs_error_memory(err);
    uint32_t count = 0;
    queue[count++] = target;
    seen[target] = 1;
    for (uint32_t at = 0; at < count; at++) {
        tell_roots(search, queue[at]);
        for (uint32_t k = search->first[queue[at]]; k < search->first[queue[at] + 1]; k++) {
            uint32_t parent = search->parents[k].id;
            if (!seen[parent])
                queue[count++] = parent;
            seen[parent] = 1;
        }
    }
    return 0;
}

/* ---- backward ---- */

static void tell_path(struct search *search, size_t root, uint32_t depth)
{
    if (search->report->paths++ >= search->options->most)
        return;
    for (uint32_t i = 0; i <= depth; i++) {
        const struct frame *frame = &search->stack[depth - i];
        search->steps[i] = (struct ocs_paths_step){frame->id, i == 0 ? 0 : frame->role};
    }
    search->options->on_path(search->options->data, root, search->steps, depth + 1u);
}

/* What it costs to tell or count what ends here; false: too much. */
static bool afford(struct search *search, uint64_t steps)
{
    if (search->steps_left < steps) {
        search->report->all = false;
        return false;
    }
    search->steps_left -= steps;
    return true;
}

static bool enter(struct search *search, uint32_t id, uint32_t depth)
{
    search->stack[depth] = (struct frame){.id = id, .next = search->first[id]};
    search->on_path[id] = 1;
    for (size_t at = first_root(search, id); is_root(search, at, id); at++) {
        bool told = search->report->paths < search->options->most;
        if (!afford(search, told ? depth + 1u : 1u))
            return false;
        tell_path(search, search->roots[at], depth);
    }
    return afford(search, 1);
}

static void walk_backward(struct search *search, uint32_t target)
{
    uint32_t depth = 0;
    if (!enter(search, target, 0))
        return;
    for (;;) {
        struct frame *frame = &search->stack[depth];
        if (frame->next == search->first[frame->id + 1]) {
            search->on_path[frame->id] = 0;
            if (depth-- == 0)
                return;
            continue;
        }
        struct ocs_paths_step parent = search->parents[frame->next++];
        if (search->on_path[parent.id]) {
            if (!afford(search, 1))
                return;
            continue;
        }
        frame->role = parent.role;
        if (!enter(search, parent.id, ++depth))
            return;
    }
}

static int prepare(struct search *search, struct ocs_error *err)
{
    int result = ocs_reach_new(search->census, true, &search->reach, err);
    if (result == 0)
        result = walk_forward(search, err);
    if (result == 0)
        result = find_parents(search, err);
    if (result == 0)
        result = sort_roots(search, err);
    if (result)
        return result;
    size_t most = search->reached + 1u; /* no node twice */
    search->stack = malloc(most * sizeof(*search->stack));
    search->steps = malloc(most * sizeof(*search->steps));
    search->on_path = calloc(search->census->view.count + 1u, 1);
    if (!search->stack || !search->steps || !search->on_path)
        return ocs_error_memory(err);
    return 0;
}

int ocs_paths_find(const struct ocs_census *census, uint32_t target,
                   const struct ocs_paths_options *options, struct ocs_paths_report *report,
                   struct ocs_error *err)
{
    struct search search = {
        .census = census, .options = options, .steps_left = STEPS_MAX, .report = report};
    *report = (struct ocs_paths_report){.all = true};
    int result = prepare(&search, err);
    if (result == 0 && options->on_root)
        result = find_roots(&search, target, err);
    if (result == 0)
        walk_backward(&search, target);
    search_clear(&search);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "affects.h"

#include "store/cleanup.h"
#include "store/error.h"

/* Edges the other way round, parents of a blob side by side:
 *
 *     first[b] .. first[b+1]  ->  parents[]: document's blob, WEAK for an edge
 *                                 that only a subject or a loose digest makes;
 *                                 the subject of b is a parent like any other
 */
#define WEAK 0x80000000u

struct ocs_affects {
    const struct ocs_inventory *inventory;
    uint32_t *first;
    uint32_t *parents;
    uint32_t *root_first; /* the same for entries of index.json */
    uint32_t *roots;
    uint32_t *seen; /* the question in which a blob was last met */
    uint32_t *stack;
    uint32_t question;
};

static void sum_up(uint32_t *first, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t own = first[i];
        first[i] = sum;
        sum += own;
    }
}

/* After filling, first[i] is where i ends: move everything one place up. */
static void step_back(uint32_t *first, uint32_t count)
{
    for (uint32_t i = count; i > 0; i--)
        first[i] = first[i - 1];
    first[0] = 0;
}

static bool is_weak(unsigned role)
{
    return role == OCS_ROLE_SUBJECT || role == OCS_ROLE_LOOSE;
}

typedef void link_fn(struct ocs_affects *affects, uint32_t child, uint32_t parent);

static void count_link(struct ocs_affects *affects, uint32_t child, uint32_t parent)
{
    (void)parent;
    affects->first[child]++;
}

static void put_link(struct ocs_affects *affects, uint32_t child, uint32_t parent)
{
    affects->parents[affects->first[child]++] = parent;
}

static void each_link(struct ocs_affects *affects, link_fn *link)
{
    const struct ocs_inventory *inventory = affects->inventory;
    for (size_t d = 0; d < inventory->document_count; d++) {
        const struct ocs_read_document *document = &inventory->documents[d];
        for (uint32_t e = document->first; e < document->first + document->count; e++) {
            unsigned role = inventory->how[e] & OCS_EDGE_ROLE;
            link(affects, inventory->children[e], document->blob | (is_weak(role) ? WEAK : 0));
            if (role == OCS_ROLE_SUBJECT)
                link(affects, document->blob, inventory->children[e]);
        }
    }
}

static int fill_parents(struct ocs_affects *affects, uint32_t count, struct ocs_error *err)
{
    each_link(affects, count_link);
    sum_up(affects->first, count);
    affects->parents = calloc((size_t)affects->first[count] + 1, sizeof(uint32_t));
    if (!affects->parents)
        return ocs_error_memory(err);
    each_link(affects, put_link);
    step_back(affects->first, count);
    return 0;
}

static void fill_roots(struct ocs_affects *affects, uint32_t count)
{
    const struct ocs_inventory *inventory = affects->inventory;
    for (size_t i = 0; i < inventory->root_count; i++)
        affects->root_first[inventory->roots[i].blob]++;
    sum_up(affects->root_first, count);
    for (size_t i = 0; i < inventory->root_count; i++)
        affects->roots[affects->root_first[inventory->roots[i].blob]++] = (uint32_t)i;
    step_back(affects->root_first, count);
}

int ocs_affects_new(const struct ocs_inventory *inventory, struct ocs_affects **out,
                    struct ocs_error *err)
{
    struct ocs_affects *affects = calloc(1, sizeof(*affects));
    if (!affects)
        return ocs_error_memory(err);
    uint32_t count = ocs_inventory_count(inventory);
    affects->inventory = inventory;
    affects->first = calloc((size_t)count + 1, sizeof(uint32_t));
    affects->root_first = calloc((size_t)count + 1, sizeof(uint32_t));
    affects->seen = calloc((size_t)count + 1, sizeof(uint32_t));
    affects->stack = calloc((size_t)count + 1, sizeof(uint32_t));
    affects->roots = calloc(inventory->root_count + 1, sizeof(uint32_t));
    bool all =
        affects->first && affects->root_first && affects->seen && affects->stack && affects->roots;
    int r = all ? fill_parents(affects, count, err) : ocs_error_memory(err);
    if (r < 0) {
        ocs_affects_free(affects);
        return r;
    }
    fill_roots(affects, count);
    *out = affects;
    return 0;
}

void ocs_affects_free(struct ocs_affects *affects)
{
    if (!affects)
        return;
    free(affects->roots);
    free(affects->parents);
    free(affects->stack);
    free(affects->seen);
    free(affects->root_first);
    free(affects->first);
    free(affects);
}

/* Keeps the smallest ones, ascending. */
static void list_root(struct ocs_affects_list *out, uint32_t root)
{
    out->total++;
    size_t at = out->count;
    while (at > 0 && out->roots[at - 1] > root)
        at--;
    if (at == OCS_AFFECTS_LISTED)
        return;
    size_t last = out->count < OCS_AFFECTS_LISTED ? out->count++ : OCS_AFFECTS_LISTED - 1;
    for (size_t i = last; i > at; i--)
        out->roots[i] = out->roots[i - 1];
    out->roots[at] = root;
}

static void climb(struct ocs_affects *affects, uint32_t blob, bool weak_too,
                  struct ocs_affects_list *out)
{
    uint32_t question = ++affects->question;
    uint32_t depth = 0;
    affects->stack[depth++] = blob;
    affects->seen[blob] = question;
    while (depth > 0) {
        uint32_t at = affects->stack[--depth];
        for (uint32_t i = affects->root_first[at]; i < affects->root_first[at + 1]; i++)
            list_root(out, affects->roots[i]);
        for (uint32_t i = affects->first[at]; i < affects->first[at + 1]; i++) {
            uint32_t parent = affects->parents[i] & ~WEAK;
            if (affects->seen[parent] == question || (affects->parents[i] & WEAK && !weak_too))
                continue;
            affects->seen[parent] = question;
            affects->stack[depth++] = parent;
        }
    }
}

void ocs_affects_of(struct ocs_affects *affects, uint32_t blob, struct ocs_affects_list *out)
{
    *out = (struct ocs_affects_list){0};
    climb(affects, blob, false, out);
    if (out->total == 0 && affects->inventory->blobs[blob].flags & OCS_BLOB_REACHABLE)
        climb(affects, blob, true, out);
}

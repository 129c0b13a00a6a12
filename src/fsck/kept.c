/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "kept.h"

#include "array.h"

struct referral {
    uint32_t subject;
    uint32_t document; /* in the inventory's documents */
};

struct referrals {
    struct referral *items;
    size_t count, capacity;
};

static int compare_referrals(const void *left, const void *right)
{
    const struct referral *a = left, *b = right;
    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    return (a->document > b->document) - (a->document < b->document);
}

/* Of documents that nothing reaches, unless an index.json listed them once and
 * they have been taken out. */
static int collect_referrals(const struct ocs_inventory *inventory, struct referrals *out,
                             struct ocs_error *err)
{
    for (size_t d = 0; d < inventory->document_count; d++) {
        const struct ocs_read_document *document = &inventory->documents[d];
        uint16_t flags = inventory->blobs[document->blob].flags;
        if (flags & (OCS_BLOB_REACHABLE | OCS_BLOB_WAS_LISTED))
            continue;
        for (uint32_t e = document->first; e < document->first + document->count; e++) {
            if ((inventory->how[e] & OCS_EDGE_ROLE) != OCS_ROLE_SUBJECT)
                continue;
            int r = ocs_array_reserve(&out->items, &out->capacity, out->count + 1,
                                      sizeof(*out->items), err);
            if (r < 0)
                return r;
            out->items[out->count++] =
                (struct referral){.subject = inventory->children[e], .document = (uint32_t)d};
        }
    }
    if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), compare_referrals);
    return 0;
}

static size_t first_referral(const struct referrals *referrals, uint32_t subject)
{
    size_t low = 0, high = referrals->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (referrals->items[middle].subject < subject)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct reached {
    struct ocs_inventory *inventory;
    uint32_t *queue;
    size_t count, capacity;
};

static int reach(struct reached *reached, uint32_t blob, struct ocs_error *err)
{
    struct ocs_blob_state *state = &reached->inventory->blobs[blob];
    if (state->flags & OCS_BLOB_REACHABLE)
        return 0;
    state->flags |= OCS_BLOB_REACHABLE;
    int r = ocs_array_reserve(&reached->queue, &reached->capacity, reached->count + 1,
                              sizeof(uint32_t), err);
    if (r == 0)
        reached->queue[reached->count++] = blob;
    return r;
}

/* The blob's children, and the referrers of the blob. */
static int reach_from(struct reached *reached, const struct referrals *referrals, uint32_t blob,
                      struct ocs_error *err)
{
    const struct ocs_inventory *inventory = reached->inventory;
    uint32_t place = inventory->blobs[blob].document;
    int r = 0;
    if (place) {
        const struct ocs_read_document *document = &inventory->documents[place - 1];
        for (uint32_t e = 0; r == 0 && e < document->count; e++)
            r = reach(reached, inventory->children[document->first + e], err);
    }
    for (size_t i = first_referral(referrals, blob);
         r == 0 && i < referrals->count && referrals->items[i].subject == blob; i++)
        r = reach(reached, inventory->documents[referrals->items[i].document].blob, err);
    return r;
}

static int follow(struct reached *reached, const struct referrals *referrals, struct ocs_error *err)
{
    const struct ocs_inventory *inventory = reached->inventory;
    int r = 0;
    for (size_t i = 0; r == 0 && i < referrals->count; i++) {
        if (inventory->blobs[referrals->items[i].subject].flags & OCS_BLOB_REACHABLE)
            r = reach(reached, inventory->documents[referrals->items[i].document].blob, err);
    }
    for (size_t next = 0; r == 0 && next < reached->count; next++)
        r = reach_from(reached, referrals, reached->queue[next], err);
    return r;
}

/* What such a document names and nobody looked at is not on the disk. */
static void settle_absent(struct ocs_inventory *inventory)
{
    uint32_t count = ocs_inventory_count(inventory);
    for (uint32_t i = 0; i < count; i++) {
        struct ocs_blob_state *state = &inventory->blobs[i];
        if (state->presence == OCS_PRESENCE_UNKNOWN && state->flags & OCS_BLOB_REACHABLE)
            state->presence = OCS_PRESENCE_ABSENT;
    }
}

static int reach_roots(struct reached *reached, struct ocs_error *err)
{
    const struct ocs_inventory *inventory = reached->inventory;
    int r = 0;
    for (size_t i = 0; r == 0 && i < inventory->root_count; i++)
        r = reach(reached, inventory->roots[i].blob, err);
    return r;
}

static int keep(struct ocs_inventory *inventory, bool roots_too, struct ocs_error *err)
{
    struct reached reached = {.inventory = inventory};
    struct referrals referrals = {0};
    int r = collect_referrals(inventory, &referrals, err);
    if (r == 0 && roots_too)
        r = reach_roots(&reached, err);
    if (r == 0)
        r = follow(&reached, &referrals, err);
    if (r == 0)
        settle_absent(inventory);
    free(referrals.items);
    free(reached.queue);
    return r;
}

int ocs_kept_referrers(struct ocs_inventory *inventory, struct ocs_error *err)
{
    return keep(inventory, false, err);
}

int ocs_kept_again(struct ocs_inventory *inventory, struct ocs_error *err)
{
    return keep(inventory, true, err);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "recheck.h"

#include "kept.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <string.h>

#define PATIENCE_MS 5000

static bool is_missed(const struct ocs_blob_state *state)
{
    return state->flags & OCS_BLOB_REACHABLE && state->presence == OCS_PRESENCE_ABSENT;
}

/* Whether something is still missing. */
static int look_again(struct ocs_fsck_run *run, bool *missing, struct ocs_error *err)
{
    uint32_t count = ocs_inventory_count(&run->inventory);
    for (uint32_t blob = 0; blob < count; blob++) {
        struct ocs_blob_state *state = &run->inventory.blobs[blob];
        struct ocs_digest digest;
        struct stat st;
        if (!is_missed(state))
            continue;
        ocs_inventory_digest(&run->inventory, blob, &digest);
        int r = run->blobs ? ocs_blobs_stat(run->blobs, &digest, &st, err) : OCS_IO_ABSENT;
        if (r < 0)
            return r;
        bool back = r == 0 && S_ISREG(st.st_mode);
        if (back) {
            struct ocs_stamp stamp = ocs_stamp_of(&st);
            state->presence = OCS_PRESENCE_HERE;
            state->size = stamp.size;
            state->stamp = ocs_inventory_stamp(&stamp);
        }
        *missing |= !back;
    }
    return 0;
}

/* ---- the roots, read afresh ---- */

/* Positive: it cannot be read now, so nothing is known to be gone from it. */
static int read_place(struct ocs_fsck_run *run, const struct ocs_roots *roots, uint32_t place,
                      struct ocs_index *out, struct ocs_error *err)
{
    const char *name = run->places[place].name;
    struct ocs_index_wait wait = {.patience_ms = PATIENCE_MS, .hooks = run->hooks};
    auto_fd int opened = -1;
    int dir = run->layout_dir;
    for (size_t i = 0; run->store && i < roots->count; i++) {
        if (strcmp(roots->items[i].name, name) != 0)
            continue;
        if (ocs_store_open_layout(run->store, &roots->items[i], &opened, err) != 0)
            return OCS_INDEX_UNREADABLE;
        dir = opened;
    }
    return dir < 0 ? OCS_INDEX_ABSENT : ocs_index_read(dir, name, &wait, out, err);
}

/* `listed[blob]` becomes place + 1 for what the index lists now. */
static void mark_listed(const struct ocs_fsck_run *run, const struct ocs_index *index,
                        uint32_t place, uint32_t *listed)
{
    for (size_t i = 0; i < index->document.count; i++) {
        uint32_t blob;
        if (ocs_digest_set_find(run->inventory.set, &index->document.descriptors[i].digest, &blob))
            listed[blob] = place + 1;
    }
}

/* Drops the entries of one place that its index.json lists no longer. */
static int sift_place(struct ocs_fsck_run *run, const struct ocs_roots *roots, uint32_t place,
                      uint32_t *listed, bool *keep, struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    struct ocs_error local = {0};
    int r = read_place(run, roots, place, &index, &local);
    if (r < 0)
        return ocs_error_raise(err, local.status, "%s", local.message);
    if (r == 0)
        mark_listed(run, &index, place, listed);
    bool registered = r != OCS_INDEX_ABSENT || !run->store;
    for (size_t i = 0; i < run->inventory.root_count; i++) {
        const struct ocs_root_entry *entry = &run->inventory.roots[i];
        if (entry->layout == place)
            keep[i] = registered && (r != 0 || listed[entry->blob] == place + 1 ||
                                     (entry->how & OCS_EDGE_ROLE) == OCS_ROLE_LOOSE);
    }
    return 0;
}

static int sift_places(struct ocs_fsck_run *run, bool *keep, struct ocs_error *err)
{
    size_t count = ocs_inventory_count(&run->inventory);
    auto_free uint32_t *listed = calloc(count + 1, sizeof(*listed));
    if (!listed)
        return ocs_error_memory(err);
    struct ocs_roots roots = {0};
    int r = 0;
    if (run->store) {
        struct ocs_roots_place place = ocs_store_roots_place(run->store);
        r = ocs_roots_read(&place, &roots, err);
    }
    for (uint32_t place = 0; r == 0 && place < run->place_count; place++)
        r = sift_place(run, &roots, place, listed, keep, err);
    ocs_roots_clear(&roots);
    return r;
}

static bool drop_roots(struct ocs_inventory *inventory, const bool *keep)
{
    size_t kept = 0;
    for (size_t i = 0; i < inventory->root_count; i++) {
        if (keep[i])
            inventory->roots[kept++] = inventory->roots[i];
    }
    bool dropped = kept < inventory->root_count;
    inventory->root_count = kept;
    return dropped;
}

static void forget_reach(struct ocs_inventory *inventory)
{
    uint32_t count = ocs_inventory_count(inventory);
    for (uint32_t blob = 0; blob < count; blob++)
        inventory->blobs[blob].flags &= (uint16_t) ~(OCS_BLOB_REACHABLE | OCS_BLOB_LISTED);
    for (size_t i = 0; i < inventory->root_count; i++)
        inventory->blobs[inventory->roots[i].blob].flags |= OCS_BLOB_LISTED;
}

int ocs_recheck(struct ocs_fsck_run *run, struct ocs_error *err)
{
    bool missing = false;
    int r = look_again(run, &missing, err);
    if (r < 0 || !missing)
        return r;
    auto_free bool *keep = calloc(run->inventory.root_count + 1, sizeof(*keep));
    if (!keep)
        return ocs_error_memory(err);
    r = sift_places(run, keep, err);
    if (r < 0 || !drop_roots(&run->inventory, keep))
        return r;
    forget_reach(&run->inventory);
    return ocs_kept_again(&run->inventory, err);
}

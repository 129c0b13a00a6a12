/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "recheck.h"

#include "array.h"
#include "check_documents.h"
#include "kept.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <string.h>

#define PATIENCE_MS 5000

static bool is_missed(const struct ocs_blob_state *state)
{
    return state->flags & OCS_BLOB_REACHABLE && state->presence == OCS_PRESENCE_ABSENT;
}

/* What would be said of it may be true no longer: it is being written. */
static bool is_suspect(const struct ocs_blob_state *state)
{
    bool sized = state->declared < 0 ||
                 (state->declared == (int64_t)state->size && !(state->flags & OCS_BLOB_SIZES));
    bool odd = !sized || state->flags & (OCS_BLOB_EMPTY | OCS_BLOB_MISREAD);
    return state->presence == OCS_PRESENCE_HERE && odd;
}

/* Blobs that came or changed since they were looked at. */
struct changed {
    uint32_t *blobs;
    size_t count, capacity;
};

static int keep_changed(struct ocs_inventory *inventory, uint32_t blob, struct changed *changed,
                        struct ocs_error *err)
{
    int r = ocs_array_reserve(&changed->blobs, &changed->capacity, changed->count + 1,
                              sizeof(*changed->blobs), err);
    if (r < 0)
        return r;
    inventory->blobs[blob].flags &=
        (uint16_t) ~(OCS_BLOB_EMPTY | OCS_BLOB_DAMAGED | OCS_BLOB_OPAQUE | OCS_BLOB_MISREAD);
    changed->blobs[changed->count++] = blob;
    return 0;
}

static int look_at(struct ocs_fsck_run *run, uint32_t blob, struct changed *changed,
                   struct ocs_error *err)
{
    struct ocs_blob_state *state = &run->inventory.blobs[blob];
    struct ocs_digest digest;
    struct stat st;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    int r = run->blobs ? ocs_blobs_stat(run->blobs, &digest, &st, err) : OCS_IO_ABSENT;
    if (r < 0)
        return r;
    if (r == OCS_IO_ABSENT)
        state->presence = OCS_PRESENCE_ABSENT;
    if (r != 0 || !S_ISREG(st.st_mode))
        return 0;
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    bool moved =
        state->presence != OCS_PRESENCE_HERE || ocs_inventory_stamp(&stamp) != state->stamp;
    bool late = state->flags & OCS_BLOB_MISREAD && state->flags & OCS_BLOB_VERIFIED;
    return moved || late ? keep_changed(&run->inventory, blob, changed, err) : 0;
}

static int look_again(struct ocs_fsck_run *run, struct changed *changed, struct ocs_error *err)
{
    uint32_t count = ocs_inventory_count(&run->inventory);
    int r = 0;
    for (uint32_t blob = 0; r == 0 && blob < count; blob++) {
        const struct ocs_blob_state *state = &run->inventory.blobs[blob];
        if (is_missed(state) || is_suspect(state))
            r = look_at(run, blob, changed, err);
    }
    return r;
}

/* ---- what changed is read once more ---- */

static int read_some(struct ocs_fsck_run *run, const struct changed *changed, bool reachable,
                     struct ocs_error *err)
{
    size_t count = 0;
    uint32_t *blobs = malloc((changed->count + 1) * sizeof(*blobs));
    if (!blobs)
        return ocs_error_memory(err);
    for (size_t i = 0; i < changed->count; i++) {
        bool is = run->inventory.blobs[changed->blobs[i]].flags & OCS_BLOB_REACHABLE;
        if (is == reachable)
            blobs[count++] = changed->blobs[i];
    }
    return ocs_check_documents_of(run, blobs, count, reachable, err);
}

/* What is not right now is still being written. */
static int settle(struct ocs_fsck_run *run, const struct changed *changed, struct ocs_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < changed->count; i++) {
        struct ocs_blob_state *state = &run->inventory.blobs[changed->blobs[i]];
        bool right = state->flags & OCS_BLOB_VERIFIED &&
                     !(state->flags & (OCS_BLOB_DAMAGED | OCS_BLOB_EMPTY));
        if (right || state->presence != OCS_PRESENCE_HERE)
            continue;
        state->flags |= OCS_BLOB_IN_FLUX;
        struct ocs_stamp now = {.mtime_ns = ocs_now_ns()};
        r = ocs_fsck_blame_flux(run, changed->blobs[i], &now, err);
    }
    return r;
}

static int read_changed(struct ocs_fsck_run *run, const struct changed *changed,
                        struct ocs_error *err)
{
    if (changed->count == 0)
        return 0;
    int r = read_some(run, changed, true, err);
    if (r == 0)
        r = read_some(run, changed, false, err);
    return r == 0 ? settle(run, changed, err) : r;
}

static bool something_is_missing(const struct ocs_inventory *inventory)
{
    uint32_t count = ocs_inventory_count(inventory);
    for (uint32_t blob = 0; blob < count; blob++) {
        if (is_missed(&inventory->blobs[blob]))
            return true;
    }
    return false;
}

/* ---- the roots, read afresh ---- */

/* Positive: it cannot be read now, so nothing is known to be gone from it. */
static int read_place(struct ocs_fsck_run *run, const struct ocs_roots *roots, uint32_t place,
                      struct ocs_index *out, struct ocs_error *err)
{
    const char *name = run->places[place].name;
    struct ocs_index_wait wait = {
        .patience_ms = PATIENCE_MS, .hooks = run->hooks, .any_entries = true};
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
    struct changed changed = {0};
    int r = look_again(run, &changed, err);
    if (r == 0)
        r = read_changed(run, &changed, err);
    free(changed.blobs);
    if (r < 0 || !something_is_missing(&run->inventory))
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

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_orphans.h"

#include "array.h"
#include "check_documents.h"
#include "kept.h"

#include <stdio.h>

/* ---- what nobody named ---- */

/* Nobody looked at it yet; or it came, or went, since somebody did. */
static bool wants_look(const struct ocs_blob_state *state)
{
    bool here = state->presence == OCS_PRESENCE_HERE || state->presence == OCS_PRESENCE_UNREADABLE;
    if (state->flags & OCS_BLOB_ON_DISK)
        return state->presence == OCS_PRESENCE_UNKNOWN || state->presence == OCS_PRESENCE_ABSENT;
    return here && !(state->flags & OCS_BLOB_ODD);
}

static int look_at_rest(struct ocs_fsck_run *run, struct ocs_error *err)
{
    uint32_t total = ocs_inventory_count(&run->inventory);
    uint32_t *blobs = NULL;
    size_t count = 0, capacity = 0;
    for (uint32_t blob = 0; blob < total; blob++) {
        if (!wants_look(&run->inventory.blobs[blob]))
            continue;
        int r = ocs_array_reserve(&blobs, &capacity, count + 1, sizeof(*blobs), err);
        if (r < 0) {
            free(blobs);
            return r;
        }
        blobs[count++] = blob;
    }
    return ocs_check_documents_of(run, blobs, count, false, err);
}

/* Others were reported when something named them. */
static int blame_odd(struct ocs_fsck_run *run, struct ocs_error *err)
{
    uint32_t count = ocs_inventory_count(&run->inventory);
    int r = 0;
    for (uint32_t blob = 0; r == 0 && blob < count; blob++) {
        struct ocs_blob_state *state = &run->inventory.blobs[blob];
        if (!(state->flags & OCS_BLOB_ODD) || state->flags & OCS_BLOB_REACHABLE)
            continue;
        state->presence = OCS_PRESENCE_NOT_REGULAR;
        r = ocs_fsck_blame_blob(run, "blob-not-regular", blob, NULL, err);
    }
    return r;
}

int ocs_check_disk(struct ocs_fsck_run *run, struct ocs_error *err)
{
    if (!run->blobs)
        return 0;
    int r = blame_odd(run, err);
    if (r == 0)
        r = look_at_rest(run, err);
    return r < 0 ? r : ocs_kept_referrers(&run->inventory, err);
}

/* ---- orphans ---- */

static bool is_here(const struct ocs_blob_state *state)
{
    return state->flags & OCS_BLOB_ON_DISK && state->presence != OCS_PRESENCE_ABSENT;
}

/* A document that nothing names, with all that it names: somebody's image,
 * maybe, whose entry a racing copy lost. */
static bool is_dangling(const struct ocs_inventory *inventory, const struct ocs_blob_state *state)
{
    if (!state->document || state->flags & (OCS_BLOB_NAMED | OCS_BLOB_DAMAGED))
        return false;
    const struct ocs_read_document *document = &inventory->documents[state->document - 1];
    uint32_t children = 0;
    for (uint32_t e = document->first; e < document->first + document->count; e++) {
        if ((inventory->how[e] & OCS_EDGE_ROLE) == OCS_ROLE_SUBJECT)
            continue;
        children++;
        if (!is_here(&inventory->blobs[inventory->children[e]]) &&
            !(inventory->how[e] & OCS_EDGE_FOREIGN))
            return false;
    }
    return document->sure && children > 0;
}

static int blame_dangling(struct ocs_fsck_run *run, uint32_t blob, struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF], help[OCS_DIGEST_BUF + 64];
    struct ocs_digest digest;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    bool in_place = run->store && ocs_seen_in_place(run->store->dir);
    if (run->roots_unknown)
        snprintf(help, sizeof(help), "mend first what keeps a layout from being read");
    else
        snprintf(help, sizeof(help), "to list it again: ocistore adopt %s %s",
                 ocs_digest_format(&digest, text), in_place ? "." : OCS_ROOT_FOUND_NAME);
    struct ocs_finding_note note = {
        .id = "manifest-dangling",
        .severity = OCS_SEVERITY_NOTICE,
        .blob = blob,
        .message = run->roots_unknown ? "a complete image, in none of the index.json that were read"
                                      : "a complete image that no index.json lists",
        .action = run->store ? help : NULL,
    };
    return ocs_findings_add(&run->findings, &note, err);
}

int ocs_check_orphans(struct ocs_fsck_run *run, struct ocs_error *err)
{
    uint32_t count = ocs_inventory_count(&run->inventory);
    int r = 0;
    for (uint32_t blob = 0; r == 0 && blob < count; blob++) {
        const struct ocs_blob_state *state = &run->inventory.blobs[blob];
        if (state->flags & OCS_BLOB_REACHABLE || !is_here(state))
            continue;
        r = ocs_fsck_blame_blob(run, "orphan-blob", blob, NULL, err);
        if (r == 0 && is_dangling(&run->inventory, state))
            r = blame_dangling(run, blob, err);
    }
    return r;
}

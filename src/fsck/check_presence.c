/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_presence.h"

/* How an absent blob is missed; ascending in the order of reporting. */
enum missing {
    MISSING_ROOT = 1u << 0,   /* by an index.json, or lost by an index blob */
    MISSING_SPARSE = 1u << 1, /* by an index blob */
    MISSING_CONFIG = 1u << 2, /* by a manifest that has something of what it needs */
    MISSING_LAYER = 1u << 3,
    MISSING_CONFIG_ALL = 1u << 4, /* by one of which nothing is there */
    MISSING_LAYER_ALL = 1u << 5,
    MISSING_FOREIGN = 1u << 6,
    MISSING_SUBJECT = 1u << 7,
    MISSING_WITH_DATA = 1u << 8, /* the descriptor brings the content along */
};

static bool is_absent(const struct ocs_blob_state *state)
{
    return state->presence == OCS_PRESENCE_ABSENT || state->presence == OCS_PRESENCE_NOT_REGULAR;
}

/* Not just never copied: it was here, or something holds its name. */
static bool is_lost(const struct ocs_blob_state *state)
{
    return state->presence == OCS_PRESENCE_NOT_REGULAR ||
           (state->presence == OCS_PRESENCE_ABSENT && state->was_live);
}

static unsigned kind_of(uint8_t how, bool nothing_there, bool lost)
{
    if (how & OCS_EDGE_DATA)
        return MISSING_WITH_DATA;
    if (how & OCS_EDGE_FOREIGN)
        return MISSING_FOREIGN;
    switch (how & OCS_EDGE_ROLE) {
    case OCS_ROLE_MANIFEST:
        if (!(how & OCS_EDGE_LAYERISH))
            return lost ? MISSING_ROOT : MISSING_SPARSE;
        return nothing_there ? MISSING_LAYER_ALL : MISSING_LAYER;
    case OCS_ROLE_CONFIG:
        return nothing_there ? MISSING_CONFIG_ALL : MISSING_CONFIG;
    case OCS_ROLE_SUBJECT:
        return MISSING_SUBJECT;
    case OCS_ROLE_LOOSE:
        return 0;
    default:
        return nothing_there ? MISSING_LAYER_ALL : MISSING_LAYER;
    }
}

/* An image of a platform that was never brought along (docker save), reached
 * through an index alone: not one of its children is here. */
static bool nothing_is_there(const struct ocs_inventory *inventory,
                             const struct ocs_read_document *document)
{
    if (inventory->blobs[document->blob].flags & OCS_BLOB_LISTED)
        return false;
    for (uint32_t e = document->first; e < document->first + document->count; e++) {
        const struct ocs_blob_state *child = &inventory->blobs[inventory->children[e]];
        if ((inventory->how[e] & OCS_EDGE_ROLE) != OCS_ROLE_SUBJECT &&
            (!is_absent(child) || is_lost(child)))
            return false;
    }
    return true;
}

static void miss_children(struct ocs_inventory *inventory, const struct ocs_read_document *document)
{
    const struct ocs_blob_state *parent = &inventory->blobs[document->blob];
    if (!document->sure || !(parent->flags & OCS_BLOB_REACHABLE))
        return;
    bool nothing = nothing_is_there(inventory, document);
    for (uint32_t e = document->first; e < document->first + document->count; e++) {
        struct ocs_blob_state *child = &inventory->blobs[inventory->children[e]];
        if (is_absent(child))
            child->missing |= (uint16_t)kind_of(inventory->how[e], nothing, is_lost(child));
    }
}

static void miss_roots(struct ocs_inventory *inventory)
{
    for (size_t i = 0; i < inventory->root_count; i++) {
        const struct ocs_root_entry *entry = &inventory->roots[i];
        struct ocs_blob_state *state = &inventory->blobs[entry->blob];
        if (!is_absent(state) || (entry->how & OCS_EDGE_ROLE) == OCS_ROLE_LOOSE)
            continue;
        state->missing |= entry->how & OCS_EDGE_DATA ? MISSING_WITH_DATA : MISSING_ROOT;
    }
}

/* ---- reporting ---- */

static const struct {
    uint16_t kind;
    uint16_t unless; /* something worse is said already */
    const char *id;
    enum ocs_severity severity;
    const char *message;
} kinds[] = {
    {MISSING_ROOT, 0, "manifest-missing", OCS_SEVERITY_ERROR, NULL},
    {MISSING_CONFIG, 0, "config-missing", OCS_SEVERITY_ERROR, NULL},
    {MISSING_LAYER, 0, "layer-missing", OCS_SEVERITY_ERROR, NULL},
    {MISSING_SPARSE, MISSING_ROOT, "manifest-absent-sparse", OCS_SEVERITY_WARNING, NULL},
    {MISSING_CONFIG_ALL, MISSING_CONFIG, "config-missing", OCS_SEVERITY_WARNING,
     "nothing of that platform's image is here"},
    {MISSING_LAYER_ALL, MISSING_LAYER, "layer-missing", OCS_SEVERITY_WARNING,
     "nothing of that platform's image is here"},
    {MISSING_FOREIGN, MISSING_LAYER, "layer-absent-foreign", OCS_SEVERITY_INFO, NULL},
    {MISSING_SUBJECT, MISSING_ROOT | MISSING_SPARSE, "subject-missing", OCS_SEVERITY_INFO, NULL},
    {MISSING_WITH_DATA, 0, "data-stands-in", OCS_SEVERITY_INFO, NULL},
};

/* Whoever keeps a store asked for what its indexes list; a plain layout may be meant
 * to hold a part of an image.  What an index.json lists is missing whatever its algorithm:
 * gc refuses for it, and a changed letter may have made it unknown. */
static enum ocs_severity severity_of(const struct ocs_fsck_run *run, size_t kind, bool known)
{
    if (!run->store && kinds[kind].kind == MISSING_SPARSE)
        return OCS_SEVERITY_INFO;
    bool listed = kinds[kind].kind == MISSING_ROOT;
    if (!known && !listed && kinds[kind].severity > OCS_SEVERITY_WARNING)
        return OCS_SEVERITY_WARNING;
    return kinds[kind].severity;
}

static int blame_missing(struct ocs_fsck_run *run, uint32_t blob, struct ocs_error *err)
{
    uint16_t missing = run->inventory.blobs[blob].missing;
    struct ocs_digest digest;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    bool known = ocs_digest_algorithm(&digest) != OCS_ALGORITHM_OTHER;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!(missing & kinds[i].kind) || missing & kinds[i].unless)
            continue;
        struct ocs_finding_note note = {
            .id = kinds[i].id,
            .severity = severity_of(run, i, known),
            .blob = blob,
            .message = kinds[i].message,
        };
        int r = ocs_findings_add(&run->findings, &note, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the whole ---- */

static int check_blob(struct ocs_fsck_run *run, uint32_t blob, struct ocs_error *err)
{
    int r = 0;
    const struct ocs_blob_state *state = &run->inventory.blobs[blob];
    if (state->missing)
        r = blame_missing(run, blob, err);
    if (r == 0 && state->flags & OCS_BLOB_EMPTY && !(state->flags & OCS_BLOB_IN_FLUX)) {
        struct ocs_finding_note note = {
            .id = "blob-empty",
            .severity = ocs_fsck_damage_severity(run, blob),
            .blob = blob,
        };
        r = ocs_findings_add(&run->findings, &note, err);
    }
    return r;
}

int ocs_check_presence(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct ocs_inventory *inventory = &run->inventory;
    miss_roots(inventory);
    for (size_t i = 0; i < inventory->document_count; i++)
        miss_children(inventory, &inventory->documents[i]);
    uint32_t count = ocs_inventory_count(inventory);
    int r = 0;
    for (uint32_t blob = 0; r == 0 && blob < count; blob++)
        r = check_blob(run, blob, err);
    return r;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_PLAN_H
#define OCS_GC_PLAN_H

/* What a gc would do with each blob that nothing references.  A dry run and a
 * real run have the same plan. */

#include "mark.h"

enum ocs_plan_state {
    OCS_PLAN_DUE,     /* goes in this run */
    OCS_PLAN_WAITING, /* in its grace */
    OCS_PLAN_FUTURE,  /* one of its times lies in the future */
    OCS_PLAN_KEPT,    /* part of an unreferenced document that is in its grace */
};

struct ocs_plan_item {
    uint32_t id;
    uint32_t key;  /* private: ocs_plan_digest */
    uint8_t state; /* enum ocs_plan_state */
    uint8_t flags; /* enum ocs_node_flag */
    uint8_t kind;  /* enum ocs_node_kind */
    bool left;     /* of an algorithm that cannot be verified: never swept, never shown */
    uint32_t links;
    int64_t since; /* unreferenced since */
    int64_t due;
    struct ocs_stamp stamp;
    uint64_t bytes; /* what unlinking frees: 0 for a file with more links */
};

struct ocs_plan {
    struct ocs_plan_item *items; /* by digest */
    uint32_t count;
    unsigned char *keys;
    int64_t now;
    uint64_t due, due_bytes, due_size; /* bytes that go free; sizes of the files */
    uint64_t waiting, waiting_bytes, waiting_size;
    uint64_t linked, linked_size; /* of those that are due: with other names */
    uint64_t holes;               /* of them: sizes beyond the space that they take */
    uint64_t left;
};

struct ocs_plan_options {
    int64_t now;
    int64_t grace_s;
};

/* Stats each unreferenced blob, and nothing else.  Young documents mark what
 * they keep.  Positive: OCS_GRAPH_CORRUPT. */
int ocs_plan_make(struct ocs_store *store, const struct ocs_census *census,
                  const struct ocs_plan_options *options, struct ocs_mark *mark,
                  struct ocs_plan *out, struct ocs_error *err);
void ocs_plan_clear(struct ocs_plan *plan);

/* The part of it that is no I/O: items with id, flags, kind, since (0: not seen
 * unreferenced before) and stamp get state and due. */
int ocs_plan_decide(struct ocs_plan *plan, const struct ocs_census *census,
                    const struct ocs_plan_options *options, struct ocs_mark *mark,
                    struct ocs_error *err);

void ocs_plan_digest(const struct ocs_plan *plan, const struct ocs_plan_item *item,
                     struct ocs_digest *out);
/* Why nothing needs it, and why it waits. */
const char *ocs_plan_reason(const struct ocs_plan_item *item);
/* Tell `options` of each item, in the order of the digests. */
void ocs_plan_show(const struct ocs_plan *plan, const struct ocs_gc_options *options);

/* Bytes of what is due in space that other files have, too: these go free when
 * all of them are gone.  *told: the file system tells; else 0. */
int ocs_plan_reflinked(struct ocs_store *store, const struct ocs_plan *plan, uint64_t *bytes,
                       bool *told, struct ocs_error *err);

/* Positions of the items that are due, documents before what they name. */
int ocs_plan_order(const struct ocs_plan *plan, const struct ocs_census *census, uint32_t **out,
                   struct ocs_error *err);

#endif

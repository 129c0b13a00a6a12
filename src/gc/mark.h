/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_MARK_H
#define OCS_GC_MARK_H

/* From the roots to what is needed: a byte of bits for each id of a census.
 *
 * Live is every entry of every layout, tagged or not, what a docker save's
 * manifest.json names, everything reachable from these, and every stored
 * document whose subject is live, to a fix-point.  Pure: looks at nothing but
 * the census. */

#include "store/census.h"

enum ocs_mark_bit {
    OCS_MARK_LIVE = 1,   /* some layout needs it */
    OCS_MARK_YOUNG = 2,  /* part of an unreferenced document that is in its grace */
    OCS_MARK_LISTED = 4, /* an entry of an index.json */
};

struct ocs_mark {
    uint8_t *bits; /* by id */
    uint32_t count;
};

/* `more` are roots that no index.json lists (saved.h). */
int ocs_mark_take(const struct ocs_census *census, const uint32_t *more, size_t more_count,
                  struct ocs_mark *out, struct ocs_error *err);
void ocs_mark_clear(struct ocs_mark *mark);

/* Keep what these unreferenced documents need, for as long as they wait. */
int ocs_mark_young(const struct ocs_census *census, const uint32_t *ids, size_t count,
                   struct ocs_mark *mark, struct ocs_error *err);

static inline bool ocs_mark_has(const struct ocs_mark *mark, uint32_t id, unsigned bits)
{
    return id < mark->count && (mark->bits[id] & bits);
}

/* Present and not live: what the plan is about. */
static inline bool ocs_mark_unreferenced(const struct ocs_mark *mark,
                                         const struct ocs_census *census, uint32_t id)
{
    return id < mark->count && census->present[id] && !(mark->bits[id] & OCS_MARK_LIVE);
}

/* Documents that nothing lists or references, that no command of ours took out, and
 * whose children are all there: images that `adopt` or `attach` would bring back.
 * which[id] becomes 1 for each; zeros before. */
int ocs_mark_unlisted(const struct ocs_census *census, const struct ocs_mark *mark, uint8_t *which,
                      uint64_t *count, struct ocs_error *err);

#endif

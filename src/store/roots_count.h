/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_ROOTS_COUNT_H
#define OCS_STORE_ROOTS_COUNT_H

/* How many entries roots/ has, and which, by their ids xor-ed: store.json remembers it, so
 * that a lost one is noticed, and it is known when all that is lost can still be seen.
 * `folder` is roots/, locked by the caller; -1: it is not there. */

#include "marker.h"
#include "roots.h"

typedef int ocs_roots_on_entry(void *data, const char *id, struct ocs_error *err);
int ocs_roots_each_entry(int folder, void *data, ocs_roots_on_entry *on_entry,
                         struct ocs_error *err);

struct ocs_roots_names {
    uint64_t count;
    uint64_t ids; /* xor-ed */
};
/* Of the names of the entries: none is opened. */
int ocs_roots_names(int folder, struct ocs_roots_names *out, struct ocs_error *err);

/* store.json, or an error. */
int ocs_roots_marker(const struct ocs_roots_place *place, struct ocs_marker *out,
                     struct ocs_error *err);

/* An entry that comes or goes, and what store.json says afterwards.  A crash between the
 * two leaves more entries than are counted; where some are lost already, fewer, so that
 * none of those is ever made up for by it.  One that is among the lost ones, all of which
 * are there with it, is counted already. */
struct ocs_roots_change {
    struct ocs_marker marker;
    bool counts; /* store.json changes ... */
    bool last;   /* ... after the entry */
};
int ocs_roots_change_begin(const struct ocs_roots_place *place, int folder, const char *id,
                           bool comes, struct ocs_roots_change *out, struct ocs_error *err);
/* Call it before and after the entry is changed, and _clear. */
int ocs_roots_change_count(const struct ocs_roots_place *place,
                           const struct ocs_roots_change *change, bool after,
                           struct ocs_error *err);
void ocs_roots_change_clear(struct ocs_roots_change *change);

/* What is known when there are fewer entries than counted. */
struct ocs_roots_lost {
    uint64_t entries, counted;
    uint64_t unseen; /* of the lost ones: neither below layouts/ nor elsewhere known */
    bool all_seen;   /* just the lost ones are seen there */
};
int ocs_roots_find_lost(const struct ocs_roots_place *place, int folder, struct ocs_roots_lost *out,
                        struct ocs_error *err);

#endif

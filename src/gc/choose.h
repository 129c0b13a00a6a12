/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_CHOOSE_H
#define OCS_GC_CHOOSE_H

/* Which entries of which index.json go by the rules of prune.
 *
 * What belongs to another image - it has it as subject, or is tagged as the
 * referrers tag schema (distribution-spec) and cosign do, sha256-<hex> with
 * something behind it or not - is chosen by no rule: it goes when that image goes. */

#include "store/census.h"

#define OCS_CHOOSE_ANY_TIME INT64_MIN

struct ocs_choose_rules {
    bool untagged;      /* nameless entries, where others of the layout have names */
    int64_t before;     /* that came before this time, in seconds; OCS_CHOOSE_ANY_TIME: no rule */
    unsigned keep_last; /* all but the youngest that many; with `before`: spare these; 0: no rule */
};

struct ocs_choice {
    size_t *first; /* by layout of the census, and one more: its part of `drop` */
    bool *drop;    /* by entry */
};

/* `asked` has a byte for each layout of the census.  In its view every entry is
 * flagged (ocs_census_note_listed). */
int ocs_choose(struct ocs_store *store, const struct ocs_census *census, const uint8_t *asked,
               const struct ocs_choose_rules *rules, struct ocs_choice *out, struct ocs_error *err);
void ocs_choice_clear(struct ocs_choice *choice);

#endif

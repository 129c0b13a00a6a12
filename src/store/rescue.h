/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_RESCUE_H
#define OCS_STORE_RESCUE_H

/* Versions of an index.json that somebody wrote and others wrote over, while ours was
 * in its place (exchange.h): the others may not have seen them.  Each is kept in the
 * trash, and what it had added is added again. */

#include "store.h"

struct ocs_rescued {
    char *text; /* the descriptor as JSON */
    char *ref;  /* or NULL */
    struct ocs_digest digest;
};

struct ocs_rescue {
    struct ocs_rescued *entries;
    size_t count;
};

void ocs_rescue_clear(struct ocs_rescue *rescue);

/* Keeps a version of the layout's index.json as trash/<run>/layouts/<name>/index.json,
 * durably, says so, and remembers the entries that `base` has not: what was read before
 * it was written. */
int ocs_rescue_keep(struct ocs_rescue *rescue, struct ocs_store *store, const char *layout,
                    const struct ocs_bytes *base, const struct ocs_bytes *version,
                    struct ocs_error *err);

/* Adds to `change` the remembered entries that the index has not; a name that is there
 * stays with what it names.  Their texts stay the rescue's. */
int ocs_rescue_change(const struct ocs_rescue *rescue, const struct ocs_index *index,
                      struct ocs_index_edit *change, struct ocs_error *err);

#endif

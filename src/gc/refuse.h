/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_REFUSE_H
#define OCS_GC_REFUSE_H

/* When it cannot be known what is needed: OCS_REFUSED, with what is wrong and
 * what helps.  0: the roots are all there. */

#include "doubt.h"
#include "store/census.h"

int ocs_refuse_roots(struct ocs_store *store, const struct ocs_census *census, bool allow_empty,
                     struct ocs_error *err);
/* The clock is behind the end of our own last run. */
int ocs_refuse_clock(const struct ocs_store *store, int64_t now, int64_t last_run,
                     struct ocs_error *err);
int ocs_refuse_doubt(const struct ocs_doubt *doubt, struct ocs_error *err);

#endif

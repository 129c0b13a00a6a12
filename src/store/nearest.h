/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_NEAREST_H
#define OCS_STORE_NEAREST_H

/* What somebody may have meant who gave a name that is not there: a few of those that are,
 * nearest first, by the number of letters to change. */

#include "ocistore.h"

#include <stddef.h>

#define OCS_NEAREST_MAX 5

struct ocs_nearest {
    const char *wanted;
    struct {
        const char *name; /* the caller's, for as long as this is used */
        size_t changes;
    } best[OCS_NEAREST_MAX];
    size_t count; /* in `best` */
    size_t total; /* that were offered */
};

/* Equal names count once. */
void ocs_nearest_offer(struct ocs_nearest *nearest, const char *name);
/* "BEFORE 'a', 'b' and 3 more" as the hint of a negative result, which is forwarded; with no
 * names on offer there is none. */
int ocs_nearest_hint(const struct ocs_nearest *nearest, struct ocs_error *err, int result,
                     const char *before);

#endif

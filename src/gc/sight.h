/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_SIGHT_H
#define OCS_GC_SIGHT_H

/* What a survey looks at, for commands that explain and delete nothing: where gc
 * would refuse, they say so and tell what can be seen. */

#include "mark.h"
#include "saved.h"

struct ocs_sight {
    struct ocs_census census;
    struct ocs_saved saved;
    struct ocs_mark mark;
};

/* `out` needs no clearing after an error.  Whether it is all there is: ocs_image_unseen. */
int ocs_sight_take(struct ocs_store *store, struct ocs_sight *out, struct ocs_error *err);
void ocs_sight_clear(struct ocs_sight *sight);

#endif

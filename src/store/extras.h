/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_EXTRAS_H
#define OCS_STORE_EXTRAS_H

/* What lies in a layout's folder beside index.json and oci-layout (blobs of its own, a
 * README): it goes into the trash with the folder, and comes back with it. */

#include "store.h"

struct ocs_extras {
    uint64_t files;
    char first[OCS_LAYOUT_NAME_MAX + 1]; /* the path of one below the folder, or its begin */
};

/* What of it lies in trash/<run>/layouts/<layout>.  A folder with an index.json or an
 * oci-layout is another layout's: it is left out. */
int ocs_extras_look(struct ocs_store *store, const char *run, const char *layout,
                    struct ocs_extras *out, struct ocs_error *err);
/* Moves it back, durably (*moved files); makes the layout's folder where it is gone.  A name that
 * is taken stays taken: what has it in the trash stays there, and that is a notice. */
int ocs_extras_restore(struct ocs_store *store, const char *run, const char *layout,
                       uint64_t *moved, struct ocs_error *err);

/* What has the place of the folder and is none (a link, a file) goes to
 * trash/<run>/no-folder/<layout>.  *moved: there was such a thing. */
int ocs_extras_put_aside(struct ocs_store *store, const char *run, const char *layout, bool *moved,
                         struct ocs_error *err);

#endif

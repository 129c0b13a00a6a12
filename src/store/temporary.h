/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_TEMPORARY_H
#define OCS_STORE_TEMPORARY_H

/* Names under which known tools keep what they have not finished (doc/safety.md,
 * "temporary files").  Pure.  A name that is only like one of these is none. */

#include <stddef.h>

enum ocs_temporary_place {
    OCS_TEMPORARY_IN_LAYOUT, /* the folder of a layout */
    OCS_TEMPORARY_IN_BLOBS,  /* blobs/: names are "<alg>/<name>" */
    OCS_TEMPORARY_IN_INGEST, /* ingest/ of oras, and of buildkit and containerd */
    OCS_TEMPORARY_IN_UPLOAD, /* ingest/<hex>/ of buildkit and containerd */
    OCS_TEMPORARY_IN_UMOCI,  /* .umoci-<digits>/, which umoci keeps flock'ed */
    OCS_TEMPORARY_FILE,      /* not a folder */
};

struct ocs_temporary {
    enum ocs_temporary_place is; /* FILE, or the folder that the name is one of */
    const char *tool;            /* whose */
};

/* What an entry of that name in such a place is; NULL: nothing that we know. */
const struct ocs_temporary *ocs_temporary_find(enum ocs_temporary_place place, const char *name);

#endif

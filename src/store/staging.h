/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_STAGING_H
#define OCS_STORE_STAGING_H

/* .ocistore/tmp/<random>/: where a process writes files before they get their
 * names.  The folder is flock'ed as long as its process lives, so that what a
 * dead one left can be told and removed. */

#include "io.h"

struct ocs_staging {
    int parent; /* tmp */
    int dir;    /* -1: none */
    char name[17];
};

/* Removes what dead processes left. */
int ocs_staging_tidy(int state_dir, struct ocs_error *err);
/* The same, and makes a folder of our own. */
int ocs_staging_open(int state_dir, struct ocs_staging *out, struct ocs_error *err);
/* Removes the folder with whatever is still in it. */
void ocs_staging_close(struct ocs_staging *staging);

#endif

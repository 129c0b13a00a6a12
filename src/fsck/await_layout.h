/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_AWAIT_LAYOUT_H
#define OCS_FSCK_AWAIT_LAYOUT_H

/* Layouts come and go while fsck runs: a tool makes the folder, then oci-layout, then
 * index.json; rm takes the folder, and a tool may make it anew. */

#include "run.h"

/* The folder of a layout, as ocs_store_open_layout gives it, but that of one which nobody has
 * seen whole yet not before both files are there, or somebody has had the time to write them.
 * Positive also: OCS_AWAIT_GONE, it was removed since the list of layouts was made. */
#define OCS_AWAIT_GONE 20
int ocs_await_layout(struct ocs_fsck_run *run, const struct ocs_root *root, int *dir,
                     struct ocs_error *err);
/* Or somebody removed or renamed it since the list was made. */
int ocs_await_registered(struct ocs_fsck_run *run, const char *name, bool *registered,
                         struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_STORE_PATH_H
#define OCS_CLI_STORE_PATH_H

/* Which store is meant: --store, else $OCISTORE, else the current folder or a
 * parent that holds .ocistore/, else $XDG_DATA_HOME/ocistore (root:
 * /var/lib/ocistore). */

#include "ocistore.h"

/* `given` is what --store said, or NULL.  *out is the caller's to free.
 * OCS_USAGE when there is no store in any of these places; a store that was
 * named is not looked at. */
int ocs_store_path_find(const char *given, char **out, struct ocs_error *err);

/* Whether `path` holds .ocistore/. */
bool ocs_store_path_is_store(const char *path);

#endif

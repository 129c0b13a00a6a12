/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GIVEN_H
#define OCS_STORE_GIVEN_H

/* The path by which somebody calls a folder, to be looked at again later. */

#include "ocistore.h"

/* `dir` made absolute, its links left, except those before a "..".  `real` is where it leads
 * to, resolved: *out is NULL where that is all that it says, else free it. */
int ocs_given_path(const char *dir, const char *real, char **out, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_SHORT_DIGEST_H
#define OCS_STORE_SHORT_DIGEST_H

/* Digests as people give them: whole, or cut short as ls and tree print them. */

#include "store.h"

/* Whether it is a digest by its form, whole or cut short. */
bool ocs_short_digest_given(const char *text);

/* "sha256:" or the like, with at least four hex digits: the one blob of the store or its
 * trash that begins so is looked for.  OCS_USAGE: no digest, none that begins so, or
 * several, which the hint names. */
int ocs_short_digest(const struct ocs_store *store, const char *text, struct ocs_digest *out,
                     struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_VERIFY_H
#define OCS_GC_VERIFY_H

/* Whether the blob in place has the digest of its name. */

#include "store/store.h"

/* The file is the one that the graph knows as verified: nothing is read. */
bool ocs_verify_known(const struct ocs_store *store, const struct ocs_node *node);

/* Hashes the file, whatever its size.  Positive: OCS_IO_ABSENT,
 * OCS_IO_NOT_REGULAR, OCS_BLOB_BAD.  `digest` is of a verifiable algorithm. */
int ocs_verify_file(const struct ocs_store *store, const struct ocs_digest *digest, struct stat *st,
                    struct ocs_error *err);

#endif

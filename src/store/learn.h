/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_LEARN_H
#define OCS_STORE_LEARN_H

/* Opens blobs that the graph does not know and records what they are: opaque,
 * or a document with its edges.  Documents are hashed: a half-written one would
 * have half the edges. */

#include "digest_list.h"
#include "store.h"

/* By the first bytes of a blob: `{` comes first, or nothing but blanks so far. */
bool ocs_learn_may_be_document(const char *bytes, size_t size);

/* What a blob is, by its bytes; `fd` is at the beginning.  *bytes holds what
 * *document borrows; both are empty for an opaque blob, *bytes also for a document of more
 * than OCS_DOCUMENT_BYTES_MAX.  Positive: OCS_DOCUMENT_TOO_MANY. */
int ocs_learn_blob(int fd, struct ocs_bytes *bytes, struct ocs_document *document, const char *what,
                   struct ocs_error *err);

/* `places` are in `list`, ascending, and are put into the order in which they are opened.
 * `jobs` of 0: as many threads as waiting for the disk is worth.  A file that cannot be read, or a
 * document with other bytes, gets a row and stays UNREAD. Positive: OCS_GRAPH_CORRUPT. */
int ocs_learn(struct ocs_store *store, const struct ocs_digest_list *list, uint32_t *places,
              size_t count, unsigned jobs, struct ocs_error *err);

#endif

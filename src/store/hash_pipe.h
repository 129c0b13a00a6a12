/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_HASH_PIPE_H
#define OCS_STORE_HASH_PIPE_H

/* Hashing in a thread of its own, while the calling one makes the bytes: for the
 * last large stream, when no other would keep the processors busy. */

#include "hash.h"

struct ocs_hash_pipe;

/* The thread goes on with a digest that was begun; until the pipe is closed the
 * hasher is its own.  NULL: no thread or no memory for it, and nothing has changed. */
struct ocs_hash_pipe *ocs_hash_pipe_open(struct ocs_hasher *hasher);
/* Copies `bytes`; waits while the thread is behind. */
void ocs_hash_pipe_put(struct ocs_hash_pipe *pipe, const void *bytes, size_t size);
/* When everything is hashed; the hasher comes back.  Negative: hashing failed. */
int ocs_hash_pipe_close(struct ocs_hash_pipe *pipe, struct ocs_error *err);

#endif

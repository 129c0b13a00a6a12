/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_HASH_H
#define OCS_STORE_HASH_H

/* Streaming SHA-256 and SHA-512: one lane through libcrypto. */

#include "digest.h"

struct ocs_hasher; /* reusable; one per thread */

int ocs_hasher_new(struct ocs_hasher **out, struct ocs_error *err);
void ocs_hasher_free(struct ocs_hasher *hasher);

/* `algorithm` must be verifiable. */
int ocs_hasher_begin(struct ocs_hasher *hasher, enum ocs_algorithm algorithm,
                     struct ocs_error *err);
int ocs_hasher_update(struct ocs_hasher *hasher, const void *bytes, size_t size,
                      struct ocs_error *err);
int ocs_hasher_end(struct ocs_hasher *hasher, struct ocs_digest *out, struct ocs_error *err);

/* The rest of a file, by its own position.  Positive: OCS_HASH_UNREADABLE, when the disk
 * does not give it (EIO; *err says so). */
#define OCS_HASH_UNREADABLE 1
int ocs_hash_file(int fd, enum ocs_algorithm algorithm, struct ocs_digest *out, const char *what,
                  struct ocs_error *err);

/* All at once. */
int ocs_hash_bytes(enum ocs_algorithm algorithm, const void *bytes, size_t size,
                   struct ocs_digest *out, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_DIGEST_SET_H
#define OCS_STORE_DIGEST_SET_H

/* A set that gives each digest a dense index, in order of arrival, so that
 * callers keep what they know about it in plain arrays.
 * Memory: the key and about 12 bytes a digest. */

#include "digest.h"

struct ocs_digest_set;

int ocs_digest_set_new(struct ocs_digest_set **out, struct ocs_error *err);
void ocs_digest_set_free(struct ocs_digest_set *set);

/* 0: new, positive OCS_DIGEST_SET_KNOWN: was there. *index either way. */
#define OCS_DIGEST_SET_KNOWN 1
int ocs_digest_set_add(struct ocs_digest_set *set, const struct ocs_digest *digest, uint32_t *index,
                       struct ocs_error *err);
/* Up to OCS_DIGEST_SET_MANY at once, which in a large set takes a fraction of the time
 * of one after the other: nearly all of that is waiting for memory.  After an error
 * some may have been added. */
#define OCS_DIGEST_SET_MANY 64
int ocs_digest_set_add_many(struct ocs_digest_set *set, const struct ocs_digest *const *digests,
                            size_t count, uint32_t *indexes, struct ocs_error *err);
bool ocs_digest_set_find(const struct ocs_digest_set *set, const struct ocs_digest *digest,
                         uint32_t *index);
void ocs_digest_set_get(const struct ocs_digest_set *set, uint32_t index, struct ocs_digest *out);
uint32_t ocs_digest_set_count(const struct ocs_digest_set *set);

#endif

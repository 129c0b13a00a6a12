/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_LANES_H
#define OCS_STORE_LANES_H

/* SHA-256 and SHA-512 of several streams at once, in one thread.
 *
 * A lane holds one stream.  Lanes are fed with bytes and advanced together, as
 * many blocks as the shortest of them has, by the kernels of sha2.h; where the
 * processor has none, one after the other by libcrypto.
 *
 *     begin -> (feed -> advance until hungry)... -> end
 */

#include "digest.h"

#define OCS_LANES_MAX 64

struct ocs_lanes; /* one per thread */

/* `portable`: libcrypto, whatever the processor can. */
int ocs_lanes_new(bool portable, struct ocs_lanes **out, struct ocs_error *err);
void ocs_lanes_free(struct ocs_lanes *lanes);

/* `lane` < OCS_LANES_MAX; what it held is forgotten.  `algorithm` must be verifiable.
 * `expected` bytes or so will come: who has more left goes first. */
int ocs_lanes_begin(struct ocs_lanes *lanes, unsigned lane, enum ocs_algorithm algorithm,
                    uint64_t expected, struct ocs_error *err);
/* To a hungry lane.  The bytes are read until it is hungry again. */
void ocs_lanes_feed(struct ocs_lanes *lanes, unsigned lane, const void *bytes, size_t size);
/* All that it was fed with is hashed; one that was not begun is hungry too. */
bool ocs_lanes_hungry(const struct ocs_lanes *lanes, unsigned lane);
/* Until at least one of those that were fed is hungry; at once when all are. */
int ocs_lanes_advance(struct ocs_lanes *lanes, struct ocs_error *err);
/* Of a hungry lane. */
int ocs_lanes_end(struct ocs_lanes *lanes, unsigned lane, struct ocs_digest *out,
                  struct ocs_error *err);

/* For tests: which kernel of sha2.h (modulo their number) takes so many streams,
 * instead of the one that was measured to be the fastest. */
void ocs_lanes_choose(struct ocs_lanes *lanes, unsigned (*choice)(unsigned streams));

#endif

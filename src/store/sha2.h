/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_SHA2_H
#define OCS_STORE_SHA2_H

/* The compression functions of SHA-256 and SHA-512 (FIPS 180-4, 6.2.2 and 6.4.2)
 * over several independent streams at once.  One stream waits for the latency of
 * its own instructions; others fill the gaps.  Which of them a processor can do is
 * found out when it is asked for. */

#include <stddef.h>
#include <stdint.h>

#define OCS_SHA2_STREAMS_MAX 16

struct ocs_sha2_stream {
    union {
        uint32_t sha256[8];
        uint64_t sha512[8];
    } state;                 /* H(i), in the order of the standard */
    const unsigned char *at; /* the next block */
};

struct ocs_sha2_kernel {
    unsigned width; /* streams that one call takes, at most */
    /* `blocks` whole blocks of each of `count` streams (1 to `width`); `at` moves on. */
    void (*compress)(struct ocs_sha2_stream *const *streams, unsigned count, size_t blocks);
};

/* Up to the first NULL, the narrowest first; none: libcrypto is better.  The first one
 * takes less time for fewer streams, the others as much as for all. */
#define OCS_SHA2_KERNELS_MAX 3
struct ocs_sha2_kernels {
    const struct ocs_sha2_kernel *list[OCS_SHA2_KERNELS_MAX + 1];
};

/* Of this processor. */
struct ocs_sha2_kernels ocs_sha256_kernels(void);
struct ocs_sha2_kernels ocs_sha512_kernels(void);

extern const uint32_t ocs_sha256_constants[64];
extern const uint64_t ocs_sha512_constants[80];

#endif

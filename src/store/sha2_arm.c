/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "sha2.h"

#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

/* SHA-256 by the cryptographic extension of ARMv8, up to four streams interleaved. */

#define STREAMS 4
#define KERNEL  __attribute__((target("+crypto")))
/* A part of the kernels: `count` is a constant after inlining, the loops unroll. */
#define PART static inline __attribute__((always_inline, target("+crypto")))

struct state {
    uint32x4_t abcd, efgh;
};

/* W of the four rounds that come sixteen later. */
PART uint32x4_t schedule(const uint32x4_t w[4], int step)
{
    uint32x4_t part = vsha256su0q_u32(w[step & 3], w[(step + 1) & 3]);
    return vsha256su1q_u32(part, w[(step + 2) & 3], w[(step + 3) & 3]);
}

/* Rounds 4 * step to 4 * step + 3 of each stream. */
PART void four_rounds(struct state *states, uint32x4_t w[][4], int step, unsigned count)
{
    const uint32x4_t k = vld1q_u32(&ocs_sha256_constants[4 * step]);
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        uint32x4_t sum = vaddq_u32(w[i][step & 3], k);
        uint32x4_t abcd = states[i].abcd;
        states[i].abcd = vsha256hq_u32(abcd, states[i].efgh, sum);
        states[i].efgh = vsha256h2q_u32(states[i].efgh, abcd, sum);
        if (step < 12)
            w[i][step & 3] = schedule(w[i], step);
    }
}

PART void one_block(struct state *states, const unsigned char **at, unsigned count)
{
    struct state before[STREAMS];
    uint32x4_t w[STREAMS][4];
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        before[i] = states[i];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            w[i][j] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(at[i] + 16 * j)));
        at[i] += 64;
    }
#pragma GCC unroll 16
    for (int step = 0; step < 16; step++)
        four_rounds(states, w, step, count);
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        states[i].abcd = vaddq_u32(states[i].abcd, before[i].abcd);
        states[i].efgh = vaddq_u32(states[i].efgh, before[i].efgh);
    }
}

PART void compress_some(struct ocs_sha2_stream *const *streams, unsigned count, size_t blocks)
{
    struct state states[STREAMS];
    const unsigned char *at[STREAMS];
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        states[i].abcd = vld1q_u32(streams[i]->state.sha256);
        states[i].efgh = vld1q_u32(streams[i]->state.sha256 + 4);
        at[i] = streams[i]->at;
    }
    while (blocks--)
        one_block(states, at, count);
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        vst1q_u32(streams[i]->state.sha256, states[i].abcd);
        vst1q_u32(streams[i]->state.sha256 + 4, states[i].efgh);
        streams[i]->at = at[i];
    }
}

KERNEL static void compress(struct ocs_sha2_stream *const *streams, unsigned count, size_t blocks)
{
    switch (count) {
    case 1:
        compress_some(streams, 1, blocks);
        break;
    case 2:
        compress_some(streams, 2, blocks);
        break;
    case 3:
        compress_some(streams, 3, blocks);
        break;
    default:
        compress_some(streams, 4, blocks);
        break;
    }
}

static const struct ocs_sha2_kernel sha256 = {.width = STREAMS, .compress = compress};

struct ocs_sha2_kernels ocs_sha256_kernels(void)
{
    if (!(getauxval(AT_HWCAP) & HWCAP_SHA2))
        return (struct ocs_sha2_kernels){0};
    return (struct ocs_sha2_kernels){.list = {&sha256}};
}

/* libcrypto does it, one stream at a time. */
struct ocs_sha2_kernels ocs_sha512_kernels(void)
{
    return (struct ocs_sha2_kernels){0};
}

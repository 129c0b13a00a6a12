/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "sha2_x86.h"

#include <immintrin.h>

/* SHA-256 by the SHA extensions of x86, up to four streams interleaved.  A state
 * is kept as its instructions want it: the words A, B, E, F and C, D, G, H. */

#define STREAMS 4
#define KERNEL  __attribute__((target("sha,sse4.1")))
/* A part of the kernels: `count` is a constant after inlining, the loops unroll. */
#define PART static inline __attribute__((always_inline, target("sha,sse4.1")))

struct state {
    __m128i abef, cdgh;
};

PART __m128i load_big_endian(const unsigned char *at)
{
    const __m128i flip = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at), flip);
}

PART struct state state_load(const uint32_t words[8])
{
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)words), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(words + 4)), 0x1b);
    return (struct state){
        .abef = _mm_alignr_epi8(cdab, efgh, 8),
        .cdgh = _mm_blend_epi16(efgh, cdab, 0xf0),
    };
}

PART void state_store(const struct state *state, uint32_t words[8])
{
    __m128i feba = _mm_shuffle_epi32(state->abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(state->cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)words, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(words + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* W of four rounds from now on needs sigma1 of what these four bring. */
PART void schedule_next(__m128i w[4], int step)
{
    __m128i *next = &w[(step + 1) & 3];
    __m128i now = w[step & 3];
    *next = _mm_add_epi32(*next, _mm_alignr_epi8(now, w[(step + 3) & 3], 4));
    *next = _mm_sha256msg2_epu32(*next, now);
}

/* Rounds 4 * step to 4 * step + 3 of each stream. */
PART void four_rounds(struct state *states, __m128i w[][4], int step, unsigned count)
{
    __m128i sums[STREAMS];
    const __m128i k = _mm_loadu_si128((const __m128i *)&ocs_sha256_constants[4 * step]);
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++)
        sums[i] = _mm_add_epi32(w[i][step & 3], k);
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++)
        states[i].cdgh = _mm_sha256rnds2_epu32(states[i].cdgh, states[i].abef, sums[i]);
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        sums[i] = _mm_shuffle_epi32(sums[i], 0x0e);
        if (step >= 3 && step < 15)
            schedule_next(w[i], step);
    }
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++)
        states[i].abef = _mm_sha256rnds2_epu32(states[i].abef, states[i].cdgh, sums[i]);
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        if (step >= 1 && step < 13)
            w[i][(step + 3) & 3] = _mm_sha256msg1_epu32(w[i][(step + 3) & 3], w[i][step & 3]);
    }
}

PART void one_block(struct state *states, const unsigned char **at, unsigned count)
{
    struct state before[STREAMS];
    __m128i w[STREAMS][4];
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++)
        before[i] = states[i];
#pragma GCC unroll 16
    for (int step = 0; step < 16; step++) {
#pragma GCC unroll 4
        for (unsigned i = 0; step < 4 && i < count; i++)
            w[i][step & 3] = load_big_endian(at[i] + 16 * step);
        four_rounds(states, w, step, count);
    }
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        states[i].abef = _mm_add_epi32(states[i].abef, before[i].abef);
        states[i].cdgh = _mm_add_epi32(states[i].cdgh, before[i].cdgh);
        at[i] += 64;
    }
}

PART void compress_some(struct ocs_sha2_stream *const *streams, unsigned count, size_t blocks)
{
    struct state states[STREAMS];
    const unsigned char *at[STREAMS];
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        states[i] = state_load(streams[i]->state.sha256);
        at[i] = streams[i]->at;
    }
    while (blocks--)
        one_block(states, at, count);
#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++) {
        state_store(&states[i], streams[i]->state.sha256);
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

/* On some processors (Zen 4) the fourth stream makes it slower: registers. */
const struct ocs_sha2_kernel ocs_sha256_ni3 = {.width = 3, .compress = compress};
const struct ocs_sha2_kernel ocs_sha256_ni4 = {.width = STREAMS, .compress = compress};

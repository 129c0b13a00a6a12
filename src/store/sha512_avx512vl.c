/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "sha2_x86.h"

#include <immintrin.h>

/* SHA-512 of four streams: as by sha512_avx512.c, in half as wide vectors.  They can
 * go to three ports of the processor, the wide ones to two, so that four streams take
 * two thirds of the time that eight take. */

#define STREAMS 4
#define TARGET  "avx2,avx512f,avx512vl"
#define KERNEL  __attribute__((target(TARGET)))
#define PART    static inline __attribute__((always_inline, target(TARGET)))

#define XOR3     0x96 /* truth tables of vpternlog */
#define CHOOSE   0xca
#define MAJORITY 0xe8

PART __m256i sigma(__m256i x, __m256i y, __m256i z)
{
    return _mm256_ternarylogic_epi64(x, y, z, XOR3);
}

/* Four words of every stream. */
PART void load_quarter(const unsigned char **at, __m256i w[4])
{
    const __m256i flip =
        _mm256_broadcastsi128_si256(_mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607));
    __m256i r[4], t[4];
#pragma GCC unroll 4
    for (int i = 0; i < STREAMS; i++) {
        r[i] = _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)at[i]), flip);
        at[i] += 32;
    }
#pragma GCC unroll 2
    for (int i = 0; i < 4; i += 2) {
        t[i] = _mm256_unpacklo_epi64(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi64(r[i], r[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        w[i] = _mm256_permute2x128_si256(t[i], t[i + 2], 0x20);
        w[i + 2] = _mm256_permute2x128_si256(t[i], t[i + 2], 0x31);
    }
}

/* W(t) from the sixteen before it; `w` is a ring. */
PART __m256i schedule(__m256i w[16], int t)
{
    __m256i x = w[(t + 1) & 15], y = w[(t + 14) & 15];
    __m256i s0 = sigma(_mm256_ror_epi64(x, 1), _mm256_ror_epi64(x, 8), _mm256_srli_epi64(x, 7));
    __m256i s1 = sigma(_mm256_ror_epi64(y, 19), _mm256_ror_epi64(y, 61), _mm256_srli_epi64(y, 6));
    __m256i sum =
        _mm256_add_epi64(_mm256_add_epi64(w[t & 15], s0), _mm256_add_epi64(w[(t + 9) & 15], s1));
    return w[t & 15] = sum;
}

/* Instead of moving every word to the next place, the places turn: A is s[-t & 7]. */
PART void round_of(__m256i s[8], int t, __m256i kw)
{
    __m256i a = s[-t & 7], e = s[(4 - t) & 7];
    __m256i *d = &s[(3 - t) & 7], *h = &s[(7 - t) & 7];
    __m256i s0 = sigma(_mm256_ror_epi64(a, 28), _mm256_ror_epi64(a, 34), _mm256_ror_epi64(a, 39));
    __m256i s1 = sigma(_mm256_ror_epi64(e, 14), _mm256_ror_epi64(e, 18), _mm256_ror_epi64(e, 41));
    __m256i choice = _mm256_ternarylogic_epi64(e, s[(5 - t) & 7], s[(6 - t) & 7], CHOOSE);
    __m256i majority = _mm256_ternarylogic_epi64(a, s[(1 - t) & 7], s[(2 - t) & 7], MAJORITY);
    __m256i t1 = _mm256_add_epi64(_mm256_add_epi64(*h, s1), _mm256_add_epi64(choice, kw));
    *d = _mm256_add_epi64(*d, t1);
    *h = _mm256_add_epi64(t1, _mm256_add_epi64(s0, majority));
}

PART __m256i constant(int t)
{
    return _mm256_set1_epi64x((long long)ocs_sha512_constants[t]);
}

PART void one_block(__m256i state[8], const unsigned char **at)
{
    __m256i s[8], w[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        s[i] = state[i];
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4)
        load_quarter(at, w + i);
#pragma GCC unroll 16
    for (int t = 0; t < 16; t++)
        round_of(s, t, _mm256_add_epi64(constant(t), w[t]));
    for (int first = 16; first < 80; first += 16) {
#pragma GCC unroll 16
        for (int t = 0; t < 16; t++)
            round_of(s, t, _mm256_add_epi64(constant(first + t), schedule(w, t)));
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        state[i] = _mm256_add_epi64(state[i], s[i]);
}

/* Where fewer streams are given, the last lanes do the first one's work again. */
KERNEL static void compress(struct ocs_sha2_stream *const *streams, unsigned count, size_t blocks)
{
    uint64_t words[8][STREAMS];
    const unsigned char *at[STREAMS];
    __m256i state[8];
    for (unsigned i = 0; i < STREAMS; i++) {
        const struct ocs_sha2_stream *stream = streams[i < count ? i : 0];
        at[i] = stream->at;
        for (int j = 0; j < 8; j++)
            words[j][i] = stream->state.sha512[j];
    }
    for (int j = 0; j < 8; j++)
        state[j] = _mm256_loadu_si256((const __m256i *)words[j]);
    while (blocks--)
        one_block(state, at);
    for (int j = 0; j < 8; j++)
        _mm256_storeu_si256((__m256i *)words[j], state[j]);
    for (unsigned i = 0; i < count; i++) {
        streams[i]->at = at[i];
        for (int j = 0; j < 8; j++)
            streams[i]->state.sha512[j] = words[j][i];
    }
}

const struct ocs_sha2_kernel ocs_sha512_avx512vl = {.width = STREAMS, .compress = compress};

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "sha2_x86.h"

#include <immintrin.h>

/* SHA-512 of eight streams: each vector holds one word of every stream. */

#define STREAMS 8
#define KERNEL  __attribute__((target("avx512f,avx512bw")))
#define PART    static inline __attribute__((always_inline, target("avx512f,avx512bw")))

#define XOR3     0x96 /* truth tables of vpternlog */
#define CHOOSE   0xca
#define MAJORITY 0xe8

PART __m512i sigma(__m512i x, __m512i y, __m512i z)
{
    return _mm512_ternarylogic_epi64(x, y, z, XOR3);
}

/* Rows of eight words become columns: pairs of words, then quarters twice. */
PART void transpose(__m512i r[8])
{
    __m512i t[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        r[i] = _mm512_shuffle_i64x2(t[i], t[i + 2], 0x88);
        r[i + 2] = _mm512_shuffle_i64x2(t[i], t[i + 2], 0xdd);
        r[i + 4] = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0x88);
        r[i + 6] = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i64x2(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i64x2(r[i], r[i + 4], 0xdd);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        r[i] = t[i];
}

PART void load_half(const unsigned char **at, __m512i w[8])
{
    const __m512i flip =
        _mm512_broadcast_i32x4(_mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607));
#pragma GCC unroll 8
    for (int i = 0; i < STREAMS; i++) {
        w[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(at[i]), flip);
        at[i] += 64;
    }
    transpose(w);
}

/* W(t) from the sixteen before it; `w` is a ring. */
PART __m512i schedule(__m512i w[16], int t)
{
    __m512i x = w[(t + 1) & 15], y = w[(t + 14) & 15];
    __m512i s0 = sigma(_mm512_ror_epi64(x, 1), _mm512_ror_epi64(x, 8), _mm512_srli_epi64(x, 7));
    __m512i s1 = sigma(_mm512_ror_epi64(y, 19), _mm512_ror_epi64(y, 61), _mm512_srli_epi64(y, 6));
    __m512i sum =
        _mm512_add_epi64(_mm512_add_epi64(w[t & 15], s0), _mm512_add_epi64(w[(t + 9) & 15], s1));
    return w[t & 15] = sum;
}

/* Instead of moving every word to the next place, the places turn: A is s[-t & 7]. */
PART void round_of(__m512i s[8], int t, __m512i kw)
{
    __m512i a = s[-t & 7], e = s[(4 - t) & 7];
    __m512i *d = &s[(3 - t) & 7], *h = &s[(7 - t) & 7];
    __m512i s0 = sigma(_mm512_ror_epi64(a, 28), _mm512_ror_epi64(a, 34), _mm512_ror_epi64(a, 39));
    __m512i s1 = sigma(_mm512_ror_epi64(e, 14), _mm512_ror_epi64(e, 18), _mm512_ror_epi64(e, 41));
    __m512i choice = _mm512_ternarylogic_epi64(e, s[(5 - t) & 7], s[(6 - t) & 7], CHOOSE);
    __m512i majority = _mm512_ternarylogic_epi64(a, s[(1 - t) & 7], s[(2 - t) & 7], MAJORITY);
    __m512i t1 = _mm512_add_epi64(_mm512_add_epi64(*h, s1), _mm512_add_epi64(choice, kw));
    *d = _mm512_add_epi64(*d, t1);
    *h = _mm512_add_epi64(t1, _mm512_add_epi64(s0, majority));
}

PART __m512i constant(int t)
{
    return _mm512_set1_epi64((long long)ocs_sha512_constants[t]);
}

PART void one_block(__m512i state[8], const unsigned char **at)
{
    __m512i s[8], w[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        s[i] = state[i];
    load_half(at, w);
    load_half(at, w + 8);
#pragma GCC unroll 16
    for (int t = 0; t < 16; t++)
        round_of(s, t, _mm512_add_epi64(constant(t), w[t]));
    for (int first = 16; first < 80; first += 16) {
#pragma GCC unroll 16
        for (int t = 0; t < 16; t++)
            round_of(s, t, _mm512_add_epi64(constant(first + t), schedule(w, t)));
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        state[i] = _mm512_add_epi64(state[i], s[i]);
}

/* Where fewer streams are given, the last lanes do the first one's work again. */
KERNEL static void compress(struct ocs_sha2_stream *const *streams, unsigned count, size_t blocks)
{
    uint64_t words[8][STREAMS];
    const unsigned char *at[STREAMS];
    __m512i state[8];
    for (unsigned i = 0; i < STREAMS; i++) {
        const struct ocs_sha2_stream *stream = streams[i < count ? i : 0];
        at[i] = stream->at;
        for (int j = 0; j < 8; j++)
            words[j][i] = stream->state.sha512[j];
    }
    for (int j = 0; j < 8; j++)
        state[j] = _mm512_loadu_si512(words[j]);
    while (blocks--)
        one_block(state, at);
    for (int j = 0; j < 8; j++)
        _mm512_storeu_si512(words[j], state[j]);
    for (unsigned i = 0; i < count; i++) {
        streams[i]->at = at[i];
        for (int j = 0; j < 8; j++)
            streams[i]->state.sha512[j] = words[j][i];
    }
}

const struct ocs_sha2_kernel ocs_sha512_avx512 = {.width = STREAMS, .compress = compress};

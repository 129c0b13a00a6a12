/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "sha2_x86.h"

#include <string.h>

/* SHA-512 of one stream in plain C: for what the wide kernel leaves, since a
 * stream cannot go over to libcrypto in its middle. */

static inline uint64_t rotate(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static inline uint64_t load_big_endian(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return __builtin_bswap64(word);
}

/* W(t) from the sixteen before it; `w` is a ring. */
static inline uint64_t schedule(uint64_t w[16], int t)
{
    uint64_t s0 = w[(t + 1) & 15], s1 = w[(t + 14) & 15];
    s0 = rotate(s0, 1) ^ rotate(s0, 8) ^ s0 >> 7;
    s1 = rotate(s1, 19) ^ rotate(s1, 61) ^ s1 >> 6;
    return w[t & 15] += s0 + s1 + w[(t + 9) & 15];
}

/* Instead of moving every word to the next place, the places turn: A is s[-t & 7]. */
static inline void round_of(uint64_t s[8], int t, uint64_t kw)
{
    uint64_t a = s[-t & 7], b = s[(1 - t) & 7], c = s[(2 - t) & 7];
    uint64_t e = s[(4 - t) & 7], f = s[(5 - t) & 7], g = s[(6 - t) & 7];
    uint64_t *d = &s[(3 - t) & 7], *h = &s[(7 - t) & 7];
    *h += (rotate(e, 14) ^ rotate(e, 18) ^ rotate(e, 41)) + (g ^ (e & (f ^ g))) + kw;
    *d += *h;
    *h += (rotate(a, 28) ^ rotate(a, 34) ^ rotate(a, 39)) + ((a & b) | (c & (a | b)));
}

static void one_block(uint64_t state[8], const unsigned char *at)
{
    uint64_t s[8], w[16];
    memcpy(s, state, sizeof(s));
#pragma GCC unroll 16
    for (int t = 0; t < 16; t++) {
        w[t] = load_big_endian(at + 8 * t);
        round_of(s, t, ocs_sha512_constants[t] + w[t]);
    }
    for (int first = 16; first < 80; first += 16) {
#pragma GCC unroll 16
        for (int t = 0; t < 16; t++)
            round_of(s, t, ocs_sha512_constants[first + t] + schedule(w, t));
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

static void compress(struct ocs_sha2_stream *const *streams, unsigned count, size_t blocks)
{
    (void)count;
    for (; blocks > 0; blocks--) {
        one_block(streams[0]->state.sha512, streams[0]->at);
        streams[0]->at += 128;
    }
}

const struct ocs_sha2_kernel ocs_sha512_scalar = {.width = 1, .compress = compress};

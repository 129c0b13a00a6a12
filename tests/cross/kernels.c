/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The kernels of a processor that is not this one, compared with FIPS 180-4 as it
 * stands there.  Depends on nothing but sha2.h, so that a cross compiler is enough;
 * says how many there were. */
#include "store/sha2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX 5

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint32_t load_big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void schedule(const unsigned char *block, uint32_t w[64])
{
    for (int t = 0; t < 64; t++) {
        if (t < 16) {
            w[t] = load_big_endian(block + 4 * t);
            continue;
        }
        uint32_t x = w[t - 15], y = w[t - 2];
        w[t] = (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10) + w[t - 7] +
               (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[t - 16];
    }
}

/* 6.2.2 */
static void compress(uint32_t state[8], const unsigned char *block)
{
    uint32_t w[64], s[8];
    schedule(block, w);
    memcpy(s, state, sizeof(s));
    for (int t = 0; t < 64; t++) {
        uint32_t t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                      ((s[4] & s[5]) ^ (~s[4] & s[6])) + ocs_sha256_constants[t] + w[t];
        uint32_t t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
                      ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof(*s));
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

static unsigned char texts[OCS_SHA2_STREAMS_MAX][BLOCKS_MAX * 64 + 1];

static void require(int condition, const char *what, unsigned count, size_t blocks)
{
    if (condition)
        return;
    printf("%s: %u streams of %zu blocks\n", what, count, blocks);
    exit(1);
}

static void compare(const struct ocs_sha2_kernel *kernel, unsigned count, size_t blocks)
{
    struct ocs_sha2_stream streams[OCS_SHA2_STREAMS_MAX], *list[OCS_SHA2_STREAMS_MAX] = {NULL};
    for (unsigned i = 0; i < count; i++) {
        list[i] = &streams[i];
        streams[i].at = texts[i] + 1; /* not aligned */
        for (unsigned j = 0; j < 8; j++)
            streams[i].state.sha256[j] = (i + 1) * 0x9e3779b9u * (j + 1);
    }
    kernel->compress(list, count, blocks);
    for (unsigned i = 0; i < count; i++) {
        uint32_t expected[8];
        for (unsigned j = 0; j < 8; j++)
            expected[j] = (i + 1) * 0x9e3779b9u * (j + 1);
        for (size_t block = 0; block < blocks; block++)
            compress(expected, texts[i] + 1 + block * 64);
        require(streams[i].at == texts[i] + 1 + blocks * 64, "does not move on", count, blocks);
        require(memcmp(expected, streams[i].state.sha256, sizeof(expected)) == 0, "wrong state",
                count, blocks);
    }
}

static unsigned compare_all(const struct ocs_sha2_kernel *kernel)
{
    for (unsigned count = 1; kernel && count <= kernel->width; count++) {
        for (size_t blocks = 1; blocks <= BLOCKS_MAX; blocks++)
            compare(kernel, count, blocks);
    }
    return kernel != NULL;
}

int main(void)
{
    for (size_t i = 0; i < OCS_SHA2_STREAMS_MAX; i++) {
        for (size_t j = 0; j < sizeof(texts[i]); j++)
            texts[i][j] = (unsigned char)((i * 331 + j) * 2654435761u >> 11);
    }
    struct ocs_sha2_kernels kernels = ocs_sha256_kernels();
    unsigned count = 0;
    for (unsigned i = 0; kernels.list[i]; i++)
        count += compare_all(kernels.list[i]);
    printf("%u kernels of SHA-256 are right\n", count);
    return count > 0 ? 0 : 1;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* How fast one thread hashes what is in memory, by the number of streams:
 * bench_lanes [KIB_PER_STREAM].  GB a second of the processor's time, the best of
 * five; "libcrypto" is one stream of it. */
#include "store/lanes.h"
#include "store/sha2.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS      5
#define ROUND_BYTES (256u << 20)

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void hash_once(struct ocs_lanes *lanes, enum ocs_algorithm algorithm, unsigned count,
                      const unsigned char *bytes, size_t size)
{
    struct ocs_digest digest;
    for (unsigned i = 0; i < count; i++) {
        ocs_lanes_begin(lanes, i, algorithm, size, NULL);
        ocs_lanes_feed(lanes, i, bytes + i * size, size);
    }
    for (unsigned i = 0; i < count; i++) {
        while (!ocs_lanes_hungry(lanes, i))
            ocs_lanes_advance(lanes, NULL);
    }
    for (unsigned i = 0; i < count; i++)
        ocs_lanes_end(lanes, i, &digest, NULL);
}

static double rate_of(struct ocs_lanes *lanes, enum ocs_algorithm algorithm, unsigned count,
                      const unsigned char *bytes, size_t size)
{
    double best = 0;
    size_t times = ROUND_BYTES / (size * count) + 1;
    for (int round = 0; round < ROUNDS; round++) {
        double begin = seconds();
        for (size_t i = 0; i < times; i++)
            hash_once(lanes, algorithm, count, bytes, size);
        double rate = (double)(times * size * count) / (seconds() - begin) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 64) << 10;
    unsigned char *bytes = calloc(OCS_SHA2_STREAMS_MAX, size);
    struct ocs_lanes *lanes, *portable;
    if (!bytes || ocs_lanes_new(false, &lanes, NULL) < 0 ||
        ocs_lanes_new(true, &portable, NULL) < 0)
        return 1;
    printf("| streams | SHA-256 | SHA-512 |\n|---|---|---|\n| libcrypto | %.2f | %.2f |\n",
           rate_of(portable, OCS_ALGORITHM_SHA256, 1, bytes, size),
           rate_of(portable, OCS_ALGORITHM_SHA512, 1, bytes, size));
    for (unsigned count = 1; count <= OCS_SHA2_STREAMS_MAX; count++)
        printf("| %u | %.2f | %.2f |\n", count,
               rate_of(lanes, OCS_ALGORITHM_SHA256, count, bytes, size),
               rate_of(lanes, OCS_ALGORITHM_SHA512, count, bytes, size));
    ocs_lanes_free(lanes);
    ocs_lanes_free(portable);
    free(bytes);
    return 0;
}

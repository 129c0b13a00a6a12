/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "lanes.h"

#include "cleanup.h"
#include "error.h"
#include "hash.h"
#include "sha2.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#define BLOCK_MAX    128
#define LENGTH_BYTES 16 /* of SHA-512; SHA-256 has 8 */

/* How an algorithm is computed here. */
struct family {
    struct ocs_sha2_kernels kernels;
    const struct ocs_sha2_kernel *best[OCS_SHA2_STREAMS_MAX + 1]; /* for so many streams */
    size_t block;                                                 /* bytes */
    size_t length_bytes;
};

struct lane {
    struct ocs_sha2_stream stream; /* first, so that a kernel's stream tells its lane */
    const struct family *family;   /* NULL: by `hasher` */
    struct ocs_hasher *hasher;     /* made when it is first needed, and kept */
    enum ocs_algorithm algorithm;
    const unsigned char *fed; /* not looked at yet */
    size_t left;
    uint64_t total;
    uint64_t to_come;                  /* bytes that it will be fed with */
    unsigned char tail[2 * BLOCK_MAX]; /* the begin of a block; at the end the padding */
    size_t tail_size;
};

struct ocs_lanes {
    struct family sha256, sha512;
    struct lane lanes[OCS_LANES_MAX];
};

/* FIPS 180-4, 5.3.3 and 5.3.5. */
static const uint32_t SHA256_INITIAL[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};
static const uint64_t SHA512_INITIAL[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* ---- which kernel is faster for how many streams ---- */

#define TRIAL_BYTES 4096
#define TRIALS      3

static int64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Of one call over all streams of the kernel: the best of some, since another
 * process may come in between. */
static int64_t time_of(const struct ocs_sha2_kernel *kernel, size_t block)
{
    static const unsigned char zeros[TRIAL_BYTES];
    struct ocs_sha2_stream streams[OCS_SHA2_STREAMS_MAX] = {0};
    struct ocs_sha2_stream *list[OCS_SHA2_STREAMS_MAX];
    int64_t best = INT64_MAX;
    for (int trial = 0; trial < TRIALS; trial++) {
        for (unsigned i = 0; i < kernel->width; i++) {
            list[i] = &streams[i];
            streams[i].at = zeros;
        }
        int64_t begin = clock_ns();
        kernel->compress(list, kernel->width, TRIAL_BYTES / block);
        int64_t took = clock_ns() - begin;
        best = took < best ? took : best;
    }
    return best > 0 ? best : 1;
}

/* Bytes in some time, from `streams` at once; `full` is the time of a call with all
 * that the kernel can take. */
static double rate_of(const struct ocs_sha2_kernels *kernels, unsigned which, unsigned streams,
                      int64_t full)
{
    unsigned width = kernels->list[which]->width;
    return (double)(which == 0 || streams > width ? width : streams) / (double)full;
}

/* Processors differ: on some the first kernel is always the fastest. */
static void choose_kernels(struct family *family)
{
    double rates[OCS_SHA2_STREAMS_MAX + 1] = {0};
    for (unsigned which = 0; family->kernels.list[which]; which++) {
        int64_t full = time_of(family->kernels.list[which], family->block);
        for (unsigned streams = 1; streams <= OCS_SHA2_STREAMS_MAX; streams++) {
            double rate = rate_of(&family->kernels, which, streams, full);
            if (rate > rates[streams]) {
                rates[streams] = rate;
                family->best[streams] = family->kernels.list[which];
            }
        }
    }
}

static void family_init(struct family *family, struct ocs_sha2_kernels kernels, size_t block,
                        size_t length_bytes)
{
    *family = (struct family){.kernels = kernels, .block = block, .length_bytes = length_bytes};
    choose_kernels(family);
}

/* ---- a set of lanes ---- */

int ocs_lanes_new(bool portable, struct ocs_lanes **out, struct ocs_error *err)
{
    struct ocs_lanes *lanes = calloc(1, sizeof(*lanes));
    if (!lanes)
        return ocs_error_memory(err);
    const struct ocs_sha2_kernels none = {0};
    family_init(&lanes->sha256, portable ? none : ocs_sha256_kernels(), 64, 8);
    family_init(&lanes->sha512, portable ? none : ocs_sha512_kernels(), 128, 16);
    *out = lanes;
    return 0;
}

void ocs_lanes_free(struct ocs_lanes *lanes)
{
    for (unsigned i = 0; lanes && i < OCS_LANES_MAX; i++)
        ocs_hasher_free(lanes->lanes[i].hasher);
    free(lanes);
}

static void choose(struct family *family, unsigned (*choice)(unsigned streams))
{
    unsigned count = 0;
    while (family->kernels.list[count])
        count++;
    for (unsigned streams = 1; count > 0 && streams <= OCS_SHA2_STREAMS_MAX; streams++)
        family->best[streams] = family->kernels.list[choice(streams) % count];
}

void ocs_lanes_choose(struct ocs_lanes *lanes, unsigned (*choice)(unsigned streams))
{
    choose(&lanes->sha256, choice);
    choose(&lanes->sha512, choice);
}

/* ---- one lane ---- */

static int begin_portable(struct lane *lane, struct ocs_error *err)
{
    int result = lane->hasher ? 0 : ocs_hasher_new(&lane->hasher, err);
    return result == 0 ? ocs_hasher_begin(lane->hasher, lane->algorithm, err) : result;
}

int ocs_lanes_begin(struct ocs_lanes *lanes, unsigned number, enum ocs_algorithm algorithm,
                    uint64_t expected, struct ocs_error *err)
{
    assert(number < OCS_LANES_MAX && ocs_algorithm_verifiable(algorithm));
    struct lane *lane = &lanes->lanes[number];
    bool is_512 = algorithm == OCS_ALGORITHM_SHA512;
    const struct family *family = is_512 ? &lanes->sha512 : &lanes->sha256;
    lane->algorithm = algorithm;
    lane->left = lane->tail_size = 0;
    lane->total = 0;
    lane->to_come = expected;
    lane->family = family->kernels.list[0] ? family : NULL;
    if (is_512)
        memcpy(lane->stream.state.sha512, SHA512_INITIAL, sizeof(SHA512_INITIAL));
    else
        memcpy(lane->stream.state.sha256, SHA256_INITIAL, sizeof(SHA256_INITIAL));
    return lane->family ? 0 : begin_portable(lane, err);
}

/* The blocks in the tail. */
static void compress_tail(struct lane *lane)
{
    struct ocs_sha2_stream *stream = &lane->stream;
    stream->at = lane->tail;
    lane->family->kernels.list[0]->compress(&stream, 1, lane->tail_size / lane->family->block);
    lane->tail_size = 0;
}

/* From what was fed, up to the end of the block that the tail begins. */
static void fill_tail(struct lane *lane)
{
    size_t room = lane->family->block - lane->tail_size;
    size_t size = lane->left < room ? lane->left : room;
    if (size > 0)
        memcpy(lane->tail + lane->tail_size, lane->fed, size);
    lane->tail_size += size;
    lane->fed += size;
    lane->left -= size;
}

void ocs_lanes_feed(struct ocs_lanes *lanes, unsigned number, const void *bytes, size_t size)
{
    struct lane *lane = &lanes->lanes[number];
    assert(lane->left == 0);
    lane->fed = bytes;
    lane->left = size;
    lane->total += size;
    lane->to_come -= size < lane->to_come ? size : lane->to_come;
    if (!lane->family)
        return;
    if (lane->tail_size > 0) {
        fill_tail(lane);
        if (lane->tail_size == lane->family->block)
            compress_tail(lane);
    }
    if (lane->left < lane->family->block)
        fill_tail(lane);
}

bool ocs_lanes_hungry(const struct ocs_lanes *lanes, unsigned number)
{
    return lanes->lanes[number].left == 0;
}

/* A one bit, zeros, and the length in bits (FIPS 180-4, 5.1). */
static void pad(struct lane *lane)
{
    const struct family *family = lane->family;
    size_t used = lane->tail_size + 1 + family->length_bytes;
    size_t size = used <= family->block ? family->block : 2 * family->block;
    uint64_t bits = lane->total << 3;
    lane->tail[lane->tail_size] = 0x80;
    memset(lane->tail + lane->tail_size + 1, 0, size - lane->tail_size - 1);
    for (size_t i = 1; i <= sizeof(bits); i++, bits >>= 8)
        lane->tail[size - i] = (unsigned char)bits;
    if (family->length_bytes > sizeof(bits)) /* what the shift lost */
        lane->tail[size - sizeof(bits) - 1] = (unsigned char)(lane->total >> 61);
    lane->tail_size = size;
}

static void store_words(const struct lane *lane, unsigned char raw[64])
{
    for (size_t i = 0; i < 32 && lane->algorithm == OCS_ALGORITHM_SHA256; i++)
        raw[i] = (unsigned char)(lane->stream.state.sha256[i / 4] >> (24 - i % 4 * 8));
    for (size_t i = 0; i < 64 && lane->algorithm == OCS_ALGORITHM_SHA512; i++)
        raw[i] = (unsigned char)(lane->stream.state.sha512[i / 8] >> (56 - i % 8 * 8));
}

int ocs_lanes_end(struct ocs_lanes *lanes, unsigned number, struct ocs_digest *out,
                  struct ocs_error *err)
{
    struct lane *lane = &lanes->lanes[number];
    unsigned char raw[64];
    assert(lane->left == 0);
    if (!lane->family)
        return ocs_hasher_end(lane->hasher, out, err);
    pad(lane);
    compress_tail(lane);
    store_words(lane, raw);
    ocs_digest_from_raw(lane->algorithm, raw, out);
    return 0;
}

/* ---- all of them ---- */

struct group {
    struct ocs_sha2_stream *streams[OCS_LANES_MAX];
    unsigned count;
};

static struct lane *lane_of(struct ocs_sha2_stream *stream)
{
    return (struct lane *)stream;
}

static void compress_group(const struct ocs_sha2_kernel *kernel, struct ocs_sha2_stream **streams,
                           unsigned count)
{
    size_t block = lane_of(streams[0])->family->block;
    size_t blocks = SIZE_MAX;
    for (unsigned i = 0; i < count; i++) {
        const struct lane *lane = lane_of(streams[i]);
        blocks = lane->left / block < blocks ? lane->left / block : blocks;
        streams[i]->at = lane->fed;
    }
    kernel->compress(streams, count, blocks);
    for (unsigned i = 0; i < count; i++) {
        struct lane *lane = lane_of(streams[i]);
        lane->fed = streams[i]->at;
        lane->left -= blocks * block;
        if (lane->left < block)
            fill_tail(lane);
    }
}

static int most_left_first(const void *left, const void *right)
{
    const struct lane *a = lane_of(*(struct ocs_sha2_stream *const *)left);
    const struct lane *b = lane_of(*(struct ocs_sha2_stream *const *)right);
    uint64_t first = a->to_come + a->left, second = b->to_come + b->left;
    return first > second ? -1 : first < second;
}

/* Where there are more than one call can take, those that have most to do go on, so
 * that few are left alone at the end. */
static void advance_family(const struct family *family, struct group *group)
{
    unsigned most = group->count < OCS_SHA2_STREAMS_MAX ? group->count : OCS_SHA2_STREAMS_MAX;
    const struct ocs_sha2_kernel *kernel = family->best[most];
    if (group->count > kernel->width) {
        qsort(group->streams, group->count, sizeof(group->streams[0]), most_left_first);
        group->count = kernel->width;
    }
    compress_group(kernel, group->streams, group->count);
}

static int advance_portable(struct lane *lane, struct ocs_error *err)
{
    int result = ocs_hasher_update(lane->hasher, lane->fed, lane->left, err);
    lane->left = 0;
    return result;
}

int ocs_lanes_advance(struct ocs_lanes *lanes, struct ocs_error *err)
{
    struct group sha256 = {.count = 0}, sha512 = {.count = 0};
    int result = 0;
    for (unsigned i = 0; result == 0 && i < OCS_LANES_MAX; i++) {
        struct lane *lane = &lanes->lanes[i];
        struct group *group = lane->family == &lanes->sha512 ? &sha512 : &sha256;
        if (lane->left == 0)
            continue;
        if (lane->family)
            group->streams[group->count++] = &lane->stream;
        else
            result = advance_portable(lane, err);
    }
    if (sha256.count > 0)
        advance_family(&lanes->sha256, &sha256);
    if (sha512.count > 0)
        advance_family(&lanes->sha512, &sha512);
    return result;
}

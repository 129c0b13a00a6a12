/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/hash.h"
#include "store/lanes.h"
#include "store/sha2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Everything is compared with libcrypto. */

#define TEXT_BYTES (1u << 16)

static const enum ocs_algorithm ALGORITHMS[] = {OCS_ALGORITHM_SHA256, OCS_ALGORITHM_SHA512};

/* Which kernel takes so many streams: always the same, or another for each number. */
static unsigned first(unsigned streams)
{
    (void)streams;
    return 0;
}

static unsigned second(unsigned streams)
{
    (void)streams;
    return 1;
}

static unsigned third(unsigned streams)
{
    (void)streams;
    return 2;
}

static unsigned in_turn(unsigned streams)
{
    return streams;
}

static unsigned (*const CHOICES[])(unsigned) = {first, second, third, in_turn};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static unsigned char *make_text(void)
{
    unsigned char *text = malloc(TEXT_BYTES);
    uint64_t random = 1;
    assert_non_null(text);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (unsigned char)next_random(&random);
    return text;
}

/* One lane's stream: a part of the text, in pieces. */
struct stream {
    enum ocs_algorithm algorithm;
    const unsigned char *bytes;
    size_t size, at, piece; /* piece 0: of random sizes */
    bool ended;
};

static struct ocs_lanes *make_lanes(unsigned (*choice)(unsigned))
{
    struct ocs_lanes *lanes;
    assert_int_equal(ocs_lanes_new(false, &lanes, NULL), 0);
    ocs_lanes_choose(lanes, choice);
    return lanes;
}

static void finish(struct ocs_lanes *lanes, unsigned lane, struct stream *stream)
{
    struct ocs_digest actual, expected;
    assert_int_equal(ocs_lanes_end(lanes, lane, &actual, NULL), 0);
    assert_int_equal(
        ocs_hash_bytes(stream->algorithm, stream->bytes, stream->size, &expected, NULL), 0);
    assert_true(ocs_digest_equal(&actual, &expected));
    stream->ended = true;
}

static void feed(struct ocs_lanes *lanes, unsigned lane, struct stream *stream, uint64_t *random)
{
    size_t left = stream->size - stream->at;
    size_t piece = stream->piece ? stream->piece : next_random(random) % 700;
    piece = piece < left ? piece : left;
    ocs_lanes_feed(lanes, lane, stream->bytes + stream->at, piece);
    stream->at += piece;
}

static void run(struct ocs_lanes *lanes, struct stream *streams, unsigned count)
{
    uint64_t random = 7;
    unsigned open = count;
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(ocs_lanes_begin(lanes, i, streams[i].algorithm, streams[i].size, NULL), 0);
    while (open > 0) {
        for (unsigned i = 0; i < count; i++) {
            if (streams[i].ended || !ocs_lanes_hungry(lanes, i))
                continue;
            if (streams[i].at == streams[i].size) {
                finish(lanes, i, &streams[i]);
                open--;
            } else {
                feed(lanes, i, &streams[i], &random);
            }
        }
        assert_int_equal(ocs_lanes_advance(lanes, NULL), 0);
    }
}

static void test_every_length(void **state)
{
    (void)state;
    unsigned char *text = make_text();
    for (size_t w = 0; w < LENGTH(CHOICES); w++) {
        struct ocs_lanes *lanes = make_lanes(CHOICES[w]);
        for (size_t size = 0; size <= 5 * 128; size++) {
            struct stream streams[OCS_LANES_MAX];
            for (unsigned i = 0; i < OCS_LANES_MAX; i++) {
                streams[i] = (struct stream){
                    .algorithm = ALGORITHMS[i & 1],
                    .bytes = text + i,
                    .size = size,
                    .piece = 4096,
                };
            }
            run(lanes, streams, OCS_LANES_MAX);
        }
        ocs_lanes_free(lanes);
    }
    free(text);
}

static void test_every_number_of_lanes(void **state)
{
    (void)state;
    unsigned char *text = make_text();
    uint64_t random = 3;
    for (size_t round = 0; round < LENGTH(CHOICES) * LENGTH(ALGORITHMS); round++) {
        struct ocs_lanes *lanes = make_lanes(CHOICES[round / 2]);
        for (unsigned count = 1; count <= OCS_LANES_MAX; count++) {
            struct stream streams[OCS_LANES_MAX];
            for (unsigned i = 0; i < count; i++) {
                streams[i] = (struct stream){
                    .algorithm = ALGORITHMS[round & 1],
                    .bytes = text + i * 13,
                    .size = next_random(&random) % 20000,
                    .piece = 4096,
                };
            }
            run(lanes, streams, count);
        }
        ocs_lanes_free(lanes);
    }
    free(text);
}

static void test_random_pieces(void **state)
{
    (void)state;
    unsigned char *text = make_text();
    uint64_t random = 5;
    struct ocs_lanes *lanes = make_lanes(in_turn);
    for (int round = 0; round < 200; round++) {
        struct stream streams[OCS_LANES_MAX];
        for (unsigned i = 0; i < OCS_LANES_MAX; i++) {
            streams[i] = (struct stream){
                .algorithm = ALGORITHMS[next_random(&random) & 1],
                .bytes = text + next_random(&random) % 100,
                .size = next_random(&random) % 5000,
                .piece = round & 1 ? 1 + next_random(&random) % 130 : 0,
            };
        }
        run(lanes, streams, OCS_LANES_MAX);
    }
    ocs_lanes_free(lanes);
    free(text);
}

static void test_one_lane_of_libcrypto(void **state)
{
    (void)state;
    unsigned char *text = make_text();
    struct ocs_lanes *lanes;
    assert_int_equal(ocs_lanes_new(true, &lanes, NULL), 0);
    struct stream streams[] = {
        {.algorithm = OCS_ALGORITHM_SHA256, .bytes = text, .size = 10000, .piece = 77},
        {.algorithm = OCS_ALGORITHM_SHA512, .bytes = text, .size = 0, .piece = 77},
        {.algorithm = OCS_ALGORITHM_SHA512, .bytes = text, .size = 10000, .piece = 77},
    };
    run(lanes, streams, LENGTH(streams));
    ocs_lanes_free(lanes);
    free(text);
}

/* A stream that is given up leaves nothing behind in its lane. */
static void test_begin_forgets(void **state)
{
    (void)state;
    unsigned char *text = make_text();
    struct ocs_lanes *lanes = make_lanes(third);
    assert_int_equal(ocs_lanes_begin(lanes, 0, OCS_ALGORITHM_SHA512, 1000, NULL), 0);
    ocs_lanes_feed(lanes, 0, text, 1000);
    struct stream stream = {
        .algorithm = OCS_ALGORITHM_SHA256, .bytes = text, .size = 300, .piece = 64};
    run(lanes, &stream, 1);
    ocs_lanes_free(lanes);
    free(text);
}

/* Where not all can go on at once, none does while one with more to come waits. */
static void test_most_left_goes_first(void **state)
{
    (void)state;
    unsigned char *text = make_text();
    for (size_t round = 0; round < LENGTH(CHOICES) * LENGTH(ALGORITHMS); round++) {
        struct ocs_lanes *lanes = make_lanes(CHOICES[round / 2]);
        uint64_t least_gone = UINT64_MAX, most_waiting = 0;
        for (unsigned i = 0; i < OCS_LANES_MAX; i++) {
            uint64_t expected = 4096 + i * 7 % OCS_LANES_MAX * UINT64_C(100000);
            assert_int_equal(ocs_lanes_begin(lanes, i, ALGORITHMS[round & 1], expected, NULL), 0);
            ocs_lanes_feed(lanes, i, text, 4096);
        }
        assert_int_equal(ocs_lanes_advance(lanes, NULL), 0);
        for (unsigned i = 0; i < OCS_LANES_MAX; i++) {
            uint64_t expected = 4096 + i * 7 % OCS_LANES_MAX * UINT64_C(100000);
            if (!ocs_lanes_hungry(lanes, i))
                most_waiting = expected > most_waiting ? expected : most_waiting;
            else if (expected < least_gone)
                least_gone = expected;
        }
        assert_true(least_gone != UINT64_MAX && least_gone > most_waiting);
        ocs_lanes_free(lanes);
    }
    free(text);
}

/* More than 2^32 bits, so that the length takes more than four bytes. */
static void test_long_stream(void **state)
{
    (void)state;
    const size_t size = (512u << 20) + 77, part = 1u << 20;
    unsigned char *text = calloc(1, part);
    struct ocs_lanes *lanes = make_lanes(first);
    struct ocs_hasher *hasher;
    struct ocs_digest actual, expected;
    assert_non_null(text);
    assert_int_equal(ocs_hasher_new(&hasher, NULL), 0);
    assert_int_equal(ocs_hasher_begin(hasher, OCS_ALGORITHM_SHA256, NULL), 0);
    assert_int_equal(ocs_lanes_begin(lanes, 0, OCS_ALGORITHM_SHA256, size, NULL), 0);
    for (size_t done = 0; done < size; done += part) {
        size_t piece = size - done < part ? size - done : part;
        ocs_lanes_feed(lanes, 0, text, piece);
        while (!ocs_lanes_hungry(lanes, 0))
            assert_int_equal(ocs_lanes_advance(lanes, NULL), 0);
        assert_int_equal(ocs_hasher_update(hasher, text, piece, NULL), 0);
    }
    assert_int_equal(ocs_lanes_end(lanes, 0, &actual, NULL), 0);
    assert_int_equal(ocs_hasher_end(hasher, &expected, NULL), 0);
    assert_true(ocs_digest_equal(&actual, &expected));
    ocs_hasher_free(hasher);
    ocs_lanes_free(lanes);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),  cmocka_unit_test(test_every_number_of_lanes),
        cmocka_unit_test(test_random_pieces), cmocka_unit_test(test_one_lane_of_libcrypto),
        cmocka_unit_test(test_begin_forgets), cmocka_unit_test(test_most_left_goes_first),
        cmocka_unit_test(test_long_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* zlib and ISA-L side by side: the same bytes, or both say no. */

#include "store/inflate.h"

#include "unit/deflated.h"

#include <stdio.h>

struct plain {
    uint32_t crc;
    uint64_t size;
};

static int sum_up(void *data, const void *bytes, size_t size, struct ocs_error *err)
{
    struct plain *plain = data;
    (void)err;
    plain->crc = (uint32_t)crc32_z(plain->crc, bytes, size);
    plain->size += size;
    return 0;
}

/* ---- comparing ---- */

static struct ocs_inflater *inflaters[2];

static int open_both(void **state)
{
    (void)state;
    if (!ocs_gunzip_isal())
        exit(77); /* skipped */
    assert_int_equal(ocs_inflater_new_with(ocs_gunzip_zlib(), &inflaters[0], NULL), 0);
    return ocs_inflater_new_with(ocs_gunzip_isal(), &inflaters[1], NULL);
}

static int close_both(void **state)
{
    (void)state;
    ocs_inflater_free(inflaters[0]);
    ocs_inflater_free(inflaters[1]);
    return 0;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* In pieces of 1 to `piece` bytes; 0: all at once. */
static int inflate_by(unsigned engine, const struct stream *stream, size_t piece,
                      struct plain *plain)
{
    struct ocs_inflater *inflater = inflaters[engine];
    uint32_t seed = (uint32_t)piece;
    struct ocs_inflate_limits none = {0};
    *plain = (struct plain){0};
    assert_int_equal(ocs_inflater_begin(inflater, OCS_COMPRESSION_GZIP, none, NULL), 0);
    for (size_t at = 0; at < stream->size;) {
        size_t size = piece ? 1 + next_random(&seed) % piece : stream->size;
        if (size > stream->size - at)
            size = stream->size - at;
        int r = ocs_inflater_feed(inflater, stream->bytes + at, size, sum_up, plain, NULL, NULL);
        if (r != 0)
            return r;
        at += size;
    }
    return ocs_inflater_end(inflater, NULL);
}

static int both(const struct stream *stream, size_t piece)
{
    struct plain plain[2];
    int results[2];
    for (unsigned engine = 0; engine < 2; engine++)
        results[engine] = inflate_by(engine, stream, piece, &plain[engine]);
    assert_int_equal(results[1], results[0]);
    if (results[0] == 0) {
        assert_true(plain[1].size == plain[0].size);
        assert_int_equal(plain[1].crc, plain[0].crc);
    }
    return results[0];
}

static void expect(const struct stream *stream, int result)
{
    static const size_t pieces[] = {1, 3, 9, 300, 40000};
    assert_int_equal(both(stream, 0), result);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        if (stream->size / pieces[i] < 500)
            assert_int_equal(both(stream, pieces[i]), result);
    }
}

/* ---- streams ---- */

#define TEXT_MAX 400000

enum kind { ZEROS, WORDS, NOISE, MIXED, KINDS };

static void make_text(enum kind kind, unsigned char *out, size_t size)
{
    static const char words[] = "usr/share/doc/lib/copyright ustar root 0000755 0001750 etc/motd ";
    uint32_t seed = 1 + (uint32_t)kind;
    memset(out, 0, size);
    for (size_t i = 0; kind != ZEROS && i < size; i++) {
        uint32_t random = next_random(&seed);
        bool noise = kind == NOISE || (kind == MIXED && i / 5000 % 2);
        out[i] = noise ? (unsigned char)random : (unsigned char)words[(i + random % 5) % 64];
    }
}

static const struct deflated ways[] = {
    {.level = 0},
    {.level = 1},
    {.level = 6},
    {.level = 9},
    {.level = 9, .window = 9},
    {.level = 6, .flush_every = 1000},
    {.level = 6, .strategy = Z_FIXED},
    {.level = 6, .strategy = Z_HUFFMAN_ONLY},
    {.level = 6, .strategy = Z_RLE},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void streams_of_every_kind(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 100, 32768, 65536, 262144, TEXT_MAX};
    static unsigned char text[TEXT_MAX];
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        make_text(kind, text, TEXT_MAX);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) * WAYS; i++) {
            struct stream stream = {0};
            stream_put_member(&stream, text, sizes[i / WAYS], ways[i % WAYS]);
            expect(&stream, 0);
            stream_clear(&stream);
        }
    }
}

static void members_follow_each_other(void **state)
{
    static unsigned char text[5000];
    struct stream stream = {0};
    (void)state;
    make_text(MIXED, text, sizeof(text));
    for (size_t i = 0; i < 40; i++)
        stream_put_member(&stream, text, i % 3 ? i * i * 3 : 0, ways[i % WAYS]);
    expect(&stream, 0);
    struct stream longer = {0};
    stream_put(&longer, stream.bytes, stream.size);
    stream_put(&longer, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
    expect(&longer, OCS_INFLATE_INVALID);
    longer.bytes[longer.size - 12] = 0x1f;
    longer.bytes[longer.size - 11] = 0x8b;
    expect(&longer, OCS_INFLATE_INVALID);
    longer.size = stream.size + 1;
    expect(&longer, OCS_INFLATE_INVALID);
    stream_clear(&longer);
    stream_clear(&stream);
}

/* Each cut of a small stream, whose first member ends at `member`, and each bit of
 * it turned. */
static void mistreat(struct stream *stream, size_t member)
{
    size_t size = stream->size;
    for (stream->size = 0; stream->size < size; stream->size++)
        assert_int_equal(both(stream, stream->size % 5),
                         stream->size == member ? 0 : OCS_INFLATE_INVALID);
    for (size_t bit = 0; bit < size * 8; bit++) {
        unsigned char mask = (unsigned char)(1u << bit % 8);
        stream->bytes[bit / 8] ^= mask;
        both(stream, bit % 3 * 4);
        stream->bytes[bit / 8] ^= mask;
    }
    for (size_t at = 0; at < size; at++) {
        stream->bytes[at] ^= 0xff;
        both(stream, 0);
        stream->bytes[at] ^= 0xff;
    }
}

static void every_cut_and_every_flip(void **state)
{
    static unsigned char text[600];
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        make_text(kind, text, sizeof(text));
        for (size_t i = 0; i < WAYS; i++) {
            struct stream stream = {0};
            stream_put_member(&stream, text, i % 2 ? sizeof(text) : 40, ways[i]);
            size_t member = stream.size;
            stream_put_member(&stream, "", 0, ways[i]);
            mistreat(&stream, member);
            stream_clear(&stream);
        }
    }
}

static void headers_of_every_kind(void **state)
{
    unsigned char extra[300] = "AB";
    (void)state;
    for (unsigned flags = 0; flags < 64; flags++) {
        gz_header header = {
            .text = flags & 1,
            .hcrc = flags >> 1 & 1,
            .extra = flags & 4 ? extra : NULL,
            .extra_len = flags & 32 ? sizeof(extra) : 0,
            .name = flags & 8 ? (unsigned char *)"layer.tar" : NULL,
            .comment = flags & 16 ? (unsigned char *)"" : NULL,
        };
        struct stream stream = {0};
        stream_put_member(&stream, "hello", 5, (struct deflated){.level = 6, .header = &header});
        expect(&stream, 0);
        mistreat(&stream, stream.size);
        for (unsigned reserved = 0x20; reserved < 0x100; reserved <<= 1) {
            stream.bytes[3] ^= (unsigned char)reserved;
            expect(&stream, OCS_INFLATE_INVALID);
            stream.bytes[3] ^= (unsigned char)reserved;
        }
        stream_clear(&stream);
    }
}

/* ---- by hand ---- */

static void put_literal(struct stream *stream, unsigned char byte)
{
    assert_true(byte < 144); /* the fixed codes, RFC 1951, 3.2.6 */
    stream_put_code(stream, 0x30 + byte, 8);
}

/* "ab", then three bytes from `distance` (1 to 4) before. */
static void put_look_back(struct stream *stream, unsigned distance)
{
    stream_put(stream, DEFLATED_PLAIN_HEADER, 10);
    stream_put_bits(stream, 1, 1);
    stream_put_bits(stream, 1, 2);
    put_literal(stream, 'a');
    put_literal(stream, 'b');
    stream_put_code(stream, 257 - 256, 7);
    stream_put_code(stream, distance - 1, 5);
    stream_put_code(stream, 0, 7);
}

static void nothing_comes_from_before_the_member(void **state)
{
    static const char *const plains[] = {"abbbb", "ababa", "abxab", "abxya"};
    (void)state;
    for (unsigned distance = 1; distance <= 4; distance++) {
        struct stream stream = {0};
        int result = distance <= 2 ? 0 : OCS_INFLATE_INVALID;
        put_look_back(&stream, distance);
        stream_put_trailer(&stream, plains[distance - 1], 5);
        expect(&stream, result);
        struct stream second = {0};
        stream_put_member(&second, "0123456789", 10, ways[2]);
        stream_put(&second, stream.bytes, stream.size);
        expect(&second, result);
        stream_clear(&second);
        stream_clear(&stream);
    }
}

/* The code of `symbol` in a canonical code of these lengths. */
static void put_symbol(struct stream *stream, const unsigned char *lengths, unsigned count,
                       unsigned symbol)
{
    unsigned code = 0, longest = lengths[symbol];
    for (unsigned length = 1; length <= longest; length++) {
        code <<= 1;
        for (unsigned i = 0; i < count; i++) {
            if (length == longest && i == symbol)
                break;
            code += lengths[i] == length;
        }
    }
    stream_put_code(stream, code, longest);
}

/* A block of "a" with codes of these lengths; those of 'b' and of distances are
 * there, and not used. */
static void put_dynamic(struct stream *stream, const unsigned char a_b_end[3],
                        const unsigned char *distances, unsigned count)
{
    unsigned char lengths[257] = {0};
    lengths['a'] = a_b_end[0];
    lengths['b'] = a_b_end[1];
    lengths[256] = a_b_end[2];
    stream_put_bits(stream, 1, 1);
    stream_put_bits(stream, 2, 2);
    stream_put_bits(stream, 0, 5);
    stream_put_bits(stream, count - 1, 5);
    stream_put_bits(stream, 19 - 4, 4);
    for (unsigned i = 0; i < 19; i++) /* 16, 17 and 18 come first */
        stream_put_bits(stream, i < 3 ? 0 : 4, 3);
    for (unsigned i = 0; i < 257; i++)
        stream_put_code(stream, lengths[i], 4);
    for (unsigned i = 0; i < count; i++)
        stream_put_code(stream, distances[i], 4);
    if (lengths['a'])
        put_symbol(stream, lengths, 257, 'a');
    put_symbol(stream, lengths, 257, 256);
}

static void codes_have_a_meaning_for_all_bits(void **state)
{
    static const struct {
        unsigned char a_b_end[3];
        unsigned char distances[4];
        unsigned count;
        int result;
    } rows[] = {
        {{1, 0, 1}, {0}, 1, 0},
        {{1, 2, 2}, {1}, 1, 0},
        {{1, 2, 2}, {1, 1}, 2, 0},
        {{1, 2, 2}, {2, 2, 2, 2}, 4, 0},
        {{0, 0, 1}, {0}, 1, 0},
        {{2, 0, 2}, {0}, 1, OCS_INFLATE_INVALID},
        {{1, 0, 2}, {0}, 1, OCS_INFLATE_INVALID},
        {{1, 3, 2}, {0}, 1, OCS_INFLATE_INVALID},
        {{0, 0, 2}, {0}, 1, OCS_INFLATE_INVALID},
        {{1, 1, 0}, {0}, 1, OCS_INFLATE_INVALID},
        {{1, 1, 1}, {0}, 1, OCS_INFLATE_INVALID},
        {{1, 2, 2}, {2}, 1, OCS_INFLATE_INVALID},
        {{1, 2, 2}, {1, 2}, 2, OCS_INFLATE_INVALID},
        {{1, 2, 2}, {2, 2, 2}, 3, OCS_INFLATE_INVALID},
        {{1, 2, 2}, {1, 1, 1}, 3, OCS_INFLATE_INVALID},
        {{1, 2, 2}, {0, 15, 0, 0}, 4, OCS_INFLATE_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stream stream = {0};
        stream_put(&stream, DEFLATED_PLAIN_HEADER, 10);
        put_dynamic(&stream, rows[i].a_b_end, rows[i].distances, rows[i].count);
        stream_put_trailer(&stream, "a", rows[i].a_b_end[0] ? 1 : 0);
        expect(&stream, rows[i].result);
        stream_clear(&stream);
    }
}

/* 258 bytes from `distance_code` with its extra bits before (RFC 1951, 3.2.5). */
static void put_long_match(struct stream *stream, unsigned distance_code, unsigned extra,
                           unsigned extra_bits)
{
    stream_put_code(stream, 0xc0 + 285 - 280, 8);
    stream_put_code(stream, distance_code, 5);
    stream_put_bits(stream, extra, extra_bits);
}

/* One block: 'a', then from one byte before, then from 32 KiB before beyond 4 GiB. */
static void a_member_beyond_4_gib(void **state)
{
    const size_t near = 129, far = 4 * (size_t)4200000; /* near: the next is at a whole byte */
    const uint64_t size = 1 + (near + far) * 258;
    struct stream stream = {0}, pattern = {0};
    (void)state;
    if (!getenv("OCS_BEYOND_4_GIB"))
        skip();
    stream_put(&stream, DEFLATED_PLAIN_HEADER, 10);
    stream_put_bits(&stream, 3, 3);
    put_literal(&stream, 'a');
    for (size_t i = 0; i < near; i++)
        put_long_match(&stream, 0, 0, 0);
    assert_int_equal(stream.bits, 0);
    for (size_t i = 0; i < 4; i++)
        put_long_match(&pattern, 29, 0x1fff, 13);
    assert_int_equal(pattern.bits, 0);
    for (size_t i = 0; i < far; i += 4)
        stream_put(&stream, pattern.bytes, pattern.size);
    stream_put_code(&stream, 0, 7);
    struct plain plain;
    assert_int_equal(inflate_by(0, &stream, 0, &plain), OCS_INFLATE_INVALID);
    uint32_t sums[] = {htole32(plain.crc), htole32((uint32_t)size)};
    stream_put(&stream, sums, sizeof(sums));
    assert_int_equal(both(&stream, 0), 0);
    stream_clear(&pattern);
    stream_clear(&stream);
}

static void sums_are_compared(void **state)
{
    static const struct {
        uint32_t crc, size;
        int result;
    } rows[] = {
        {0, 0, 0},
        {1, 0, OCS_INFLATE_INVALID},
        {0, 1, OCS_INFLATE_INVALID},
        {0x80000000, 0, OCS_INFLATE_INVALID},
        {0, 0x80000000, OCS_INFLATE_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stream stream = {0};
        uint32_t sums[] = {htole32((uint32_t)crc32(0, (const Bytef *)"hello", 5) ^ rows[i].crc),
                           htole32(5 ^ rows[i].size)};
        stream_put_member(&stream, "hello", 5, ways[2]);
        memcpy(stream.bytes + stream.size - 8, sums, 8);
        expect(&stream, rows[i].result);
        stream_clear(&stream);
    }
}

static void blocks_of_no_type_and_of_wrong_length(void **state)
{
    struct stream reserved = {0}, stored = {0};
    (void)state;
    stream_put(&reserved, DEFLATED_PLAIN_HEADER, 10);
    stream_put_bits(&reserved, 7, 3);
    stream_put_trailer(&reserved, "", 0);
    expect(&reserved, OCS_INFLATE_INVALID);
    stream_put(&stored, DEFLATED_PLAIN_HEADER, 10);
    stream_put(&stored, "\x01\x01\x00\xfe\xfe", 5);
    stream_put(&stored, "x", 1);
    stream_put_trailer(&stored, "x", 1);
    expect(&stored, OCS_INFLATE_INVALID);
    stored.bytes[14] = 0xff;
    expect(&stored, 0);
    stream_clear(&reserved);
    stream_clear(&stored);
}

/* 16 MiB of zeros: each engine stops where the limits say. */
static void bombs_end_at_the_limits(void **state)
{
    enum { BOMB = 16 << 20 };
    static const struct {
        struct ocs_inflate_limits limits;
        int result;
    } rows[] = {
        {{.bytes = BOMB}, 0},
        {{.bytes = BOMB - 1}, OCS_INFLATE_TOO_MUCH},
        {{.bytes = 1 << 20}, OCS_INFLATE_TOO_MUCH},
        {{.ratio = 2000}, 0},
        {{.ratio = 100}, OCS_INFLATE_TOO_MUCH},
    };
    static const unsigned char zeros[BOMB];
    struct stream stream = {0};
    (void)state;
    stream_put_member(&stream, zeros, BOMB, ways[3]);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) * 2; i++) {
        struct plain plain = {0};
        struct ocs_inflater *inflater = inflaters[i % 2];
        assert_int_equal(
            ocs_inflater_begin(inflater, OCS_COMPRESSION_GZIP, rows[i / 2].limits, NULL), 0);
        int r = ocs_inflater_feed(inflater, stream.bytes, stream.size, sum_up, &plain, NULL, NULL);
        assert_int_equal(r, rows[i / 2].result);
        assert_true(r == 0 ? plain.size == BOMB : plain.size < BOMB);
        if (rows[i / 2].limits.bytes)
            assert_true(plain.size <= rows[i / 2].limits.bytes);
    }
    stream_clear(&stream);
}

static void random_bytes_behind_a_header(void **state)
{
    uint32_t seed = 7;
    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        struct stream stream = {0};
        stream_put(&stream, DEFLATED_PLAIN_HEADER, 10);
        for (unsigned size = next_random(&seed) % 200; size > 0; size--) {
            unsigned char byte = (unsigned char)next_random(&seed);
            stream_put(&stream, &byte, 1);
        }
        if (i % 2 && stream.size > 10) /* a dynamic block, and not too many codes */
            stream.bytes[10] = (unsigned char)((stream.bytes[10] & 0x78) | 4 | (i & 3) % 2);
        assert_int_equal(both(&stream, i % 7), OCS_INFLATE_INVALID);
        stream_clear(&stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_of_every_kind),
        cmocka_unit_test(members_follow_each_other),
        cmocka_unit_test(every_cut_and_every_flip),
        cmocka_unit_test(headers_of_every_kind),
        cmocka_unit_test(nothing_comes_from_before_the_member),
        cmocka_unit_test(codes_have_a_meaning_for_all_bits),
        cmocka_unit_test(a_member_beyond_4_gib),
        cmocka_unit_test(sums_are_compared),
        cmocka_unit_test(blocks_of_no_type_and_of_wrong_length),
        cmocka_unit_test(bombs_end_at_the_limits),
        cmocka_unit_test(random_bytes_behind_a_header),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}

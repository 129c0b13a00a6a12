/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/inflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

/* "hello world\n" as gzip -n and as zstd write it. */
#define HELLO "hello world\n"
static const unsigned char GZIP[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57,
    0x28, 0xcf, 0x2f, 0xca, 0x49, 0xe1, 0x02, 0x00, 0x2d, 0x3b, 0x08, 0xaf, 0x0c, 0x00, 0x00, 0x00};
static const unsigned char ZSTD[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x0c, 0x61,
                                     0x00, 0x00, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
                                     0x20, 0x77, 0x6f, 0x72, 0x6c, 0x64, 0x0a};
static const unsigned char SKIPPABLE[] = {0x50, 0x2a, 0x4d, 0x18, 0x03, 0, 0, 0, 'a', 'b', 'c'};

struct text {
    char bytes[4096];
    size_t size;
    uint64_t total;
};

static int collect(void *data, const void *bytes, size_t size, struct ocs_error *err)
{
    struct text *text = data;
    (void)err;
    text->total += size;
    if (text->size + size <= sizeof(text->bytes)) {
        memcpy(text->bytes + text->size, bytes, size);
        text->size += size;
    }
    return 0;
}

struct stream {
    unsigned char bytes[4096];
    size_t size;
};

static void put(struct stream *stream, const void *bytes, size_t size)
{
    assert_true(stream->size + size <= sizeof(stream->bytes));
    memcpy(stream->bytes + stream->size, bytes, size);
    stream->size += size;
}

/* In pieces of `piece` bytes. */
static int inflate_in(const struct stream *stream, enum ocs_compression compression, size_t piece,
                      struct text *text)
{
    struct ocs_inflater *inflater = NULL;
    struct ocs_inflate_limits none = {0};
    *text = (struct text){.size = 0};
    assert_int_equal(ocs_inflater_new(&inflater, NULL), 0);
    assert_int_equal(ocs_inflater_begin(inflater, compression, none, NULL), 0);
    int r = 0;
    for (size_t at = 0; r == 0 && at < stream->size; at += piece) {
        size_t size = stream->size - at < piece ? stream->size - at : piece;
        r = ocs_inflater_feed(inflater, stream->bytes + at, size, collect, text, NULL, NULL);
    }
    if (r == 0)
        r = ocs_inflater_end(inflater, NULL);
    ocs_inflater_free(inflater);
    return r;
}

static void expect(const struct stream *stream, enum ocs_compression compression, int result,
                   const char *plain)
{
    struct text text;
    for (size_t piece = 1; piece <= stream->size + 1; piece++) {
        assert_int_equal(inflate_in(stream, compression, piece, &text), result);
        if (plain) {
            assert_int_equal(text.size, strlen(plain));
            assert_memory_equal(text.bytes, plain, text.size);
        }
    }
}

static void gzip_members_follow_each_other(void **state)
{
    struct stream stream = {.size = 0};
    (void)state;
    put(&stream, GZIP, sizeof(GZIP));
    expect(&stream, OCS_COMPRESSION_GZIP, 0, HELLO);
    put(&stream, GZIP, sizeof(GZIP));
    put(&stream, GZIP, sizeof(GZIP));
    expect(&stream, OCS_COMPRESSION_GZIP, 0, HELLO HELLO HELLO);
}

static void nothing_else_follows_a_gzip_member(void **state)
{
    struct stream zero = {.size = 0}, garbage = {.size = 0}, half = {.size = 0};
    (void)state;
    put(&zero, GZIP, sizeof(GZIP));
    put(&zero, "\0\0\0\0", 4);
    expect(&zero, OCS_COMPRESSION_GZIP, OCS_INFLATE_INVALID, HELLO);
    put(&garbage, GZIP, sizeof(GZIP));
    put(&garbage, "x", 1);
    expect(&garbage, OCS_COMPRESSION_GZIP, OCS_INFLATE_INVALID, HELLO);
    put(&half, GZIP, sizeof(GZIP));
    put(&half, GZIP, 15);
    expect(&half, OCS_COMPRESSION_GZIP, OCS_INFLATE_INVALID, NULL);
}

static void every_cut_and_every_flip_is_noticed(void **state)
{
    struct text text;
    (void)state;
    for (size_t size = 0; size < sizeof(GZIP); size++) {
        struct stream stream = {.size = 0};
        put(&stream, GZIP, size);
        assert_int_equal(inflate_in(&stream, OCS_COMPRESSION_GZIP, 7, &text), OCS_INFLATE_INVALID);
    }
    for (size_t size = 0; size < sizeof(ZSTD); size++) {
        struct stream stream = {.size = 0};
        put(&stream, ZSTD, size);
        assert_int_equal(inflate_in(&stream, OCS_COMPRESSION_ZSTD, 7, &text), OCS_INFLATE_INVALID);
    }
    for (size_t at = 10; at < sizeof(GZIP); at++) { /* behind the header: all is summed up ... */
        struct stream stream = {.size = 0};
        put(&stream, GZIP, sizeof(GZIP));
        stream.bytes[at] ^= 0x40;
        int r = inflate_in(&stream, OCS_COMPRESSION_GZIP, 7, &text);
        bool same = text.size == strlen(HELLO) && memcmp(text.bytes, HELLO, text.size) == 0;
        assert_true(r == OCS_INFLATE_INVALID || same); /* ... but the last bits of the data */
    }
}

static void zstd_frames_follow_each_other_and_some_are_skipped(void **state)
{
    struct stream stream = {.size = 0};
    (void)state;
    put(&stream, ZSTD, sizeof(ZSTD));
    expect(&stream, OCS_COMPRESSION_ZSTD, 0, HELLO);
    put(&stream, SKIPPABLE, sizeof(SKIPPABLE));
    put(&stream, ZSTD, sizeof(ZSTD));
    expect(&stream, OCS_COMPRESSION_ZSTD, 0, HELLO HELLO);
    put(&stream, "garbage", 7);
    expect(&stream, OCS_COMPRESSION_ZSTD, OCS_INFLATE_INVALID, NULL);
}

static void plain_bytes_pass(void **state)
{
    struct stream stream = {.size = 0}, nothing = {.size = 0};
    (void)state;
    put(&stream, HELLO, strlen(HELLO));
    expect(&stream, OCS_COMPRESSION_PLAIN, 0, HELLO);
    expect(&nothing, OCS_COMPRESSION_PLAIN, 0, "");
    expect(&nothing, OCS_COMPRESSION_GZIP, OCS_INFLATE_INVALID, "");
}

/* 16 MiB of zeros in one gzip member. */
static size_t make_bomb(unsigned char *out, size_t size)
{
    static unsigned char zeros[1 << 20];
    z_stream z = {.next_out = out, .avail_out = (unsigned)size};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i < 16; i++) {
        z.next_in = zeros;
        z.avail_in = sizeof(zeros);
        assert_int_equal(deflate(&z, i == 15 ? Z_FINISH : Z_NO_FLUSH),
                         i == 15 ? Z_STREAM_END : Z_OK);
    }
    size_t used = size - z.avail_out;
    deflateEnd(&z);
    return used;
}

static void a_bomb_ends_at_the_limits(void **state)
{
    static const struct {
        struct ocs_inflate_limits limits;
        int result;
    } rows[] = {
        {{0, 0}, 0},
        {{.bytes = 16 << 20}, 0},
        {{.bytes = (16 << 20) - 1}, OCS_INFLATE_TOO_MUCH},
        {{.ratio = 2000}, 0},
        {{.ratio = 100}, OCS_INFLATE_TOO_MUCH},
    };
    static unsigned char bomb[1 << 16];
    size_t size = make_bomb(bomb, sizeof(bomb));
    struct ocs_inflater *inflater = NULL;
    (void)state;
    assert_int_equal(ocs_inflater_new(&inflater, NULL), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text text = {.size = 0};
        const char *why = NULL;
        assert_int_equal(ocs_inflater_begin(inflater, OCS_COMPRESSION_GZIP, rows[i].limits, NULL),
                         0);
        int r = ocs_inflater_feed(inflater, bomb, size, collect, &text, &why, NULL);
        assert_int_equal(r, rows[i].result);
        assert_int_equal(why != NULL, r != 0);
        if (r == 0)
            assert_int_equal(text.total, 16 << 20);
    }
    ocs_inflater_free(inflater);
}

static void the_first_bytes_tell(void **state)
{
    (void)state;
    assert_int_equal(ocs_compression_sniff(GZIP, sizeof(GZIP)), OCS_COMPRESSION_GZIP);
    assert_int_equal(ocs_compression_sniff(ZSTD, sizeof(ZSTD)), OCS_COMPRESSION_ZSTD);
    assert_int_equal(ocs_compression_sniff(SKIPPABLE, sizeof(SKIPPABLE)), OCS_COMPRESSION_ZSTD);
    assert_int_equal(ocs_compression_sniff("BZh91AY", 7), OCS_COMPRESSION_OTHER);
    assert_int_equal(ocs_compression_sniff("\xfd"
                                           "7zXZ",
                                           6),
                     OCS_COMPRESSION_OTHER);
    assert_int_equal(ocs_compression_sniff("etc/", 4), OCS_COMPRESSION_PLAIN);
    assert_int_equal(ocs_compression_sniff("\x1f", 1), OCS_COMPRESSION_PLAIN);
    assert_int_equal(ocs_compression_sniff("", 0), OCS_COMPRESSION_PLAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_members_follow_each_other),
        cmocka_unit_test(nothing_else_follows_a_gzip_member),
        cmocka_unit_test(every_cut_and_every_flip_is_noticed),
        cmocka_unit_test(zstd_frames_follow_each_other_and_some_are_skipped),
        cmocka_unit_test(plain_bytes_pass),
        cmocka_unit_test(a_bomb_ends_at_the_limits),
        cmocka_unit_test(the_first_bytes_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

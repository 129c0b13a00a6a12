/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_UNIT_DEFLATED_H
#define OCS_TESTS_UNIT_DEFLATED_H

/* gzip members made with zlib, and deflate bits written by hand. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>
#include <endian.h>
#include <zlib.h>

struct stream {
    unsigned char *bytes;
    size_t size;
    unsigned bits; /* of the last byte that are used; 0: all */
};

static inline void stream_clear(struct stream *stream)
{
    free(stream->bytes);
    *stream = (struct stream){0};
}

static inline void stream_put(struct stream *stream, const void *bytes, size_t size)
{
    stream->bytes = realloc(stream->bytes, stream->size + size + 1);
    assert_non_null(stream->bytes);
    memcpy(stream->bytes + stream->size, bytes, size);
    stream->size += size;
    stream->bits = 0;
}

/* Numbers go least significant bit first (RFC 1951, 3.1.1), ... */
static inline void stream_put_bits(struct stream *stream, uint32_t value, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned bits = stream->bits;
        if (bits == 0)
            stream_put(stream, "", 1);
        stream->bytes[stream->size - 1] |= (unsigned char)((value >> i & 1) << bits);
        stream->bits = (bits + 1) % 8;
    }
}

/* ... codes most significant bit first. */
static inline void stream_put_code(struct stream *stream, uint32_t code, unsigned count)
{
    while (count-- > 0)
        stream_put_bits(stream, code >> count & 1, 1);
}

#define DEFLATED_PLAIN_HEADER "\x1f\x8b\x08\0\0\0\0\0\0\x03"

static inline void stream_put_trailer(struct stream *stream, const void *plain, size_t size)
{
    uint32_t sums[] = {htole32((uint32_t)crc32_z(0, plain, size)), htole32((uint32_t)size)};
    stream_put(stream, sums, sizeof(sums));
}

/* How zlib is to deflate. */
struct deflated {
    int level;
    int strategy;
    int window; /* bits; 0: 15 */
    size_t flush_every;
    gz_header *header;
};

static inline void stream_put_member(struct stream *stream, const void *plain, size_t size,
                                     struct deflated how)
{
    static unsigned char out[1 << 16];
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)plain};
    assert_int_equal(deflateInit2(&z, how.level, Z_DEFLATED, (how.window ? how.window : 15) + 16, 9,
                                  how.strategy),
                     Z_OK);
    if (how.header)
        assert_int_equal(deflateSetHeader(&z, how.header), Z_OK);
    int code = Z_OK;
    while (code != Z_STREAM_END) {
        size_t piece = how.flush_every && size > how.flush_every ? how.flush_every : size;
        z.avail_in = (unsigned)piece;
        do {
            z.next_out = out;
            z.avail_out = sizeof(out);
            code = deflate(&z, size == piece ? Z_FINISH : Z_FULL_FLUSH);
            stream_put(stream, out, sizeof(out) - z.avail_out);
        } while (z.avail_out == 0);
        size -= piece;
    }
    deflateEnd(&z);
}

#endif

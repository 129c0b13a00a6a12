/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "inflate.h"

#include "error.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define OUT_BYTES   (256u << 10)
#define FEED_BYTES  (1u << 30) /* zlib counts its input in 32 bits */
#define RATIO_GRACE (1u << 20)
#define GZIP_FORMAT 31 /* windowBits: 15, and a gzip header is due */

struct ocs_inflater {
    enum ocs_compression compression;
    struct ocs_inflate_limits limits;
    uint64_t in, out;
    bool open; /* a member or frame has begun and not ended */
    bool any;  /* a member or frame has ended */
    z_stream gzip;
    bool gzip_ready;
    ZSTD_DStream *zstd;
    unsigned char *buffer;
};

const char *ocs_compression_name(enum ocs_compression compression)
{
    static const char *const names[] = {"none", "gzip", "zstd", "another one"};
    return names[compression];
}

enum ocs_compression ocs_compression_sniff(const void *bytes, size_t size)
{
    static const struct {
        const char *magic;
        size_t size;
        enum ocs_compression compression;
    } magics[] = {
        {"\x1f\x8b", 2, OCS_COMPRESSION_GZIP},
        {"\x28\xb5\x2f\xfd", 4, OCS_COMPRESSION_ZSTD},
        {"BZh", 3, OCS_COMPRESSION_OTHER},
        {"\xfd"
         "7zXZ",
         5, OCS_COMPRESSION_OTHER},
    };
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        if (size >= magics[i].size && memcmp(bytes, magics[i].magic, magics[i].size) == 0)
            return magics[i].compression;
    }
    const unsigned char *at = bytes; /* a skippable frame may come first */
    bool skippable = size >= 4 && (at[0] & 0xf0) == 0x50 && memcmp(at + 1, "\x2a\x4d\x18", 3) == 0;
    return skippable ? OCS_COMPRESSION_ZSTD : OCS_COMPRESSION_PLAIN;
}

int ocs_inflater_new(struct ocs_inflater **out, struct ocs_error *err)
{
    struct ocs_inflater *inflater = calloc(1, sizeof(*inflater));
    if (!inflater)
        return ocs_error_memory(err);
    inflater->buffer = malloc(OUT_BYTES);
    if (!inflater->buffer) {
        free(inflater);
        return ocs_error_memory(err);
    }
    *out = inflater;
    return 0;
}

void ocs_inflater_free(struct ocs_inflater *inflater)
{
    if (!inflater)
        return;
    if (inflater->gzip_ready)
        inflateEnd(&inflater->gzip);
    ZSTD_freeDStream(inflater->zstd);
    free(inflater->buffer);
    free(inflater);
}

static int begin_gzip(struct ocs_inflater *inflater, struct ocs_error *err)
{
    if (inflater->gzip_ready)
        return inflateReset(&inflater->gzip) == Z_OK ? 0 : ocs_error_memory(err);
    if (inflateInit2(&inflater->gzip, GZIP_FORMAT) != Z_OK)
        return ocs_error_memory(err);
    inflater->gzip_ready = true;
    return 0;
}

static int begin_zstd(struct ocs_inflater *inflater, struct ocs_error *err)
{
    if (!inflater->zstd)
        inflater->zstd = ZSTD_createDStream();
    if (!inflater->zstd || ZSTD_isError(ZSTD_initDStream(inflater->zstd)))
        return ocs_error_memory(err);
    return 0;
}

int ocs_inflater_begin(struct ocs_inflater *inflater, enum ocs_compression compression,
                       struct ocs_inflate_limits limits, struct ocs_error *err)
{
    inflater->compression = compression;
    inflater->limits = limits;
    inflater->in = inflater->out = 0;
    inflater->open = inflater->any = false;
    if (compression == OCS_COMPRESSION_GZIP)
        return begin_gzip(inflater, err);
    return compression == OCS_COMPRESSION_ZSTD ? begin_zstd(inflater, err) : 0;
}

/* ---- pieces ---- */

/* Where plain bytes go. */
struct sink {
    ocs_plain_fn *on_plain;
    void *data;
    const char **why;
    struct ocs_error *err;
};

static int give_up(const struct sink *sink, int result, const char *why)
{
    if (sink->why)
        *sink->why = why;
    return result;
}

static bool too_much(const struct ocs_inflater *inflater)
{
    const struct ocs_inflate_limits *limits = &inflater->limits;
    if (limits->bytes && inflater->out > limits->bytes)
        return true;
    return limits->ratio && inflater->out > RATIO_GRACE &&
           (inflater->out - RATIO_GRACE) / limits->ratio > inflater->in;
}

static int give(struct ocs_inflater *inflater, const void *bytes, size_t size,
                const struct sink *sink)
{
    if (size == 0)
        return 0;
    inflater->out += size;
    if (too_much(inflater))
        return give_up(sink, OCS_INFLATE_TOO_MUCH, "more comes out than is allowed");
    return sink->on_plain(sink->data, bytes, size, sink->err);
}

static int feed_gzip(struct ocs_inflater *inflater, const void *bytes, size_t size,
                     const struct sink *sink)
{
    z_stream *gzip = &inflater->gzip;
    gzip->next_in = (unsigned char *)(uintptr_t)bytes;
    gzip->avail_in = (unsigned)size;
    do {
        if (!inflater->open && gzip->avail_in == 0)
            return 0;
        inflater->open = true;
        gzip->next_out = inflater->buffer;
        gzip->avail_out = OUT_BYTES;
        int code = inflate(gzip, Z_NO_FLUSH);
        if (code == Z_MEM_ERROR)
            return ocs_error_memory(sink->err);
        bool fine = code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR;
        if (!fine)
            return give_up(sink, OCS_INFLATE_INVALID,
                           inflater->any ? "what follows a gzip member is no other one, or damaged"
                                         : "no gzip stream, or a damaged one");
        int r = give(inflater, inflater->buffer, OUT_BYTES - gzip->avail_out, sink);
        if (r != 0)
            return r;
        if (code == Z_STREAM_END) {
            inflater->open = false;
            inflater->any = true;
            inflateReset(gzip);
        }
    } while (gzip->avail_in > 0 || gzip->avail_out == 0);
    return 0;
}

static int feed_zstd(struct ocs_inflater *inflater, const void *bytes, size_t size,
                     const struct sink *sink)
{
    ZSTD_inBuffer in = {.src = bytes, .size = size};
    bool full = false;
    while (in.pos < in.size || full) {
        ZSTD_outBuffer out = {.dst = inflater->buffer, .size = OUT_BYTES};
        size_t left = ZSTD_decompressStream(inflater->zstd, &out, &in);
        if (ZSTD_isError(left))
            return give_up(sink, OCS_INFLATE_INVALID, ZSTD_getErrorName(left));
        inflater->open = left != 0;
        inflater->any |= left == 0;
        int r = give(inflater, inflater->buffer, out.pos, sink);
        if (r != 0)
            return r;
        full = out.pos == out.size && left != 0;
    }
    return 0;
}

static int feed_piece(struct ocs_inflater *inflater, const void *bytes, size_t size,
                      const struct sink *sink)
{
    inflater->in += size;
    switch (inflater->compression) {
    case OCS_COMPRESSION_GZIP:
        return feed_gzip(inflater, bytes, size, sink);
    case OCS_COMPRESSION_ZSTD:
        return feed_zstd(inflater, bytes, size, sink);
    default:
        return give(inflater, bytes, size, sink);
    }
}

int ocs_inflater_feed(struct ocs_inflater *inflater, const void *bytes, size_t size,
                      ocs_plain_fn *on_plain, void *data, const char **why, struct ocs_error *err)
{
    const struct sink sink = {.on_plain = on_plain, .data = data, .why = why, .err = err};
    const char *at = bytes;
    int r = 0;
    while (r == 0 && size > 0) {
        size_t piece = size < FEED_BYTES ? size : FEED_BYTES;
        r = feed_piece(inflater, at, piece, &sink);
        at += piece;
        size -= piece;
    }
    return r;
}

int ocs_inflater_end(struct ocs_inflater *inflater, const char **why)
{
    bool plain = inflater->compression == OCS_COMPRESSION_PLAIN;
    if (plain || (inflater->any && !inflater->open))
        return 0;
    if (why)
        *why = "the compressed stream ends in the middle";
    return OCS_INFLATE_INVALID;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "inflate.h"

#include "error.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define OUT_BYTES   (128u << 10)
#define FEED_BYTES  (1u << 30) /* libraries count their input in 32 bits */
#define RATIO_GRACE (1u << 20)

struct ocs_inflater {
    enum ocs_compression compression;
    struct ocs_inflate_limits limits;
    uint64_t in, out;
    bool open; /* a member or frame has begun and not ended */
    bool any;  /* a member or frame has ended */
    const struct ocs_gunzip_engine *engine;
    void *gunzip;
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

int ocs_inflater_new_with(const struct ocs_gunzip_engine *engine, struct ocs_inflater **out,
                          struct ocs_error *err)
{
    struct ocs_inflater *inflater = calloc(1, sizeof(*inflater));
    if (!inflater)
        return ocs_error_memory(err);
    inflater->engine = engine;
    inflater->buffer = malloc(OUT_BYTES);
    if (!inflater->buffer) {
        free(inflater);
        return ocs_error_memory(err);
    }
    *out = inflater;
    return 0;
}

int ocs_inflater_new(struct ocs_inflater **out, struct ocs_error *err)
{
    const struct ocs_gunzip_engine *isal = ocs_gunzip_isal();
    return ocs_inflater_new_with(isal ? isal : ocs_gunzip_zlib(), out, err);
}

void ocs_inflater_free(struct ocs_inflater *inflater)
{
    if (!inflater)
        return;
    if (inflater->gunzip)
        inflater->engine->close(inflater->gunzip);
    ZSTD_freeDStream(inflater->zstd);
    free(inflater->buffer);
    free(inflater);
}

static int begin_gzip(struct ocs_inflater *inflater, struct ocs_error *err)
{
    if (!inflater->gunzip)
        inflater->gunzip = inflater->engine->open();
    if (!inflater->gunzip)
        return ocs_error_memory(err);
    inflater->engine->begin(inflater->gunzip);
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
    struct ocs_gunzip_window window = {.in = bytes, .in_left = size};
    do {
        if (!inflater->open && window.in_left == 0)
            return 0;
        inflater->open = true;
        window.out = inflater->buffer;
        window.out_left = OUT_BYTES;
        int code = inflater->engine->step(inflater->gunzip, &window, sink->err);
        if (code < 0)
            return code;
        if (code == OCS_GUNZIP_INVALID)
            return give_up(sink, OCS_INFLATE_INVALID,
                           inflater->any ? "what follows a gzip member is no other one, or damaged"
                                         : "no gzip stream, or a damaged one");
        int r = give(inflater, inflater->buffer, OUT_BYTES - window.out_left, sink);
        if (r != 0)
            return r;
        if (code == OCS_GUNZIP_END) {
            inflater->open = false;
            inflater->any = true;
            inflater->engine->begin(inflater->gunzip);
        }
    } while (window.in_left > 0 || window.out_left == 0);
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

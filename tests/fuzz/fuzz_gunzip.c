/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* gzip by zlib and by ISA-L.  The first byte says how long the pieces are that the
 * rest comes in; the rest is tried as a whole stream, and as what stands between a
 * header and sums that are right: the same bytes come out, or both say no. */

#include "fuzz.h"

#include "store/cleanup.h"
#include "store/inflate.h"

#include <endian.h>
#include <string.h>
#include <zlib.h>

#define PLAIN_MAX    (1u << 20)
#define HEADER_BYTES 10
#define SUM_BYTES    8

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

static int inflate_by(const struct ocs_gunzip_engine *engine, const uint8_t *bytes, size_t size,
                      size_t piece, struct plain *plain)
{
    struct ocs_inflater *inflater = NULL;
    struct ocs_inflate_limits limits = {.bytes = PLAIN_MAX};
    *plain = (struct plain){0};
    MUST(ocs_inflater_new_with(engine, &inflater, NULL) == 0);
    MUST(ocs_inflater_begin(inflater, OCS_COMPRESSION_GZIP, limits, NULL) == 0);
    int r = 0;
    for (size_t at = 0; r == 0 && at < size; at += piece) {
        size_t now = size - at < piece ? size - at : piece;
        r = ocs_inflater_feed(inflater, bytes + at, now, sum_up, plain, NULL, NULL);
    }
    if (r == 0)
        r = ocs_inflater_end(inflater, NULL);
    ocs_inflater_free(inflater);
    return r;
}

static void compare(const uint8_t *bytes, size_t size, size_t piece)
{
    struct plain one, other;
    int first = inflate_by(ocs_gunzip_zlib(), bytes, size, piece, &one);
    int second = inflate_by(ocs_gunzip_isal(), bytes, size, piece, &other);
    if (first == OCS_INFLATE_TOO_MUCH || second == OCS_INFLATE_TOO_MUCH)
        return;
    MUST(first == second);
    MUST(first != 0 || (one.size == other.size && one.crc == other.crc));
}

/* `stream` has room for the sums, which are those of what the engine makes of it. */
static void compare_body(const struct ocs_gunzip_engine *engine, uint8_t *stream, size_t size,
                         size_t piece)
{
    struct plain plain;
    inflate_by(engine, stream, size, SIZE_MAX / 2, &plain);
    uint32_t sums[] = {htole32(plain.crc), htole32((uint32_t)plain.size)};
    memcpy(stream + size, sums, SUM_BYTES);
    compare(stream, size + SUM_BYTES, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || !ocs_gunzip_isal())
        return 0;
    size_t piece = data[0] ? data[0] : size;
    compare(data + 1, size - 1, piece);
    size_t body = size - 1;
    auto_free uint8_t *stream = malloc(HEADER_BYTES + body + SUM_BYTES);
    MUST(stream);
    memcpy(stream, "\x1f\x8b\x08\0\0\0\0\0\0\x03", HEADER_BYTES);
    memcpy(stream + HEADER_BYTES, data + 1, body);
    compare_body(ocs_gunzip_zlib(), stream, HEADER_BYTES + body, piece);
    compare_body(ocs_gunzip_isal(), stream, HEADER_BYTES + body, piece);
    return 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "gunzip.h"

#include "error.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_FORMAT 31 /* windowBits: 15, and a gzip header is due */

static void *open_zlib(void)
{
    z_stream *zlib = calloc(1, sizeof(*zlib));
    if (zlib && inflateInit2(zlib, GZIP_FORMAT) != Z_OK) {
        free(zlib);
        return NULL;
    }
    return zlib;
}

static void close_zlib(void *state)
{
    inflateEnd(state);
    free(state);
}

static void begin(void *state)
{
    inflateReset(state);
}

static int step(void *state, struct ocs_gunzip_window *window, struct ocs_error *err)
{
    z_stream *zlib = state;
    assert(window->in_left <= UINT32_MAX && window->out_left <= UINT32_MAX);
    zlib->next_in = (unsigned char *)(uintptr_t)window->in;
    zlib->avail_in = (unsigned)window->in_left;
    zlib->next_out = window->out;
    zlib->avail_out = (unsigned)window->out_left;
    int code = inflate(zlib, Z_NO_FLUSH);
    *window =
        (struct ocs_gunzip_window){zlib->next_in, zlib->avail_in, zlib->next_out, zlib->avail_out};
    switch (code) {
    case Z_OK:
    case Z_BUF_ERROR: /* nothing could be done */
        return 0;
    case Z_STREAM_END:
        return OCS_GUNZIP_END;
    case Z_MEM_ERROR:
        return ocs_error_memory(err);
    default:
        return OCS_GUNZIP_INVALID;
    }
}

const struct ocs_gunzip_engine *ocs_gunzip_zlib(void)
{
    static const struct ocs_gunzip_engine ENGINE = {
        .name = "zlib",
        .open = open_zlib,
        .close = close_zlib,
        .begin = begin,
        .step = step,
    };
    return &ENGINE;
}

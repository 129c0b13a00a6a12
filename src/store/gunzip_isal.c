/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "gunzip.h"

#include "gunzip_codes.h"

#include <endian.h>
#include <isa-l.h>
#include <stdlib.h>
#include <string.h>

/* Header and trailer are read here: ISA-L does not look at reserved flags, and
 * would not know that a member was put together of blocks.
 *
 * Every block is given to ISA-L as if it were the last of its stream: there it
 * stops, and the codes of the next one can be looked at. What came out so far is
 * its dictionary. */

#define MAGIC_1      0x1f
#define MAGIC_2      0x8b
#define DEFLATE      8
#define FLAG_HCRC    0x02
#define FLAG_EXTRA   0x04
#define FLAG_NAME    0x08
#define FLAG_COMMENT 0x10
#define FLAG_UNKNOWN 0xe0

#define FIXED_BYTES   10
#define TRAILER_BYTES 8

#define HISTORY_BYTES (32u << 10) /* how far back a distance can reach */

enum stage {
    STAGE_FIXED, /* of the header */
    STAGE_EXTRA_SIZE,
    STAGE_EXTRA,
    STAGE_NAME,
    STAGE_COMMENT,
    STAGE_HEADER_CRC,
    STAGE_BLOCK,
    STAGE_CODES,
    STAGE_BODY,
    STAGE_TRAILER,
};

struct gunzip {
    enum stage stage;
    uint32_t count; /* bytes of the stage that were seen */
    uint32_t extra; /* size of that field */
    unsigned char flags;
    unsigned char bytes[FIXED_BYTES]; /* of the stage; of the trailer too */
    uint32_t header_crc;
    uint32_t size; /* of what came out, mod 2^32 as ISIZE is */
    bool is_last;  /* this block */
    struct inflate_state inflate;
    const unsigned char *fresh; /* since here what came out is not in the history */
    size_t history_size;
    unsigned char history[HISTORY_BYTES];
};

static void *open_isal(void)
{
    struct gunzip *gunzip = malloc(sizeof(*gunzip));
    if (gunzip)
        isal_inflate_init(&gunzip->inflate);
    return gunzip;
}

static void begin(void *state)
{
    struct gunzip *gunzip = state;
    gunzip->stage = STAGE_FIXED;
    gunzip->count = 0;
    gunzip->header_crc = 0;
    gunzip->size = 0;
    gunzip->history_size = 0;
    isal_inflate_reset(&gunzip->inflate);
    gunzip->inflate.crc_flag = ISAL_GZIP_NO_HDR;
}

/* ---- header ---- */

static bool is_due(const struct gunzip *gunzip, enum stage stage)
{
    switch (stage) {
    case STAGE_EXTRA_SIZE:
    case STAGE_EXTRA:
        return gunzip->flags & FLAG_EXTRA;
    case STAGE_NAME:
        return gunzip->flags & FLAG_NAME;
    case STAGE_COMMENT:
        return gunzip->flags & FLAG_COMMENT;
    case STAGE_HEADER_CRC:
        return gunzip->flags & FLAG_HCRC;
    default:
        return true;
    }
}

static void advance(struct gunzip *gunzip)
{
    do
        gunzip->stage++;
    while (!is_due(gunzip, gunzip->stage));
    gunzip->count = 0;
}

static bool is_fixed_part_right(const unsigned char *bytes)
{
    return bytes[0] == MAGIC_1 && bytes[1] == MAGIC_2 && bytes[2] == DEFLATE &&
           !(bytes[3] & FLAG_UNKNOWN);
}

static uint32_t little16(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

/* The stage got its last byte. */
static int end_field(struct gunzip *gunzip)
{
    if (gunzip->stage == STAGE_FIXED) {
        if (!is_fixed_part_right(gunzip->bytes))
            return OCS_GUNZIP_INVALID;
        gunzip->flags = gunzip->bytes[3];
    } else if (gunzip->stage == STAGE_EXTRA_SIZE) {
        gunzip->extra = little16(gunzip->bytes);
        if (gunzip->extra == 0)
            gunzip->stage = STAGE_EXTRA;
    } else if (gunzip->stage == STAGE_HEADER_CRC) {
        if (little16(gunzip->bytes) != (gunzip->header_crc & 0xffff))
            return OCS_GUNZIP_INVALID;
    }
    advance(gunzip);
    return 0;
}

static bool is_last(const struct gunzip *gunzip, unsigned char byte)
{
    switch (gunzip->stage) {
    case STAGE_FIXED:
        return gunzip->count == FIXED_BYTES;
    case STAGE_EXTRA:
        return gunzip->count == gunzip->extra;
    case STAGE_NAME:
    case STAGE_COMMENT:
        return byte == 0;
    default:
        return gunzip->count == 2;
    }
}

static int read_header(struct gunzip *gunzip, struct ocs_gunzip_window *window)
{
    int r = 0;
    while (r == 0 && gunzip->stage < STAGE_BLOCK && window->in_left > 0) {
        unsigned char byte = *window->in++;
        window->in_left--;
        if (gunzip->stage != STAGE_HEADER_CRC)
            gunzip->header_crc = crc32_gzip_refl(gunzip->header_crc, &byte, 1);
        if (gunzip->count < sizeof(gunzip->bytes))
            gunzip->bytes[gunzip->count] = byte;
        gunzip->count++;
        if (is_last(gunzip, byte))
            r = end_field(gunzip);
    }
    return r;
}

/* ---- blocks ---- */

static void remember(struct gunzip *gunzip, const struct ocs_gunzip_window *window)
{
    size_t size = (size_t)(window->out - gunzip->fresh);
    size_t added = size < HISTORY_BYTES ? size : HISTORY_BYTES;
    size_t kept = HISTORY_BYTES - added;
    if (kept > gunzip->history_size)
        kept = gunzip->history_size;
    if (size == 0)
        return;
    memmove(gunzip->history, gunzip->history + gunzip->history_size - kept, kept);
    memcpy(gunzip->history + kept, window->out - added, added);
    gunzip->history_size = kept + added;
    gunzip->fresh = window->out;
}

/* Where the last block ended. Bits that were taken in excess are the first of the
 * next one. */
static void reset_for_block(struct gunzip *gunzip, const struct ocs_gunzip_window *window)
{
    struct inflate_state *inflate = &gunzip->inflate;
    uint64_t bits = inflate->read_in;
    int32_t bit_count = inflate->read_in_length;
    uint32_t crc = inflate->crc;
    isal_inflate_reset(inflate);
    inflate->read_in = bits;
    inflate->read_in_length = bit_count;
    inflate->crc = crc;
    if (window->out - gunzip->fresh >= HISTORY_BYTES) {
        isal_inflate_set_dict(inflate, window->out - HISTORY_BYTES, HISTORY_BYTES);
        return;
    }
    remember(gunzip, window);
    isal_inflate_set_dict(inflate, gunzip->history, (uint32_t)gunzip->history_size);
}

static int begin_block(struct gunzip *gunzip, struct ocs_gunzip_window *window)
{
    struct inflate_state *inflate = &gunzip->inflate;
    if (inflate->read_in_length == 0) {
        if (window->in_left == 0)
            return 0;
        inflate->read_in = *window->in++;
        inflate->read_in_length = 8;
        window->in_left--;
    }
    gunzip->is_last = inflate->read_in & 1;
    inflate->read_in |= 1;
    advance(gunzip);
    return 0;
}

static int inflate_on(struct gunzip *gunzip, struct ocs_gunzip_window *window)
{
    struct inflate_state *inflate = &gunzip->inflate;
    inflate->next_in = (unsigned char *)(uintptr_t)window->in;
    inflate->avail_in = (uint32_t)window->in_left;
    inflate->next_out = window->out;
    inflate->avail_out = (uint32_t)window->out_left;
    int code = isal_inflate(inflate);
    gunzip->size += (uint32_t)(window->out_left - inflate->avail_out);
    *window = (struct ocs_gunzip_window){inflate->next_in, inflate->avail_in, inflate->next_out,
                                         inflate->avail_out};
    return code == ISAL_DECOMP_OK || code == ISAL_END_INPUT ? 0 : OCS_GUNZIP_INVALID;
}

/* Bits that ISA-L holds come first, the end of them at the end of a byte; then what
 * it keeps of a beginning that was cut, then the input. */
static int check_codes(struct gunzip *gunzip, struct ocs_gunzip_window *window)
{
    const struct inflate_state *inflate = &gunzip->inflate;
    unsigned char bytes[sizeof(uint64_t) + sizeof(inflate->tmp_in_buffer) + OCS_GUNZIP_CODES_MAX];
    unsigned bit_count = (unsigned)inflate->read_in_length;
    unsigned at = (8 - bit_count % 8) % 8;
    uint64_t bits = htole64(inflate->read_in << at);
    size_t kept = (size_t)inflate->tmp_in_size, size = (bit_count + at) / 8;
    size_t more = window->in_left < OCS_GUNZIP_CODES_MAX ? window->in_left : OCS_GUNZIP_CODES_MAX;
    memcpy(bytes, &bits, sizeof(bits));
    memcpy(bytes + size, inflate->tmp_in_buffer, kept);
    memcpy(bytes + size + kept, window->in, more);
    switch (ocs_gunzip_check_codes(bytes, size + kept + more, at)) {
    case 0:
        advance(gunzip);
        return 0;
    case OCS_GUNZIP_CODES_CUT: /* to be kept */
        return window->in_left > 0 ? inflate_on(gunzip, window) : 0;
    default:
        return OCS_GUNZIP_INVALID;
    }
}

/* The last bits of a byte are no part of the trailer; whole bytes are, and are not
 * more than it has. */
static void begin_trailer(struct gunzip *gunzip)
{
    const struct inflate_state *inflate = &gunzip->inflate;
    uint64_t bytes = htole64(inflate->read_in >> inflate->read_in_length % 8);
    advance(gunzip);
    gunzip->count = (uint32_t)inflate->read_in_length / 8;
    memcpy(gunzip->bytes, &bytes, sizeof(bytes));
}

static int read_body(struct gunzip *gunzip, struct ocs_gunzip_window *window)
{
    int r = inflate_on(gunzip, window);
    if (r != 0 || gunzip->inflate.block_state != ISAL_BLOCK_FINISH)
        return r;
    if (gunzip->is_last) {
        begin_trailer(gunzip);
        return 0;
    }
    reset_for_block(gunzip, window);
    gunzip->stage = STAGE_BLOCK;
    return 0;
}

static int read_trailer(struct gunzip *gunzip, struct ocs_gunzip_window *window)
{
    uint32_t sums[2];
    while (gunzip->count < TRAILER_BYTES && window->in_left > 0) {
        gunzip->bytes[gunzip->count++] = *window->in++;
        window->in_left--;
    }
    if (gunzip->count < TRAILER_BYTES)
        return 0;
    memcpy(sums, gunzip->bytes, sizeof(sums));
    bool right = le32toh(sums[0]) == gunzip->inflate.crc && le32toh(sums[1]) == gunzip->size;
    return right ? OCS_GUNZIP_END : OCS_GUNZIP_INVALID;
}

/* ---- all of it ---- */

static int go_on(struct gunzip *gunzip, struct ocs_gunzip_window *window)
{
    switch (gunzip->stage) {
    case STAGE_BLOCK:
        return begin_block(gunzip, window);
    case STAGE_CODES:
        return check_codes(gunzip, window);
    case STAGE_BODY:
        return read_body(gunzip, window);
    case STAGE_TRAILER:
        return read_trailer(gunzip, window);
    default:
        return read_header(gunzip, window);
    }
}

/* What stays where it is wants more input or more room. */
static int step(void *state, struct ocs_gunzip_window *window, struct ocs_error *err)
{
    struct gunzip *gunzip = state;
    enum stage before;
    int r;
    (void)err;
    gunzip->fresh = window->out;
    do {
        before = gunzip->stage;
        r = go_on(gunzip, window);
    } while (r == 0 && gunzip->stage != before);
    remember(gunzip, window);
    return r;
}

const struct ocs_gunzip_engine *ocs_gunzip_isal(void)
{
    static const struct ocs_gunzip_engine ENGINE = {
        .name = "isal",
        .open = open_isal,
        .close = free,
        .begin = begin,
        .step = step,
    };
    return &ENGINE;
}

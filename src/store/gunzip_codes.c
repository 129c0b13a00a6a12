/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "gunzip_codes.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TYPE_DYNAMIC 2
#define TYPE_INVALID 3

#define LITERALS_MAX   286
#define DISTANCES_MAX  30
#define END_OF_BLOCK   256
#define LENGTH_SYMBOLS 19
#define LENGTH_BITS    7 /* the longest code of a length */
#define BITS_MAX       15

struct bits {
    const unsigned char *bytes;
    size_t end; /* in bits */
    size_t at;  /* beyond the end: cut */
};

struct table {
    struct {
        unsigned char symbol, bits;
    } entries[1 << LENGTH_BITS];
};

/* Up to 16 bits; zeros behind the end. */
static unsigned peek(const struct bits *bits, unsigned count)
{
    size_t byte = bits->at / 8, end = bits->end / 8;
    uint32_t window = 0;
    if (byte + sizeof(window) <= end)
        memcpy(&window, bits->bytes + byte, sizeof(window));
    else if (byte < end)
        memcpy(&window, bits->bytes + byte, end - byte);
    return le32toh(window) >> bits->at % 8 & ((1u << count) - 1);
}

static unsigned take(struct bits *bits, unsigned count)
{
    unsigned value = peek(bits, count);
    bits->at += count;
    return value;
}

static bool is_cut(const struct bits *bits)
{
    return bits->at > bits->end;
}

/* Every sequence of bits means something.  One code of one bit is allowed to be
 * alone, except for the lengths, and no distance need be there. */
static bool is_complete(const unsigned char *lengths, unsigned count, bool may_be_alone)
{
    unsigned of_length[BITS_MAX + 1] = {0};
    int left = 1, longest = 0;
    for (unsigned i = 0; i < count; i++)
        of_length[lengths[i]]++;
    for (int length = 1; length <= BITS_MAX; length++) {
        left = 2 * left - (int)of_length[length];
        if (left < 0)
            return false;
        if (of_length[length])
            longest = length;
    }
    return left == 0 || (may_be_alone && longest <= 1);
}

static unsigned reversed(unsigned code, unsigned count)
{
    unsigned result = 0;
    for (; count > 0; count--, code >>= 1)
        result = result << 1 | (code & 1);
    return result;
}

/* The lengths are complete. */
static void make_table(const unsigned char *lengths, struct table *out)
{
    unsigned code = 0;
    for (unsigned length = 1; length <= LENGTH_BITS; length++, code <<= 1) {
        for (unsigned symbol = 0; symbol < LENGTH_SYMBOLS; symbol++) {
            if (lengths[symbol] != length)
                continue;
            unsigned first = reversed(code++, length);
            for (unsigned i = first; i < 1 << LENGTH_BITS; i += 1u << length) {
                out->entries[i].symbol = (unsigned char)symbol;
                out->entries[i].bits = (unsigned char)length;
            }
        }
    }
}

static int read_table(struct bits *bits, unsigned count, struct table *out)
{
    static const unsigned char order[LENGTH_SYMBOLS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                        11, 4,  12, 3, 13, 2, 14, 1, 15};
    unsigned char lengths[LENGTH_SYMBOLS] = {0};
    for (unsigned i = 0; i < count; i++)
        lengths[order[i]] = (unsigned char)take(bits, 3);
    if (is_cut(bits))
        return OCS_GUNZIP_CODES_CUT;
    if (!is_complete(lengths, LENGTH_SYMBOLS, false))
        return OCS_GUNZIP_CODES_INVALID;
    make_table(lengths, out);
    return 0;
}

/* One length or a run of them; 0: a run that does not fit. */
static unsigned read_run(struct bits *bits, const struct table *table, unsigned char *lengths,
                         unsigned have, unsigned count)
{
    unsigned index = peek(bits, LENGTH_BITS);
    unsigned symbol = table->entries[index].symbol, run = 1;
    unsigned char length = (unsigned char)symbol;
    bits->at += table->entries[index].bits;
    if (symbol >= 16) {
        run = symbol == 16   ? 3 + take(bits, 2)
              : symbol == 17 ? 3 + take(bits, 3)
                             : 11 + take(bits, 7);
        length = symbol == 16 && have > 0 ? lengths[have - 1] : 0;
    }
    if ((symbol == 16 && have == 0) || run > count - have)
        return 0;
    memset(lengths + have, length, run);
    return run;
}

static int check_dynamic(struct bits *bits)
{
    unsigned char lengths[LITERALS_MAX + DISTANCES_MAX];
    struct table table;
    unsigned literals = 257 + take(bits, 5), distances = 1 + take(bits, 5);
    int r = read_table(bits, 4 + take(bits, 4), &table);
    if (r != 0)
        return r;
    if (literals > LITERALS_MAX || distances > DISTANCES_MAX)
        return OCS_GUNZIP_CODES_INVALID;
    for (unsigned have = 0, run = 0; have < literals + distances; have += run) {
        run = read_run(bits, &table, lengths, have, literals + distances);
        if (is_cut(bits))
            return OCS_GUNZIP_CODES_CUT;
        if (run == 0)
            return OCS_GUNZIP_CODES_INVALID;
    }
    bool fine = lengths[END_OF_BLOCK] && is_complete(lengths, literals, true) &&
                is_complete(lengths + literals, distances, true);
    return fine ? 0 : OCS_GUNZIP_CODES_INVALID;
}

int ocs_gunzip_check_codes(const unsigned char *bytes, size_t size, size_t at)
{
    struct bits bits = {.bytes = bytes, .end = size * 8, .at = at + 1};
    unsigned type = take(&bits, 2);
    if (is_cut(&bits))
        return OCS_GUNZIP_CODES_CUT;
    if (type == TYPE_DYNAMIC)
        return check_dynamic(&bits);
    return type == TYPE_INVALID ? OCS_GUNZIP_CODES_INVALID : 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "text.h"

#include "ocistore.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

/* ---- characters ---- */

/* Length that the first byte promises; 0: it cannot be first. */
static size_t promised_size(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2)
        return 0;
    if (first < 0xe0)
        return 2;
    if (first < 0xf0)
        return 3;
    return first < 0xf5 ? 4 : 0;
}

size_t ocs_text_decode(const char *text, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)text;
    size_t size = promised_size(at[0]);
    if (size <= 1) {
        *character = at[0];
        return size;
    }
    uint32_t value = at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3fu);
    }
    if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *character = value;
    return size;
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* Line breaks and marks that change the direction or are not seen at all. */
static bool is_misleading(uint32_t c)
{
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0x061c || c == 0xfeff;
}

bool ocs_text_is_hidden(uint32_t character)
{
    return is_control(character) || is_misleading(character);
}

struct piece {
    size_t size; /* bytes of the input */
    uint32_t character;
    char escaped[16]; /* empty: it is put as it is */
};

static struct piece escape_next(const char *text)
{
    uint32_t c = 0;
    size_t size = ocs_text_decode(text, &c);
    struct piece piece = {.size = size ? size : 1, .character = c};
    if (size == 0)
        snprintf(piece.escaped, sizeof(piece.escaped), "\\x%02x", (unsigned char)*text);
    else if (c == '\n')
        snprintf(piece.escaped, sizeof(piece.escaped), "\\n");
    else if (c == '\t')
        snprintf(piece.escaped, sizeof(piece.escaped), "\\t");
    else if (is_control(c))
        snprintf(piece.escaped, sizeof(piece.escaped), "\\x%02x", (unsigned)c);
    else if (is_misleading(c))
        snprintf(piece.escaped, sizeof(piece.escaped), "\\u{%04x}", (unsigned)c);
    return piece;
}

void ocs_text_put(FILE *stream, const char *text)
{
    const char *plain = text; /* begin of what is not yet put */
    while (*text) {
        if (*text >= 0x20 && *text < 0x7f) { /* nearly all of them */
            text++;
            continue;
        }
        struct piece piece = escape_next(text);
        text += piece.size;
        if (!piece.escaped[0])
            continue;
        fwrite(plain, 1, (size_t)(text - piece.size - plain), stream);
        fputs(piece.escaped, stream);
        plain = text;
    }
    fwrite(plain, 1, (size_t)(text - plain), stream);
}

static size_t width_of(const struct piece *piece)
{
    if (piece->escaped[0])
        return strlen(piece->escaped);
    int columns = wcwidth((wchar_t)piece->character);
    return columns < 0 ? 1 : (size_t)columns;
}

size_t ocs_text_width(const char *text)
{
    size_t width = 0;
    while (*text) {
        struct piece piece = escape_next(text);
        width += width_of(&piece);
        text += piece.size;
    }
    return width;
}

/* ---- quantities ---- */

struct ocs_text_short ocs_text_size(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct ocs_text_short out;
    if (bytes < 1024) {
        snprintf(out.text, sizeof(out.text), "%" PRIu64 " B", bytes);
        return out;
    }
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    snprintf(out.text, sizeof(out.text), "%.1f %s", value, units[unit]);
    return out;
}

struct ocs_text_short ocs_text_count(uint64_t count, const char *noun)
{
    struct ocs_text_short out;
    snprintf(out.text, sizeof(out.text), "%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
    return out;
}

struct ocs_text_short ocs_text_span(double seconds)
{
    struct ocs_text_short out;
    int64_t whole = (int64_t)(seconds + 0.5);
    if (seconds < 10)
        snprintf(out.text, sizeof(out.text), "%.1f s", seconds);
    else if (whole < 60)
        snprintf(out.text, sizeof(out.text), "%" PRId64 " s", whole);
    else if (whole < 3600)
        snprintf(out.text, sizeof(out.text), "%" PRId64 " min %" PRId64 " s", whole / 60,
                 whole % 60);
    else if (whole < 86400)
        snprintf(out.text, sizeof(out.text), "%" PRId64 " h %" PRId64 " min", whole / 3600,
                 whole % 3600 / 60);
    else
        snprintf(out.text, sizeof(out.text), "%" PRId64 " d %" PRId64 " h", whole / 86400,
                 whole % 86400 / 3600);
    return out;
}

/* A time that the calendar cannot say. */
static struct ocs_text_short plain_time(int64_t when)
{
    struct ocs_text_short out;
    snprintf(out.text, sizeof(out.text), "@%" PRId64, when);
    return out;
}

struct ocs_text_short ocs_text_time(int64_t when)
{
    struct ocs_text_short out;
    struct tm parts;
    time_t time = (time_t)when;
    if (!localtime_r(&time, &parts) ||
        strftime(out.text, sizeof(out.text), "%Y-%m-%d %H:%M", &parts) == 0)
        return plain_time(when);
    return out;
}

struct ocs_text_short ocs_text_rfc3339(int64_t when)
{
    struct ocs_text_short out;
    struct tm parts;
    time_t time = (time_t)when;
    if (!gmtime_r(&time, &parts) ||
        strftime(out.text, sizeof(out.text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return plain_time(when);
    return out;
}

/* ---- memory ---- */

static void *or_end(void *memory)
{
    if (memory)
        return memory;
    fputs("ocistore: out of memory\n", stderr);
    exit(OCS_FAILED);
}

void *ocs_text_grow(void *old, size_t size)
{
    return or_end(realloc(old, size));
}

char *ocs_text_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return or_end(text);
}

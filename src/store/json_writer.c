/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "json.h"

#include "utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct ocs_json_writer *w, size_t size)
{
    if (w->failed)
        return false;
    size_t needed;
    if (__builtin_add_overflow(w->text.size, size, &needed) || needed > SIZE_MAX / 2 - 1) {
        w->failed = true;
        return false;
    }
    if (needed < w->capacity)
        return true;
    size_t capacity = needed + needed / 2 + 64;
    char *grown = realloc(w->text.data, capacity);
    if (!grown) {
        w->failed = true;
        return false;
    }
    w->text.data = grown;
    w->capacity = capacity;
    return true;
}

void ocs_json_write_raw(struct ocs_json_writer *w, const char *bytes, size_t size)
{
    if (!reserve(w, size))
        return;
    if (size > 0) /* `bytes` may be NULL else */
        memcpy(w->text.data + w->text.size, bytes, size);
    w->text.size += size;
    w->text.data[w->text.size] = '\0';
}

static void write_byte(struct ocs_json_writer *w, char byte)
{
    ocs_json_write_raw(w, &byte, 1);
}

static void write_escape(struct ocs_json_writer *w, uint32_t rune)
{
    char text[8];
    if (rune == '"' || rune == '\\')
        snprintf(text, sizeof(text), "\\%c", (char)rune);
    else if (rune == '\n')
        snprintf(text, sizeof(text), "\\n");
    else
        snprintf(text, sizeof(text), "\\u%04x", (unsigned)rune & 0xffff);
    ocs_json_write_raw(w, text, strlen(text));
}

/* Terminals act on C0 and C1 controls, whether or not JSON allows them. */
static bool is_escaped(uint32_t rune)
{
    return rune < 0x20 || rune == '"' || rune == '\\' || (rune >= 0x7f && rune <= 0x9f);
}

static void write_quoted(struct ocs_json_writer *w, const char *text, size_t size)
{
    write_byte(w, '"');
    size_t plain = 0; /* begin of what is not yet written */
    size_t at = 0;
    while (at < size) {
        uint32_t rune = 0;
        size_t length = ocs_utf8_decode(text + at, size - at, &rune);
        bool malformed = length == 0;
        if (!malformed && !is_escaped(rune)) {
            at += length;
            continue;
        }
        ocs_json_write_raw(w, text + plain, at - plain);
        write_escape(w, malformed ? 0xfffd : rune);
        at += malformed ? 1 : length;
        plain = at;
    }
    ocs_json_write_raw(w, text + plain, size - plain);
    write_byte(w, '"');
}

/* The comma and the name that come before a value. */
static void begin(struct ocs_json_writer *w, const char *name)
{
    if (w->comma)
        write_byte(w, ',');
    w->comma = true;
    if (!name)
        return;
    write_quoted(w, name, strlen(name));
    write_byte(w, ':');
}

void ocs_json_write_open(struct ocs_json_writer *w, const char *name, char bracket)
{
    begin(w, name);
    write_byte(w, bracket);
    w->comma = false;
}

void ocs_json_write_close(struct ocs_json_writer *w, char bracket)
{
    write_byte(w, bracket);
    w->comma = true;
}

void ocs_json_write_string(struct ocs_json_writer *w, const char *name, const char *text,
                           size_t size)
{
    begin(w, name);
    write_quoted(w, text, size);
}

void ocs_json_write_integer(struct ocs_json_writer *w, const char *name, int64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof(text), "%" PRId64, number);
    ocs_json_write_value(w, name, text, (size_t)size);
}

void ocs_json_write_value(struct ocs_json_writer *w, const char *name, const char *raw, size_t size)
{
    begin(w, name);
    ocs_json_write_raw(w, raw, size);
}

void ocs_json_writer_clear(struct ocs_json_writer *w)
{
    ocs_bytes_clear(&w->text);
    *w = (struct ocs_json_writer){0};
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "output.h"

#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wants_color(enum ocs_color color, int fd)
{
    if (color != OCS_COLOR_AUTO)
        return color == OCS_COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR"); /* no-color.org */
    const char *term = getenv("TERM");
    return !(no_color && *no_color) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}

void ocs_output_init(struct ocs_output *out, bool json, bool quiet, enum ocs_color color)
{
    *out = (struct ocs_output){
        .json = json,
        .quiet = quiet,
        .color_out = wants_color(color, STDOUT_FILENO),
        .color_err = wants_color(color, STDERR_FILENO),
    };
    ocs_progress_init(&out->bar, quiet);
}

/* ---- text ---- */

static const char *style_code(enum ocs_style style)
{
    switch (style) {
    case OCS_STYLE_BOLD:
        return "\x1b[1m";
    case OCS_STYLE_DIM:
        return "\x1b[2m";
    case OCS_STYLE_GOOD:
        return "\x1b[32m";
    case OCS_STYLE_WARNING:
        return "\x1b[33m";
    case OCS_STYLE_ERROR:
        return "\x1b[1;31m";
    case OCS_STYLE_PLAIN:
        break;
    }
    return NULL;
}

static void put_styled(FILE *stream, bool color, enum ocs_style style, const char *text)
{
    const char *code = color ? style_code(style) : NULL;
    if (code)
        fputs(code, stream);
    ocs_text_put(stream, text);
    if (code)
        fputs("\x1b[0m", stream);
}

static void put_list(struct ocs_output *out, enum ocs_style style, const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        return;
    ocs_progress_hide(&out->bar);
    put_styled(stdout, out->color_out, style, text);
    free(text);
}

void ocs_output_put(struct ocs_output *out, enum ocs_style style, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_list(out, style, format, args);
    va_end(args);
}

void ocs_output_end_line(struct ocs_output *out)
{
    (void)out;
    putchar('\n');
}

void ocs_output_line(struct ocs_output *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_list(out, OCS_STYLE_PLAIN, format, args);
    va_end(args);
    putchar('\n');
}

void ocs_output_notice(struct ocs_output *out, const char *text)
{
    if (!out->quiet)
        ocs_output_warning(out, text);
}

void ocs_output_warning(struct ocs_output *out, const char *text)
{
    ocs_progress_hide(&out->bar);
    fflush(stdout); /* where both go to one file, what was said first comes first */
    fputs("ocistore: ", stderr);
    ocs_text_put(stderr, text);
    fputc('\n', stderr);
}

/* The library may have said what was being done already. */
static bool says(const char *message, const char *doing)
{
    size_t size = strlen(doing);
    return strncmp(message, doing, size) == 0 && strncmp(message + size, ": ", 2) == 0;
}

void ocs_output_error(struct ocs_output *out, const char *doing, const struct ocs_error *err)
{
    ocs_progress_hide(&out->bar);
    fflush(stdout);
    char *message = doing && !says(err->message, doing)
                        ? ocs_text_format("%s: %s", doing, err->message)
                        : ocs_text_format("%s", err->message);
    put_styled(stderr, out->color_err, OCS_STYLE_ERROR, "ocistore:");
    fputc(' ', stderr);
    ocs_text_put(stderr, message);
    fputc('\n', stderr);
    if (err->hint[0]) {
        ocs_text_put(stderr, err->hint);
        fputc('\n', stderr);
    }
    if (out->json) {
        ocs_output_open(out, "error");
        ocs_output_string(out, "message", message);
        ocs_output_string(out, "hint", err->hint[0] ? err->hint : NULL);
        ocs_output_close(out);
    }
    free(message);
}

/* ---- JSON ---- */

/* `size` as ocs_text_decode said: 0 for what is no character. */
static void put_escape(size_t size, uint32_t c)
{
    if (size == 0)
        fputs("\\ufffd", stdout);
    else if (c == '"' || c == '\\')
        printf("\\%c", (char)c);
    else if (c == '\n')
        fputs("\\n", stdout);
    else
        printf("\\u%04x", (unsigned)c);
}

static bool is_escaped(size_t size, uint32_t c)
{
    return size == 0 || c == '"' || c == '\\' || c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static void put_escaped(const char *text)
{
    const char *plain = text; /* begin of what is not yet put */
    putchar('"');
    while (*text) {
        uint32_t c = 0;
        size_t size = ocs_text_decode(text, &c);
        if (!is_escaped(size, c)) {
            text += size;
            continue;
        }
        fwrite(plain, 1, (size_t)(text - plain), stdout);
        put_escape(size, c);
        text += size ? size : 1;
        plain = text;
    }
    fwrite(plain, 1, (size_t)(text - plain), stdout);
    putchar('"');
}

static void put_name(struct ocs_output *out, const char *name)
{
    if (out->members)
        putchar(',');
    out->members = true;
    if (!name)
        return;
    put_escaped(name);
    putchar(':');
}

void ocs_output_open(struct ocs_output *out, const char *type)
{
    ocs_progress_hide(&out->bar);
    putchar('{');
    out->members = false;
    ocs_output_string(out, "type", type);
}

void ocs_output_close(struct ocs_output *out)
{
    (void)out;
    fputs("}\n", stdout);
}

void ocs_output_string(struct ocs_output *out, const char *name, const char *text)
{
    put_name(out, name);
    if (text)
        put_escaped(text);
    else
        fputs("null", stdout);
}

void ocs_output_integer(struct ocs_output *out, const char *name, uint64_t number)
{
    put_name(out, name);
    printf("%" PRIu64, number);
}

void ocs_output_known(struct ocs_output *out, const char *name, bool known, uint64_t number)
{
    if (known)
        ocs_output_integer(out, name, number);
    else
        ocs_output_string(out, name, NULL);
}

void ocs_output_number(struct ocs_output *out, const char *name, double number)
{
    put_name(out, name);
    printf("%.6g", number);
}

void ocs_output_bool(struct ocs_output *out, const char *name, bool value)
{
    put_name(out, name);
    fputs(value ? "true" : "false", stdout);
}

void ocs_output_time(struct ocs_output *out, const char *name, int64_t when)
{
    ocs_output_string(out, name, ocs_text_rfc3339(when).text);
}

void ocs_output_document(struct ocs_output *out, const char *name, const char *json)
{
    put_name(out, name);
    bool in_string = false;
    for (const char *at = json ? json : "null"; *at; at++) {
        if (!in_string && strchr(" \t\r\n", *at))
            continue;
        if (*at == '"')
            in_string = !in_string;
        putchar(*at);
        if (in_string && *at == '\\' && at[1])
            putchar(*++at);
    }
}

void ocs_output_begin(struct ocs_output *out, const char *name, char bracket)
{
    put_name(out, name);
    putchar(bracket);
    out->members = false;
}

void ocs_output_end(struct ocs_output *out, char bracket)
{
    putchar(bracket);
    out->members = true;
}

/* ---- the end ---- */

void ocs_output_summary(struct ocs_output *out)
{
    ocs_output_open(out, "summary");
    out->in_summary = true;
}

int ocs_output_finish(struct ocs_output *out, int status, bool changes)
{
    ocs_progress_hide(&out->bar);
    if (out->json) {
        if (!out->in_summary)
            ocs_output_summary(out);
        ocs_output_integer(out, "exit_status", (uint64_t)status);
        ocs_output_close(out);
    }
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    int error = errno ? errno : EIO;
    fprintf(stderr, "ocistore: writing the output: %s\n", strerror(error));
    if (changes && status == OCS_OK)
        fputs("what was asked for was done all the same\n", stderr);
    return status == OCS_OK ? OCS_FAILED : status;
}

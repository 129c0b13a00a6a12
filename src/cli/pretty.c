/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "pretty.h"

#include "text.h"

#include <string.h>

static void new_line(FILE *to, unsigned indent)
{
    fprintf(to, "\n%*s", (int)indent, "");
}

static const char *skip_blank(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* A whole string; what a terminal would act upon is written as an escape. */
static const char *print_string(FILE *to, const char *at)
{
    fputc(*at++, to);
    while (*at && *at != '"') {
        uint32_t c;
        size_t size = ocs_text_decode(at, &c);
        if (*at == '\\' && at[1]) {
            fwrite(at, 1, 2, to);
            at += 2;
            continue;
        }
        if (size > 0 && c < 0x10000 && ocs_text_is_hidden(c))
            fprintf(to, "\\u%04x", (unsigned)c);
        else
            fwrite(at, 1, size ? size : 1, to);
        at += size ? size : 1;
    }
    if (*at)
        fputc(*at++, to);
    return at;
}

static const char *print_scalar(FILE *to, const char *at)
{
    if (*at == '"')
        return print_string(to, at);
    size_t size = strcspn(at, ",]} \t\r\n:");
    fwrite(at, 1, size, to);
    return at + size;
}

/* {} and [] stay on their line. */
static const char *print_opening(FILE *to, const char *at, unsigned *indent)
{
    const char *next = skip_blank(at + 1);
    fputc(*at, to);
    if (*next == '}' || *next == ']') {
        fputc(*next, to);
        return next + 1;
    }
    *indent += 2;
    new_line(to, *indent);
    return next;
}

void ocs_pretty_print(FILE *to, const char *json, unsigned indent)
{
    for (const char *at = skip_blank(json); *at; at = skip_blank(at)) {
        switch (*at) {
        case '{':
        case '[':
            at = print_opening(to, at, &indent);
            break;
        case '}':
        case ']':
            indent -= 2;
            new_line(to, indent);
            fputc(*at++, to);
            break;
        case ',':
            fputc(*at++, to);
            new_line(to, indent);
            break;
        case ':':
            fputs(": ", to);
            at++;
            break;
        default:
            at = print_scalar(to, at);
        }
    }
}

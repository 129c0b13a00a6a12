/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "shell_word.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./:=@_";
    return *text && text[strspn(text, plain)] == '\0';
}

/* False: no room. */
static bool quote(const char *text, char *out, size_t size)
{
    size_t used = 0;
    out[used++] = '\'';
    for (; *text; text++) {
        const char *as = *text == '\'' ? "'\\''" : NULL;
        size_t length = as ? strlen(as) : 1;
        if (used + length + 2 > size)
            return false;
        memcpy(out + used, as ? as : text, length);
        used += length;
    }
    out[used++] = '\'';
    out[used] = '\0';
    return true;
}

struct ocs_shell_word ocs_shell_word(const char *text)
{
    struct ocs_shell_word word;
    if (is_plain(text) || !quote(text, word.text, sizeof(word.text)))
        snprintf(word.text, sizeof(word.text), "%s", text);
    return word;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "grammar.h"

#include <stddef.h>
#include <string.h>

/* isalnum and its like ask the locale. */
static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_alpha(c) || is_digit(c);
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

#define RESTRICTED_NAME_MAX 127

/* The length of the restricted-name at `text`, 0 when there is none. */
static size_t restricted_name(const char *text)
{
    size_t length = 0;
    if (!is_alnum(text[0]))
        return 0;
    while (is_alnum(text[length]) || is_one_of(text[length], "!#$&-^_.+"))
        length++;
    return length <= RESTRICTED_NAME_MAX ? length : 0;
}

bool ocs_grammar_media_type(const char *text)
{
    size_t type = restricted_name(text);
    if (type == 0 || text[type] != '/')
        return false;
    const char *subtype = text + type + 1;
    size_t length = restricted_name(subtype);
    return length > 0 && subtype[length] == '\0';
}

bool ocs_grammar_uri(const char *text)
{
    size_t i = 0;
    while (is_alnum(text[i]) || is_one_of(text[i], "+-."))
        i++;
    if (!is_alpha(text[0]) || text[i] != ':')
        return false;
    for (i++; text[i]; i++) {
        if (text[i] == '%' && !(is_hex(text[i + 1]) && is_hex(text[i + 2])))
            return false;
        if (!is_alnum(text[i]) && !is_one_of(text[i], "-._~:/?#[]@!$&'()*+,;=%"))
            return false;
    }
    return true;
}

static size_t separator_length(const char *text)
{
    if (text[0] == '-' && text[1] == '-')
        return 2;
    return is_one_of(text[0], "-._:@+/") ? 1 : 0;
}

bool ocs_grammar_ref_name(const char *text)
{
    for (;;) {
        if (!is_alnum(*text))
            return false;
        while (is_alnum(*text))
            text++;
        if (*text == '\0')
            return true;
        size_t separator = separator_length(text);
        if (separator == 0)
            return false;
        text += separator;
    }
}

/* `shape` has 0 for a digit.  What follows it; NULL: it is another. */
static const char *behind(const char *text, const char *shape)
{
    for (; *shape; text++, shape++) {
        bool digit = *text >= '0' && *text <= '9';
        if (*shape == '0' ? !digit : *text != *shape)
            return NULL;
    }
    return text;
}

bool ocs_grammar_date_time(const char *text)
{
    const char *at = behind(text, "0000-00-00T00:00:00");
    if (at && *at == '.') {
        size_t digits = strspn(at + 1, "0123456789");
        at = digits ? at + 1 + digits : NULL;
    }
    if (!at || strcmp(at, "Z") == 0)
        return at;
    at = *at == '+' || *at == '-' ? behind(at + 1, "00:00") : NULL;
    return at && *at == '\0';
}

bool ocs_grammar_environment(const char *text)
{
    return text[0] != '=' && strchr(text, '=') != NULL;
}

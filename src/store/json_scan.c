/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "json_scan.h"

#include "error.h"
#include "json_escape.h"
#include "json_names.h"
#include "utf8.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What may come next. */
enum expected {
    VALUE,
    VALUE_OR_CLOSE, /* after '[' */
    NAME,           /* after ',' in an object */
    NAME_OR_CLOSE,  /* after '{' */
    COMMA_OR_CLOSE,
    END,
};

struct frame {
    uint32_t token;
    char close; /* the bracket that ends it */
    struct ocs_json_scope scope;
};

struct scanner {
    const char *at;
    const char *begin;
    const char *end;
    size_t values_max;
    struct ocs_json_tokens *tokens;
    struct ocs_json_names names;
    struct frame frames[OCS_JSON_DEPTH_MAX];
    size_t depth;
    const char *reason; /* fixed text; the flaw is at `at` */
    struct ocs_error *err;
};

static int invalid(struct scanner *s, const char *reason)
{
    s->reason = reason;
    return OCS_JSON_INVALID;
}

static int too_large(struct scanner *s, const char *reason)
{
    s->reason = reason;
    return OCS_JSON_TOO_LARGE;
}

static size_t left(const struct scanner *s)
{
    return (size_t)(s->end - s->at);
}

/* The byte at the cursor; NUL at the end, which no rule accepts. */
static char peek(const struct scanner *s)
{
    return s->at < s->end ? *s->at : '\0';
}

static uint32_t offset(const struct scanner *s)
{
    return (uint32_t)(s->at - s->begin);
}

static void skip_blanks(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* ---- strings ---- */

/* At the `u` of `\u`. */
static int scan_unicode_escape(struct scanner *s, bool *nul)
{
    int unit = ocs_json_escape_unit(s->at + 1, left(s) - 1);
    if (unit < 0)
        return invalid(s, "invalid escape");
    if (unit == 0)
        *nul = true;
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return invalid(s, "lone surrogate");
    if (unit >= 0xd800 && unit <= 0xdbff) {
        bool escape = left(s) >= 7 && s->at[5] == '\\' && s->at[6] == 'u';
        int low = escape ? ocs_json_escape_unit(s->at + 7, left(s) - 7) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return invalid(s, "lone surrogate");
        s->at += 6;
    }
    s->at += 5;
    return 0;
}

/* After the backslash. */
static int scan_escape(struct scanner *s, bool *nul)
{
    switch (peek(s)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        s->at++;
        return 0;
    case 'u':
        return scan_unicode_escape(s, nul);
    default:
        return invalid(s, "invalid escape");
    }
}

/* At the opening quote; leaves the cursor after the closing one. */
static int scan_string(struct scanner *s, bool *nul)
{
    s->at++;
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at;
        uint32_t rune = 0;
        if (c == '"') {
            s->at++;
            return 0;
        }
        if (c < 0x20)
            return invalid(s, "control character in a string");
        if (c == '\\') {
            s->at++;
            int result = scan_escape(s, nul);
            if (result != 0)
                return result;
            continue;
        }
        size_t length = c < 0x80 ? 1 : ocs_utf8_decode(s->at, left(s), &rune);
        if (length == 0)
            return invalid(s, "not UTF-8");
        s->at += length;
    }
    return invalid(s, "unterminated string");
}

/* ---- numbers and literals ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int scan_digits(struct scanner *s)
{
    if (!is_digit(peek(s)))
        return invalid(s, "invalid number");
    while (is_digit(peek(s)))
        s->at++;
    return 0;
}

static int scan_integer_part(struct scanner *s)
{
    if (peek(s) == '-')
        s->at++;
    if (peek(s) != '0')
        return scan_digits(s);
    s->at++;
    return is_digit(peek(s)) ? invalid(s, "number with a leading zero") : 0;
}

static int scan_number(struct scanner *s)
{
    const char *start = s->at;
    int result = scan_integer_part(s);
    if (result == 0 && peek(s) == '.') {
        s->at++;
        result = scan_digits(s);
    }
    if (result == 0 && (peek(s) == 'e' || peek(s) == 'E')) {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        result = scan_digits(s);
    }
    if (s->at - start > OCS_JSON_NUMBER_MAX)
        s->tokens->long_number = true;
    return result;
}

static int scan_literal(struct scanner *s, const char *literal)
{
    size_t size = strlen(literal);
    if (left(s) < size || memcmp(s->at, literal, size) != 0)
        return invalid(s, "unknown word");
    s->at += size;
    return 0;
}

/* ---- values ---- */

/* By its first byte; a number unless it is something else. */
static enum ocs_json_type type_of(char c)
{
    switch (c) {
    case '{':
        return OCS_JSON_OBJECT;
    case '[':
        return OCS_JSON_ARRAY;
    case '"':
        return OCS_JSON_STRING;
    case 't':
    case 'f':
        return OCS_JSON_BOOL;
    case 'n':
        return OCS_JSON_NULL;
    default:
        return OCS_JSON_NUMBER;
    }
}

static int add_token(struct scanner *s, enum ocs_json_type type)
{
    struct ocs_json_tokens *tokens = s->tokens;
    if (tokens->count >= s->values_max)
        return too_large(s, "too many values");
    if (tokens->count == tokens->capacity) {
        size_t capacity = tokens->capacity ? tokens->capacity * 2 : 64;
        void *grown = reallocarray(tokens->list, capacity, sizeof(*tokens->list));
        if (!grown)
            return ocs_error_memory(s->err);
        tokens->list = grown;
        tokens->capacity = capacity;
    }
    tokens->list[tokens->count++] =
        (struct ocs_json_token){.start = offset(s), .type = (uint8_t)type};
    return 0;
}

static int open_container(struct scanner *s, enum ocs_json_type type, enum expected *expected)
{
    if (s->depth == OCS_JSON_DEPTH_MAX)
        return too_large(s, "nested too deep");
    const struct ocs_json_scope *parent = s->depth ? &s->frames[s->depth - 1].scope : NULL;
    s->frames[s->depth++] = (struct frame){
        .token = (uint32_t)s->tokens->count - 1,
        .close = type == OCS_JSON_OBJECT ? '}' : ']',
        .scope = ocs_json_scope_open(&s->names, parent, type),
    };
    s->at++;
    *expected = type == OCS_JSON_OBJECT ? NAME_OR_CLOSE : VALUE_OR_CLOSE;
    return 0;
}

static int scan_scalar(struct scanner *s, enum ocs_json_type type)
{
    struct ocs_json_token *token = &s->tokens->list[s->tokens->count - 1];
    int result = 0;
    if (type == OCS_JSON_STRING)
        result = scan_string(s, &token->nul);
    else if (type == OCS_JSON_NULL)
        result = scan_literal(s, "null");
    else if (type == OCS_JSON_BOOL)
        result = scan_literal(s, *s->at == 't' ? "true" : "false");
    else
        result = scan_number(s);
    token->end = offset(s);
    return result;
}

static int scan_value(struct scanner *s, enum expected *expected)
{
    if (s->at == s->end)
        return invalid(s, "value expected");
    enum ocs_json_type type = type_of(*s->at);
    if (type == OCS_JSON_NUMBER && *s->at != '-' && !is_digit(*s->at))
        return invalid(s, "value expected");
    int result = add_token(s, type);
    if (result != 0)
        return result;
    if (s->depth > 0)
        ocs_json_scope_value(&s->frames[s->depth - 1].scope, type);
    if (type == OCS_JSON_OBJECT || type == OCS_JSON_ARRAY)
        return open_container(s, type, expected);
    *expected = s->depth ? COMMA_OR_CLOSE : END;
    return scan_scalar(s, type);
}

static int scan_name(struct scanner *s, enum expected *expected)
{
    if (peek(s) != '"')
        return invalid(s, "member name expected");
    uint32_t start = offset(s) + 1;
    bool nul = false;
    int result = scan_string(s, &nul);
    if (result != 0)
        return result;
    skip_blanks(s);
    if (peek(s) != ':')
        return invalid(s, "':' expected");
    s->at++;
    *expected = VALUE;
    return ocs_json_scope_name(&s->names, &s->frames[s->depth - 1].scope, start, s->err);
}

static void close_container(struct scanner *s, enum expected *expected)
{
    struct frame *frame = &s->frames[--s->depth];
    s->at++;
    s->tokens->list[frame->token].end = offset(s);
    ocs_json_scope_close(&s->names, &frame->scope);
    *expected = s->depth ? COMMA_OR_CLOSE : END;
}

static int scan_comma(struct scanner *s, enum expected *expected)
{
    char close = s->frames[s->depth - 1].close;
    if (peek(s) != ',')
        return invalid(s, close == '}' ? "',' or '}' expected" : "',' or ']' expected");
    s->at++;
    *expected = close == '}' ? NAME : VALUE;
    return 0;
}

static int step(struct scanner *s, enum expected *expected)
{
    bool may_close =
        *expected == VALUE_OR_CLOSE || *expected == NAME_OR_CLOSE || *expected == COMMA_OR_CLOSE;
    if (may_close && peek(s) == s->frames[s->depth - 1].close) {
        close_container(s, expected);
        return 0;
    }
    if (*expected == VALUE || *expected == VALUE_OR_CLOSE)
        return scan_value(s, expected);
    if (*expected == NAME || *expected == NAME_OR_CLOSE)
        return scan_name(s, expected);
    return scan_comma(s, expected);
}

static int scan_document(struct scanner *s)
{
    enum expected expected = VALUE;
    skip_blanks(s);
    while (expected != END) {
        int result = step(s, &expected);
        if (result != 0)
            return result;
        skip_blanks(s);
    }
    return s->at == s->end ? 0 : invalid(s, "something after the document");
}

/* ---- interface ---- */

static size_t most_values(size_t size, const struct ocs_json_limits *limits)
{
    size_t most = limits->values;
    if (limits->spread && size / limits->spread > most)
        most = size / limits->spread;
    return most < INT_MAX ? most : INT_MAX; /* cJSON's valueint */
}

int ocs_json_scan_tokens(const char *bytes, size_t size, struct ocs_json_limits limits,
                         struct ocs_json_tokens *out, struct ocs_json_flaw *flaw,
                         struct ocs_error *err)
{
    *out = (struct ocs_json_tokens){0};
    bytes = bytes ? bytes : ""; /* of size 0: no arithmetic on NULL */
    struct scanner s = {
        .at = bytes,
        .begin = bytes,
        .end = bytes + size,
        .values_max = most_values(size, &limits),
        .tokens = out,
        .names = {.bytes = bytes},
        .err = err,
    };
    /* offsets in tokens have 32 bits */
    int result = size > limits.bytes || size > UINT32_MAX - 1 ? too_large(&s, "too many bytes")
                                                              : scan_document(&s);
    if (result > 0 && flaw)
        *flaw = (struct ocs_json_flaw){.reason = s.reason, .offset = offset(&s)};
    out->ambiguous = s.names.ambiguous;
    out->ambiguity = s.names.flaw;
    ocs_json_names_clear(&s.names);
    return result;
}

void ocs_json_tokens_clear(struct ocs_json_tokens *tokens)
{
    free(tokens->list);
    *tokens = (struct ocs_json_tokens){0};
}

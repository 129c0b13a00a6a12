/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "json.h"

#include "cleanup.h"
#include "error.h"
#include "json_scan.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <string.h>

/*
 * A struct ocs_json_value is a cJSON node.  The scanner's tokens and the nodes
 * of the tree come in the same order, so a walk over both numbers the nodes:
 * `valueint`, which cannot hold a size anyway, becomes the index of the token.
 */
struct ocs_json {
    const char *bytes;
    cJSON *root;
    struct ocs_json_tokens tokens;
};

static const cJSON *node_of(const struct ocs_json_value *value)
{
    return (const cJSON *)(const void *)value;
}

static const struct ocs_json_value *value_of(const cJSON *node)
{
    return (const struct ocs_json_value *)(const void *)node;
}

static const struct ocs_json_token *token_of(const struct ocs_json *json,
                                             const struct ocs_json_value *value)
{
    return &json->tokens.list[node_of(value)->valueint];
}

/* ---- building the tree ---- */

/* A copy for cJSON, which refuses long numbers: they become `0` and blanks.
 * Nobody asks cJSON for the value of a number. */
static char *without_long_numbers(const struct ocs_json *json, size_t size)
{
    char *copy = malloc(size);
    if (!copy)
        return NULL;
    memcpy(copy, json->bytes, size);
    for (size_t i = 0; i < json->tokens.count; i++) {
        const struct ocs_json_token *token = &json->tokens.list[i];
        size_t length = token->end - token->start;
        if (token->type != OCS_JSON_NUMBER || length <= OCS_JSON_NUMBER_MAX)
            continue;
        copy[token->start] = '0';
        memset(copy + token->start + 1, ' ', length - 1);
    }
    return copy;
}

static int build_tree(struct ocs_json *json, size_t size, struct ocs_error *err)
{
    auto_free char *copy = NULL;
    if (json->tokens.long_number) {
        copy = without_long_numbers(json, size);
        if (!copy)
            return ocs_error_memory(err);
    }
    json->root = cJSON_ParseWithLengthOpts(copy ? copy : json->bytes, size, NULL, false);
    if (!json->root) /* the scanner is stricter: there is no other reason */
        return ocs_error_memory(err);
    return 0;
}

static void number_nodes(struct ocs_json *json)
{
    cJSON *open[OCS_JSON_DEPTH_MAX];
    size_t depth = 0;
    size_t index = 0;
    cJSON *node = json->root;
    while (node) {
        assert(index < json->tokens.count);
        assert(ocs_json_type(value_of(node)) == json->tokens.list[index].type);
        node->valueint = (int)index++;
        if (node->child) {
            open[depth++] = node;
            node = node->child;
            continue;
        }
        while (!node->next && depth > 0)
            node = open[--depth];
        node = node->next;
    }
    assert(index == json->tokens.count);
}

int ocs_json_parse(const char *bytes, size_t size, struct ocs_json_limits limits,
                   struct ocs_json **out, struct ocs_json_flaw *flaw, struct ocs_error *err)
{
    auto_json struct ocs_json *json = calloc(1, sizeof(*json));
    if (!json)
        return ocs_error_memory(err);
    json->bytes = bytes;
    int result = ocs_json_scan_tokens(bytes, size, limits, &json->tokens, flaw, err);
    if (result == 0)
        result = build_tree(json, size, err);
    if (result != 0)
        return result;
    number_nodes(json);
    *out = TAKE_PTR(json);
    return 0;
}

void ocs_json_free(struct ocs_json *json)
{
    if (!json)
        return;
    cJSON_Delete(json->root);
    ocs_json_tokens_clear(&json->tokens);
    free(json);
}

int ocs_json_scan(const char *bytes, size_t size, struct ocs_json_limits limits,
                  struct ocs_json_flaw *flaw, struct ocs_error *err)
{
    struct ocs_json_tokens tokens;
    int result = ocs_json_scan_tokens(bytes, size, limits, &tokens, flaw, err);
    ocs_json_tokens_clear(&tokens);
    return result;
}

const struct ocs_json_flaw *ocs_json_ambiguity(const struct ocs_json *json)
{
    return json->tokens.ambiguous ? &json->tokens.ambiguity : NULL;
}

/* ---- looking at it ---- */

const struct ocs_json_value *ocs_json_root(const struct ocs_json *json)
{
    return value_of(json->root);
}

enum ocs_json_type ocs_json_type(const struct ocs_json_value *value)
{
    switch (node_of(value)->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        return OCS_JSON_BOOL;
    case cJSON_Number:
        return OCS_JSON_NUMBER;
    case cJSON_String:
        return OCS_JSON_STRING;
    case cJSON_Array:
        return OCS_JSON_ARRAY;
    case cJSON_Object:
        return OCS_JSON_OBJECT;
    default:
        return OCS_JSON_NULL;
    }
}

const struct ocs_json_value *ocs_json_member(const struct ocs_json_value *object, const char *name)
{
    const cJSON *found = NULL;
    if (!object || !cJSON_IsObject(node_of(object)))
        return NULL;
    for (const cJSON *member = node_of(object)->child; member; member = member->next) {
        if (strcmp(member->string, name) == 0)
            found = member;
    }
    return value_of(found);
}

const struct ocs_json_value *ocs_json_first(const struct ocs_json_value *container)
{
    return container ? value_of(node_of(container)->child) : NULL;
}

const struct ocs_json_value *ocs_json_next(const struct ocs_json_value *value)
{
    return value_of(node_of(value)->next);
}

const char *ocs_json_name(const struct ocs_json_value *member)
{
    return node_of(member)->string;
}

const char *ocs_json_string(const struct ocs_json *json, const struct ocs_json_value *value)
{
    if (!value || !cJSON_IsString(node_of(value)) || token_of(json, value)->nul)
        return NULL;
    return node_of(value)->valuestring;
}

bool ocs_json_bool(const struct ocs_json_value *value)
{
    return value && cJSON_IsTrue(node_of(value));
}

const char *ocs_json_span(const struct ocs_json *json, const struct ocs_json_value *value,
                          size_t *size)
{
    *size = 0;
    if (!value)
        return NULL;
    const struct ocs_json_token *token = token_of(json, value);
    *size = token->end - token->start;
    return json->bytes + token->start;
}

/* ---- integers ---- */

/* The grammar of numbers is known to hold. */
static bool written_as_integer(const char *digits, size_t size, bool negative)
{
    for (size_t i = 0; i < size; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    }
    return !(negative && digits[0] == '0');
}

int ocs_json_integer(const struct ocs_json *json, const struct ocs_json_value *value, int64_t *out)
{
    if (!value || !cJSON_IsNumber(node_of(value)))
        return OCS_JSON_INVALID;
    size_t size = 0;
    const char *digits = ocs_json_span(json, value, &size);
    bool negative = digits[0] == '-';
    digits += negative;
    size -= negative;
    if (!written_as_integer(digits, size, negative))
        return OCS_JSON_INVALID;
    int64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        int digit = digits[i] - '0';
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, negative ? -digit : digit, &number))
            return OCS_JSON_TOO_LARGE;
    }
    *out = number;
    return 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "digest.h"

#include <assert.h>
#include <string.h>

struct algorithm {
    const char *name;
    size_t size; /* raw bytes */
    bool verifiable;
};

static const struct algorithm algorithms[OCS_ALGORITHM_COUNT] = {
    [OCS_ALGORITHM_SHA256] = {"sha256", 32, true},
    [OCS_ALGORITHM_SHA512] = {"sha512", 64, true},
    [OCS_ALGORITHM_BLAKE3] = {"blake3", 32, false},
};

/* ---- algorithms ---- */

static const struct algorithm *lookup(enum ocs_algorithm algorithm)
{
    if (algorithm == OCS_ALGORITHM_OTHER || (size_t)algorithm >= OCS_ALGORITHM_COUNT)
        return NULL;
    return &algorithms[algorithm];
}

const char *ocs_algorithm_name(enum ocs_algorithm algorithm)
{
    const struct algorithm *known = lookup(algorithm);
    return known ? known->name : NULL;
}

enum ocs_algorithm ocs_algorithm_by_name(const char *name, size_t size)
{
    for (size_t i = 1; i < OCS_ALGORITHM_COUNT; i++) {
        if (strlen(algorithms[i].name) == size && memcmp(algorithms[i].name, name, size) == 0)
            return (enum ocs_algorithm)i;
    }
    return OCS_ALGORITHM_OTHER;
}

size_t ocs_algorithm_size(enum ocs_algorithm algorithm)
{
    const struct algorithm *known = lookup(algorithm);
    return known ? known->size : 0;
}

bool ocs_algorithm_verifiable(enum ocs_algorithm algorithm)
{
    const struct algorithm *known = lookup(algorithm);
    return known && known->verifiable;
}

/* ---- grammar ---- */

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_encoded(char c)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '=' || c == '_' || c == '-';
}

static bool is_separator(char c)
{
    return c == '+' || c == '.' || c == '_' || c == '-';
}

/* Length of the algorithm in front of the colon; 0 when the text is no digest. */
static size_t algorithm_length(const char *text, size_t size)
{
    bool component = false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == ':')
            return component ? i : 0;
        if (is_lower_or_digit(text[i]))
            component = true;
        else if (component && is_separator(text[i]))
            component = false;
        else
            return 0;
    }
    return 0;
}

static bool all_encoded(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_encoded(text[i]))
            return false;
    }
    return size > 0;
}

/* Of a lower-case hex digit one more than its value; 0 for what is none. */
static const unsigned char hex_digits[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static bool decode_hex(const char *text, size_t size, unsigned char *raw)
{
    bool valid = true;
    for (size_t i = 0; i < size; i++) {
        unsigned high = hex_digits[(unsigned char)text[2 * i]];
        unsigned low = hex_digits[(unsigned char)text[2 * i + 1]];
        valid &= (high != 0) & (low != 0);
        raw[i] = (unsigned char)((high - 1) << 4 | ((low - 1) & 15));
    }
    return valid;
}

/* ---- making a digest ---- */

static int parse_other(const char *text, size_t size, size_t encoded, struct ocs_digest *out)
{
    if (!all_encoded(text + encoded, size - encoded))
        return OCS_DIGEST_INVALID;
    out->key[0] = OCS_ALGORITHM_OTHER;
    out->size = (uint16_t)(1 + size);
    memcpy(out->key + 1, text, size);
    return 0;
}

int ocs_digest_parse(const char *text, size_t size, struct ocs_digest *out)
{
    if (size > OCS_DIGEST_TEXT_MAX)
        return OCS_DIGEST_INVALID;
    size_t length = algorithm_length(text, size);
    if (length == 0)
        return OCS_DIGEST_INVALID;
    enum ocs_algorithm algorithm = ocs_algorithm_by_name(text, length);
    size_t encoded = length + 1;
    return algorithm == OCS_ALGORITHM_OTHER
               ? parse_other(text, size, encoded, out)
               : ocs_digest_parse_encoded(algorithm, text + encoded, size - encoded, out);
}

int ocs_digest_parse_encoded(enum ocs_algorithm algorithm, const char *text, size_t size,
                             struct ocs_digest *out)
{
    size_t raw = ocs_algorithm_size(algorithm);
    assert(raw > 0);
    if (size != 2 * raw || !decode_hex(text, raw, out->key + 1))
        return OCS_DIGEST_INVALID;
    out->key[0] = (unsigned char)algorithm;
    out->size = (uint16_t)(1 + raw);
    return 0;
}

bool ocs_digest_key_valid(const void *key, size_t size)
{
    const unsigned char *bytes = key;
    struct ocs_digest digest;
    if (size == 0)
        return false;
    if (bytes[0] != OCS_ALGORITHM_OTHER) {
        size_t raw = ocs_algorithm_size((enum ocs_algorithm)bytes[0]);
        return raw > 0 && size == 1 + raw;
    }
    /* one digest has one key: text of a registered algorithm is no key */
    return ocs_digest_parse((const char *)bytes + 1, size - 1, &digest) == 0 &&
           digest.key[0] == OCS_ALGORITHM_OTHER;
}

int ocs_digest_from_key(const void *key, size_t size, struct ocs_digest *out)
{
    if (!ocs_digest_key_valid(key, size))
        return OCS_DIGEST_INVALID;
    out->size = (uint16_t)size;
    memcpy(out->key, key, size);
    return 0;
}

void ocs_digest_from_raw(enum ocs_algorithm algorithm, const unsigned char *raw,
                         struct ocs_digest *out)
{
    size_t size = ocs_algorithm_size(algorithm);
    assert(size > 0);
    struct ocs_digest digest = {.size = (uint16_t)(1 + size), .key[0] = (unsigned char)algorithm};
    memcpy(digest.key + 1, raw, size);
    *out = digest;
}

/* ---- text ---- */

static const char *format_with(const struct ocs_digest *digest, char separator,
                               char out[OCS_DIGEST_BUF])
{
    static const char hex[] = "0123456789abcdef";
    const struct algorithm *known = lookup(ocs_digest_algorithm(digest));
    if (!known) {
        size_t size = (size_t)digest->size - 1;
        memcpy(out, digest->key + 1, size);
        out[size] = '\0';
        char *colon = strchr(out, ':');
        assert(colon);
        *colon = separator;
        return out;
    }
    char *at = stpcpy(out, known->name);
    *at++ = separator;
    for (size_t i = 0; i < known->size; i++) {
        *at++ = hex[digest->key[1 + i] >> 4];
        *at++ = hex[digest->key[1 + i] & 15];
    }
    *at = '\0';
    return out;
}

const char *ocs_digest_format(const struct ocs_digest *digest, char out[OCS_DIGEST_BUF])
{
    return format_with(digest, ':', out);
}

const char *ocs_digest_path(const struct ocs_digest *digest, char out[OCS_DIGEST_BUF])
{
    return format_with(digest, '/', out);
}

enum ocs_algorithm ocs_digest_algorithm(const struct ocs_digest *digest)
{
    return (enum ocs_algorithm)digest->key[0];
}

const unsigned char *ocs_digest_raw(const struct ocs_digest *digest)
{
    return digest->key + 1;
}

int ocs_digest_compare(const struct ocs_digest *a, const struct ocs_digest *b)
{
    int order = memcmp(a->key, b->key, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (int)a->size - (int)b->size;
}

bool ocs_digest_equal(const struct ocs_digest *a, const struct ocs_digest *b)
{
    return a->size == b->size && memcmp(a->key, b->key, a->size) == 0;
}

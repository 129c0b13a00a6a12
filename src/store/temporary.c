/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "temporary.h"

#include <stdbool.h>
#include <string.h>

/* In a pattern: # is what Go's os.CreateTemp puts in, 1 to 10 decimal digits; @ is
 * what ocs_io_random_name makes; % and & are the hex of a sha256 and of a sha512. */
#define GO_DIGITS_MAX 10

static const struct {
    enum ocs_temporary_place place;
    const char *pattern;
    struct ocs_temporary found;
} rules[] = {
    {OCS_TEMPORARY_IN_LAYOUT, "oci-put-blob#", {OCS_TEMPORARY_FILE, "skopeo, podman or buildah"}},
    {OCS_TEMPORARY_IN_LAYOUT, "index.json.#.tmp", {OCS_TEMPORARY_FILE, "regctl"}},
    {OCS_TEMPORARY_IN_LAYOUT, "index.json.@.tmp", {OCS_TEMPORARY_FILE, "ocistore"}},
    {OCS_TEMPORARY_IN_LAYOUT, "oci-layout.@.tmp", {OCS_TEMPORARY_FILE, "ocistore"}},
    {OCS_TEMPORARY_IN_LAYOUT, ".umoci-#", {OCS_TEMPORARY_IN_UMOCI, "umoci"}},
    {OCS_TEMPORARY_IN_LAYOUT, "ingest", {OCS_TEMPORARY_IN_INGEST, "oras or buildkit"}},
    {OCS_TEMPORARY_IN_BLOBS, "sha256/%#", {OCS_TEMPORARY_FILE, "crane, ko or kaniko"}},
    {OCS_TEMPORARY_IN_BLOBS, "sha512/&#", {OCS_TEMPORARY_FILE, "crane, ko or kaniko"}},
    {OCS_TEMPORARY_IN_BLOBS, "sha256/%.#.tmp", {OCS_TEMPORARY_FILE, "regctl"}},
    {OCS_TEMPORARY_IN_BLOBS, "sha512/&.#.tmp", {OCS_TEMPORARY_FILE, "regctl"}},
    {OCS_TEMPORARY_IN_BLOBS, "sha256/#.tmp", {OCS_TEMPORARY_FILE, "regctl"}},
    {OCS_TEMPORARY_IN_BLOBS, "sha512/#.tmp", {OCS_TEMPORARY_FILE, "regctl"}},
    {OCS_TEMPORARY_IN_INGEST, "%_#", {OCS_TEMPORARY_FILE, "oras"}},
    {OCS_TEMPORARY_IN_INGEST, "&_#", {OCS_TEMPORARY_FILE, "oras"}},
    {OCS_TEMPORARY_IN_INGEST, "%", {OCS_TEMPORARY_IN_UPLOAD, "buildkit or containerd"}},
    {OCS_TEMPORARY_IN_UPLOAD, "data", {OCS_TEMPORARY_FILE, "buildkit or containerd"}},
    {OCS_TEMPORARY_IN_UPLOAD, "ref", {OCS_TEMPORARY_FILE, "buildkit or containerd"}},
    {OCS_TEMPORARY_IN_UPLOAD, "startedat", {OCS_TEMPORARY_FILE, "buildkit or containerd"}},
    {OCS_TEMPORARY_IN_UPLOAD, "updatedat", {OCS_TEMPORARY_FILE, "buildkit or containerd"}},
    {OCS_TEMPORARY_IN_UPLOAD, "total", {OCS_TEMPORARY_FILE, "buildkit or containerd"}},
    {OCS_TEMPORARY_IN_UMOCI, "blob-#", {OCS_TEMPORARY_FILE, "umoci"}},
    {OCS_TEMPORARY_IN_UMOCI, "index-#", {OCS_TEMPORARY_FILE, "umoci"}},
};

#define DECIMAL "0123456789"
#define HEX     "0123456789abcdef"

/* How much of a name that begins with such characters a sign stands for; 0: it does not fit. */
static size_t take(char sign, const char *name)
{
    size_t decimal = strspn(name, DECIMAL), hex = strspn(name, HEX);
    switch (sign) {
    case '#':
        return decimal <= GO_DIGITS_MAX ? decimal : 0;
    case '@':
        return hex >= 16 ? 16 : 0;
    case '%':
        return hex >= 64 ? 64 : 0;
    case '&':
        return hex >= 128 ? 128 : 0;
    default:
        return *name == sign;
    }
}

static bool fits(const char *pattern, const char *name)
{
    for (; *pattern; pattern++) {
        size_t taken = take(*pattern, name);
        if (taken == 0)
            return false;
        name += taken;
    }
    return *name == '\0';
}

const struct ocs_temporary *ocs_temporary_find(enum ocs_temporary_place place, const char *name)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].place == place && fits(rules[i].pattern, name))
            return &rules[i].found;
    }
    return NULL;
}

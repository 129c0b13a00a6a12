/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "temporary.h"

#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), wanted = strlen(end);
    return size > wanted && strcmp(text + size - wanted, end) == 0;
}

static bool begins_with(const char *text, const char *begin)
{
    return strncmp(text, begin, strlen(begin)) == 0;
}

/* A whole digest in hex, and decimal digits behind it. */
static bool is_cranes(const char *name, size_t hex)
{
    size_t size = strlen(name);
    return size > hex && strspn(name, "0123456789abcdef") == size &&
           strspn(name + hex, "0123456789") == size - hex;
}

bool ocs_is_temporary_in_blobs(const char *path)
{
    if (ends_with(path, ".tmp"))
        return true;
    if (begins_with(path, "sha256/"))
        return is_cranes(path + strlen("sha256/"), 64);
    if (begins_with(path, "sha512/"))
        return is_cranes(path + strlen("sha512/"), 128);
    return false;
}

bool ocs_is_temporary_in_layout(const char *name)
{
    return begins_with(name, "oci-put-blob") || begins_with(name, ".umoci-") ||
           strcmp(name, "ingest") == 0 ||
           (begins_with(name, "index.json.") && ends_with(name, ".tmp"));
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What passes the grammar comes back byte for byte, has one key, and makes a path
 * of exactly two harmless components. */

#include "fuzz.h"

#include "store/digest.h"

#include <string.h>

static void check_path(const struct ocs_digest *digest)
{
    char path[OCS_DIGEST_BUF];
    ocs_digest_path(digest, path);
    const char *slash = strchr(path, '/');
    MUST(slash && slash > path && slash[1] != '\0');
    MUST(!strchr(slash + 1, '/'));
    MUST(path[0] != '.' && slash[1] != '.');
}

static void check_text(const char *text, size_t size)
{
    struct ocs_digest digest, again;
    char formatted[OCS_DIGEST_BUF];
    if (ocs_digest_parse(text, size, &digest) != 0)
        return;
    ocs_digest_format(&digest, formatted);
    MUST(strlen(formatted) == size && memcmp(formatted, text, size) == 0);
    MUST(ocs_digest_from_key(digest.key, digest.size, &again) == 0);
    MUST(ocs_digest_equal(&digest, &again) && ocs_digest_compare(&digest, &again) == 0);
    check_path(&digest);
}

static void check_key(const uint8_t *key, size_t size)
{
    struct ocs_digest digest, again;
    char formatted[OCS_DIGEST_BUF];
    if (ocs_digest_from_key(key, size, &digest) != 0)
        return;
    MUST(digest.size == size && memcmp(digest.key, key, size) == 0);
    ocs_digest_format(&digest, formatted);
    MUST(ocs_digest_parse(formatted, strlen(formatted), &again) == 0);
    MUST(ocs_digest_equal(&digest, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text((const char *)data, size);
    check_key(data, size);
    return 0;
}

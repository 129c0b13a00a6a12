/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* NAME, NAME:TAG and NAME@DIGEST: the parts put together are the whole again. */

#include "fuzz.h"

#include "store/store.h"

#include <string.h>

/* The text cannot hold a NUL. */
static void check_parts(const char *text, const struct ocs_image_name *name)
{
    char digest[OCS_DIGEST_BUF] = "";
    char separator[2] = "";
    const char *suffix = "";
    MUST(name->layout && name->layout[0] && !strpbrk(name->layout, ":@"));
    MUST(!(name->tag && name->has_digest));
    if (name->tag) {
        MUST(name->tag[0]);
        strcpy(separator, ":");
        suffix = name->tag;
    } else if (name->has_digest) {
        strcpy(separator, "@");
        suffix = ocs_digest_format(&name->digest, digest);
    }
    size_t layout = strlen(name->layout);
    MUST(strncmp(text, name->layout, layout) == 0);
    MUST(strncmp(text + layout, separator, strlen(separator)) == 0);
    MUST(strcmp(text + layout + strlen(separator), suffix) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ocs_image_name name;
    struct ocs_error err = {0};
    char *text = malloc(size + 1);
    MUST(text);
    memcpy(text, data, size);
    text[size] = '\0';
    int result = ocs_image_name_parse(text, &name, &err);
    if (result == 0) {
        check_parts(text, &name);
        ocs_image_name_clear(&name);
    } else {
        MUST(result == -OCS_USAGE && err.message[0]);
    }
    free(text);
    return 0;
}

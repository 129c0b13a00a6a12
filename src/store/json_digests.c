/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "json.h"

#include "json_escape.h"

#include <string.h>

/*
 * The bytes are cut into runs of the characters that digests are made of,
 * escapes decoded.  Whatever a tolerant reader could take for a digest is a
 * whole string, and so a run.  Of a run that is only part of a string ("name:tag",
 * "12:30") just those of registered algorithms count.
 */
struct run {
    char text[OCS_DIGEST_TEXT_MAX];
    size_t size; /* may be more than fits: then it is no digest */
    bool quoted; /* a quote came directly before it */
};

static bool is_digest_character(unsigned c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && c < 0x80 && strchr(":=_+.-", (int)c));
}

/* What stands at `at`, 0 for anything that no digest has in it, and its length.
 * A quote is itself only where it is not escaped. */
static unsigned next_character(const char *at, const char *end, size_t *length)
{
    *length = 1;
    if (*at != '\\')
        return (unsigned char)*at;
    if (end - at < 2)
        return 0;
    *length = 2;
    if (at[1] != 'u')
        return 0;
    int unit = ocs_json_escape_unit(at + 2, (size_t)(end - at) - 2);
    if (unit < 0)
        return 0;
    *length = 6;
    return is_digest_character((unsigned)unit) ? (unsigned)unit : 0;
}

/* True when the run is a digest. */
static bool end_run(struct run *run, unsigned end, struct ocs_digest *digest)
{
    bool whole = run->quoted && end == '"';
    bool found = run->size <= sizeof(run->text) &&
                 ocs_digest_parse(run->text, run->size, digest) == 0 &&
                 (whole || ocs_digest_algorithm(digest) != OCS_ALGORITHM_OTHER);
    run->size = 0;
    run->quoted = end == '"';
    return found;
}

int ocs_json_each_digest(const char *bytes, size_t size, void *data,
                         int (*on_digest)(void *data, const struct ocs_digest *digest,
                                          struct ocs_error *err),
                         struct ocs_error *err)
{
    struct run run = {0};
    for (size_t at = 0; at <= size;) { /* the end of the bytes ends the last run */
        size_t length = 1;
        unsigned c = at < size ? next_character(bytes + at, bytes + size, &length) : 0;
        at += length;
        if (is_digest_character(c)) {
            if (run.size < sizeof(run.text))
                run.text[run.size] = (char)c;
            run.size++;
            continue;
        }
        struct ocs_digest digest;
        if (!end_run(&run, c, &digest))
            continue;
        int result = on_digest(data, &digest, err);
        if (result != 0)
            return result;
    }
    return 0;
}

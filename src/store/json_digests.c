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
static inline bool is_digest_character(unsigned c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= ':') || c == '=' ||
           c == '_' || c == '+' || c == '.' || c == '-';
}

#define REGISTERED_LEAST (sizeof("sha256:") - 1 + 64) /* blake3 is as long */

/* True when the run is a digest. */
static bool end_run(struct ocs_json_digests *scan, unsigned end, struct ocs_digest *digest)
{
    bool whole = scan->quoted && end == '"';
    bool found = (whole || scan->run_size >= REGISTERED_LEAST) &&
                 scan->run_size <= sizeof(scan->run) &&
                 memchr(scan->run, ':', scan->run_size) != NULL && /* most are words */
                 ocs_digest_parse(scan->run, scan->run_size, digest) == 0 &&
                 (whole || ocs_digest_algorithm(digest) != OCS_ALGORITHM_OTHER);
    scan->run_size = 0;
    scan->quoted = end == '"';
    return found;
}

static void take_run(struct ocs_json_digests *scan, const char *bytes, size_t size)
{
    size_t room = scan->run_size < sizeof(scan->run) ? sizeof(scan->run) - scan->run_size : 0;
    memcpy(scan->run + sizeof(scan->run) - room, bytes, size < room ? size : room);
    scan->run_size += size; /* may be more than fits: then it is no digest */
}

static int take_end(struct ocs_json_digests *scan, unsigned c, struct ocs_error *err)
{
    struct ocs_digest digest;
    return end_run(scan, c, &digest) ? scan->on_digest(scan->data, &digest, err) : 0;
}

/* `c` is 0 for anything that no digest has in it. */
static int take_character(struct ocs_json_digests *scan, unsigned c, struct ocs_error *err)
{
    const char text = (char)c;
    if (!is_digest_character(c))
        return take_end(scan, c, err);
    take_run(scan, &text, 1);
    return 0;
}

static size_t count_run(const char *bytes, size_t size)
{
    size_t count = 0;
    while (count < size && is_digest_character((unsigned char)bytes[count]))
        count++;
    return count;
}

/* An escape that ends here, or is none: what stands behind the `u` then is taken for
 * itself.  A quote is one only where it is not escaped. */
static int end_escape(struct ocs_json_digests *scan, struct ocs_error *err)
{
    char rest[sizeof(scan->escape)];
    size_t size = scan->escape_size;
    int unit = size == 6 ? ocs_json_escape_unit(scan->escape + 2, 4) : -1;
    scan->escape_size = 0;
    if (unit >= 0)
        return take_character(scan, is_digest_character((unsigned)unit) ? (unsigned)unit : 0, err);
    memcpy(rest, scan->escape, sizeof(rest));
    int result = take_character(scan, 0, err);
    return result == 0 && size > 2 ? ocs_json_digests_feed(scan, rest + 2, size - 2, err) : result;
}

static int take_escaped(struct ocs_json_digests *scan, char c, struct ocs_error *err)
{
    scan->escape[scan->escape_size++] = c;
    bool more = scan->escape_size == 1 || (scan->escape[1] == 'u' && scan->escape_size < 6);
    return more ? 0 : end_escape(scan, err);
}

int ocs_json_digests_feed(struct ocs_json_digests *scan, const char *bytes, size_t size,
                          struct ocs_error *err)
{
    int result = 0;
    for (size_t at = 0; result == 0 && at < size; at++) {
        size_t run = scan->escape_size ? 0 : count_run(bytes + at, size - at);
        take_run(scan, bytes + at, run);
        at += run;
        if (at == size)
            break;
        bool escaped = scan->escape_size > 0 || bytes[at] == '\\';
        result = escaped ? take_escaped(scan, bytes[at], err)
                         : take_end(scan, (unsigned char)bytes[at], err);
    }
    return result;
}

int ocs_json_digests_end(struct ocs_json_digests *scan, struct ocs_error *err)
{
    int result = scan->escape_size ? end_escape(scan, err) : 0;
    while (result == 0 && scan->escape_size) /* another began in what was none */
        result = end_escape(scan, err);
    return result == 0 ? take_character(scan, 0, err) : result;
}

int ocs_json_each_digest(const char *bytes, size_t size, void *data,
                         int (*on_digest)(void *data, const struct ocs_digest *digest,
                                          struct ocs_error *err),
                         struct ocs_error *err)
{
    struct ocs_json_digests scan = {.data = data, .on_digest = on_digest};
    int result = ocs_json_digests_feed(&scan, bytes, size, err);
    return result == 0 ? ocs_json_digests_end(&scan, err) : result;
}

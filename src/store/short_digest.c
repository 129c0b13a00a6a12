/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "short_digest.h"

#include "error.h"
#include "trash.h"

#include <stdio.h>
#include <string.h>

#define LEAST    4u
#define TOLD_MAX 5u

struct lookup {
    const char *text;
    struct ocs_digest found[TOLD_MAX + 1]; /* one more than is told */
    size_t count;
};

static bool is_short(const char *text)
{
    size_t name = strcspn(text, ":");
    if (ocs_algorithm_by_name(text, name) == OCS_ALGORITHM_OTHER || text[name] != ':')
        return false;
    const char *hex = text + name + 1;
    size_t size = strspn(hex, "0123456789abcdef");
    return size >= LEAST && hex[size] == '\0';
}

bool ocs_short_digest_given(const char *text)
{
    struct ocs_digest digest;
    return ocs_digest_parse(text, strlen(text), &digest) == 0 || is_short(text);
}

static void offer(struct lookup *lookup, const struct ocs_digest *digest)
{
    char whole[OCS_DIGEST_BUF];
    ocs_digest_format(digest, whole);
    if (strncmp(whole, lookup->text, strlen(lookup->text)) != 0)
        return;
    for (size_t i = 0; i < lookup->count; i++) {
        if (ocs_digest_equal(&lookup->found[i], digest))
            return;
    }
    if (lookup->count < TOLD_MAX + 1)
        lookup->found[lookup->count++] = *digest;
}

static int on_blob(void *data, const struct ocs_blobs_entry *entry, struct ocs_error *err)
{
    (void)err;
    offer(data, &entry->digest);
    return 0;
}

static int on_entry(void *data, const char *run, const char *path, const struct ocs_digest *digest,
                    const struct stat *st, struct ocs_error *err)
{
    (void)run;
    (void)path;
    (void)st;
    (void)err;
    if (digest)
        offer(data, digest);
    return 0;
}

static int several(const struct lookup *lookup, struct ocs_error *err)
{
    char text[(TOLD_MAX + 1) * (OCS_DIGEST_BUF + 2)];
    size_t used = 0;
    for (size_t i = 0; i < lookup->count && i < TOLD_MAX; i++) {
        char digest[OCS_DIGEST_BUF];
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
                                 ocs_digest_format(&lookup->found[i], digest));
    }
    return ocs_error_hint(err,
                          ocs_error_raise(err, OCS_USAGE,
                                          "several digests begin with '%s': more of it",
                                          lookup->text),
                          "%s%s", text, lookup->count > TOLD_MAX ? ", ..." : "");
}

int ocs_short_digest(const struct ocs_store *store, const char *text, struct ocs_digest *out,
                     struct ocs_error *err)
{
    struct lookup lookup = {.text = text};
    struct ocs_blobs_visitor blobs = {.data = &lookup, .on_blob = on_blob};
    struct ocs_trash_visitor trash = {.data = &lookup, .on_entry = on_entry};
    if (ocs_digest_parse(text, strlen(text), out) == 0)
        return 0;
    if (!is_short(text))
        return ocs_error_hint(err, ocs_error_raise(err, OCS_USAGE, "'%s' is no digest", text),
                              "digests: ocistore ls, ocistore tree; at least %u hex digits", LEAST);
    int result = ocs_blobs_each(store->blobs, &blobs, err);
    if (result == 0)
        result = ocs_trash_each(store->state, &trash, err);
    if (result == 0 && lookup.count == 0)
        return ocs_error_raise(err, OCS_USAGE, "no digest in the store begins with '%s'", text);
    if (result == 0 && lookup.count > 1)
        return several(&lookup, err);
    *out = lookup.found[0];
    return result;
}

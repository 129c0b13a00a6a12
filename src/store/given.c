/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "given.h"

#include "cleanup.h"
#include "error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What follows the last "..": a path up to there is followed when it is given. */
static const char *after_ups(const char *path)
{
    const char *rest = path;
    for (const char *at = path; *at;) {
        size_t size = strcspn(at, "/");
        bool up = size == 2 && strncmp(at, "..", 2) == 0;
        at += size + strspn(at + size, "/");
        rest = up ? at : rest;
    }
    return rest;
}

/* In place: no "." and no empty parts. */
static void shorten(char *path)
{
    char *end = path;
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t size = strcspn(at, "/");
        if (size > 0 && !(size == 1 && *at == '.')) {
            *end++ = '/';
            memmove(end, at, size);
            end += size;
        }
        at += size;
    }
    *end = '\0';
}

/* The folder that we are in is called as the shell calls it. */
int ocs_given_path(const char *dir, const char *real, char **out, struct ocs_error *err)
{
    const char *rest = after_ups(dir);
    auto_free char *ups = strndup(dir, (size_t)(rest - dir));
    auto_free char *base = !ups            ? NULL
                           : rest != dir   ? realpath(ups, NULL)
                           : dir[0] == '/' ? strdup("")
                                           : get_current_dir_name();
    auto_free char *given = NULL;
    if (!ups || (!base && errno == ENOMEM))
        return ocs_error_memory(err);
    if (!base)
        return ocs_error_errno(err, "%s", dir);
    if (asprintf(&given, "%s/%s", base, rest) < 0) {
        given = NULL;
        return ocs_error_memory(err);
    }
    shorten(given);
    if (strcmp(given, real) != 0) {
        *out = given;
        given = NULL;
    }
    return 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store_path.h"

#include "args.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool ocs_store_path_is_store(const char *path)
{
    char *state = ocs_text_format("%s/.ocistore", path);
    struct stat st;
    bool found = stat(state, &st) == 0 && S_ISDIR(st.st_mode);
    free(state);
    return found;
}

/* The current folder or the nearest parent that is a store; NULL: none. */
static char *find_upwards(void)
{
    char *path = getcwd(NULL, 0);
    while (path && !ocs_store_path_is_store(*path ? path : "/")) {
        char *slash = strrchr(path, '/');
        if (slash && *path) {
            *slash = '\0';
            continue;
        }
        free(path);
        path = NULL;
    }
    if (path && !*path)
        strcpy(path, "/"); /* what was getcwd's "/..." has room for it */
    return path;
}

/* NULL: there is none without a home. */
static char *default_path(void)
{
    if (geteuid() == 0)
        return ocs_text_format("/var/lib/ocistore");
    const char *data = getenv("XDG_DATA_HOME");
    if (data && data[0] == '/') /* a relative one is to be ignored (basedir-spec) */
        return ocs_text_format("%s/ocistore", data);
    const char *home = getenv("HOME");
    return home && *home ? ocs_text_format("%s/.local/share/ocistore", home) : NULL;
}

static int no_store(const char *fallback, struct ocs_error *err)
{
    int result =
        ocs_args_error(err, "there is no store: no .ocistore/ in this folder or above it, and %s%s",
                       fallback ? "none in " : "no $HOME to look in", fallback ? fallback : "");
    snprintf(err->hint, sizeof(err->hint),
             "name one with --store or $OCISTORE, or make one: ocistore init %s",
             fallback ? fallback : "DIR");
    return result;
}

int ocs_store_path_find(const char *given, char **out, struct ocs_error *err)
{
    if (!given)
        given = getenv("OCISTORE");
    if (given && *given) {
        *out = ocs_text_format("%s", given);
        return 0;
    }
    char *found = find_upwards();
    if (!found) {
        char *fallback = default_path();
        if (!fallback || !ocs_store_path_is_store(fallback)) {
            int result = no_store(fallback, err);
            free(fallback);
            return result;
        }
        found = fallback;
    }
    *out = found;
    return 0;
}

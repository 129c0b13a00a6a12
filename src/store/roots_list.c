/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "roots.h"

#include "cleanup.h"
#include "error.h"
#include "hash.h"
#include "shell_word.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_TRIES 1000u

/* ---- names ---- */

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* A layout has something of that name. */
static bool is_of_layout(const char *at, size_t size)
{
    static const char *const names[] = {"blobs", "index.json", "oci-layout"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == size && memcmp(at, names[i], size) == 0)
            return true;
    }
    return false;
}

static bool component_valid(const char *at, size_t size)
{
    if (size == 0 || !is_name_start(at[0]) || is_of_layout(at, size))
        return false;
    for (size_t i = 1; i < size; i++) {
        if (!is_name_start(at[i]) && at[i] != '.' && at[i] != '-')
            return false;
    }
    return true;
}

bool ocs_layout_name_valid(const char *name)
{
    if (strcmp(name, ".") == 0)
        return true;
    if (strlen(name) > OCS_LAYOUT_NAME_MAX)
        return false;
    for (;;) {
        size_t size = strcspn(name, "/");
        if (!component_valid(name, size))
            return false;
        if (name[size] == '\0')
            return true;
        name += size + 1;
    }
}

char *ocs_layout_name_of_path(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    size_t size = end - begin;
    if (size > 0 && !(size <= 2 && strncmp("..", path + begin, size) == 0))
        return strndup(path + begin, size);
    auto_free char *real = realpath(path, NULL);
    return real ? strdup(strrchr(real, '/') + 1) : errno == ENOMEM ? NULL : strdup(path);
}

int ocs_root_id(const char *name, char out[OCS_ROOT_ID_SIZE], struct ocs_error *err)
{
    struct ocs_digest digest;
    char text[OCS_DIGEST_BUF];
    out[0] = '\0';
    int result = ocs_hash_bytes(OCS_ALGORITHM_SHA256, name, strlen(name), &digest, err);
    if (result < 0)
        return result;
    ocs_digest_format(&digest, text);
    memcpy(out, text + strlen("sha256:"), OCS_ROOT_ID_SIZE - 1);
    out[OCS_ROOT_ID_SIZE - 1] = '\0';
    return 0;
}

void ocs_root_clear(struct ocs_root *root)
{
    free(root->name);
    free(root->path);
    free(root->given);
    *root = (struct ocs_root){0};
}

int ocs_root_copy(const struct ocs_root *root, struct ocs_root *out, struct ocs_error *err)
{
    struct ocs_root copy = *root;
    copy.name = strdup(root->name);
    copy.path = strdup(root->path);
    copy.given = root->given ? strdup(root->given) : NULL;
    if (!copy.name || !copy.path || (root->given && !copy.given)) {
        ocs_root_clear(&copy);
        return ocs_error_memory(err);
    }
    *out = copy;
    return 0;
}

void ocs_roots_clear(struct ocs_roots *roots)
{
    for (size_t i = 0; i < roots->count; i++)
        ocs_root_clear(&roots->items[i]);
    free(roots->items);
    *roots = (struct ocs_roots){0};
}

const char *ocs_root_help(const struct ocs_root *root, enum ocs_status fault)
{
    if (fault != OCS_REFUSED)
        return OCS_ROOT_READ_HELP;
    return root->last.size > 0 ? OCS_ROOT_MEND_HELP : NULL;
}

const char *ocs_root_gone_help(const struct ocs_root *root, char *buffer, size_t size)
{
    buffer[0] = '\0';
    if (strcmp(root->name, ".") != 0)
        snprintf(buffer, size, "; if the layout is gone for good: ocistore %s %s",
                 root->attached ? "forget" : "rm", root->name);
    return buffer;
}

/* The path was resolved when it was attached: now a link is in it. */
static bool became_link(const char *path)
{
    auto_free char *now = realpath(path, NULL);
    return now && strcmp(now, path) != 0;
}

bool ocs_root_led_away(const struct ocs_root *root)
{
    struct stat was, now;
    if (!root->attached)
        return false;
    if (!root->given)
        return became_link(root->path);
    bool there = stat(root->path, &was) == 0;
    if (stat(root->given, &now) < 0) /* both: not mounted */
        return there;
    return !there || was.st_dev != now.st_dev || was.st_ino != now.st_ino;
}

static const char *led_away_help(const struct ocs_root *root, char *buffer, size_t size)
{
    struct stat st;
    const char *name = root->name;
    if (!root->given) {
        snprintf(buffer, size,
                 "ocistore attach --name %s %s makes it what that leads to now; if it is gone for "
                 "good: ocistore forget %s",
                 name, ocs_shell_word(root->path).text, name);
        return buffer;
    }
    int length = stat(root->given, &st) == 0
                     ? snprintf(buffer, size,
                                "ocistore attach --name %s %s makes it what that leads to now, and "
                                "keeps %s attached, too",
                                name, ocs_shell_word(root->given).text, root->path)
                     : snprintf(buffer, size, "mount it or put the link back");
    if (length < (int)size)
        snprintf(
            buffer + length, size - (size_t)length,
            "; if %s alone is meant: ocistore attach --name %s %s; if neither: ocistore forget "
            "%s",
            root->path, name, ocs_shell_word(root->path).text, name);
    return buffer;
}

const char *ocs_root_missing_help(const struct ocs_root *root, char *buffer, size_t size)
{
    if (ocs_root_led_away(root))
        return led_away_help(root, buffer, size);
    if (root->attached)
        snprintf(buffer, size,
                 "mount it or put it back; if it has moved: ocistore forget %s, and attach it "
                 "where it is now; if it is gone for good: ocistore forget %s",
                 root->name, root->name);
    else if (root->last.size > 0)
        snprintf(buffer, size,
                 "ocistore trash restore %s makes it anew from its last good index.json; if it is "
                 "gone for good: ocistore rm %s",
                 root->name, root->name);
    else
        snprintf(buffer, size, "if it is gone for good: ocistore rm %s", root->name);
    return buffer;
}

int ocs_root_refuse(const struct ocs_root *root, struct ocs_error *err)
{
    const char *help = err ? ocs_root_help(root, err->status) : NULL;
    return help ? ocs_error_hint(err, -OCS_REFUSED, "%s", help) : -OCS_REFUSED;
}

int ocs_root_hint_missing(const struct ocs_root *root, int result, struct ocs_error *err)
{
    char help[OCS_ROOT_HELP_SIZE];
    return ocs_error_hint(err, result, "%s", ocs_root_missing_help(root, help, sizeof(help)));
}

const struct ocs_root *ocs_roots_find(const struct ocs_roots *roots, const char *name)
{
    for (size_t i = 0; i < roots->count; i++) {
        if (strcmp(roots->items[i].name, name) == 0)
            return &roots->items[i];
    }
    return NULL;
}

bool ocs_roots_is_free(const struct ocs_roots *roots, const char *name)
{
    return strcmp(name, ".") != 0 && ocs_layout_name_valid(name) && !ocs_roots_find(roots, name);
}

bool ocs_roots_free_name(const struct ocs_roots *roots, const char *like, char *out, size_t size)
{
    unsigned i = 0;
    do
        snprintf(out, size, "%s-%u", like, ++i);
    while (i < NAME_TRIES && !ocs_roots_is_free(roots, out));
    return i < NAME_TRIES;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "seen.h"

#include "cleanup.h"
#include "error.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* One folder on the way down layouts/. */
struct walk {
    const struct ocs_seen_visitor *visitor;
    char name[OCS_LAYOUT_NAME_MAX + 2];
};

/* What somebody links below layouts/ is used through the link, but is no folder
 * that we could watch: it must not be overlooked. */
static void see_link(struct walk *walk, int dir, const char *name)
{
    struct stat st;
    char path[sizeof("layouts/") + sizeof(walk->name) + NAME_MAX];
    char trouble[sizeof(path) + 32];
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode) ||
        fstatat(dir, name, &st, 0) < 0 || !S_ISDIR(st.st_mode))
        return;
    snprintf(path, sizeof(path), "layouts/%s%s%s", walk->name, *walk->name ? "/" : "", name);
    snprintf(trouble, sizeof(trouble), "%s is a link to a folder", path);
    walk->visitor->on_trouble(
        walk->visitor->data, path, trouble,
        "replace the link by the folder; or remove it, and: ocistore attach FOLDER");
}

#define LAYOUT_DEPTH_MAX 128 /* components of two bytes fill a name of 255 */

/* What may not be looked at may be one. */
static bool has_layout_file(int dir)
{
    struct stat st;
    return fstatat(dir, "index.json", &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT ||
           fstatat(dir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A folder that cannot be read may hold layouts: whoever has to know them all cannot go
 * on, and nobody else is kept from working with the others. */
static int see_trouble(struct walk *walk, const char *path, const struct ocs_error *why,
                       struct ocs_error *err)
{
    if (ocs_io_no_means())
        return ocs_error_raise(err, why->status, "%s", why->message);
    walk->visitor->on_closed(walk->visitor->data, path, why->message);
    return 0;
}

/* Every layout may have a folder of that name, so it is none of ours; but somebody may have
 * called a layout so. */
static void see_blobs(struct walk *walk, int dir)
{
    struct stat st;
    char path[sizeof("layouts//blobs") + sizeof(walk->name)];
    char trouble[sizeof(path) + 64];
    if (fstatat(dir, "blobs/index.json", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(dir, "blobs/oci-layout", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    snprintf(path, sizeof(path), "layouts/%s%sblobs", walk->name, *walk->name ? "/" : "");
    snprintf(trouble, sizeof(trouble), "%s is a layout, and none can have that name", path);
    walk->visitor->on_trouble(walk->visitor->data, path, trouble, "rename the folder");
}

static int see_layout(struct walk *walk, int dir, size_t length, struct ocs_error *err)
{
    if (length == 0 || !has_layout_file(dir))
        return 0;
    char path[sizeof("layouts/") + sizeof(walk->name)];
    snprintf(path, sizeof(path), "layouts/%s", walk->name);
    return walk->visitor->on_layout(walk->visitor->data, walk->name, path, err);
}

static int walk_layouts(struct walk *walk, int dir, size_t length, unsigned depth,
                        struct ocs_error *err);

static int walk_entry(struct walk *walk, int dir, const char *child, size_t length, unsigned depth,
                      struct ocs_error *err)
{
    auto_fd int fd = -1;
    char label[sizeof("layouts//") + sizeof(walk->name) + NAME_MAX];
    snprintf(label, sizeof(label), "layouts/%s%s%s", walk->name, length > 0 ? "/" : "", child);
    struct ocs_error why = {0};
    int result = ocs_io_open_dir(dir, child, &fd, label, &why);
    if (result < 0)
        return see_trouble(walk, label, &why, err);
    if (result > 0)
        return 0;
    size_t size = strlen(child);
    if (length + (length > 0) + size > OCS_LAYOUT_NAME_MAX || depth >= LAYOUT_DEPTH_MAX) {
        walk->visitor->on_trouble(walk->visitor->data, "layouts",
                                  "a folder below layouts/ has a longer name than 255 bytes",
                                  "give it a shorter name");
        return 0;
    }
    if (length > 0)
        walk->name[length++] = '/';
    memcpy(walk->name + length, child, size + 1);
    return walk_layouts(walk, TAKE_FD(fd), length + size, depth + 1, err);
}

/* Takes `dir`. */
static int walk_layouts(struct walk *walk, int dir, size_t length, unsigned depth,
                        struct ocs_error *err)
{
    auto_dir DIR *entries = fdopendir(dir);
    if (!entries) {
        close(dir);
        return ocs_error_errno(err, "layouts/%s", walk->name);
    }
    int result = see_layout(walk, dir, length, err);
    if (result < 0)
        return result;
    struct dirent *entry;
    while ((errno = 0, entry = readdir(entries))) {
        const char *name = entry->d_name;
        if (entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN)
            see_link(walk, dir, name);
        bool itself = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (itself || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
            continue;
        if (strcmp(name, "blobs") == 0) {
            see_blobs(walk, dir);
            continue;
        }
        result = walk_entry(walk, dir, name, length, depth, err);
        walk->name[length] = '\0';
        if (result < 0)
            return result;
    }
    return errno ? ocs_error_errno(err, "layouts/%s", walk->name) : 0;
}

bool ocs_seen_in_place(int store_dir)
{
    return has_layout_file(store_dir);
}

static bool is_ours(const char *name)
{
    static const char *const ours[] = {"layouts", "blobs", ".ocistore"};
    size_t size = strcspn(name, "/");
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (strlen(ours[i]) == size && strncmp(name, ours[i], size) == 0)
            return true;
    }
    return false;
}

bool ocs_seen_inside(const char *path, char store[PATH_MAX])
{
    if (!realpath(path, store))
        return false;
    for (char *slash; (slash = strrchr(store, '/')) && slash > store;) {
        char state[PATH_MAX + sizeof("/.ocistore")];
        struct stat st;
        bool ours = is_ours(slash + 1);
        *slash = '\0';
        snprintf(state, sizeof(state), "%s/.ocistore", store);
        if (ours && stat(state, &st) == 0 && S_ISDIR(st.st_mode))
            return true;
    }
    return false;
}

int ocs_seen_layouts(int store_dir, const struct ocs_seen_visitor *visitor, struct ocs_error *err)
{
    int fd = -1;
    struct walk walk = {.visitor = visitor};
    struct ocs_error why = {0};
    if (ocs_seen_in_place(store_dir)) {
        int result = visitor->on_layout(visitor->data, ".", ".", err);
        if (result < 0)
            return result;
    }
    int result = ocs_io_open_dir(store_dir, "layouts", &fd, "layouts", &why);
    if (result == OCS_IO_NOT_REGULAR)
        visitor->on_trouble(visitor->data, "layouts", "layouts is no folder",
                            "put the folder of the layouts in its place");
    if (result < 0)
        return see_trouble(&walk, "layouts", &why, err);
    if (result > 0)
        return 0;
    return walk_layouts(&walk, fd, 0, 0, err);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "roots_count.h"

#include "cleanup.h"
#include "error.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* ---- the names ---- */

/* "<16 hex>.json"; temporaries of ours are not entries. */
static bool is_entry_name(const char *name, char id[OCS_ROOT_ID_SIZE])
{
    size_t size = OCS_ROOT_ID_SIZE - 1;
    if (strlen(name) != size + strlen(".json") || strcmp(name + size, ".json") != 0)
        return false;
    memcpy(id, name, size);
    id[size] = '\0';
    return strspn(id, "0123456789abcdef") == size;
}

/* A duplicate of `folder` leaves the lock alone. */
int ocs_roots_each_entry(int folder, void *data, ocs_roots_on_entry *on_entry,
                         struct ocs_error *err)
{
    if (folder < 0)
        return 0;
    auto_fd int fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return ocs_error_errno(err, ".ocistore/roots");
    TAKE_FD(fd);
    rewinddir(dir); /* it shares its place with the original */
    struct dirent *entry;
    while ((errno = 0, entry = readdir(dir))) {
        char id[OCS_ROOT_ID_SIZE];
        if (!is_entry_name(entry->d_name, id))
            continue;
        int result = on_entry(data, id, err);
        if (result < 0)
            return result;
    }
    return errno ? ocs_error_errno(err, ".ocistore/roots") : 0;
}

static int add_name(void *data, const char *id, struct ocs_error *err)
{
    struct ocs_roots_names *names = data;
    (void)err;
    names->count++;
    names->ids ^= strtoull(id, NULL, 16);
    return 0;
}

int ocs_roots_names(int folder, struct ocs_roots_names *out, struct ocs_error *err)
{
    *out = (struct ocs_roots_names){0};
    return ocs_roots_each_entry(folder, out, add_name, err);
}

int ocs_roots_marker(const struct ocs_roots_place *place, struct ocs_marker *out,
                     struct ocs_error *err)
{
    int result = ocs_marker_read(place->state_dir, out, err);
    if (result == OCS_IO_ABSENT)
        return ocs_error_raise(err, OCS_FAILED, ".ocistore/store.json is not there");
    return result > 0 ? -OCS_FAILED : result;
}

/* ---- with what can be seen ---- */

struct seeing {
    int folder;
    const char *also; /* an id that counts as seen; or NULL */
    struct ocs_roots_names names;
};

static int see(struct seeing *seeing, const char *id, struct ocs_error *err)
{
    struct stat st;
    char name[OCS_ROOT_ID_SIZE + sizeof(".json")];
    snprintf(name, sizeof(name), "%s.json", id);
    if (seeing->folder >= 0 && fstatat(seeing->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0; /* among the entries */
    return add_name(&seeing->names, id, err);
}

static int on_layout(void *data, const char *name, const char *path, struct ocs_error *err)
{
    struct seeing *seeing = data;
    char id[OCS_ROOT_ID_SIZE];
    (void)path;
    int result = ocs_root_id(name, id, err);
    if (result < 0 || (seeing->also && strcmp(seeing->also, id) == 0))
        return result;
    return see(seeing, id, err);
}

static void pass_trouble(void *data, const char *path, const char *text, const char *help)
{
    (void)data;
    (void)path;
    (void)text;
    (void)help;
}

static void pass_closed(void *data, const char *path, const char *text)
{
    pass_trouble(data, path, text, NULL);
}

/* The entries, and the layouts that ought to have one. */
static int names_with_seen(const struct ocs_roots_place *place, struct seeing *seeing,
                           struct ocs_error *err)
{
    const struct ocs_seen_visitor visitor = {
        .data = seeing,
        .on_layout = on_layout,
        .on_trouble = pass_trouble,
        .on_closed = pass_closed,
    };
    int result = ocs_roots_names(seeing->folder, &seeing->names, err);
    if (result == 0 && seeing->also)
        result = see(seeing, seeing->also, err);
    return result == 0 ? ocs_seen_layouts(place->store_dir, &visitor, err) : result;
}

static bool is_counted(const struct ocs_marker *marker, const struct ocs_roots_names *names)
{
    return marker->has_root_ids && marker->roots == names->count && marker->root_ids == names->ids;
}

int ocs_roots_find_lost(const struct ocs_roots_place *place, int folder, struct ocs_roots_lost *out,
                        struct ocs_error *err)
{
    struct ocs_marker marker = {0};
    struct seeing seeing = {.folder = folder};
    struct ocs_roots_names names = {0};
    *out = (struct ocs_roots_lost){0};
    int result = ocs_roots_marker(place, &marker, err);
    if (result == 0)
        result = ocs_roots_names(folder, &names, err);
    if (result < 0)
        return result;
    *out = (struct ocs_roots_lost){.entries = names.count, .counted = marker.roots};
    out->all_seen = marker.roots == 0;
    if (names.count < marker.roots && marker.has_root_ids) {
        result = names_with_seen(place, &seeing, err);
        out->all_seen = result == 0 && is_counted(&marker, &seeing.names);
        if (marker.roots > seeing.names.count)
            out->unseen = marker.roots - seeing.names.count;
    }
    ocs_marker_clear(&marker);
    return result;
}

/* ---- one that comes or goes ---- */

static void count(struct ocs_roots_change *change, const struct ocs_roots_names *names,
                  const char *id, bool comes)
{
    struct ocs_marker *marker = &change->marker;
    bool lossy = names->count < marker->roots;
    change->counts = true;
    change->last = comes != lossy;
    if (!lossy) {
        marker->roots = names->count;
        marker->root_ids = names->ids;
        marker->has_root_ids = true;
    }
    marker->roots += comes ? 1 : marker->roots > 0 ? UINT64_MAX : 0;
    marker->root_ids ^= strtoull(id, NULL, 16);
}

int ocs_roots_change_begin(const struct ocs_roots_place *place, int folder, const char *id,
                           bool comes, struct ocs_roots_change *out, struct ocs_error *err)
{
    struct ocs_roots_names names = {0};
    struct seeing seeing = {.folder = folder, .also = id};
    *out = (struct ocs_roots_change){0};
    int result = ocs_roots_marker(place, &out->marker, err);
    if (result == 0)
        result = ocs_roots_names(folder, &names, err);
    bool may_be_lost = result == 0 && comes && names.count < out->marker.roots;
    if (may_be_lost && out->marker.has_root_ids)
        result = names_with_seen(place, &seeing, err);
    if (result == 0 && !(may_be_lost && is_counted(&out->marker, &seeing.names)))
        count(out, &names, id, comes);
    if (result < 0)
        ocs_roots_change_clear(out);
    return result;
}

int ocs_roots_change_count(const struct ocs_roots_place *place,
                           const struct ocs_roots_change *change, bool after, struct ocs_error *err)
{
    if (!change->counts || change->last != after)
        return 0;
    return ocs_marker_write(place->state_dir, &change->marker, err);
}

void ocs_roots_change_clear(struct ocs_roots_change *change)
{
    ocs_marker_clear(&change->marker);
}

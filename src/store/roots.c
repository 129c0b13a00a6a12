/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "roots.h"

#include "cleanup.h"
#include "error.h"
#include "roots_count.h"
#include "roots_entry.h"
#include "seen.h"
#include "trash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define FORGET_LOST  "ocistore forget --lost"
#define LOST_HELP    "if layouts live elsewhere, attach them again; then: " FORGET_LOST
#define DAMAGED_HELP "ocistore fsck --repair; if that does not help: " LOST_HELP
#define CLOSED_HELP                                                                                \
    "it need not be damaged: run this as the owner of the store, or look at the disk"

static void note_damage(struct ocs_roots *roots, const char *path, const char *trouble,
                        const char *help)
{
    if (!roots->damaged) {
        snprintf(roots->path, sizeof(roots->path), "%s", path);
        snprintf(roots->trouble, sizeof(roots->trouble), "%s", trouble);
        roots->help = help;
    }
    roots->damaged = true;
}

static int append(struct ocs_roots *roots, const struct ocs_root *root, struct ocs_error *err)
{
    if ((roots->count & (roots->count - 1)) == 0) { /* full at every power of two */
        size_t capacity = roots->count ? roots->count * 2 : 1;
        struct ocs_root *grown = realloc(roots->items, capacity * sizeof(*grown));
        if (!grown)
            return ocs_error_memory(err);
        roots->items = grown;
    }
    int result = ocs_root_copy(root, &roots->items[roots->count], err);
    roots->count += result == 0;
    return result;
}

static int compare_roots(const void *a, const void *b)
{
    const struct ocs_root *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (int)y->registered - (int)x->registered;
}

/* ---- one entry ---- */

#define REPAIR_HELP    "ocistore fsck --repair registers them anew"
#define EMPTY_HELP     "put it back, or: ocistore fsck --repair makes it anew, empty; then " LOST_HELP
#define NO_FOLDER_HELP "move it away; then: ocistore fsck --repair"

static const char *no_folder_text(int result)
{
    return result == OCS_IO_ABSENT ? ".ocistore/roots is not there"
                                   : ".ocistore/roots is no folder";
}

static int no_folder(int result, struct ocs_error *err)
{
    return ocs_error_hint(err, ocs_error_raise(err, OCS_REFUSED, "%s", no_folder_text(result)),
                          result == OCS_IO_ABSENT
                              ? "put it back; if it is lost: ocistore fsck --repair"
                              : NO_FOLDER_HELP);
}

static bool entry_exists(const struct ocs_roots_place *place, const char *path)
{
    struct stat st;
    return fstatat(place->state_dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int ocs_roots_locate(const struct ocs_roots_place *place, const char *name, struct ocs_root *out,
                     struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_roots_entry struct ocs_roots_entry entry = {0};
    char id[OCS_ROOT_ID_SIZE];
    int result = ocs_root_id(name, id, err);
    if (result == 0)
        result = ocs_roots_entry_open(place, id, &fd, &entry, err);
    if (result == 0) {
        struct ocs_root root = ocs_roots_entry_root(&entry);
        return ocs_root_copy(&root, out, err);
    }
    if (result != OCS_IO_ABSENT)
        return result;
    if (!entry_exists(place, "roots")) /* nothing is made that could not be registered */
        return no_folder(OCS_IO_ABSENT, err);
    char path[OCS_LAYOUT_NAME_MAX + sizeof("layouts/")];
    snprintf(path, sizeof(path), "layouts/%s", name);
    const struct ocs_root root = {.name = (char *)name,
                                  .path = strcmp(name, ".") == 0 ? (char *)"." : path};
    return ocs_root_copy(&root, out, err);
}

/* ---- the folder ---- */

/* Positive as ocs_io_open_dir. */
static int lock_folder(const struct ocs_roots_place *place, int mode, int *fd,
                       struct ocs_error *err)
{
    int result = ocs_io_open_dir(place->state_dir, "roots", fd, ".ocistore/roots", err);
    if (result == 0) /* held for a few writes only */
        result = ocs_lock_briefly(*fd, mode == LOCK_EX, ".ocistore/roots", place->wait, err);
    return result;
}

static int lock_to_write(const struct ocs_roots_place *place, int *fd, struct ocs_error *err)
{
    int result = lock_folder(place, LOCK_EX, fd, err);
    return result > 0 ? no_folder(result, err) : result;
}

/* A layout that an observer has read may have been removed, renamed or forgotten
 * since: to register it again would leave an entry without a folder for good. */
static bool is_still_there(const struct ocs_roots_place *place, const struct ocs_root *root)
{
    struct stat st;
    return !root->attached && fstatat(place->store_dir, root->path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int put_new(const struct ocs_roots_place *place, int folder, const char *id,
                   const struct ocs_bytes *text, struct ocs_error *err)
{
    char path[64];
    struct ocs_roots_change change;
    snprintf(path, sizeof(path), "roots/%s.json", id);
    int result = ocs_roots_change_begin(place, folder, id, true, &change, err);
    if (result < 0)
        return result;
    result = ocs_roots_change_count(place, &change, false, err);
    if (result == 0)
        result = ocs_io_replace(place->state_dir, path, text->data, text->size, OCS_MODE_FILE, path,
                                err);
    if (result == 0)
        result = ocs_roots_change_count(place, &change, true, err);
    ocs_roots_change_clear(&change);
    return result;
}

static int put(const struct ocs_roots_place *place, const struct ocs_root *root,
               const struct ocs_bytes *index, bool observed, struct ocs_error *err)
{
    auto_fd int lock = -1;
    char id[OCS_ROOT_ID_SIZE];
    char path[64];
    struct ocs_json_writer w = {0};
    int result = ocs_root_id(root->name, id, err);
    snprintf(path, sizeof(path), "roots/%s.json", id);
    if (result == 0)
        result = ocs_roots_entry_encode(root, index, &w, err);
    if (result == 0)
        result = lock_to_write(place, &lock, err);
    bool is_new = !entry_exists(place, path);
    bool skip = observed && is_new && !is_still_there(place, root);
    if (result == 0 && !skip)
        result = is_new ? put_new(place, lock, id, &w.text, err)
                        : ocs_io_replace(place->state_dir, path, w.text.data, w.text.size,
                                         OCS_MODE_FILE, path, err);
    ocs_json_writer_clear(&w);
    return ocs_error_context(err, result, "layout '%s': register", root->name);
}

int ocs_roots_put(const struct ocs_roots_place *place, const struct ocs_root *root,
                  const struct ocs_bytes *index, struct ocs_error *err)
{
    return put(place, root, index, false, err);
}

int ocs_roots_rewrite(const struct ocs_roots_place *place, const struct ocs_root *root,
                      const struct ocs_bytes *index, struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes old = {0};
    char id[OCS_ROOT_ID_SIZE];
    char path[96];
    int result = ocs_root_id(root->name, id, err);
    snprintf(path, sizeof(path), "roots/%s.json", id);
    if (result == 0)
        result = ocs_io_open_regular(place->state_dir, path, &fd, NULL, path, err);
    if (result == 0)
        result = ocs_io_read_all(fd, OCS_JSON_INDEX_BYTES + OCS_ROOTS_HEADER_MAX, &old, path, err);
    snprintf(path, sizeof(path), "roots/%s.json.damaged.%lld", id, (long long)ocs_now_s());
    if (result == 0)
        result =
            ocs_io_replace(place->state_dir, path, old.data, old.size, OCS_MODE_FILE, path, err);
    return result == 0 ? put(place, root, index, false, err) : result;
}

int ocs_roots_last_index(const struct ocs_roots_place *place, const char *name,
                         struct ocs_bytes *out, struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_roots_entry struct ocs_roots_entry entry = {0};
    char id[OCS_ROOT_ID_SIZE];
    int result = ocs_root_id(name, id, err);
    if (result == 0)
        result = ocs_roots_entry_open(place, id, &fd, &entry, err);
    if (result != 0)
        return result;
    if (entry.index_size == 0)
        return OCS_IO_ABSENT;
    return ocs_roots_entry_index(&entry, fd, out, err);
}

int ocs_roots_remember(const struct ocs_roots_place *place, const struct ocs_root *root,
                       const struct ocs_bytes *index, struct ocs_error *err)
{
    auto_bytes struct ocs_bytes last = {0};
    int result = ocs_roots_last_index(place, root->name, &last, err);
    if (result < 0)
        return result;
    if (result == 0 && last.size == index->size && memcmp(last.data, index->data, last.size) == 0)
        return 0;
    return put(place, root, index, true, err);
}

static int remove_entry(const struct ocs_roots_place *place, int folder, const char *id,
                        const char *run, struct ocs_error *err)
{
    char path[64];
    struct ocs_roots_change change;
    snprintf(path, sizeof(path), "roots/%s.json", id);
    if (!entry_exists(place, path))
        return 0;
    int result = ocs_roots_change_begin(place, folder, id, false, &change, err);
    if (result < 0)
        return result;
    result = ocs_roots_change_count(place, &change, false, err);
    if (result == 0)
        result = ocs_trash_put_file(place->state_dir, run, place->state_dir, path, path, err);
    if (result >= 0)
        result = ocs_io_sync_dir(place->state_dir, "roots", ".ocistore/roots", err);
    if (result == 0)
        result = ocs_roots_change_count(place, &change, true, err);
    ocs_roots_change_clear(&change);
    return result;
}

int ocs_roots_remove_and(const struct ocs_roots_place *place, const char *name, const char *run,
                         const struct ocs_roots_then *then, struct ocs_error *err)
{
    auto_fd int lock = -1;
    char id[OCS_ROOT_ID_SIZE];
    int result = ocs_root_id(name, id, err);
    if (result == 0)
        result = lock_to_write(place, &lock, err);
    if (result == 0)
        result = remove_entry(place, lock, id, run, err);
    result = ocs_error_context(err, result, "layout '%s': unregister", name);
    return result == 0 && then ? then->call(then->data, err) : result;
}

int ocs_roots_remove(const struct ocs_roots_place *place, const char *name, const char *run,
                     struct ocs_error *err)
{
    return ocs_roots_remove_and(place, name, run, NULL, err);
}

/* ---- all of them ---- */

static int read_entry(const struct ocs_roots_place *place, const char *id, struct ocs_roots *out,
                      struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_roots_entry struct ocs_roots_entry entry = {0};
    struct ocs_error local = {0};
    int result = ocs_roots_entry_open(place, id, &fd, &entry, &local);
    if (result == OCS_ROOTS_DAMAGED) {
        char trouble[sizeof(out->trouble)];
        snprintf(trouble, sizeof(trouble), ".ocistore/roots/%s.json is damaged", id);
        if (entry.unreadable)
            snprintf(trouble, sizeof(trouble), ".ocistore/%s", local.message);
        note_damage(out, ".ocistore/roots", trouble, entry.unreadable ? CLOSED_HELP : DAMAGED_HELP);
        return 0;
    }
    if (result < 0 && err)
        *err = local;
    if (result != 0)
        return result < 0 ? result : 0; /* unregistered since the folder was read */
    struct ocs_root root = ocs_roots_entry_root(&entry);
    return append(out, &root, err);
}

struct reading {
    const struct ocs_roots_place *place;
    struct ocs_roots roots;
};

static int read_one(void *data, const char *id, struct ocs_error *err)
{
    struct reading *reading = data;
    return read_entry(reading->place, id, &reading->roots, err);
}

static int on_layout(void *data, const char *name, const char *path, struct ocs_error *err)
{
    const struct ocs_root root = {.name = (char *)name, .path = (char *)path};
    return append(data, &root, err);
}

static void on_trouble(void *data, const char *path, const char *text, const char *help)
{
    note_damage(data, path, text, help);
}

static void on_closed(void *data, const char *path, const char *text)
{
    const struct ocs_roots *roots = data;
    for (size_t i = 0; i < roots->count; i++) {
        if (!roots->items[i].attached && strcmp(roots->items[i].path, path) == 0)
            return;
    }
    note_damage(data, path, text, "make the folder readable, or move it away");
}

/* Sorted; of a layout that is registered and was seen only the entry stays. */
static void sort_and_merge(struct ocs_roots *roots)
{
    qsort(roots->items, roots->count, sizeof(roots->items[0]), compare_roots);
    size_t kept = 0;
    for (size_t i = 0; i < roots->count; i++) {
        if (kept > 0 && strcmp(roots->items[kept - 1].name, roots->items[i].name) == 0)
            ocs_root_clear(&roots->items[i]);
        else
            roots->items[kept++] = roots->items[i];
    }
    roots->count = kept;
}

static const char *lost_help(const struct ocs_roots_place *place, const struct ocs_roots_lost *lost,
                             int opened)
{
    if (opened > 0 && opened != OCS_IO_ABSENT)
        return NO_FOLDER_HELP;
    if (lost->all_seen)
        return REPAIR_HELP;
    if (ocs_seen_in_place(place->store_dir))
        return FORGET_LOST;
    return opened > 0 ? EMPTY_HELP : LOST_HELP;
}

static void describe_lost(const struct ocs_roots_lost *lost, int opened, char *text, size_t size)
{
    char unseen[96] = "";
    if (lost->all_seen)
        snprintf(unseen, sizeof(unseen), "; all that are lost are of layouts below layouts/");
    else if (lost->unseen > 0)
        snprintf(unseen, sizeof(unseen),
                 "; %llu of layouts that were attached, or whose folders are gone as well",
                 (unsigned long long)lost->unseen);
    snprintf(text, size, "%s: there are %llu, of %llu that store.json counts%s",
             opened > 0 ? no_folder_text(opened) : "entries of .ocistore/roots are lost",
             (unsigned long long)lost->entries, (unsigned long long)lost->counted, unseen);
}

/* `opened` is positive where there is no folder. */
static int check_count(const struct ocs_roots_place *place, int opened, int folder,
                       struct ocs_roots *roots, struct ocs_error *err)
{
    struct ocs_roots_lost lost;
    int result = ocs_roots_find_lost(place, folder, &lost, err);
    if (result < 0 || (lost.entries >= lost.counted && opened == 0))
        return result;
    char trouble[256];
    describe_lost(&lost, opened, trouble, sizeof(trouble));
    roots->all_seen = lost.all_seen && !roots->damaged;
    note_damage(roots, ".ocistore/roots", trouble, lost_help(place, &lost, opened));
    return 0;
}

int ocs_roots_read(const struct ocs_roots_place *place, struct ocs_roots *out,
                   struct ocs_error *err)
{
    struct reading reading = {.place = place};
    struct ocs_roots *roots = &reading.roots;
    struct ocs_seen_visitor visitor = {
        .data = roots,
        .on_layout = on_layout,
        .on_trouble = on_trouble,
        .on_closed = on_closed,
    };
    auto_fd int folder = -1;
    int opened = lock_folder(place, LOCK_SH, &folder, err);
    int result = opened < 0 ? opened : 0;
    if (result == 0)
        result = ocs_roots_each_entry(folder, &reading, read_one, err);
    if (result == 0)
        result = check_count(place, opened, folder, roots, err);
    if (result == 0)
        result = ocs_seen_layouts(place->store_dir, &visitor, err);
    if (result < 0) {
        ocs_roots_clear(roots);
        return result;
    }
    if (roots->count > 1)
        sort_and_merge(roots);
    *out = *roots;
    return 0;
}

/* ---- what is lost for good ---- */

struct giving_up {
    const struct ocs_roots_place *place;
    const char *run;
    uint64_t damaged;
};

static int give_up_damaged(void *data, const char *id, struct ocs_error *err)
{
    struct giving_up *giving = data;
    auto_fd int fd = -1;
    auto_roots_entry struct ocs_roots_entry entry = {0};
    char path[64];
    int result = ocs_roots_entry_open(giving->place, id, &fd, &entry, err);
    if (result != OCS_ROOTS_DAMAGED)
        return result;
    snprintf(path, sizeof(path), "roots/%s.json", id);
    if (entry.unreadable) /* the next time it may be found good */
        return ocs_error_hint(err, -OCS_FAILED, "if it stays so, move .ocistore/%s away", path);
    giving->damaged++;
    return ocs_trash_put_file(giving->place->state_dir, giving->run, giving->place->state_dir, path,
                              path, err);
}

/* The count goes down last: until then there are fewer entries than counted. */
static int lower_count(const struct giving_up *giving, int folder, uint64_t *lost,
                       struct ocs_error *err)
{
    struct ocs_marker marker = {0};
    struct ocs_roots_names names;
    int result = ocs_roots_names(folder, &names, err);
    if (result == 0)
        result = ocs_roots_marker(giving->place, &marker, err);
    if (result < 0)
        return result;
    *lost = giving->damaged;
    if (marker.roots > names.count) {
        *lost = marker.roots - names.count;
        marker.roots = names.count;
        marker.root_ids = names.ids;
        marker.has_root_ids = true;
        result = ocs_marker_write(giving->place->state_dir, &marker, err);
    }
    ocs_marker_clear(&marker);
    return result;
}

int ocs_roots_give_up_lost(const struct ocs_roots_place *place, const char *run, uint64_t *lost,
                           struct ocs_error *err)
{
    struct giving_up giving = {.place = place, .run = run};
    auto_fd int folder = -1;
    int result = lock_to_write(place, &folder, err);
    if (result == 0)
        result = ocs_roots_each_entry(folder, &giving, give_up_damaged, err);
    if (result == 0 && giving.damaged > 0)
        result = ocs_trash_sync(place->state_dir, run, err);
    if (result == 0)
        result = ocs_io_sync_dir(place->state_dir, "roots", ".ocistore/roots", err);
    return result < 0 ? result : lower_count(&giving, folder, lost, err);
}

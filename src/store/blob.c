/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "blob.h"

#include "cleanup.h"
#include "error.h"
#include "hash.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* blobs/<alg> of an algorithm that we know: opened when it is first needed, by
 * whichever thread comes first, and kept. */
struct folder {
    atomic_int fd; /* -1: not opened yet, or not there */
    atomic_bool changed;
};

struct ocs_blobs {
    char *label;
    int dir;
    unsigned flags;
    struct folder *folders; /* by algorithm; OTHER is not used */
};

/* Where a blob lies: `name` in the folder `fd`. */
struct place {
    int fd;
    int owned; /* the folder of an algorithm that is not kept open, or -1 */
    enum ocs_algorithm algorithm;
    const char *name;
    char path[OCS_DIGEST_BUF]; /* "alg" NUL "encoded" */
};

static void place_clear(struct place *place)
{
    ocs_cleanup_fd(&place->owned);
}
#define auto_place __attribute__((cleanup(place_clear)))

struct what {
    char text[512];
};

/* For messages only: "blobs/sha256/0123...". */
static const char *what(const struct ocs_blobs *blobs, const struct ocs_digest *digest,
                        struct what *buffer)
{
    char path[OCS_DIGEST_BUF];
    snprintf(buffer->text, sizeof(buffer->text), "%.200s/%s", blobs->label,
             ocs_digest_path(digest, path));
    return buffer->text;
}

static int blob_errno(const struct ocs_blobs *blobs, const struct ocs_digest *digest,
                      struct ocs_error *err)
{
    int saved = errno;
    struct what buffer;
    const char *text = what(blobs, digest, &buffer);
    errno = saved;
    return ocs_error_errno(err, "%s", text);
}

/* ---- folders ---- */

/* Positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR.  `label` is what errors call it. */
static int open_folder(int dir, const char *path, unsigned flags, int *fd, const char *label,
                       struct ocs_error *err)
{
    if (!(flags & OCS_BLOBS_FOLLOW))
        return ocs_io_open_dir(dir, path, fd, label, err);
    int opened = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened >= 0) {
        *fd = opened;
        return 0;
    }
    struct stat st;
    if (errno == ENOENT)
        return OCS_IO_ABSENT;
    if (errno == ENOTDIR)
        return fstatat(dir, path, &st, 0) == 0 ? OCS_IO_NOT_REGULAR : OCS_IO_ABSENT;
    return ocs_error_errno(err, "%s", label);
}

/* One of an algorithm. */
static int open_inner(const struct ocs_blobs *blobs, const char *name, int *fd,
                      struct ocs_error *err)
{
    struct what label;
    snprintf(label.text, sizeof(label.text), "%.200s/%.200s", blobs->label, name);
    return open_folder(blobs->dir, name, blobs->flags, fd, label.text, err);
}

int ocs_blobs_open(int root, const char *path, unsigned flags, const char *label,
                   struct ocs_blobs **out, struct ocs_error *err)
{
    auto_fd int dir = -1;
    int result = open_folder(root, path, flags, &dir, label, err);
    if (result)
        return result;
    auto_free struct ocs_blobs *blobs = calloc(1, sizeof(*blobs));
    auto_free struct folder *folders = calloc(OCS_ALGORITHM_COUNT, sizeof(*folders));
    auto_free char *copy = strdup(label);
    if (!blobs || !folders || !copy)
        return ocs_error_memory(err);
    for (size_t i = 0; i < OCS_ALGORITHM_COUNT; i++)
        atomic_init(&folders[i].fd, -1);
    blobs->label = TAKE_PTR(copy);
    blobs->folders = TAKE_PTR(folders);
    blobs->dir = TAKE_FD(dir);
    blobs->flags = flags;
    *out = TAKE_PTR(blobs);
    return 0;
}

void ocs_blobs_close(struct ocs_blobs *blobs)
{
    if (!blobs)
        return;
    for (size_t i = 0; i < OCS_ALGORITHM_COUNT; i++) {
        int fd = atomic_load(&blobs->folders[i].fd);
        if (fd >= 0)
            close(fd);
    }
    close(blobs->dir);
    free(blobs->folders);
    free(blobs->label);
    free(blobs);
}

const char *ocs_blobs_label(const struct ocs_blobs *blobs)
{
    return blobs->label;
}

/* The kept folder of a known algorithm; the first thread to open it wins. */
static int known_folder(const struct ocs_blobs *blobs, enum ocs_algorithm algorithm, int *fd,
                        struct ocs_error *err)
{
    struct folder *folder = &blobs->folders[algorithm];
    int kept = atomic_load_explicit(&folder->fd, memory_order_acquire);
    if (kept < 0) {
        auto_fd int opened = -1;
        int result = open_inner(blobs, ocs_algorithm_name(algorithm), &opened, err);
        if (result)
            return result;
        if (atomic_compare_exchange_strong(&folder->fd, &kept, opened))
            kept = TAKE_FD(opened);
    }
    *fd = kept;
    return 0;
}

/* Splits the digest's path in place->path; the folder is not open yet. */
static void place_name(struct place *place, const struct ocs_digest *digest)
{
    place->fd = place->owned = -1;
    place->algorithm = ocs_digest_algorithm(digest);
    ocs_digest_path(digest, place->path);
    char *slash = strchr(place->path, '/');
    *slash = '\0';
    place->name = slash + 1;
}

/* Positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR: there is no such folder. */
static int place_open(const struct ocs_blobs *blobs, const struct ocs_digest *digest,
                      struct place *place, struct ocs_error *err)
{
    place_name(place, digest);
    if (place->algorithm != OCS_ALGORITHM_OTHER)
        return known_folder(blobs, place->algorithm, &place->fd, err);
    int result = open_inner(blobs, place->path, &place->owned, err);
    place->fd = place->owned;
    return result;
}

/* ---- reading ---- */

static int classify_open_error(const struct ocs_blobs *blobs, const struct ocs_digest *digest,
                               struct ocs_error *err)
{
    switch (errno) {
    case ENOENT:
        return OCS_IO_ABSENT;
    case ELOOP: /* a link */
    case ENXIO: /* a socket */
        return OCS_IO_NOT_REGULAR;
    default:
        return blob_errno(blobs, digest, err);
    }
}

static int open_file(const struct ocs_blobs *blobs, const struct ocs_digest *digest, int follow,
                     int *fd, struct stat *st, struct ocs_error *err)
{
    auto_place struct place place;
    int result = place_open(blobs, digest, &place, err);
    if (result)
        return result;
    auto_fd int opened =
        openat(place.fd, place.name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | follow);
    if (opened < 0)
        return classify_open_error(blobs, digest, err);
    struct stat local;
    if (!st)
        st = &local;
    if (fstat(opened, st) < 0)
        return blob_errno(blobs, digest, err);
    if (!S_ISREG(st->st_mode))
        return OCS_IO_NOT_REGULAR;
    *fd = TAKE_FD(opened);
    return 0;
}

int ocs_blobs_open_blob(const struct ocs_blobs *blobs, const struct ocs_digest *digest, int *fd,
                        struct stat *st, struct ocs_error *err)
{
    return open_file(blobs, digest, O_NOFOLLOW, fd, st, err);
}

int ocs_blobs_open_target(const struct ocs_blobs *blobs, const struct ocs_digest *digest, int *fd,
                          struct ocs_error *err)
{
    return open_file(blobs, digest, 0, fd, NULL, err);
}

int ocs_blobs_stat(const struct ocs_blobs *blobs, const struct ocs_digest *digest, struct stat *st,
                   struct ocs_error *err)
{
    auto_place struct place place;
    int result = place_open(blobs, digest, &place, err);
    if (result < 0 || result == OCS_IO_ABSENT)
        return result;
    /* no folder but a link or a file: that is what holds the blob's name */
    int done = result == OCS_IO_NOT_REGULAR
                   ? fstatat(blobs->dir, place.path, st, AT_SYMLINK_NOFOLLOW)
                   : fstatat(place.fd, place.name, st, AT_SYMLINK_NOFOLLOW);
    if (done == 0)
        return 0;
    return errno == ENOENT ? OCS_IO_ABSENT : blob_errno(blobs, digest, err);
}

static int check_bytes(const struct ocs_digest *digest, const struct ocs_bytes *bytes,
                       struct ocs_error *err)
{
    enum ocs_algorithm algorithm = ocs_digest_algorithm(digest);
    if (!ocs_algorithm_verifiable(algorithm))
        return 0;
    struct ocs_digest actual;
    int result = ocs_hash_bytes(algorithm, bytes->data, bytes->size, &actual, err);
    if (result)
        return result;
    return ocs_digest_equal(digest, &actual) ? 0 : OCS_BLOB_BAD;
}

int ocs_blobs_read(const struct ocs_blobs *blobs, const struct ocs_digest *digest, uint64_t limit,
                   struct ocs_bytes *out, struct stat *st, struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat local;
    if (!st)
        st = &local;
    int result = ocs_blobs_open_blob(blobs, digest, &fd, st, err);
    if (result)
        return result;
    if ((uint64_t)st->st_size > limit)
        return OCS_BLOB_LARGE;
    struct what buffer;
    auto_bytes struct ocs_bytes bytes = {0};
    result = ocs_io_read_all(fd, limit, &bytes, what(blobs, digest, &buffer), err);
    if (result == -OCS_REFUSED) /* it grew since */
        return OCS_BLOB_LARGE;
    if (result == 0)
        result = check_bytes(digest, &bytes, err);
    if (result)
        return result;
    *out = bytes;
    bytes = (struct ocs_bytes){0};
    return 0;
}

/* ---- iterating ---- */

enum entry_type { ENTRY_FILE, ENTRY_FOLDER, ENTRY_STRANGE };

static enum entry_type type_of_mode(mode_t mode)
{
    if (S_ISREG(mode))
        return ENTRY_FILE;
    return S_ISDIR(mode) ? ENTRY_FOLDER : ENTRY_STRANGE;
}

static enum entry_type type_of(int dir, const struct dirent *entry, bool follow)
{
    bool ask = entry->d_type == DT_UNKNOWN || (entry->d_type == DT_LNK && follow);
    if (!ask)
        return type_of_mode(DTTOIF(entry->d_type));
    struct stat st;
    if (fstatat(dir, entry->d_name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return ENTRY_STRANGE;
    return type_of_mode(st.st_mode);
}

/* Could be the name of an algorithm's folder. */
static bool is_algorithm(const char *name)
{
    char text[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    size_t size = strlen(name);
    if (ocs_algorithm_by_name(name, size) != OCS_ALGORITHM_OTHER)
        return true;
    int length = snprintf(text, sizeof(text), "%s:x", name);
    return length < (int)sizeof(text) && ocs_digest_parse(text, (size_t)length, &digest) == 0;
}

struct listed {
    const char *name; /* of the folder */
    enum ocs_algorithm algorithm;
};

static int parse_name(const struct listed *folder, const char *name, struct ocs_digest *out)
{
    char text[NAME_MAX * 2 + 2];
    if (folder->algorithm != OCS_ALGORITHM_OTHER)
        return ocs_digest_parse_encoded(folder->algorithm, name, strlen(name), out);
    int size = snprintf(text, sizeof(text), "%s:%s", folder->name, name);
    return ocs_digest_parse(text, (size_t)size, out);
}

static int list_entry(int dir, const struct listed *folder, const struct dirent *entry,
                      const struct ocs_blobs_visitor *visitor, struct ocs_error *err)
{
    char path[NAME_MAX * 2 + 2];
    struct ocs_blobs_entry blob;
    if (parse_name(folder, entry->d_name, &blob.digest) == 0) {
        blob.regular = type_of(dir, entry, false) == ENTRY_FILE;
        blob.inode = entry->d_ino;
        return visitor->on_blob ? visitor->on_blob(visitor->data, &blob, err) : 0;
    }
    snprintf(path, sizeof(path), "%s/%s", folder->name, entry->d_name);
    return visitor->on_stranger ? visitor->on_stranger(visitor->data, path, err) : 0;
}

/* `algorithm` NULL: the folder of all of them. */
static int open_listing(const struct ocs_blobs *blobs, const char *algorithm, DIR **out,
                        struct ocs_error *err)
{
    auto_fd int fd = -1;
    int result = algorithm ? open_inner(blobs, algorithm, &fd, err)
                           : open_folder(blobs->dir, ".", blobs->flags, &fd, blobs->label, err);
    return result ? result : ocs_walk_begin(&fd, out, blobs->label, err);
}

static int list_folder(const struct ocs_blobs *blobs, const char *algorithm,
                       const struct ocs_blobs_visitor *visitor, struct ocs_error *err)
{
    auto_dir DIR *dir = NULL;
    int result = open_listing(blobs, algorithm, &dir, err);
    if (result)
        return result < 0 ? result : 0; /* it went away while we looked */
    struct listed folder = {algorithm, ocs_algorithm_by_name(algorithm, strlen(algorithm))};
    struct dirent *entry;
    while ((entry = ocs_walk_next(dir))) {
        result = list_entry(dirfd(dir), &folder, entry, visitor, err);
        if (result)
            return result;
    }
    return errno ? ocs_error_errno(err, "%s/%s", blobs->label, algorithm) : 0;
}

int ocs_blobs_each(const struct ocs_blobs *blobs, const struct ocs_blobs_visitor *visitor,
                   struct ocs_error *err)
{
    auto_dir DIR *dir = NULL;
    int result = open_listing(blobs, NULL, &dir, err);
    if (result)
        return result < 0 ? result : 0;
    struct dirent *entry;
    while ((entry = ocs_walk_next(dir))) {
        bool folder = type_of(dirfd(dir), entry, blobs->flags & OCS_BLOBS_FOLLOW) == ENTRY_FOLDER;
        if (folder && is_algorithm(entry->d_name))
            result = list_folder(blobs, entry->d_name, visitor, err);
        else if (visitor->on_stranger)
            result = visitor->on_stranger(visitor->data, entry->d_name, err);
        if (result)
            return result;
    }
    return errno ? ocs_error_errno(err, "%s", blobs->label) : 0;
}

/* ---- changing ---- */

static int make_folder(const struct ocs_blobs *blobs, const char *name, struct ocs_error *err)
{
    int result = ocs_io_mkdir(blobs->dir, name, OCS_MODE_FOLDER, blobs->label, err);
    return result ? result : ocs_io_sync_dir(blobs->dir, ".", blobs->label, err);
}

/* As place_open, for a change: what is no folder of ours is refused. */
static int place_for_change(const struct ocs_blobs *blobs, const struct ocs_digest *digest,
                            bool create, struct place *place, struct ocs_error *err)
{
    int result = place_open(blobs, digest, place, err);
    if (result == OCS_IO_ABSENT && create) {
        result = make_folder(blobs, place->path, err);
        if (result == 0)
            result = place_open(blobs, digest, place, err);
    }
    if (result == OCS_IO_NOT_REGULAR)
        return ocs_error_raise(err, OCS_REFUSED, "%s/%s is a link or no folder", blobs->label,
                               place->path);
    return result;
}

/* A folder that is not kept open has to be durable right away. */
static int changed(const struct ocs_blobs *blobs, const struct place *place, struct ocs_error *err)
{
    if (place->algorithm == OCS_ALGORITHM_OTHER)
        return ocs_io_fsync(place->fd, blobs->label, err);
    atomic_store_explicit(&blobs->folders[place->algorithm].changed, true, memory_order_release);
    return 0;
}

int ocs_blobs_publish(struct ocs_blobs *blobs, int from_dir, const char *from,
                      const struct ocs_digest *digest, struct ocs_error *err)
{
    struct what buffer;
    auto_place struct place place;
    int result = place_for_change(blobs, digest, true, &place, err);
    if (result < 0)
        return result;
    const char *text = what(blobs, digest, &buffer);
    if (result == 0)
        result = ocs_io_rename_noreplace(from_dir, from, place.fd, place.name, text, err);
    if (result == OCS_IO_ABSENT)
        return ocs_error_raise(err, OCS_FAILED, "%s: the staged file or the folder is gone", text);
    if (result < 0)
        return result;
    int noted = changed(blobs, &place, err);
    return noted < 0 ? noted : result;
}

int ocs_blobs_take(struct ocs_blobs *blobs, const struct ocs_digest *digest, int to_dir,
                   const char *to, struct ocs_error *err)
{
    struct what buffer;
    auto_place struct place place;
    int result = place_for_change(blobs, digest, false, &place, err);
    if (result)
        return result;
    result = ocs_io_rename_noreplace(place.fd, place.name, to_dir, to, what(blobs, digest, &buffer),
                                     err);
    return result ? result : changed(blobs, &place, err);
}

int ocs_blobs_swap(struct ocs_blobs *blobs, const struct ocs_digest *digest, int other_dir,
                   const char *other, struct ocs_error *err)
{
    struct what buffer;
    auto_place struct place place;
    int result = place_for_change(blobs, digest, false, &place, err);
    if (result)
        return result;
    result =
        ocs_io_exchange(place.fd, place.name, other_dir, other, what(blobs, digest, &buffer), err);
    return result ? result : changed(blobs, &place, err);
}

int ocs_blobs_unlink(struct ocs_blobs *blobs, const struct ocs_digest *digest,
                     struct ocs_error *err)
{
    struct what buffer;
    auto_place struct place place;
    int result = place_for_change(blobs, digest, false, &place, err);
    if (result)
        return result < 0 ? result : 0;
    result = ocs_io_unlink(place.fd, place.name, 0, what(blobs, digest, &buffer), err);
    return result ? result : changed(blobs, &place, err);
}

int ocs_blobs_sync(struct ocs_blobs *blobs, struct ocs_error *err)
{
    for (size_t i = 0; i < OCS_ALGORITHM_COUNT; i++) {
        struct folder *folder = &blobs->folders[i];
        if (!atomic_exchange(&folder->changed, false))
            continue;
        int result = ocs_io_fsync(atomic_load(&folder->fd), blobs->label, err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_SHELF_H
#define OCS_TESTS_SHELF_H

/* A store in a temporary folder, filled by writing files as other tools do, and
 * gc runs on it at any time of day. */

#include "place.h"

#include "gc/gc.h"
#include "store/hash.h"
#include "store/store.h"

#include <dirent.h>
#include <sys/stat.h>

#define SHELF_HOUR 3600
#define SHELF_OLD  (40 * 24 * SHELF_HOUR) /* age of a blob, in seconds, unless it is said */

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define INDEX    "application/vnd.oci.image.index.v1+json"
#define CONFIG   "application/vnd.oci.image.config.v1+json"
#define LAYER    "application/vnd.oci.image.layer.v1.tar"

struct blob {
    char digest[OCS_DIGEST_BUF];
    char path[OCS_DIGEST_BUF + 8]; /* "blobs/sha256/..." */
    const char *media_type;
    size_t size;
};

struct shelf {
    struct place *place; /* its folder is the store */
    struct ocs_store *store;
    struct ocs_gc_options options;
    struct ocs_gc_play play;
    struct ocs_gc_report report;
    struct ocs_error err;
    char shown[64 * 1024]; /* what the last run told, a line each */
    size_t shown_size;
};

static inline void shelf_reopen(struct shelf *shelf)
{
    ocs_store_close(shelf->store);
    struct ocs_open_options options = {.lock_timeout_ms = 0, .lock_timeout_given = true};
    assert_int_equal(ocs_store_open(shelf->place->path, &options, &shelf->store, &shelf->err), 0);
}

static inline int shelf_setup(void **state)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf));
    assert_non_null(shelf);
    void *place;
    place_setup(&place);
    shelf->place = place;
    shelf->options = (struct ocs_gc_options)OCS_GC_OPTIONS_INIT;
    shelf->play.now = ocs_now_s();
    struct ocs_init_report report;
    assert_int_equal(ocs_store_init(shelf->place->path, NULL, &report, &shelf->err), 0);
    shelf_reopen(shelf);
    *state = shelf;
    return 0;
}

static inline int shelf_teardown(void **state)
{
    struct shelf *shelf = *state;
    void *place = shelf->place;
    ocs_store_close(shelf->store);
    free(shelf);
    return place_teardown(&place);
}

#define SHELF_TEST(function) cmocka_unit_test_setup_teardown(function, shelf_setup, shelf_teardown)

/* ---- putting things there ---- */

static inline void shelf_age(struct shelf *shelf, const char *path, int64_t seconds)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = ocs_now_s() - seconds}};
    assert_int_equal(utimensat(shelf->place->fd, path, times, 0), 0);
}

static inline struct blob shelf_name(const char *media_type, const char *text)
{
    struct blob blob = {.media_type = media_type, .size = strlen(text)};
    struct ocs_digest digest;
    char path[OCS_DIGEST_BUF];
    ocs_hash_bytes(OCS_ALGORITHM_SHA256, text, blob.size, &digest, NULL);
    ocs_digest_format(&digest, blob.digest);
    snprintf(blob.path, sizeof(blob.path), "blobs/%s", ocs_digest_path(&digest, path));
    return blob;
}

static inline struct blob shelf_blob(struct shelf *shelf, const char *media_type, const char *text)
{
    struct blob blob = shelf_name(media_type, text);
    place_mkdirs(shelf->place, "blobs/sha256");
    place_write(shelf->place, blob.path, text);
    shelf_age(shelf, blob.path, SHELF_OLD);
    return blob;
}

static inline struct blob shelf_layer(struct shelf *shelf, const char *text)
{
    return shelf_blob(shelf, LAYER, text);
}

#define SHELF_TEXT 16384

static inline void shelf_add_descriptor(char *text, const struct blob *blob)
{
    size_t used = strlen(text);
    snprintf(text + used, SHELF_TEXT - used,
             "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", blob->media_type,
             blob->digest, blob->size);
}

static inline void shelf_add_text(char *text, const char *more)
{
    size_t used = strlen(text);
    snprintf(text + used, SHELF_TEXT - used, "%s", more);
}

static inline void shelf_add_list(char *text, const char *name, const struct blob *const *items)
{
    shelf_add_text(text, name);
    for (size_t i = 0; items && items[i]; i++) {
        if (i)
            shelf_add_text(text, ",");
        shelf_add_descriptor(text, items[i]);
    }
    shelf_add_text(text, "]");
}

#define LIST(...) ((const struct blob *const[]){__VA_ARGS__, NULL})

static inline void shelf_manifest_text(char *text, const struct blob *config,
                                       const struct blob *const *layers, const struct blob *subject)
{
    strcpy(text, "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST "\",\"config\":");
    shelf_add_descriptor(text, config);
    shelf_add_list(text, ",\"layers\":[", layers);
    if (subject) {
        shelf_add_text(text, ",\"subject\":");
        shelf_add_descriptor(text, subject);
    }
    shelf_add_text(text, "}");
}

static inline struct blob shelf_manifest(struct shelf *shelf, const struct blob *config,
                                         const struct blob *const *layers,
                                         const struct blob *subject)
{
    char text[SHELF_TEXT];
    shelf_manifest_text(text, config, layers, subject);
    return shelf_blob(shelf, MANIFEST, text);
}

static inline void shelf_index_text(char *text, const struct blob *const *entries)
{
    strcpy(text, "{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\"");
    shelf_add_list(text, ",\"manifests\":[", entries);
    shelf_add_text(text, "}");
}

static inline struct blob shelf_index(struct shelf *shelf, const struct blob *const *entries)
{
    char text[SHELF_TEXT];
    shelf_index_text(text, entries);
    return shelf_blob(shelf, INDEX, text);
}

/* Writes layouts/<name>/index.json in place, as skopeo does. */
static inline void shelf_layout(struct shelf *shelf, const char *name,
                                const struct blob *const *entries)
{
    char text[SHELF_TEXT], path[512];
    snprintf(path, sizeof(path), "layouts/%s", name);
    place_mkdirs(shelf->place, path);
    snprintf(path, sizeof(path), "layouts/%s/oci-layout", name);
    place_write(shelf->place, path, "{\"imageLayoutVersion\":\"1.0.0\"}");
    shelf_index_text(text, entries);
    snprintf(path, sizeof(path), "layouts/%s/index.json", name);
    place_write(shelf->place, path, text);
}

/* An image of its own: manifest, config, one layer. */
struct image {
    struct blob manifest, config, layer;
};

static inline struct image shelf_image(struct shelf *shelf, const char *name)
{
    struct image image;
    char text[256];
    snprintf(text, sizeof(text), "{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"%s\"}",
             name);
    image.config = shelf_blob(shelf, CONFIG, text);
    snprintf(text, sizeof(text), "the layer of %s", name);
    image.layer = shelf_layer(shelf, text);
    image.manifest = shelf_manifest(shelf, &image.config, LIST(&image.layer), NULL);
    return image;
}

/* ---- looking ---- */

static inline bool shelf_has(struct shelf *shelf, const struct blob *blob)
{
    return place_has(shelf->place, blob->path);
}

static inline bool shelf_has_image(struct shelf *shelf, const struct image *image)
{
    return shelf_has(shelf, &image->manifest) && shelf_has(shelf, &image->config) &&
           shelf_has(shelf, &image->layer);
}

static inline unsigned shelf_count(struct shelf *shelf, const char *folder)
{
    unsigned count = 0;
    int fd = openat(shelf->place->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

/* ---- gc ---- */

static inline void shelf_show(struct shelf *shelf, const char *kind, const char *name,
                              const char *more)
{
    size_t left = sizeof(shelf->shown) - shelf->shown_size;
    int size = snprintf(shelf->shown + shelf->shown_size, left, "%s %s %s\n", kind, name, more);
    assert_true(size > 0 && (size_t)size < left);
    shelf->shown_size += (size_t)size;
}

static inline void shelf_on_candidate(void *data, const struct ocs_gc_candidate *candidate)
{
    char more[512];
    snprintf(more, sizeof(more), "%s %llu %lld %lld %s", candidate->action,
             (unsigned long long)candidate->size, (long long)candidate->mtime,
             (long long)candidate->due, candidate->reason);
    shelf_show(data, "candidate", candidate->digest, more);
}

static inline void shelf_on_temporary(void *data, const struct ocs_gc_temporary *temporary)
{
    char more[256];
    snprintf(more, sizeof(more), "%s %s", temporary->action, temporary->reason);
    shelf_show(data, "temporary", temporary->path, more);
}

static inline void shelf_on_purge(void *data, const struct ocs_gc_purge *purge)
{
    shelf_show(data, "purge", purge->digest, purge->run);
}

/* One run, `hours` after the start of the test. */
static inline int shelf_gc(struct shelf *shelf, int64_t hours)
{
    struct ocs_gc_play play = shelf->play;
    play.now += hours * SHELF_HOUR;
    shelf->options.data = shelf;
    shelf->options.on_candidate = shelf_on_candidate;
    shelf->options.on_temporary = shelf_on_temporary;
    shelf->options.on_purge = shelf_on_purge;
    shelf->shown_size = 0;
    shelf->shown[0] = '\0';
    shelf->err = (struct ocs_error){0};
    return ocs_gc_run(shelf->store, &shelf->options, &play, &shelf->report, &shelf->err);
}

static inline void shelf_must_gc(struct shelf *shelf, int64_t hours)
{
    if (shelf_gc(shelf, hours) != 0)
        fail_msg("gc: %s", shelf->err.message);
}

static inline int shelf_dry(struct shelf *shelf, int64_t hours)
{
    shelf->options.dry_run = true;
    int result = shelf_gc(shelf, hours);
    shelf->options.dry_run = false;
    return result;
}

static inline void shelf_must_refuse(struct shelf *shelf, int64_t hours, const char *because)
{
    assert_int_equal(shelf_gc(shelf, hours), -OCS_REFUSED);
    assert_int_equal(shelf->err.status, OCS_REFUSED);
    if (!strstr(shelf->report.refused, because))
        fail_msg("refused for another reason: %s", shelf->report.refused);
    assert_true(shelf->err.hint[0]);
    assert_int_equal(shelf->report.trashed, 0);
    assert_int_equal(shelf->report.purged, 0);
}

/* Was it told, and as what? */
static inline bool shelf_told(struct shelf *shelf, const struct blob *blob, const char *action)
{
    char line[OCS_DIGEST_BUF + 64];
    snprintf(line, sizeof(line), "candidate %s %s ", blob->digest, action);
    return strstr(shelf->shown, line);
}

#endif

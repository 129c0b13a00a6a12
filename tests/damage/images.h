/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_IMAGES_H
#define OCS_TESTS_IMAGES_H

/* Small images written by hand, in a plain layout or in a store:
 *
 *     one   -> manifest-a -> config-a, base, layer-a
 *     two   -> manifest-b -> config-b, base, layer-b
 *     multi -> index      -> manifest-a, manifest-c -> config-c, layer-c
 *
 * Each blob has the name above, so that a test can say "base". */

#include "unit/place.h"

#include "store/hash.h"
#include "store/store.h"

#include <sys/stat.h>

#define IMAGES_MAX 32

struct images {
    struct place *place;
    const char *root;   /* the layout or the store, below the place */
    const char *layout; /* the folder of index.json */
    bool is_store;
    bool disturbed; /* for hooks that do something once */
    struct {
        char name[24];
        char digest[OCS_DIGEST_BUF];
        size_t size;
    } blobs[IMAGES_MAX];
    size_t count;
    char path[512];
};

static inline const char *images_digest(struct images *images, const char *name)
{
    for (size_t i = 0; i < images->count; i++) {
        if (strcmp(images->blobs[i].name, name) == 0)
            return images->blobs[i].digest;
    }
    fail_msg("no blob is called %s", name);
    return NULL;
}

static inline size_t images_size(struct images *images, const char *name)
{
    images_digest(images, name);
    for (size_t i = 0;; i++) {
        if (strcmp(images->blobs[i].name, name) == 0)
            return images->blobs[i].size;
    }
}

/* The name of a digest, or the digest. */
static inline const char *images_name(struct images *images, const char *digest)
{
    for (size_t i = 0; i < images->count; i++) {
        if (strcmp(images->blobs[i].digest, digest) == 0)
            return images->blobs[i].name;
    }
    return digest;
}

/* Where a digest's file is, below the place. Lives until the next call. */
static inline const char *images_path(struct images *images, const char *name)
{
    const char *digest = images_digest(images, name);
    size_t algorithm = strcspn(digest, ":");
    snprintf(images->path, sizeof(images->path), "%s/blobs/%.*s/%s", images->root, (int)algorithm,
             digest, digest + algorithm + 1);
    return images->path;
}

/* A file of the layout's folder, and one of the folder with the blobs.  Lives until
 * the next call. */
static inline const char *images_in_layout(struct images *images, const char *name)
{
    snprintf(images->path, sizeof(images->path), "%s/%s", images->layout, name);
    return images->path;
}

static inline const char *images_in_root(struct images *images, const char *name)
{
    snprintf(images->path, sizeof(images->path), "%s/%s", images->root, name);
    return images->path;
}

static inline void images_write_old(struct images *images, const char *path, const void *bytes,
                                    size_t size)
{
    int fd = openat(images->place->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
}

/* Gives a digest a name without writing anything. */
static inline void images_call(struct images *images, const char *name, const char *digest,
                               size_t size)
{
    assert_true(images->count < IMAGES_MAX);
    snprintf(images->blobs[images->count].name, sizeof(images->blobs[0].name), "%s", name);
    snprintf(images->blobs[images->count].digest, sizeof(images->blobs[0].digest), "%s", digest);
    images->blobs[images->count++].size = size;
}

static inline const char *images_add_bytes(struct images *images, const char *name,
                                           enum ocs_algorithm algorithm, const void *bytes,
                                           size_t size)
{
    struct ocs_digest digest;
    char formatted[OCS_DIGEST_BUF];
    assert_int_equal(ocs_hash_bytes(algorithm, bytes, size, &digest, NULL), 0);
    images_call(images, name, ocs_digest_format(&digest, formatted), size);
    images_write_old(images, images_path(images, name), bytes, size);
    return images_digest(images, name);
}

static inline const char *images_add_as(struct images *images, const char *name,
                                        enum ocs_algorithm algorithm, const char *text)
{
    return images_add_bytes(images, name, algorithm, text, strlen(text));
}

static inline const char *images_add(struct images *images, const char *name, const char *text)
{
    return images_add_as(images, name, OCS_ALGORITHM_SHA256, text);
}

#define MEDIA_INDEX    "application/vnd.oci.image.index.v1+json"
#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_CONFIG   "application/vnd.oci.image.config.v1+json"
#define MEDIA_LAYER    "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_FOREIGN  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"

/* A descriptor of a blob that has a name; `more` is JSON for further members or "". */
static inline char *images_descriptor(struct images *images, const char *media, const char *name,
                                      const char *more)
{
    char *text = NULL;
    assert_true(asprintf(&text, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu%s}", media,
                         images_digest(images, name), images_size(images, name), more) > 0);
    return text;
}

static inline void images_add_config(struct images *images, const char *name, unsigned layers)
{
    char text[2048];
    int at = snprintf(text, sizeof(text),
                      "{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"%s\","
                      "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                      name);
    for (unsigned i = 0; i < layers; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s\"sha256:%064u\"", i ? "," : "", i);
    snprintf(text + at, sizeof(text) - (size_t)at, "]}}");
    images_add(images, name, text);
}

/* `layers` are descriptors, joined by commas. */
static inline void images_add_manifest(struct images *images, const char *name, const char *config,
                                       const char *layers, const char *more)
{
    char *descriptor = images_descriptor(images, MEDIA_CONFIG, config, "");
    char *text = NULL;
    assert_true(asprintf(&text,
                         "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_MANIFEST
                         "\",\"config\":%s,\"layers\":[%s]%s}",
                         descriptor, layers, more) > 0);
    images_add(images, name, text);
    free(text);
    free(descriptor);
}

static inline void images_add_image(struct images *images, const char *suffix,
                                    const char *const *layers, unsigned count)
{
    char manifest[24], config[24], text[4096] = "";
    snprintf(manifest, sizeof(manifest), "manifest-%s", suffix);
    snprintf(config, sizeof(config), "config-%s", suffix);
    for (unsigned i = 0; i < count; i++) {
        char *layer = images_descriptor(images, MEDIA_LAYER, layers[i], "");
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%s", i ? "," : "", layer);
        free(layer);
    }
    images_add_config(images, config, count);
    images_add_manifest(images, manifest, config, text, "");
}

/* A named entry of an index.json; free it. */
static inline char *images_entry(struct images *images, const char *media, const char *name,
                                 const char *ref)
{
    char more[256];
    snprintf(more, sizeof(more), ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}",
             ref);
    return images_descriptor(images, media, name, ref ? more : "");
}

static inline void images_write_index(struct images *images, const char *entries)
{
    char *text = NULL;
    char path[512];
    snprintf(path, sizeof(path), "%s/index.json", images->layout);
    assert_true(asprintf(&text,
                         "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX
                         "\",\"manifests\":[%s]}",
                         entries) > 0);
    images_write_old(images, path, text, strlen(text));
    free(text);
}

static inline void images_write_three(struct images *images)
{
    char *a = images_descriptor(images, MEDIA_MANIFEST, "manifest-a", "");
    char *c = images_descriptor(images, MEDIA_MANIFEST, "manifest-c", "");
    char text[4096];
    snprintf(text, sizeof(text),
             "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX "\",\"manifests\":[%s,%s]}", a, c);
    images_add(images, "index", text);
    char *one = images_entry(images, MEDIA_MANIFEST, "manifest-a", "one");
    char *two = images_entry(images, MEDIA_MANIFEST, "manifest-b", "two");
    char *multi = images_entry(images, MEDIA_INDEX, "index", "multi");
    snprintf(text, sizeof(text), "%s,%s,%s", one, two, multi);
    images_write_index(images, text);
    free(a);
    free(c);
    free(one);
    free(two);
    free(multi);
}

/* The images above; the folders are there. */
static inline void images_fill(struct images *images)
{
    static const char *const a[] = {"base", "layer-a"}, *const b[] = {"base", "layer-b"},
                             *const c[] = {"layer-c"};
    char path[512];
    images_add(images, "base", "the bytes of the base layer, which two images share");
    images_add(images, "layer-a", "the bytes of layer a");
    images_add(images, "layer-b", "the bytes of layer b");
    images_add(images, "layer-c", "the bytes of layer c");
    images_add_image(images, "a", a, 2);
    images_add_image(images, "b", b, 2);
    images_add_image(images, "c", c, 1);
    images_write_three(images);
    snprintf(path, sizeof(path), "%s/oci-layout", images->layout);
    images_write_old(images, path, "{\"imageLayoutVersion\":\"1.0.0\"}", 30);
}

/* A layout without blobs; its index.json is to be written. */
static inline void images_make_empty(struct images *images, struct place *place)
{
    *images = (struct images){.place = place, .root = "shop", .layout = "shop"};
    place_mkdirs(place, "shop/blobs/sha256");
    images_write_old(images, "shop/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", 30);
}

static inline void images_make_layout(struct images *images, struct place *place)
{
    *images = (struct images){.place = place, .root = "shop", .layout = "shop"};
    place_mkdirs(place, "shop/blobs/sha256");
    images_fill(images);
}

/* A store with a layout whose index.json is to be written. */
static inline void images_make_empty_store(struct images *images, struct place *place)
{
    *images = (struct images){
        .place = place, .root = "store", .layout = "store/layouts/shop", .is_store = true};
    place_mkdirs(place, "store");
    assert_int_equal(ocs_store_init(place_path(place, "store"), NULL, NULL, NULL), 0);
    place_mkdirs(place, "store/blobs/sha256");
    place_mkdirs(place, "store/layouts/shop");
    images_write_old(images, "store/layouts/shop/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}",
                     30);
}

static inline void images_make_store(struct images *images, struct place *place)
{
    images_make_empty_store(images, place);
    images_fill(images);
}

/* The store's layout with its last good index.json. */
static inline void images_register(struct images *images)
{
    struct ocs_store *store = NULL;
    assert_int_equal(ocs_store_open(place_path(images->place, "store"), NULL, &store, NULL), 0);
    struct ocs_roots_place roots = ocs_store_roots_place(store);
    struct ocs_root root = {.name = "shop", .path = "layouts/shop"};
    char *text = place_read(images->place, "store/layouts/shop/index.json");
    struct ocs_bytes index = {.data = text, .size = strlen(text)};
    assert_int_equal(ocs_roots_put(&roots, &root, &index, NULL), 0);
    free(text);
    ocs_store_close(store);
}

/* ---- damage ---- */

static inline void images_flip(struct images *images, const char *name, size_t offset)
{
    int fd = openat(images->place->fd, images_path(images, name), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    unsigned char byte;
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

static inline void images_cut(struct images *images, const char *name, size_t size)
{
    int fd = openat(images->place->fd, images_path(images, name), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

static inline void images_drop(struct images *images, const char *name)
{
    assert_int_equal(unlinkat(images->place->fd, images_path(images, name), 0), 0);
}

/* ---- what fsck says ---- */

struct verdict {
    struct images *images;
    char text[16384];
    size_t used;
    struct ocs_fsck_report report;
};

static inline void verdict_say(struct verdict *verdict, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(verdict->text + verdict->used, sizeof(verdict->text) - verdict->used,
                         format, args);
    va_end(args);
    verdict->used += (size_t)size;
    assert_true(verdict->used < sizeof(verdict->text));
}

/* "error layer-missing base (shop:one, shop:two)" */
static inline void verdict_add(void *data, const struct ocs_finding *finding)
{
    static const char *const severities[] = {"info", "notice", "warning", "error", "fatal"};
    struct verdict *verdict = data;
    const char *subject =
        finding->digest ? images_name(verdict->images, finding->digest) : finding->path;
    verdict_say(verdict, "%s %s %s", severities[finding->severity], finding->id, subject);
    for (size_t i = 0; i < finding->affects_count; i++) {
        const struct ocs_affected *affected = &finding->affects[i];
        verdict_say(verdict, "%s%s", i ? ", " : " (", affected->layout);
        if (affected->digest) /* else it is the layout as a whole */
            verdict_say(verdict, ":%s",
                        affected->ref ? affected->ref
                                      : images_name(verdict->images, affected->digest));
    }
    verdict_say(verdict, finding->affects_count ? ")\n" : "\n");
    assert_true(finding->affects_total >= finding->affects_count);
}

static inline int images_fsck(struct images *images, struct ocs_fsck_options options,
                              const struct ocs_hooks *hooks, struct verdict *verdict)
{
    struct ocs_error err = {0};
    *verdict = (struct verdict){.images = images};
    options.data = verdict;
    options.on_finding = verdict_add;
    int r;
    if (images->is_store) {
        struct ocs_store *store = NULL;
        struct ocs_open_options open_options = {.hooks = hooks};
        assert_int_equal(
            ocs_store_open(place_path(images->place, images->root), &open_options, &store, &err),
            0);
        r = ocs_fsck(store, &options, &verdict->report, &err);
        ocs_store_close(store);
    } else {
        r = ocs_fsck_layout(place_path(images->place, images->root), hooks, &options,
                            &verdict->report, &err);
    }
    if (r < 0)
        print_error("fsck: %s\n", err.message);
    return r;
}

static inline void images_expect(struct images *images, struct ocs_fsck_options options,
                                 const char *findings, enum ocs_status status)
{
    struct verdict verdict;
    assert_int_equal(images_fsck(images, options, NULL, &verdict), 0);
    assert_string_equal(verdict.text, findings);
    assert_int_equal(verdict.report.status, status);
}

/* Findings of one id come in the order of digests, which says nothing here. */
static inline int verdict_compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline char *verdict_sorted(const char *text)
{
    char *copy = strdup(text), *lines[64], *rest = copy, *line;
    size_t count = 0;
    while ((line = strsep(&rest, "\n")))
        lines[count++] = line;
    qsort(lines, count, sizeof(*lines), verdict_compare_lines);
    char *out = calloc(1, strlen(text) + 2);
    for (size_t i = 0; i < count; i++)
        strcat(strcat(out, lines[i]), *lines[i] ? "\n" : "");
    free(copy);
    return out;
}

/* With one thread and with eight; `findings` in any order. */
static inline void images_expect_with(struct images *images, struct ocs_fsck_options options,
                                      const char *row, const char *findings, enum ocs_status status)
{
    struct verdict one, eight;
    options.jobs = 1;
    assert_int_equal(images_fsck(images, options, NULL, &one), 0);
    options.jobs = 8;
    assert_int_equal(images_fsck(images, options, NULL, &eight), 0);
    char *found = verdict_sorted(one.text), *expected = verdict_sorted(findings);
    if (strcmp(found, expected) != 0 || one.report.status != status)
        fail_msg("%s: status %d\n%sexpected: status %d\n%s", row, one.report.status, found, status,
                 expected);
    free(found);
    free(expected);
    assert_string_equal(one.text, eight.text);
    assert_int_equal(one.report.status, eight.report.status);
}

static inline void images_expect_row(struct images *images, const char *row, const char *findings,
                                     enum ocs_status status)
{
    images_expect_with(images, (struct ocs_fsck_options){0}, row, findings, status);
}

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The damage table of a plain layout: one damage, exactly these findings. */

#include "damage/images.h"

#include <stdatomic.h>

#define ALL "(shop:one, shop:two, shop:multi)"

struct row {
    const char *name;
    void (*damage)(struct images *images);
    const char *findings;
    enum ocs_status status;
};

static void nothing(struct images *images)
{
    (void)images;
}

static void flip_layer(struct images *images)
{
    images_flip(images, "base", 3);
}

static void flip_manifest(struct images *images)
{
    images_flip(images, "manifest-b", 60);
}

static void flip_config(struct images *images)
{
    images_flip(images, "config-c", 20);
}

static void flip_digest_in_manifest(struct images *images)
{
    char *text = place_read(images->place, images_path(images, "manifest-b"));
    size_t offset = (size_t)(strstr(text, images_digest(images, "layer-b")) - text) + 20;
    free(text);
    images_flip(images, "manifest-b", offset);
}

static void cut_layer(struct images *images)
{
    images_cut(images, "layer-a", 5);
}

static void cut_manifest(struct images *images)
{
    images_cut(images, "manifest-a", 50);
}

static void empty_layer(struct images *images)
{
    images_cut(images, "layer-a", 0);
}

static void lengthen_layer(struct images *images)
{
    images_cut(images, "layer-c", 1000);
}

static void drop_layer(struct images *images)
{
    images_drop(images, "base");
}

static void drop_config(struct images *images)
{
    images_drop(images, "config-b");
}

static void drop_listed_manifest(struct images *images)
{
    images_drop(images, "manifest-b");
}

static void drop_child_manifest(struct images *images)
{
    images_drop(images, "manifest-c");
}

static void drop_platform(struct images *images)
{
    images_drop(images, "config-c");
    images_drop(images, "layer-c");
}

static void link_layer(struct images *images)
{
    images_drop(images, "layer-b");
    assert_int_equal(symlinkat("/etc/passwd", images->place->fd, images_path(images, "layer-b")),
                     0);
}

static void pipe_layer(struct images *images)
{
    images_drop(images, "layer-b");
    assert_int_equal(mkfifoat(images->place->fd, images_path(images, "layer-b"), 0644), 0);
}

static void folder_as_manifest(struct images *images)
{
    images_drop(images, "manifest-b");
    assert_int_equal(mkdirat(images->place->fd, images_path(images, "manifest-b"), 0755), 0);
}

static void open_layer(struct images *images)
{
    assert_int_equal(fchmodat(images->place->fd, images_path(images, "layer-a"), 0666, 0), 0);
}

static void add_orphan(struct images *images)
{
    images_add(images, "orphan", "nobody knows this one");
}

static void damage_orphan(struct images *images)
{
    add_orphan(images);
    images_flip(images, "orphan", 0);
}

static void add_dangling(struct images *images)
{
    char *layer = images_descriptor(images, MEDIA_LAYER, "base", "");
    images_add_config(images, "config-d", 1);
    images_add_manifest(images, "manifest-d", "config-d", layer, "");
    free(layer);
}

static void add_referrer(struct images *images)
{
    char *layer = images_descriptor(images, MEDIA_LAYER, "base", "");
    char *subject = images_descriptor(images, MEDIA_MANIFEST, "manifest-a", "");
    char more[512];
    snprintf(more, sizeof(more), ",\"subject\":%s", subject);
    images_add_config(images, "config-d", 1);
    images_add_manifest(images, "manifest-d", "config-d", layer, more);
    free(subject);
    free(layer);
}

static void damage_referrer(struct images *images)
{
    add_referrer(images);
    images_flip(images, "manifest-d", 3); /* a name; its subject can still be read */
}

static void damage_part_of_referrer(struct images *images)
{
    add_referrer(images);
    images_flip(images, "config-d", 3);
}

static void damage_subject_of_referrer(struct images *images)
{
    add_referrer(images);
    images_flip(images, "manifest-a", 3);
}

static void add_strangers(struct images *images)
{
    struct place *place = images->place;
    place_write(place, images_in_root(images, "blobs/sha256/README"), "hello");
    place_write(place,
                images_in_root(images,
                               "blobs/sha256/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310"
                               "c060f61caaff8a123456"),
                "{");
    place_write(place, images_in_root(images, "blobs/sha256/123.tmp"), "");
    place_write(place, images_in_layout(images, "oci-put-blob123456"), "");
    place_write(place, images_in_layout(images, "NOTES"), "other files are nobody's business");
}

static void add_unknown_algorithm(struct images *images)
{
    place_mkdirs(images->place, images_in_root(images, "blobs/crc32"));
    images_call(images, "crc", "crc32:cbf43926", 9);
    images_write_old(images, images_path(images, "crc"), "123456789", 9);
}

/* Not just now, when it could be about to be written. */
static void no_layout_file(struct images *images)
{
    struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    assert_int_equal(unlinkat(images->place->fd, images_in_layout(images, "oci-layout"), 0), 0);
    assert_int_equal(utimensat(images->place->fd, images->layout, times, 0), 0);
}

static void old_layout_file(struct images *images)
{
    place_write(images->place, images_in_layout(images, "oci-layout"),
                "{\"imageLayoutVersion\":\"0.9.0\"}");
}

static void no_index(struct images *images)
{
    assert_int_equal(unlinkat(images->place->fd, images_in_layout(images, "index.json"), 0), 0);
    assert_int_equal(mkdirat(images->place->fd, images_in_layout(images, "index.json"), 0755), 0);
}

static void half_index(struct images *images)
{
    images_write_old(images, images_in_layout(images, "index.json"),
                     "{\"schemaVersion\":2,\"manifests\":[", 32);
}

static void same_name_twice(struct images *images)
{
    char *one = images_entry(images, MEDIA_MANIFEST, "manifest-a", "one");
    char *two = images_entry(images, MEDIA_MANIFEST, "manifest-b", "one");
    char *multi = images_entry(images, MEDIA_INDEX, "index", "multi");
    char text[4096];
    snprintf(text, sizeof(text), "%s,%s,%s", one, two, multi);
    images_write_index(images, text);
    free(one);
    free(two);
    free(multi);
}

static const struct row rows[] = {
    {"nothing", nothing, "", OCS_OK},
    {"a byte of a layer", flip_layer, "error blob-digest-mismatch base " ALL "\n", OCS_REFUSED},
    {"a byte of a manifest", flip_manifest, "error blob-digest-mismatch manifest-b (shop:two)\n",
     OCS_REFUSED},
    {"a byte of a config", flip_config, "error blob-digest-mismatch config-c (shop:multi)\n",
     OCS_REFUSED},
    {"a digest in a manifest", flip_digest_in_manifest,
     "error blob-digest-mismatch manifest-b (shop:two)\n"
     "info orphan-blob layer-b\n",
     OCS_REFUSED},
    {"a layer cut short", cut_layer,
     "error blob-digest-mismatch layer-a (shop:one, shop:multi)\n"
     "error blob-size-mismatch layer-a (shop:one, shop:multi)\n",
     OCS_REFUSED},
    {"a manifest cut short", cut_manifest,
     "error blob-digest-mismatch manifest-a (shop:one, shop:multi)\n"
     "error blob-size-mismatch manifest-a (shop:one, shop:multi)\n"
     "info orphan-blob config-a\n"
     "info orphan-blob layer-a\n",
     OCS_REFUSED},
    {"an empty layer", empty_layer, "error blob-empty layer-a (shop:one, shop:multi)\n",
     OCS_REFUSED},
    {"a layer that is too long", lengthen_layer,
     "error blob-digest-mismatch layer-c (shop:multi)\n"
     "error blob-size-mismatch layer-c (shop:multi)\n",
     OCS_REFUSED},
    {"a layer gone", drop_layer, "error layer-missing base " ALL "\n", OCS_REFUSED},
    {"a config gone", drop_config, "error config-missing config-b (shop:two)\n", OCS_REFUSED},
    {"a listed manifest gone", drop_listed_manifest,
     "error manifest-missing manifest-b (shop:two)\n"
     "info orphan-blob config-b\n"
     "info orphan-blob layer-b\n",
     OCS_REFUSED},
    {"a child manifest gone", drop_child_manifest,
     "info manifest-absent-sparse manifest-c (shop:multi)\n"
     "info orphan-blob config-c\n"
     "info orphan-blob layer-c\n",
     OCS_OK},
    {"a platform that was never copied", drop_platform,
     "warning config-missing config-c (shop:multi)\n"
     "warning layer-missing layer-c (shop:multi)\n",
     OCS_OK},
    {"a link as layer", link_layer,
     "error layer-missing layer-b (shop:two)\n"
     "warning blob-not-regular layer-b (shop:two)\n",
     OCS_REFUSED},
    {"a pipe as layer", pipe_layer,
     "error layer-missing layer-b (shop:two)\n"
     "warning blob-not-regular layer-b (shop:two)\n",
     OCS_REFUSED},
    {"a folder as manifest", folder_as_manifest,
     "error manifest-missing manifest-b (shop:two)\n"
     "warning blob-not-regular manifest-b (shop:two)\n"
     "info orphan-blob config-b\n"
     "info orphan-blob layer-b\n",
     OCS_REFUSED},
    {"a layer that anybody may write", open_layer,
     "warning blob-writable-by-others layer-a (shop:one, shop:multi)\n", OCS_OK},
    {"an orphan", add_orphan, "info orphan-blob orphan\n", OCS_OK},
    {"a damaged orphan", damage_orphan,
     "warning blob-digest-mismatch orphan\n"
     "info orphan-blob orphan\n",
     OCS_OK},
    {"a dangling image", add_dangling,
     "notice manifest-dangling manifest-d\n"
     "info orphan-blob config-d\n"
     "info orphan-blob manifest-d\n",
     OCS_OK},
    {"a referrer of an image", add_referrer, "", OCS_OK},
    {"a damaged referrer", damage_referrer,
     "error blob-digest-mismatch manifest-d (shop:one, shop:multi)\n", OCS_REFUSED},
    {"a damaged part of a referrer", damage_part_of_referrer,
     "error blob-digest-mismatch config-d (shop:one, shop:multi)\n", OCS_REFUSED},
    {"a damaged subject", damage_subject_of_referrer,
     "error blob-digest-mismatch manifest-a (shop:one, shop:multi)\n", OCS_REFUSED},
    {"strangers", add_strangers,
     "warning blob-name-invalid blobs/sha256/README\n"
     "info orphan-temporary blobs/sha256/"
     "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a123456\n"
     "info orphan-temporary blobs/sha256/123.tmp\n"
     "info orphan-temporary oci-put-blob123456\n",
     OCS_OK},
    {"an unknown algorithm", add_unknown_algorithm,
     "warning blob-algorithm-unknown crc\n"
     "info orphan-blob crc\n",
     OCS_OK},
    {"no oci-layout", no_layout_file, "error layout-file-missing oci-layout (shop)\n", OCS_REFUSED},
    {"an old oci-layout", old_layout_file, "error layout-version oci-layout (shop)\n", OCS_REFUSED},
    {"a name twice", same_name_twice, "warning index-duplicate-ref index.json (shop)\n", OCS_OK},
};

static void every_row(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        void *place;
        struct images images;
        place_setup(&place);
        images_make_layout(&images, place);
        rows[i].damage(&images);
        images_expect_row(&images, rows[i].name, rows[i].findings, rows[i].status);
        place_teardown(&place);
    }
    (void)state;
}

/* The same damage in a store, with a good copy of everything beside it. */
static void every_row_is_healed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        void *place;
        struct images images, twin;
        struct verdict verdict;
        place_setup(&place);
        images_make_layout(&twin, place);
        add_referrer(&twin);
        images_make_store(&images, place);
        images_register(&images);
        rows[i].damage(&images);
        char path[4200];
        snprintf(path, sizeof(path), "%s/shop", ((struct place *)place)->path);
        const char *from = path;
        struct ocs_fsck_options repair = {.repair = true, .from = &from, .from_count = 1};
        assert_int_equal(images_fsck(&images, repair, NULL, &verdict), 0);
        bool healed = verdict.report.errors == 0 || verdict.report.status == OCS_CORRECTED;
        assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, NULL, &verdict), 0);
        if (!healed || verdict.report.status != OCS_OK)
            fail_msg("%s: after the repair:\n%s", rows[i].name, verdict.text);
        place_teardown(&place);
    }
}

static void an_unreadable_index_is_an_error_and_everything_an_orphan(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_layout(&images, *state);
    no_index(&images);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, NULL, &verdict), 0);
    assert_int_equal(strncmp(verdict.text, "error index-unreadable index.json (shop)\n", 41), 0);
    assert_int_equal(verdict.report.errors, 1);
    assert_int_equal(verdict.report.status, OCS_REFUSED);
    assert_int_equal(verdict.report.infos, images.count);
}

static void half_an_index_is_an_error(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_layout(&images, *state);
    half_index(&images);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, NULL, &verdict), 0);
    assert_int_equal(strncmp(verdict.text, "error index-invalid index.json (shop)\n", 38), 0);
    assert_int_equal(verdict.report.errors, 1);
}

/* That a child of an index was never copied is told of both, and loud of a store alone. */
static void a_sparse_index_is_a_warning_in_a_store_alone(void **state)
{
    struct images images;
    images_make_layout(&images, *state);
    drop_child_manifest(&images);
    images_expect(&images, (struct ocs_fsck_options){.strict = true},
                  "info manifest-absent-sparse manifest-c (shop:multi)\n"
                  "info orphan-blob config-c\n"
                  "info orphan-blob layer-c\n",
                  OCS_OK);
    images_make_store(&images, *state);
    drop_child_manifest(&images);
    images_expect(&images, (struct ocs_fsck_options){.strict = true},
                  "warning manifest-absent-sparse manifest-c (shop:multi)\n"
                  "info orphan-blob config-c\n"
                  "info orphan-blob layer-c\n",
                  OCS_REFUSED);
}

static void gc(struct images *images)
{
    struct ocs_store *store = NULL;
    struct ocs_gc_options options = OCS_GC_OPTIONS_INIT;
    struct ocs_gc_report report;
    images_register(images);
    assert_int_equal(ocs_store_open(place_path(images->place, "store"), NULL, &store, NULL), 0);
    assert_int_equal(ocs_gc(store, &options, &report, NULL), 0);
    ocs_store_close(store);
}

/* What gc saw, needed, was copied once. */
static void what_was_here_is_not_sparse(void **state)
{
    struct images images;
    images_make_store(&images, *state);
    gc(&images);
    images_drop(&images, "config-c");
    images_drop(&images, "layer-c");
    images_expect(&images, (struct ocs_fsck_options){0},
                  "error config-missing config-c (shop:multi)\n"
                  "error layer-missing layer-c (shop:multi)\n",
                  OCS_REFUSED);
    images_drop(&images, "manifest-c");
    images_expect(&images, (struct ocs_fsck_options){0},
                  "error manifest-missing manifest-c (shop:multi)\n", OCS_REFUSED);
}

static void what_stands_in_a_manifests_place_is_not_sparse(void **state)
{
    struct images images;
    images_make_layout(&images, *state);
    images_drop(&images, "manifest-c");
    place_mkdirs(*state, images_path(&images, "manifest-c"));
    images_expect(&images, (struct ocs_fsck_options){0},
                  "error manifest-missing manifest-c (shop:multi)\n"
                  "warning blob-not-regular manifest-c (shop:multi)\n"
                  "info orphan-blob config-c\n"
                  "info orphan-blob layer-c\n",
                  OCS_REFUSED);
}

static void strict_lifts_warnings(void **state)
{
    struct images images;
    images_make_layout(&images, *state);
    open_layer(&images);
    images_expect(&images, (struct ocs_fsck_options){.strict = true},
                  "warning blob-writable-by-others layer-a (shop:one, shop:multi)\n", OCS_REFUSED);
}

static void quick_hashes_documents_alone(void **state)
{
    struct images images;
    images_make_layout(&images, *state);
    flip_layer(&images);
    images_expect(&images, (struct ocs_fsck_options){.quick = true}, "", OCS_OK);
    flip_config(&images);
    images_expect(&images, (struct ocs_fsck_options){.quick = true},
                  "error blob-digest-mismatch config-c (shop:multi)\n", OCS_REFUSED);
}

static void what_is_no_layout_is_wrong_usage(void **state)
{
    struct place *place = *state;
    struct ocs_fsck_options options = {0};
    struct ocs_fsck_report report;
    struct ocs_error err;
    place_write(place, "file", "text");
    place_mkdirs(place, "empty");
    assert_int_equal(ocs_fsck_layout(place_path(place, "empty"), NULL, &options, &report, &err),
                     -OCS_USAGE);
    assert_int_equal(ocs_fsck_layout(place_path(place, "file"), NULL, &options, &report, &err),
                     -OCS_USAGE);
    assert_int_equal(ocs_fsck_layout(place_path(place, "gone"), NULL, &options, &report, &err),
                     -OCS_USAGE);
    assert_int_equal(err.status, OCS_USAGE);
}

static bool always(void *data)
{
    (void)data;
    return true;
}

static void a_cancelled_run_says_so(void **state)
{
    struct images images;
    struct verdict verdict;
    struct ocs_hooks hooks = {.cancelled = always};
    images_make_layout(&images, *state);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, &hooks, &verdict), 0);
    assert_int_equal(verdict.report.status, OCS_INTERRUPTED);
}

/* ---- somebody else works there meanwhile ---- */

static bool take_image_away_once(void *data)
{
    static const char *const gone[] = {"manifest-b", "config-b", "layer-b"};
    struct images *images = data;
    if (__atomic_exchange_n(&images->disturbed, true, __ATOMIC_SEQ_CST))
        return false;
    char *one = images_entry(images, MEDIA_MANIFEST, "manifest-a", "one");
    images_write_index(images, one);
    free(one);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        images_drop(images, gone[i]);
    return false;
}

static void what_is_removed_and_swept_meanwhile_is_not_missing(void **state)
{
    struct images images;
    struct verdict verdict;
    struct ocs_hooks hooks = {.data = &images, .cancelled = take_image_away_once};
    images_make_layout(&images, *state);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){.jobs = 1}, &hooks, &verdict),
                     0);
    assert_int_equal(verdict.report.errors, 0);
    assert_int_equal(verdict.report.warnings, 0);
    assert_int_equal(verdict.report.status, OCS_OK);
    assert_null(strstr(verdict.text, "-missing"));
}

/* Whenever somebody asks, the file has just been written: a second later each time, since
 * two moments may have the same time where clocks are coarse. */
static bool touch_base(void *data)
{
    static atomic_long later;
    struct images *images = data;
    time_t now = ocs_now_s() + atomic_fetch_add(&later, 1);
    struct timespec times[2] = {{.tv_sec = now}, {.tv_sec = now}};
    char path[512];
    snprintf(path, sizeof(path), "%s", "shop/blobs/sha256/");
    strcat(path, images_digest(images, "base") + 7);
    utimensat(images->place->fd, path, times, 0);
    return false;
}

static void a_file_that_keeps_changing_is_in_flux(void **state)
{
    struct images images;
    struct verdict verdict;
    struct ocs_hooks hooks = {.data = &images, .cancelled = touch_base};
    images_make_layout(&images, *state);
    images_flip(&images, "base", 0);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, &hooks, &verdict), 0);
    assert_string_equal(verdict.text, "info blob-in-flux base " ALL "\n");
    assert_int_equal(verdict.report.status, OCS_OK);
}

static void blobs_can_be_elsewhere(void **state)
{
    struct place *place = *state;
    struct images images;
    images_make_layout(&images, place);
    assert_int_equal(renameat(place->fd, "shop/blobs", place->fd, "pool"), 0);
    char pool[4200];
    snprintf(pool, sizeof(pool), "%s/pool", place->path);
    images_expect(&images, (struct ocs_fsck_options){.shared_blobs = pool}, "", OCS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),
        cmocka_unit_test(every_row_is_healed),
        PLACE_TEST(an_unreadable_index_is_an_error_and_everything_an_orphan),
        PLACE_TEST(half_an_index_is_an_error),
        PLACE_TEST(a_sparse_index_is_a_warning_in_a_store_alone),
        PLACE_TEST(what_was_here_is_not_sparse),
        PLACE_TEST(what_stands_in_a_manifests_place_is_not_sparse),
        PLACE_TEST(strict_lifts_warnings),
        PLACE_TEST(quick_hashes_documents_alone),
        PLACE_TEST(what_is_no_layout_is_wrong_usage),
        PLACE_TEST(a_cancelled_run_says_so),
        PLACE_TEST(what_is_removed_and_swept_meanwhile_is_not_missing),
        PLACE_TEST(a_file_that_keeps_changing_is_in_flux),
        PLACE_TEST(blobs_can_be_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* When gc refuses, and what is no reason to. */

#include "shelf.h"

#include "store/trash.h"

/* An image that is listed, garbage that a run without a grace would take. */
struct scene {
    struct image image;
    struct blob garbage;
};

static void set(struct shelf *shelf, struct scene *scene)
{
    scene->image = shelf_image(shelf, "image");
    scene->garbage = shelf_layer(shelf, "garbage");
    shelf_layout(shelf, "one", LIST(&scene->image.manifest));
    shelf->options.grace_s = 0;
}

static void forget_graph(struct shelf *shelf)
{
    ocs_store_close(shelf->store);
    shelf->store = NULL;
    assert_int_equal(ocs_io_remove_tree(shelf->place->fd, ".ocistore/graph", "graph", NULL), 0);
    shelf_reopen(shelf);
}

static void drop(struct shelf *shelf, const char *path)
{
    assert_int_equal(unlinkat(shelf->place->fd, path, 0), 0);
}

/* ---- the roots ---- */

static void an_index_that_is_no_index(void **state)
{
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "null",
                                      "{\"schemaVersion\":2}",
                                      "{\"schemaVersion\":2,\"manifests\":{}}",
                                      "{\"a\":1}}"};
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf_layout(shelf, "two", LIST(NULL));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        place_write(shelf->place, "layouts/two/index.json", bad[i]);
        shelf_age(shelf, "layouts/two/index.json", 60); /* nobody is writing it just now */
        shelf_must_refuse(shelf, 0, "layout 'two'");
    }
    assert_true(shelf_has(shelf, &scene.garbage));
    place_write(shelf->place, "layouts/two/index.json", "{\"schemaVersion\":2,\"manifests\":null}");
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
}

static void an_index_that_is_no_file(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    drop(shelf, "layouts/one/index.json");
    shelf_must_refuse(shelf, 0, "layout 'one'");
    assert_int_equal(mkfifoat(shelf->place->fd, "layouts/one/index.json", 0600), 0);
    shelf_must_refuse(shelf, 0, "layout 'one'");
    drop(shelf, "layouts/one/index.json");
    place_mkdirs(shelf->place, "layouts/one/index.json");
    shelf_must_refuse(shelf, 0, "layout 'one'");
    assert_true(shelf_has(shelf, &scene.garbage));
}

static void a_dry_run_refuses_as_well(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    place_write(shelf->place, "layouts/one/index.json", "{}");
    shelf_age(shelf, "layouts/one/index.json", 60);
    assert_int_equal(shelf_dry(shelf, 0), -OCS_REFUSED);
    assert_string_equal(shelf->shown, "");
}

static void a_layout_that_is_not_there(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf_must_gc(shelf, 0); /* knows it from here on */
    assert_int_equal(renameat(shelf->place->fd, "layouts/one", shelf->place->fd, "away"), 0);
    shelf_must_refuse(shelf, 1, "layout 'one' is not there");
    assert_non_null(strstr(shelf->err.hint, "ocistore rm one"));
    assert_true(shelf_has_image(shelf, &scene.image));
    assert_int_equal(renameat(shelf->place->fd, "away", shelf->place->fd, "layouts/one"), 0);
    shelf_must_gc(shelf, 1);
}

static void an_attached_layout_that_is_not_there(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    struct ocs_root root = {.name = (char *)(uintptr_t) "ci/app",
                            .path = (char *)(uintptr_t) "/proc/nowhere/ci/app",
                            .attached = true,
                            .registered = true};
    struct ocs_roots_place place = ocs_store_roots_place(shelf->store);
    char text[] = "{\"schemaVersion\":2,\"manifests\":[]}";
    struct ocs_bytes index = {text, strlen(text)};
    assert_int_equal(ocs_roots_put(&place, &root, &index, NULL), 0);
    shelf_must_refuse(shelf, 0,
                      "layout 'ci/app' (attached) is not there: /proc/nowhere/ci/app: No such "
                      "file or directory");
    assert_string_equal(
        shelf->err.hint,
        "nothing was deleted; mount it or put it back; if it has moved: ocistore forget "
        "ci/app, and attach it where it is now; if it is gone for good: ocistore "
        "forget ci/app");
}

static void a_root_entry_that_is_damaged_or_lost(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    char id[OCS_ROOT_ID_SIZE], path[128];
    set(shelf, &scene);
    shelf_must_gc(shelf, 0);
    assert_int_equal(ocs_root_id("one", id, NULL), 0);
    snprintf(path, sizeof(path), ".ocistore/roots/%s.json", id);
    char *text = place_read(shelf->place, path);
    place_write(shelf->place, path, "garbage");
    shelf_must_refuse(shelf, 1, "which layouts there are is not known");
    drop(shelf, path);
    assert_int_equal(ocs_io_remove_tree(shelf->place->fd, "layouts/one", "layouts/one", NULL), 0);
    shelf_must_refuse(shelf, 1, "which layouts there are is not known");
    assert_non_null(strstr(shelf->err.hint, "ocistore forget --lost"));
    assert_true(shelf_has_image(shelf, &scene.image));
    free(text);
}

static void blobs_without_any_layout(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    shelf->options.grace_s = 0;
    shelf_must_refuse(shelf, 0, "3 blobs but no layout");
    assert_true(shelf_has_image(shelf, &image));
    shelf->options.allow_empty = true;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 3);
}

static void a_clock_that_went_back(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf_must_gc(shelf, 10);
    shelf_layer(shelf, "more garbage");
    shelf_must_refuse(shelf, 9, "the clock is 3600 s behind");
    shelf->play.now -= 240; /* minutes happen */
    shelf_must_gc(shelf, 10);
    forget_graph(shelf);
    shelf_must_gc(shelf, 0);
}

static void a_link_in_place_of_the_blobs(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    int fd = shelf->place->fd;
    set(shelf, &scene);
    assert_int_equal(renameat(fd, "blobs/sha256", fd, "elsewhere"), 0);
    assert_int_equal(symlinkat("../elsewhere", fd, "blobs/sha256"), 0);
    shelf_must_refuse(shelf, 0, "blobs/sha256 is a symbolic link");
    assert_int_equal(shelf_count(shelf, "elsewhere"), 4);
    drop(shelf, "blobs/sha256");
    assert_int_equal(renameat(fd, "elsewhere", fd, "blobs/sha256"), 0);
    assert_int_equal(renameat(fd, "blobs", fd, "elsewhere"), 0);
    assert_int_equal(symlinkat("elsewhere", fd, "blobs"), 0);
    shelf_must_refuse(shelf, 0, "blobs is a symbolic link");
    drop(shelf, "blobs");
    assert_int_equal(renameat(fd, "elsewhere", fd, "blobs"), 0);
    shelf_reopen(shelf);
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
}

/* ---- documents ---- */

static void a_listed_manifest_that_is_not_there(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    struct blob missing = shelf_name(MANIFEST, "never seen");
    shelf_layout(shelf, "two", LIST(&missing));
    shelf_must_refuse(shelf, 0, "which an index.json lists, is not there");
    struct blob layer = shelf_name(LAYER, "never seen");
    shelf_layout(shelf, "two", LIST(&layer)); /* a layer needs nothing */
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
}

static void a_damaged_manifest_that_nobody_knows(void **state)
{
    static const char *const bad[] = {"", "{\"schemaVersion\":2", "not JSON at all"};
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        place_write(shelf->place, scene.image.manifest.path, bad[i]);
        forget_graph(shelf);
        shelf_must_refuse(shelf, 0, "is damaged or cannot be read");
        shelf_must_refuse(shelf, 0, "is damaged or cannot be read");
    }
    assert_true(shelf_has_image(shelf, &scene.image) && shelf_has(shelf, &scene.garbage));
    shelf_image(shelf, "image"); /* copied anew */
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
    assert_true(shelf_has_image(shelf, &scene.image));
}

static void a_damaged_manifest_that_the_graph_knows(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf_must_gc(shelf, 0);
    shelf_layer(shelf, "more garbage");
    place_write(shelf->place, scene.image.manifest.path, "");
    shelf_must_gc(shelf, 1);
    assert_int_equal(shelf->report.trashed, 1);
    assert_true(shelf_has_image(shelf, &scene.image));
    drop(shelf, scene.image.manifest.path);
    shelf_must_gc(shelf, 2);
    assert_true(shelf_has(shelf, &scene.image.layer) && shelf_has(shelf, &scene.image.config));
}

static void a_damaged_manifest_that_nothing_needs(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    struct image lost = shelf_image(shelf, "lost");
    place_write(shelf->place, lost.manifest.path, "{\"half");
    shelf_age(shelf, lost.manifest.path, SHELF_OLD);
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 4);
    assert_false(shelf_has(shelf, &lost.manifest));
}

static void a_damaged_layer_or_config(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    place_write(shelf->place, scene.image.layer.path, "{\"looks\":\"like a document\"}");
    place_write(shelf->place, scene.image.config.path, "{\"half");
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
    assert_true(shelf_has_image(shelf, &scene.image));
}

static void a_sparse_index_and_a_missing_subject(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    struct blob other = shelf_name(MANIFEST, "of another platform");
    struct blob index = shelf_index(shelf, LIST(&scene.image.manifest, &other));
    struct blob referrer =
        shelf_manifest(shelf, &scene.image.config, LIST(&scene.image.layer), &other);
    shelf_layout(shelf, "one", LIST(&index, &referrer));
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
    assert_true(shelf_has_image(shelf, &scene.image));
}

static void put_into_quarantine(struct shelf *shelf, const struct blob *blob)
{
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_parse(blob->digest, strlen(blob->digest), &digest), 0);
    struct ocs_store *store = shelf->store;
    assert_int_equal(ocs_quarantine_put(store->state, store->blobs, &digest, NULL, NULL), 0);
}

static void a_child_in_quarantine_that_nobody_knows(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    struct blob index = shelf_index(shelf, LIST(&scene.image.manifest));
    shelf_layout(shelf, "one", LIST(&index));
    place_write(shelf->place, scene.image.manifest.path, "damaged");
    put_into_quarantine(shelf, &scene.image.manifest);
    shelf_must_refuse(shelf, 0, "is not there, and what it needs is not known");
    assert_true(shelf_has(shelf, &scene.image.layer));
}

/* What a damaged one looked like says nothing, once it is gone from its place. */
static void a_damaged_manifest_that_goes_away(void **state)
{
    static const char *const bad[] = {"", "{\"half", "not JSON at all"};
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    for (size_t i = 0; i < 2 * sizeof(bad) / sizeof(bad[0]); i++) {
        place_write(shelf->place, scene.image.manifest.path, bad[i / 2]);
        forget_graph(shelf);
        shelf_must_refuse(shelf, 0, "is damaged or cannot be read");
        if (i % 2 == 0)
            put_into_quarantine(shelf, &scene.image.manifest);
        else
            drop(shelf, scene.image.manifest.path);
        shelf_must_refuse(shelf, 0, "is not there, and what it needs is not known");
        assert_true(shelf_has(shelf, &scene.image.layer));
    }
}

/* Its digest cannot tell that it was half written when it was read. */
static void a_document_of_another_algorithm_grows(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    char text[SHELF_TEXT], half[SHELF_TEXT];
    set(shelf, &scene);
    struct blob other = {"other:abc", "blobs/other/abc", MANIFEST, 0};
    shelf_manifest_text(text, &scene.image.config, LIST(&scene.image.layer), NULL);
    other.size = strlen(text);
    snprintf(half, sizeof(half), "%.*s", (int)other.size / 2, text);
    drop(shelf, scene.image.manifest.path);
    place_mkdirs(shelf->place, "blobs/other");
    shelf_layout(shelf, "one", LIST(NULL));
    shelf->options.grace_s = SHELF_HOUR;
    place_write(shelf->place, other.path, "{\"schemaVersion\":2}");
    shelf_must_gc(shelf, 0);
    shelf->options.grace_s = 0;
    shelf_layout(shelf, "one", LIST(&other));
    place_write(shelf->place, other.path, half);
    shelf_must_refuse(shelf, 1, "is damaged or cannot be read");
    place_write(shelf->place, other.path, text);
    shelf_must_gc(shelf, 2);
    assert_int_equal(shelf->report.trashed, 1);
    assert_true(shelf_has(shelf, &scene.image.layer) && shelf_has(shelf, &scene.image.config));
}

/* An entry of index.json may name what is no document: that was known. */
static void an_opaque_entry_that_was_good_and_is_gone(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    struct blob opaque = shelf_blob(shelf, MANIFEST, "no document");
    shelf_layout(shelf, "one", LIST(&scene.image.manifest, &opaque));
    shelf_must_gc(shelf, 0);
    drop(shelf, opaque.path);
    shelf_layer(shelf, "more garbage");
    shelf_must_gc(shelf, 1);
    assert_int_equal(shelf->report.trashed, 1);
}

static void edges_are_read_from_quarantine_trash_and_layouts(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    struct blob index = shelf_index(shelf, LIST(&scene.image.manifest));
    shelf_layout(shelf, "one", LIST(&index));
    put_into_quarantine(shelf, &scene.image.manifest); /* whole, for all that */
    assert_int_equal(shelf_dry(shelf, 0), 0);
    assert_int_equal(shelf->report.candidates, 1);
    assert_true(shelf_told(shelf, &scene.garbage, "trash"));
    forget_graph(shelf);
    place_mkdirs(shelf->place, "layouts/one/blobs/sha256");
    char path[512];
    snprintf(path, sizeof(path), "layouts/one/%s", index.path);
    assert_int_equal(renameat(shelf->place->fd, index.path, shelf->place->fd, path), 0);
    assert_int_equal(shelf_dry(shelf, 0), 0);
    assert_int_equal(shelf->report.candidates, 1);
    assert_true(shelf_told(shelf, &scene.garbage, "trash"));
}

static void edges_are_read_from_data(void **state)
{
    /* {"schemaVersion":2,"config":..., "layers":[...]} of the scene, in Base64 */
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct shelf *shelf = *state;
    struct scene scene;
    char text[SHELF_TEXT], data[SHELF_TEXT * 2], index[SHELF_TEXT * 3];
    set(shelf, &scene);
    shelf_manifest_text(text, &scene.image.config, LIST(&scene.image.layer), NULL);
    size_t size = strlen(text), used = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t word = (uint32_t)(unsigned char)text[i] << 16;
        word |= left > 1 ? (uint32_t)(unsigned char)text[i + 1] << 8 : 0;
        word |= left > 2 ? (unsigned char)text[i + 2] : 0;
        data[used++] = letters[word >> 18];
        data[used++] = letters[word >> 12 & 63];
        data[used++] = left > 1 ? letters[word >> 6 & 63] : '=';
        data[used++] = left > 2 ? letters[word & 63] : '=';
    }
    data[used] = '\0';
    snprintf(index, sizeof(index),
             "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MANIFEST
             "\",\"digest\":\"%s\",\"size\":%zu,\"data\":\"%s\"}]}",
             scene.image.manifest.digest, size, data);
    place_write(shelf->place, "layouts/one/index.json", index);
    drop(shelf, scene.image.manifest.path);
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
    assert_true(shelf_has(shelf, &scene.image.layer) && shelf_has(shelf, &scene.image.config));
}

/* ---- the breaker ---- */

static void most_of_what_was_live(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    struct image other = shelf_image(shelf, "other, which is small");
    shelf_layout(shelf, "two", LIST(&other.manifest));
    shelf_must_gc(shelf, 0);
    shelf_layout(shelf, "one", LIST(NULL));
    shelf_layout(shelf, "two", LIST(NULL));
    shelf_must_refuse(shelf, 1, "100 % of all that was needed");
    assert_non_null(strstr(shelf->err.message, "layout 'one' (and 1 more) no longer lists"));
    assert_non_null(strstr(shelf->err.hint, "--max-delete 100%"));
    assert_true(shelf_told(shelf, &other.layer, "trash"));
    assert_int_equal(shelf_dry(shelf, 1), -OCS_REFUSED);
    shelf->options.max_delete_percent = 100;
    shelf_must_gc(shelf, 1);
    assert_int_equal(shelf->report.trashed, 6);
}

static void the_breaker_outlives_the_graph(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf_must_gc(shelf, 0);
    shelf_layout(shelf, "one", LIST(NULL));
    forget_graph(shelf);
    shelf_must_refuse(shelf, 1, "100 % of all that was needed");
    shelf->options.grace_s = SHELF_HOUR;
    shelf_must_gc(shelf, 1); /* everything waits */
    forget_graph(shelf);
    shelf->options.grace_s = 0;
    shelf_must_refuse(shelf, 2, "100 % of all that was needed");
}

static void garbage_does_not_count(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    char text[64];
    set(shelf, &scene);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "garbage that was never live, number %d", i);
        shelf_layer(shelf, text);
    }
    shelf->options.max_delete_percent = 0;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 101);
}

static void what_we_removed_does_not_count(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    struct image other = shelf_image(shelf, "other");
    shelf_layout(shelf, "two", LIST(&other.manifest));
    shelf_must_gc(shelf, 0);
    const char *names[] = {"one"};
    struct ocs_remove_report report;
    assert_int_equal(ocs_remove(shelf->store, names, 1, NULL, NULL, &report, &shelf->err), 0);
    shelf->options.max_delete_percent = 0;
    shelf_must_gc(shelf, 1);
    assert_int_equal(shelf->report.trashed, 3);
    assert_non_null(strstr(shelf->shown, "the image was removed"));
    assert_int_equal(report.freed_blobs, 3);
    assert_true(shelf_has_image(shelf, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(an_index_that_is_no_index),
        SHELF_TEST(an_index_that_is_no_file),
        SHELF_TEST(a_dry_run_refuses_as_well),
        SHELF_TEST(a_layout_that_is_not_there),
        SHELF_TEST(an_attached_layout_that_is_not_there),
        SHELF_TEST(a_root_entry_that_is_damaged_or_lost),
        SHELF_TEST(blobs_without_any_layout),
        SHELF_TEST(a_clock_that_went_back),
        SHELF_TEST(a_link_in_place_of_the_blobs),
        SHELF_TEST(a_listed_manifest_that_is_not_there),
        SHELF_TEST(a_damaged_manifest_that_nobody_knows),
        SHELF_TEST(a_damaged_manifest_that_the_graph_knows),
        SHELF_TEST(a_damaged_manifest_that_nothing_needs),
        SHELF_TEST(a_damaged_layer_or_config),
        SHELF_TEST(a_sparse_index_and_a_missing_subject),
        SHELF_TEST(a_child_in_quarantine_that_nobody_knows),
        SHELF_TEST(a_damaged_manifest_that_goes_away),
        SHELF_TEST(a_document_of_another_algorithm_grows),
        SHELF_TEST(an_opaque_entry_that_was_good_and_is_gone),
        SHELF_TEST(edges_are_read_from_quarantine_trash_and_layouts),
        SHELF_TEST(edges_are_read_from_data),
        SHELF_TEST(most_of_what_was_live),
        SHELF_TEST(the_breaker_outlives_the_graph),
        SHELF_TEST(garbage_does_not_count),
        SHELF_TEST(what_we_removed_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

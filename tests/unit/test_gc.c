/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What gc takes and what it leaves, when nothing is in its way. */

#include "shelf.h"

/* Two images in two layouts that share a layer, and garbage of every kind. */
struct scene {
    struct image first, second, lost;
    struct blob shared, third, loose;
};

static void set(struct shelf *shelf, struct scene *scene)
{
    scene->first = shelf_image(shelf, "first");
    scene->second = shelf_image(shelf, "second");
    scene->lost = shelf_image(shelf, "lost");
    scene->shared = shelf_layer(shelf, "shared");
    scene->third = shelf_manifest(shelf, &scene->second.config,
                                  LIST(&scene->shared, &scene->second.layer), NULL);
    scene->loose = shelf_layer(shelf, "loose");
    shelf_layout(shelf, "one", LIST(&scene->first.manifest));
    shelf_layout(shelf, "team/two", LIST(&scene->third));
}

static void takes_exactly_what_nothing_reaches(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.candidates, 0);
    assert_int_equal(shelf->report.waiting, 5);
    assert_int_equal(shelf->report.layouts, 2);
    assert_int_equal(shelf->report.live_blobs, 7);
    assert_int_equal(shelf->report.unlisted_images, 2);
    assert_int_equal(shelf->report.unlisted_due, 0);
    assert_true(shelf_told(shelf, &scene.loose, "wait"));
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.trashed, 5);
    assert_int_equal(shelf->report.unlisted_due, 2);
    assert_true(shelf_told(shelf, &scene.loose, "trash"));
    assert_true(shelf_has_image(shelf, &scene.first));
    assert_true(shelf_has(shelf, &scene.third));
    assert_true(shelf_has(shelf, &scene.shared));
    assert_true(shelf_has(shelf, &scene.second.config));
    assert_false(shelf_has(shelf, &scene.second.manifest));
    assert_false(shelf_has(shelf, &scene.lost.manifest));
    assert_false(shelf_has(shelf, &scene.lost.config));
    assert_false(shelf_has(shelf, &scene.lost.layer));
    assert_false(shelf_has(shelf, &scene.loose));
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 1);
}

static void a_second_run_changes_nothing(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf_must_gc(shelf, 0);
    shelf_must_gc(shelf, 24);
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.trashed, 0);
    assert_int_equal(shelf->report.candidates, 0);
    assert_int_equal(shelf->report.waiting, 0);
    assert_string_equal(shelf->shown, "");
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 1);
    assert_int_equal(shelf_count(shelf, "blobs/sha256"), 7);
}

static void a_dry_run_is_what_the_run_does(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    assert_int_equal(shelf_dry(shelf, 0), 0);
    assert_int_equal(shelf_dry(shelf, 24), 0);
    char *said = strdup(shelf->shown);
    struct ocs_gc_report dry = shelf->report;
    assert_int_equal(dry.candidates, 5);
    assert_int_equal(dry.trashed, 0);
    assert_int_equal(shelf_count(shelf, "blobs/sha256"), 12);
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 0);
    assert_int_equal(shelf_count(shelf, ".ocistore/journal"), 0);
    shelf_must_gc(shelf, 24);
    assert_string_equal(shelf->shown, said);
    assert_int_equal(shelf->report.candidates, dry.candidates);
    assert_int_equal(shelf->report.candidate_bytes, dry.candidate_bytes);
    assert_int_equal(shelf->report.trashed_bytes, dry.candidate_bytes);
    assert_int_equal(shelf->report.live_bytes, dry.live_bytes);
    free(said);
}

static void grace_runs_from_the_first_mark_that_missed_it(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    shelf_layout(shelf, "one", LIST(&image.manifest));
    shelf_must_gc(shelf, 0);
    shelf_layout(shelf, "one", LIST(NULL));
    shelf->options.max_delete_percent = 100;
    shelf_must_gc(shelf, 100); /* old blobs, but unreferenced since now alone */
    assert_int_equal(shelf->report.waiting, 3);
    shelf_must_gc(shelf, 122);
    assert_int_equal(shelf->report.waiting, 3);
    shelf_layout(shelf, "one", LIST(&image.manifest)); /* live again: begins anew */
    shelf_must_gc(shelf, 122);
    shelf_layout(shelf, "one", LIST(NULL));
    shelf_must_gc(shelf, 124);
    assert_int_equal(shelf->report.waiting, 3);
    shelf_must_gc(shelf, 147);
    assert_int_equal(shelf->report.trashed, 3);
}

static void never_before_its_mtime(void **state)
{
    struct shelf *shelf = *state;
    struct blob old = shelf_layer(shelf, "old"), young = shelf_layer(shelf, "young");
    struct blob future = shelf_layer(shelf, "future");
    shelf_layout(shelf, "one", LIST(NULL));
    shelf_must_gc(shelf, 0);
    shelf_age(shelf, young.path, -20 * SHELF_HOUR);
    shelf_age(shelf, future.path, -1000 * SHELF_HOUR);
    shelf_must_gc(shelf, 24);
    assert_false(shelf_has(shelf, &old));
    assert_true(shelf_has(shelf, &young));
    assert_true(shelf_has(shelf, &future));
    assert_non_null(strstr(shelf->shown, "future"));
}

static void what_comes_back_begins_anew(void **state)
{
    struct shelf *shelf = *state;
    struct blob blob = shelf_layer(shelf, "blob");
    shelf_layout(shelf, "one", LIST(NULL));
    shelf_must_gc(shelf, 0);
    shelf_must_gc(shelf, 24);
    assert_false(shelf_has(shelf, &blob));
    shelf_layer(shelf, "blob"); /* with its old mtime, as rsync -a brings it */
    shelf_must_gc(shelf, 25);
    assert_true(shelf_has(shelf, &blob));
    assert_int_equal(shelf->report.waiting, 1);
}

static void now_leaves_nothing(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf->options.now = true;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 5);
    assert_int_equal(shelf->report.purged, 5);
    assert_int_equal(shelf->report.purged_bytes, shelf->report.trashed_bytes);
    assert_int_equal(shelf_count(shelf, "blobs/sha256"), 7);
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 0);
    assert_true(shelf_has_image(shelf, &scene.first));
}

static void trash_is_emptied_when_it_is_old(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf->options.grace_s = 0;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 5);
    shelf_must_gc(shelf, 71);
    assert_int_equal(shelf->report.purged, 0);
    assert_int_equal(shelf_dry(shelf, 73), 0);
    assert_int_equal(shelf->report.purged, 0);
    char *said = strdup(shelf->shown);
    assert_non_null(strstr(said, "purge sha256:"));
    shelf_must_gc(shelf, 73);
    assert_int_equal(shelf->report.purged, 5);
    assert_true(shelf->report.purged_bytes > 0);
    assert_string_equal(shelf->shown, said);
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 0);
    free(said);
}

static void trash_comes_back_when_it_is_referenced(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    shelf_layout(shelf, "one", LIST(NULL));
    shelf->options.grace_s = 0;
    shelf_must_gc(shelf, 0);
    assert_false(shelf_has(shelf, &image.manifest));
    shelf_layout(shelf, "one", LIST(&image.manifest));
    shelf_must_gc(shelf, 100);
    assert_int_equal(shelf->report.healed, 3);
    assert_int_equal(shelf->report.purged, 0);
    assert_true(shelf_has_image(shelf, &image));
}

/* A copy in the trash goes only when the one in place is good. */
static void trash_of_what_is_live_waits_for_a_good_copy(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    shelf_layout(shelf, "one", LIST(NULL));
    shelf->options.grace_s = 0;
    shelf_must_gc(shelf, 0);
    image = shelf_image(shelf, "image");
    place_write(shelf->place, image.layer.path, "damaged");
    shelf_layout(shelf, "one", LIST(&image.manifest));
    shelf_must_gc(shelf, 100);
    assert_int_equal(shelf->report.purged, 2);
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 1);
    shelf_image(shelf, "image");
    shelf_must_gc(shelf, 101);
    assert_int_equal(shelf->report.purged, 1);
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 0);
}

static void a_linked_file_frees_nothing(void **state)
{
    struct shelf *shelf = *state;
    struct blob blob = shelf_layer(shelf, "blob");
    assert_int_equal(linkat(shelf->place->fd, blob.path, shelf->place->fd, "copy", 0), 0);
    shelf_layout(shelf, "one", LIST(NULL));
    shelf->options.grace_s = 0;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
    assert_int_equal(shelf->report.trashed_bytes, 0);
    assert_int_equal(shelf->report.candidate_bytes, 0);
}

static void strangers_are_left_alone_and_counted(void **state)
{
    struct shelf *shelf = *state;
    struct blob blob = shelf_layer(shelf, "blob");
    shelf_layout(shelf, "one", LIST(NULL));
    place_mkdirs(shelf->place, "blobs/sha384");
    place_mkdirs(shelf->place, "blobs/blake3");
    place_mkdirs(shelf->place, "blobs/not an algorithm");
    place_write(shelf->place, "blobs/README", "x");
    place_write(shelf->place, "blobs/sha256/oci-put-blob123", "x");
    place_write(shelf->place, "blobs/sha384/abc", "x");
    place_write(shelf->place,
                "blobs/blake3/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "x");
    assert_int_equal(symlinkat("README", shelf->place->fd, "blobs/link"), 0);
    shelf->options.grace_s = 0;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
    assert_false(shelf_has(shelf, &blob));
    assert_int_equal(shelf->report.left_alone, 6);
    assert_true(place_has(shelf->place, "blobs/sha384/abc"));
    assert_true(place_has(shelf->place, "blobs/sha256/oci-put-blob123"));
    assert_null(strstr(shelf->shown, "blake3"));
}

static void a_dry_run_leaves_old_journals_and_a_run_takes_them(void **state)
{
    struct shelf *shelf = *state;
    shelf_layout(shelf, "one", LIST(NULL));
    shelf_layer(shelf, "loose");
    shelf_must_gc(shelf, 0);
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf_count(shelf, ".ocistore/journal"), 1);
    shelf_must_gc(shelf, 89 * 24);
    assert_int_equal(shelf_count(shelf, ".ocistore/journal"), 1);
    assert_int_equal(shelf_dry(shelf, 92 * 24), 0);
    assert_int_equal(shelf_count(shelf, ".ocistore/journal"), 1);
    shelf_must_gc(shelf, 92 * 24);
    assert_int_equal(shelf_count(shelf, ".ocistore/journal"), 0);
}

static void referrers_stay_with_their_subject(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    struct blob empty = shelf_blob(shelf, CONFIG, "{}");
    struct blob signature = shelf_layer(shelf, "signature");
    struct blob referrer = shelf_manifest(shelf, &empty, LIST(&signature), &image.manifest);
    shelf_layout(shelf, "one", LIST(&image.manifest));
    shelf->options.grace_s = 0;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 0);
    assert_true(shelf_has(shelf, &referrer) && shelf_has(shelf, &signature));
    /* listed once and taken out again: then it is not wanted any more */
    shelf_layout(shelf, "one", LIST(&image.manifest, &referrer));
    shelf_must_gc(shelf, 1);
    shelf_layout(shelf, "one", LIST(&image.manifest));
    shelf->options.max_delete_percent = 100;
    shelf_must_gc(shelf, 2);
    assert_int_equal(shelf->report.trashed, 3);
    assert_true(shelf_has_image(shelf, &image));
}

static void docker_saves_manifest_json_is_a_root(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    char text[1024];
    shelf_layout(shelf, "one", LIST(NULL));
    snprintf(text, sizeof(text), "[{\"Config\":\"%s\",\"RepoTags\":null,\"Layers\":[\"%s\"]}]",
             image.config.path, image.layer.path);
    place_write(shelf->place, "layouts/one/manifest.json", text);
    shelf->options.grace_s = 0;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.trashed, 1);
    assert_true(shelf_has(shelf, &image.config) && shelf_has(shelf, &image.layer));
}

static void a_young_document_keeps_its_old_parts(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    struct blob loose = shelf_layer(shelf, "loose");
    shelf_layout(shelf, "one", LIST(NULL));
    shelf_must_gc(shelf, 0);
    shelf_age(shelf, image.manifest.path, -20 * SHELF_HOUR); /* written again by a copy */
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.trashed, 1);
    assert_false(shelf_has(shelf, &loose));
    assert_true(shelf_has_image(shelf, &image));
    assert_non_null(strstr(shelf->shown, "part of a document in its grace"));
    shelf_must_gc(shelf, 44);
    assert_int_equal(shelf->report.trashed, 3);
}

static void a_lost_graph_makes_everything_wait(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    shelf_must_gc(shelf, 0);
    ocs_store_close(shelf->store);
    shelf->store = NULL;
    assert_int_equal(ocs_io_remove_tree(shelf->place->fd, ".ocistore/graph", "graph", NULL), 0);
    shelf_reopen(shelf);
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.waiting, 5);
    assert_int_equal(shelf->report.trashed, 0);
    shelf_must_gc(shelf, 48);
    assert_int_equal(shelf->report.trashed, 5);
    assert_true(shelf_has_image(shelf, &scene.first));
}

static void an_empty_store_is_fine(void **state)
{
    struct shelf *shelf = *state;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.layouts, 0);
    shelf->options.now = true;
    shelf_must_gc(shelf, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(takes_exactly_what_nothing_reaches),
        SHELF_TEST(a_second_run_changes_nothing),
        SHELF_TEST(a_dry_run_is_what_the_run_does),
        SHELF_TEST(grace_runs_from_the_first_mark_that_missed_it),
        SHELF_TEST(never_before_its_mtime),
        SHELF_TEST(what_comes_back_begins_anew),
        SHELF_TEST(now_leaves_nothing),
        SHELF_TEST(trash_is_emptied_when_it_is_old),
        SHELF_TEST(trash_comes_back_when_it_is_referenced),
        SHELF_TEST(trash_of_what_is_live_waits_for_a_good_copy),
        SHELF_TEST(a_linked_file_frees_nothing),
        SHELF_TEST(strangers_are_left_alone_and_counted),
        SHELF_TEST(a_dry_run_leaves_old_journals_and_a_run_takes_them),
        SHELF_TEST(referrers_stay_with_their_subject),
        SHELF_TEST(docker_saves_manifest_json_is_a_root),
        SHELF_TEST(a_young_document_keeps_its_old_parts),
        SHELF_TEST(a_lost_graph_makes_everything_wait),
        SHELF_TEST(an_empty_store_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The damage table of a store whose graph knows it: what a store has beyond a
 * plain layout, and what the graph makes of damage. */

#include "damage/clock.h"
#include "damage/images.h"

#include "store/store.h"

#define ALL "(shop:one, shop:two, shop:multi)"

static const struct ocs_fsck_options DEFAULT = {.jobs = 2};

/* A store with a graph that has seen everything. */
static void make_known_store(struct images *images, struct place *place)
{
    images_make_store(images, place);
    images_expect(images, DEFAULT, "", OCS_OK);
}

static void a_clean_store_is_clean_twice(void **state)
{
    struct images images;
    struct verdict verdict;
    make_known_store(&images, *state);
    assert_int_equal(images_fsck(&images, DEFAULT, NULL, &verdict), 0);
    assert_string_equal(verdict.text, "");
    assert_int_equal(verdict.report.status, OCS_OK);
    assert_int_equal(verdict.report.blobs_checked, images.count);
    assert_int_equal(verdict.report.blobs_total, images.count);
    assert_int_equal(verdict.report.images, 3);
    assert_true(verdict.report.oldest_verified > 0);
}

/* All that is done to a file may lie within one tick of the clock: this can be told. */
static void date(struct place *place, const char *path)
{
    struct timespec times[2] = {{.tv_sec = 1700000001}, {.tv_sec = 1700000001}};
    assert_int_equal(utimensat(place->fd, path, times, 0), 0);
}

static void a_flipped_byte_is_found_and_healed(void **state)
{
    struct images images;
    make_known_store(&images, *state);
    images_flip(&images, "base", 7);
    images_expect(&images, DEFAULT, "error blob-digest-mismatch base " ALL "\n", OCS_REFUSED);
    images_expect(&images, DEFAULT, "error blob-digest-mismatch base " ALL "\n", OCS_REFUSED);
    images_flip(&images, "base", 7);
    date(images.place, images_path(&images, "base"));
    images_expect(&images, DEFAULT, "info graph-stale base " ALL "\n", OCS_OK);
    images_expect(&images, DEFAULT, "", OCS_OK);
}

static void the_graph_remembers_what_a_lost_manifest_named(void **state)
{
    struct images images;
    make_known_store(&images, *state);
    images_drop(&images, "manifest-b");
    images_expect(&images, DEFAULT, "error manifest-missing manifest-b (shop:two)\n", OCS_REFUSED);
}

static void the_graph_remembers_what_a_damaged_manifest_named(void **state)
{
    struct images images;
    make_known_store(&images, *state);
    images_cut(&images, "manifest-b", 40);
    images_expect(&images, DEFAULT,
                  "error blob-digest-mismatch manifest-b (shop:two)\n"
                  "error blob-size-mismatch manifest-b (shop:two)\n",
                  OCS_REFUSED);
}

static void what_hangs_behind_a_lost_manifest_is_hurt_as_well(void **state)
{
    struct images images;
    make_known_store(&images, *state);
    images_drop(&images, "manifest-b");
    images_flip(&images, "layer-b", 0);
    images_expect(&images, DEFAULT,
                  "error blob-digest-mismatch layer-b (shop:two)\n"
                  "error manifest-missing manifest-b (shop:two)\n",
                  OCS_REFUSED);
}

static void a_new_blob_is_learned_in_passing(void **state)
{
    struct images images;
    make_known_store(&images, *state);
    images_add(&images, "orphan", "nobody knows this one");
    images_expect(&images, DEFAULT,
                  "info graph-missing-node orphan\n"
                  "info orphan-blob orphan\n",
                  OCS_OK);
    images_expect(&images, DEFAULT, "info orphan-blob orphan\n", OCS_OK);
}

/* The graph gets other edges of a document. */
static void teach(struct images *images, const char *name, const char *const *children,
                  uint32_t count)
{
    struct ocs_store *store = NULL;
    struct ocs_graph *graph = NULL;
    struct ocs_graph_txn *txn = NULL;
    struct ocs_child list[4] = {{0}};
    struct ocs_digest digest;
    uint32_t id;
    assert_int_equal(ocs_store_open(place_path(images->place, "store"), NULL, &store, NULL), 0);
    assert_int_equal(ocs_store_graph(store, &graph, NULL), 0);
    assert_int_equal(ocs_graph_begin(graph, true, &txn, NULL), 0);
    for (uint32_t i = 0; i < count; i++) {
        const char *text = images_digest(images, children[i]);
        assert_int_equal(ocs_digest_parse(text, strlen(text), &digest), 0);
        assert_int_equal(ocs_graph_find(txn, &digest, &list[i].id, NULL), 0);
        list[i].role = i ? OCS_ROLE_LAYER : OCS_ROLE_CONFIG;
    }
    const char *text = images_digest(images, name);
    assert_int_equal(ocs_digest_parse(text, strlen(text), &digest), 0);
    assert_int_equal(ocs_graph_find(txn, &digest, &id, NULL), 0);
    assert_int_equal(ocs_graph_put_children(txn, id, list, count, NULL), 0);
    assert_int_equal(ocs_graph_commit(txn, NULL), 0);
    ocs_store_close(store);
}

static void edges_that_the_graph_has_wrong_are_mended_in_passing(void **state)
{
    static const char *const few[] = {"config-b", "base"};
    static const char *const many[] = {"config-b", "base", "layer-b", "layer-c"};
    struct images images;
    make_known_store(&images, *state);
    teach(&images, "manifest-b", few, 2);
    images_expect(&images, DEFAULT, "info graph-missing-edge manifest-b (shop:two)\n", OCS_OK);
    images_expect(&images, DEFAULT, "", OCS_OK);
    teach(&images, "manifest-b", many, 4);
    atomic_store(&clock_ahead, 60); /* what has just been written may change: nothing is dropped */
    images_expect(&images, DEFAULT, "info graph-extra manifest-b (shop:two)\n", OCS_OK);
    images_expect(&images, DEFAULT, "", OCS_OK);
    atomic_store(&clock_ahead, 0);
}

static void a_lost_graph_is_made_anew_without_a_word(void **state)
{
    struct images images;
    struct place *place = *state;
    make_known_store(&images, place);
    assert_int_equal(unlinkat(place->fd, "store/.ocistore/graph/data.mdb", 0), 0);
    images_expect(&images, DEFAULT, "", OCS_OK);
    images_expect(&images, DEFAULT, "", OCS_OK);
}

static void a_damaged_graph_is_an_error_and_nothing_else_suffers(void **state)
{
    struct images images;
    struct place *place = *state;
    make_known_store(&images, place);
    int fd = openat(place->fd, "store/.ocistore/graph/data.mdb", O_RDWR | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 4096 * 3), 0);
    close(fd);
    images_flip(&images, "base", 7);
    for (int i = 0; i < 2; i++) /* fsck leaves it as it is */
        images_expect(&images, DEFAULT,
                      "error blob-digest-mismatch base " ALL "\n"
                      "error graph-corrupt .ocistore/graph/data.mdb\n",
                      OCS_REFUSED);
}

static void a_missing_layout_is_an_error(void **state)
{
    struct images images;
    struct place *place = *state;
    make_known_store(&images, place);
    struct ocs_store *store = NULL;
    assert_int_equal(ocs_store_open(place_path(place, "store"), NULL, &store, NULL), 0);
    struct ocs_roots_place roots = ocs_store_roots_place(store);
    struct ocs_root gone = {.name = "gone", .path = "layouts/gone"};
    struct ocs_bytes index = {.data = "{}", .size = 2};
    assert_int_equal(ocs_roots_put(&roots, &gone, &index, NULL), 0);
    ocs_store_close(store);
    images_expect(&images, DEFAULT, "error layout-missing layouts/gone (gone)\n", OCS_REFUSED);
}

static void a_damaged_entry_of_the_registry_is_an_error(void **state)
{
    struct images images;
    struct place *place = *state;
    make_known_store(&images, place);
    place_write(place, "store/.ocistore/roots/0123456789abcdef.json", "nonsense");
    images_expect(&images, DEFAULT, "error roots-entry-damaged .ocistore/roots\n", OCS_REFUSED);
}

static void what_is_referenced_and_in_the_trash_is_said(void **state)
{
    struct images images;
    struct place *place = *state;
    make_known_store(&images, place);
    char from[512], to[512];
    place_mkdirs(place, "store/.ocistore/trash/20240101T000000Z-01234567/blobs/sha256");
    snprintf(from, sizeof(from), "%s", images_path(&images, "layer-c"));
    snprintf(to, sizeof(to), "store/.ocistore/trash/20240101T000000Z-01234567/blobs/sha256/%s",
             images_digest(&images, "layer-c") + 7);
    assert_int_equal(renameat(place->fd, from, place->fd, to), 0);
    images_expect(&images, DEFAULT,
                  "error layer-missing layer-c (shop:multi)\n"
                  "error trash-referenced layer-c (shop:multi)\n",
                  OCS_REFUSED);
}

static void a_quarantined_copy_is_an_error_until_the_blob_is_back(void **state)
{
    struct images images;
    struct place *place = *state;
    make_known_store(&images, place);
    char from[512], to[512];
    place_mkdirs(place, "store/.ocistore/quarantine/sha256");
    snprintf(from, sizeof(from), "%s", images_path(&images, "layer-c"));
    snprintf(to, sizeof(to), "store/.ocistore/quarantine/sha256/%s.1700000000.1",
             images_digest(&images, "layer-c") + 7);
    assert_int_equal(renameat(place->fd, from, place->fd, to), 0);
    images_expect(&images, DEFAULT,
                  "error layer-missing layer-c (shop:multi)\n"
                  "error quarantine-unresolved layer-c (shop:multi)\n",
                  OCS_REFUSED);
    assert_int_equal(linkat(place->fd, to, place->fd, from, 0), 0);
    date(place, from);
    images_expect(&images, DEFAULT,
                  "info graph-stale layer-c (shop:multi)\n"
                  "info quarantine-unresolved layer-c (shop:multi)\n",
                  OCS_OK);
}

static void what_a_process_left_in_tmp_is_said(void **state)
{
    struct images images;
    struct place *place = *state;
    make_known_store(&images, place);
    place_mkdirs(place, "store/.ocistore/tmp/0011223344556677");
    images_expect(&images, DEFAULT, "info orphan-temporary .ocistore/tmp/0011223344556677\n",
                  OCS_OK);
}

static void a_second_fsck_is_busy(void **state)
{
    struct images images;
    struct place *place = *state;
    make_known_store(&images, place);
    struct ocs_store *store = NULL;
    struct verdict verdict;
    assert_int_equal(ocs_store_open(place_path(place, "store"), NULL, &store, NULL), 0);
    struct ocs_lock_wait wait = {.timeout_ms = 0};
    assert_int_equal(ocs_lock_take(store->locks, OCS_LOCK_FSCK, true, &wait, NULL), 0);
    assert_int_equal(images_fsck(&images, DEFAULT, NULL, &verdict), -OCS_BUSY);
    ocs_store_close(store);
}

/* ---- the marker, gone while the store is open ---- */

static enum ocs_status check_with_marker(struct images *images, const char *marker,
                                         struct verdict *verdict)
{
    struct place *place = images->place;
    struct ocs_store *store = NULL;
    struct ocs_fsck_options options = {.data = verdict, .on_finding = verdict_add};
    *verdict = (struct verdict){.images = images};
    assert_int_equal(ocs_store_open(place_path(place, "store"), NULL, &store, NULL), 0);
    assert_int_equal(unlinkat(place->fd, "store/.ocistore/store.json", 0), 0);
    if (marker)
        place_write(place, "store/.ocistore/store.json", marker);
    ocs_fsck(store, &options, &verdict->report, NULL);
    ocs_store_close(store);
    return verdict->report.status;
}

static void a_lost_marker_is_fatal(void **state)
{
    struct images images;
    struct verdict verdict;
    make_known_store(&images, *state);
    assert_int_equal(check_with_marker(&images, NULL, &verdict), OCS_FAILED);
    assert_non_null(strstr(verdict.text, "fatal store-marker-missing .ocistore/store.json\n"));
}

static void a_damaged_marker_is_fatal(void **state)
{
    struct images images;
    struct verdict verdict;
    make_known_store(&images, *state);
    assert_int_equal(check_with_marker(&images, "{\"format\":1}", &verdict), OCS_FAILED);
    assert_non_null(strstr(verdict.text, "fatal store-marker-damaged .ocistore/store.json\n"));
}

static void a_marker_of_the_future_is_fatal(void **state)
{
    struct images images;
    struct verdict verdict;
    make_known_store(&images, *state);
    assert_int_equal(check_with_marker(&images, "{\"format\":99}", &verdict), OCS_FAILED);
    assert_non_null(strstr(verdict.text, "fatal store-feature-unknown .ocistore/store.json\n"));
}

/* ---- interrupted in the middle ---- */

struct patience {
    int asked;
    int limit;
};

static bool out_of_patience(void *data)
{
    struct patience *patience = data;
    return __atomic_add_fetch(&patience->asked, 1, __ATOMIC_RELAXED) > patience->limit;
}

/* Whenever the run ends, it tells no error that is none, and a whole run after
 * it is clean. */
static void an_interrupted_run_does_no_harm(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_store(&images, *state);
    for (int limit = 0; limit < 60; limit++) {
        struct patience patience = {.limit = limit};
        struct ocs_hooks hooks = {.data = &patience, .cancelled = out_of_patience};
        assert_int_equal(images_fsck(&images, DEFAULT, &hooks, &verdict), 0);
        assert_int_equal(verdict.report.errors, 0);
        assert_true(verdict.report.status == OCS_INTERRUPTED || verdict.report.status == OCS_OK);
    }
    assert_int_equal(images_fsck(&images, DEFAULT, NULL, &verdict), 0);
    assert_int_equal(verdict.report.status, OCS_OK);
    assert_int_equal(verdict.report.blobs_checked, images.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_clean_store_is_clean_twice),
        PLACE_TEST(a_flipped_byte_is_found_and_healed),
        PLACE_TEST(the_graph_remembers_what_a_lost_manifest_named),
        PLACE_TEST(the_graph_remembers_what_a_damaged_manifest_named),
        PLACE_TEST(what_hangs_behind_a_lost_manifest_is_hurt_as_well),
        PLACE_TEST(a_new_blob_is_learned_in_passing),
        PLACE_TEST(edges_that_the_graph_has_wrong_are_mended_in_passing),
        PLACE_TEST(a_lost_graph_is_made_anew_without_a_word),
        PLACE_TEST(a_damaged_graph_is_an_error_and_nothing_else_suffers),
        PLACE_TEST(a_missing_layout_is_an_error),
        PLACE_TEST(a_damaged_entry_of_the_registry_is_an_error),
        PLACE_TEST(what_is_referenced_and_in_the_trash_is_said),
        PLACE_TEST(a_quarantined_copy_is_an_error_until_the_blob_is_back),
        PLACE_TEST(what_a_process_left_in_tmp_is_said),
        PLACE_TEST(a_second_fsck_is_busy),
        PLACE_TEST(a_lost_marker_is_fatal),
        PLACE_TEST(a_damaged_marker_is_fatal),
        PLACE_TEST(a_marker_of_the_future_is_fatal),
        PLACE_TEST(an_interrupted_run_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

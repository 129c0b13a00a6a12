/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What any layout needs comes back from the trash and the quarantine, if it is whole. */

#include "shelf.h"

#include "store/heal.h"
#include "store/trash.h"

static struct ocs_digest digest_of(const struct blob *blob)
{
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_parse(blob->digest, strlen(blob->digest), &digest), 0);
    return digest;
}

static void quarantine(struct shelf *shelf, const struct blob *blob)
{
    struct ocs_digest digest = digest_of(blob);
    assert_int_equal(
        ocs_quarantine_put(shelf->store->state, shelf->store->blobs, &digest, NULL, &shelf->err),
        0);
    assert_false(shelf_has(shelf, blob));
}

static void throw_away(struct shelf *shelf, const struct blob *blob)
{
    struct ocs_trash_run *run;
    struct ocs_digest digest = digest_of(blob);
    char name[OCS_RUN_NAME_SIZE];
    ocs_run_name(name);
    assert_int_equal(ocs_trash_run_open(shelf->store->state, name, &run, &shelf->err), 0);
    assert_int_equal(ocs_trash_run_put_blob(run, shelf->store->blobs, &digest, NULL, &shelf->err),
                     0);
    ocs_trash_run_close(run);
    assert_false(shelf_has(shelf, blob));
}

static uint64_t heal(struct shelf *shelf)
{
    uint64_t healed = 99;
    assert_int_equal(ocs_heal(shelf->store, &healed, &shelf->err), 0);
    return healed;
}

static void a_whole_image_comes_back_from_both(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    shelf_layout(shelf, "one", LIST(&image.manifest));
    quarantine(shelf, &image.manifest);
    throw_away(shelf, &image.config);
    quarantine(shelf, &image.layer);
    /* nothing knows yet what the manifest needs: that takes a second look */
    assert_int_equal(heal(shelf), 3);
    assert_true(shelf_has_image(shelf, &image));
    assert_int_equal(shelf_count(shelf, ".ocistore/quarantine/sha256"), 0);
    assert_int_equal(heal(shelf), 0);
}

static void what_nothing_needs_stays(void **state)
{
    struct shelf *shelf = *state;
    struct blob loose = shelf_layer(shelf, "loose"), other = shelf_layer(shelf, "other");
    shelf_layout(shelf, "one", LIST(NULL));
    quarantine(shelf, &loose);
    throw_away(shelf, &other);
    assert_int_equal(heal(shelf), 0);
    assert_false(shelf_has(shelf, &loose) || shelf_has(shelf, &other));
    assert_int_equal(shelf_count(shelf, ".ocistore/quarantine/sha256"), 1);
}

static void what_is_damaged_stays(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    shelf_layout(shelf, "one", LIST(&image.manifest));
    place_write(shelf->place, image.layer.path, "damaged");
    quarantine(shelf, &image.layer);
    assert_int_equal(heal(shelf), 0);
    assert_int_equal(shelf_count(shelf, ".ocistore/quarantine/sha256"), 1);
    /* of two in the quarantine the good one comes */
    shelf_image(shelf, "image");
    quarantine(shelf, &image.layer);
    assert_int_equal(heal(shelf), 1);
    assert_true(shelf_has_image(shelf, &image));
    assert_int_equal(shelf_count(shelf, ".ocistore/quarantine/sha256"), 1);
}

static void what_lies_in_place_is_left_alone(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    shelf_layout(shelf, "one", LIST(&image.manifest));
    quarantine(shelf, &image.layer);
    shelf_image(shelf, "image");
    assert_int_equal(heal(shelf), 0);
    assert_int_equal(shelf_count(shelf, ".ocistore/quarantine/sha256"), 1);
}

/* Bytes of an algorithm that nobody here can verify prove nothing. */
static void what_cannot_be_verified_stays(void **state)
{
    struct shelf *shelf = *state;
    struct blob blob = {.media_type = LAYER, .size = 1};
    snprintf(blob.digest, sizeof(blob.digest), "blake3:%064d", 7);
    snprintf(blob.path, sizeof(blob.path), "blobs/blake3/%064d", 7);
    place_mkdirs(shelf->place, "blobs/blake3");
    place_write(shelf->place, blob.path, "x");
    shelf_layout(shelf, "one", LIST(&blob));
    quarantine(shelf, &blob);
    assert_int_equal(heal(shelf), 0);
    assert_false(shelf_has(shelf, &blob));
}

static void gc_brings_it_back_first(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    shelf_layout(shelf, "one", LIST(&image.manifest));
    quarantine(shelf, &image.manifest);
    shelf->options.now = true;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.healed, 1);
    assert_int_equal(shelf->report.trashed, 0);
    assert_true(shelf_has_image(shelf, &image));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(a_whole_image_comes_back_from_both),
        SHELF_TEST(what_nothing_needs_stays),
        SHELF_TEST(what_is_damaged_stays),
        SHELF_TEST(what_lies_in_place_is_left_alone),
        SHELF_TEST(what_cannot_be_verified_stays),
        SHELF_TEST(gc_brings_it_back_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

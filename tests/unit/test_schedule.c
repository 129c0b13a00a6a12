/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "fsck/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 2000000000u

struct scene {
    struct ocs_fsck_options options;
    struct ocs_fsck_report report;
    struct ocs_fsck_run run;
};

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){0};
    scene->run.options = &scene->options;
    scene->run.report = &scene->report;
    scene->run.layout_dir = -1;
    assert_int_equal(ocs_fsck_run_init(&scene->run, NULL), 0);
    scene->run.now = NOW;
}

/* A blob that is there, with a valid stamp of `verified_at` unless that is 0. */
static struct ocs_blob_state *add(struct scene *scene, uint64_t size, uint32_t verified_at)
{
    unsigned char raw[32] = {(unsigned char)ocs_inventory_count(&scene->run.inventory)};
    struct ocs_digest digest;
    uint32_t blob;
    ocs_digest_from_raw(OCS_ALGORITHM_SHA256, raw, &digest);
    assert_int_equal(ocs_inventory_add(&scene->run.inventory, &digest, &blob, NULL), 0);
    struct ocs_blob_state *state = &scene->run.inventory.blobs[blob];
    state->presence = OCS_PRESENCE_HERE;
    state->size = size;
    state->stamp = state->known_stamp = 77;
    state->verified_at = verified_at;
    state->known_result = verified_at ? OCS_RESULT_GOOD : OCS_RESULT_NONE;
    return state;
}

static void expect(struct scene *scene, const uint32_t *blobs, size_t count)
{
    struct ocs_schedule schedule;
    assert_int_equal(ocs_schedule_make(&scene->run, &schedule, NULL), 0);
    assert_int_equal(schedule.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(schedule.blobs[i], blobs[i]);
    ocs_schedule_clear(&schedule);
}

static void seen_damaged_then_bad_then_never_verified_then_oldest(void **state)
{
    struct scene scene;
    (void)state;
    scene_open(&scene);
    add(&scene, 10, NOW - 10);                                /* 0 */
    add(&scene, 10, NOW - 1000);                              /* 1 */
    add(&scene, 10, 0);                                       /* 2 */
    add(&scene, 900, 0);                                      /* 3: larger */
    add(&scene, 1, NOW - 5)->known_result = OCS_RESULT_BAD;   /* 4 */
    add(&scene, 20, NOW - 1000);                              /* 5: larger than 1 */
    add(&scene, 1, NOW - 3)->flags |= OCS_BLOB_DAMAGED;       /* 6 */
    add(&scene, 10, NOW - 2)->presence = OCS_PRESENCE_ABSENT; /* 7: not */
    add(&scene, 10, 0)->flags |= OCS_BLOB_VERIFIED;           /* 8: not again */
    expect(&scene, (uint32_t[]){6, 4, 3, 2, 5, 1, 0}, 7);
    ocs_fsck_run_clear(&scene.run);
}

static void a_stamp_of_another_file_or_of_the_future_is_void(void **state)
{
    struct scene scene;
    (void)state;
    scene_open(&scene);
    add(&scene, 10, NOW - 1000);
    add(&scene, 10, NOW + 1000);
    add(&scene, 20, NOW - 10)->known_stamp = 78;
    expect(&scene, (uint32_t[]){2, 1, 0}, 3);
    scene.options.max_age_s = 3600;
    expect(&scene, (uint32_t[]){2, 1}, 2);
    ocs_fsck_run_clear(&scene.run);
}

static void only_bad_takes_what_is_recorded_as_bad(void **state)
{
    struct scene scene;
    (void)state;
    scene_open(&scene);
    add(&scene, 10, NOW - 1000);
    add(&scene, 10, 0);
    add(&scene, 10, NOW - 10)->known_result = OCS_RESULT_BAD;
    scene.options.only_bad = true;
    expect(&scene, (uint32_t[]){2}, 1);
    ocs_fsck_run_clear(&scene.run);
}

static void max_age_never_skips_what_is_bad(void **state)
{
    struct scene scene;
    (void)state;
    scene_open(&scene);
    add(&scene, 10, NOW - 10)->known_result = OCS_RESULT_BAD;
    add(&scene, 10, NOW - 10);
    scene.options.max_age_s = 3600;
    expect(&scene, (uint32_t[]){0}, 1);
    ocs_fsck_run_clear(&scene.run);
}

static void max_bytes_cuts_but_leaves_one(void **state)
{
    struct scene scene;
    (void)state;
    scene_open(&scene);
    add(&scene, 100, 0);
    add(&scene, 60, 0);
    add(&scene, 40, 0);
    scene.options.max_bytes = 170;
    expect(&scene, (uint32_t[]){0, 1}, 2);
    assert_int_equal(scene.report.blobs_left, 1);
    scene.options.max_bytes = 5;
    expect(&scene, (uint32_t[]){0}, 1);
    assert_int_equal(scene.report.blobs_left, 3);
    ocs_fsck_run_clear(&scene.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seen_damaged_then_bad_then_never_verified_then_oldest),
        cmocka_unit_test(a_stamp_of_another_file_or_of_the_future_is_void),
        cmocka_unit_test(only_bad_takes_what_is_recorded_as_bad),
        cmocka_unit_test(max_age_never_skips_what_is_bad),
        cmocka_unit_test(max_bytes_cuts_but_leaves_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/staging.h"

#include "place.h"

#include <fcntl.h>
#include <unistd.h>

static void test_a_folder_of_our_own_goes_with_what_is_in_it(void **state)
{
    struct place *place = *state;
    struct ocs_staging staging;
    char path[64];
    assert_int_equal(ocs_staging_open(place->fd, &staging, NULL), 0);
    snprintf(path, sizeof(path), "tmp/%s", staging.name);
    assert_true(place_has(place, path));
    snprintf(path, sizeof(path), "tmp/%s/file", staging.name);
    place_write(place, path, "half a blob");
    ocs_staging_close(&staging);
    assert_false(place_has(place, path));
    path[strlen(path) - strlen("/file")] = '\0';
    assert_false(place_has(place, path));
    ocs_staging_close(&staging); /* of none: nothing */
}

/* flock tells the living from the dead: it ends with its process. */
static void test_what_the_dead_left_goes_and_what_lives_stays(void **state)
{
    struct place *place = *state;
    struct ocs_staging living, own;
    char path[64];
    assert_int_equal(ocs_staging_open(place->fd, &living, NULL), 0);
    place_mkdirs(place, "tmp/0123456789abcdef/deep");
    place_write(place, "tmp/0123456789abcdef/deep/file", "a dead one's");
    place_write(place, "tmp/file", "nobody's");
    place_write(place, "kept", "not in tmp");
    assert_int_equal(symlinkat("../kept", place->fd, "tmp/link"), 0);
    assert_int_equal(ocs_staging_open(place->fd, &own, NULL), 0);
    assert_false(place_has(place, "tmp/0123456789abcdef"));
    assert_false(place_has(place, "tmp/file"));
    assert_false(place_has(place, "tmp/link"));
    assert_true(place_has(place, "kept"));
    snprintf(path, sizeof(path), "tmp/%s", living.name);
    assert_true(place_has(place, path));
    assert_string_not_equal(living.name, own.name);
    ocs_staging_close(&living);
    ocs_staging_close(&own);
}

static void test_a_link_in_place_of_tmp_is_refused(void **state)
{
    struct place *place = *state;
    struct ocs_staging staging;
    place_mkdirs(place, "elsewhere");
    assert_int_equal(symlinkat("elsewhere", place->fd, "tmp"), 0);
    assert_int_equal(ocs_staging_open(place->fd, &staging, NULL), -OCS_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_a_folder_of_our_own_goes_with_what_is_in_it),
        PLACE_TEST(test_what_the_dead_left_goes_and_what_lives_stays),
        PLACE_TEST(test_a_link_in_place_of_tmp_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

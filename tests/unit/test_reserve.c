/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/reserve.h"

#include "place.h"

static void test_make_is_repeatable_and_allocates(void **state)
{
    struct place *place = *state;
    assert_int_equal(ocs_reserve_make(place->fd, NULL), 0);
    struct stat first, second;
    assert_int_equal(fstatat(place->fd, "reserve", &first, 0), 0);
    assert_true(first.st_size > 0);
    assert_true(first.st_blocks * 512 >= first.st_size);
    assert_int_equal(ocs_reserve_make(place->fd, NULL), 0);
    assert_int_equal(fstatat(place->fd, "reserve", &second, 0), 0);
    assert_int_equal(first.st_ino, second.st_ino);
}

static void test_a_hole_is_replaced(void **state)
{
    struct place *place = *state;
    assert_int_equal(ocs_reserve_make(place->fd, NULL), 0);
    place_write(place, "hole", "");
    assert_int_equal(truncate(place_path(place, "hole"), 4 << 20), 0);
    assert_int_equal(renameat(place->fd, "hole", place->fd, "reserve"), 0);
    assert_int_equal(ocs_reserve_make(place->fd, NULL), 0);
    struct stat st;
    assert_int_equal(fstatat(place->fd, "reserve", &st, 0), 0);
    assert_true(st.st_blocks * 512 >= st.st_size);
}

static void test_release(void **state)
{
    struct place *place = *state;
    assert_int_equal(ocs_reserve_release(place->fd, NULL), OCS_RESERVE_GONE);
    assert_int_equal(ocs_reserve_make(place->fd, NULL), 0);
    assert_int_equal(ocs_reserve_release(place->fd, NULL), 0);
    assert_int_equal(faccessat(place->fd, "reserve", F_OK, 0), -1);
}

static void test_nothing_is_lent_while_there_is_room(void **state)
{
    struct place *place = *state;
    assert_int_equal(ocs_reserve_lend(place->fd, NULL), 0);
    assert_int_equal(ocs_reserve_make(place->fd, NULL), 0);
    assert_int_equal(ocs_reserve_lend(place->fd, NULL), 0);
    assert_true(place_has(place, "reserve"));
    assert_int_equal(ocs_reserve_lend(-1, NULL), -OCS_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_make_is_repeatable_and_allocates),
        PLACE_TEST(test_a_hole_is_replaced),
        PLACE_TEST(test_release),
        PLACE_TEST(test_nothing_is_lent_while_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

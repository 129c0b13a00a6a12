/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "drawing.h"

#include "gc/mark.h"

static bool live(const struct ocs_mark *mark, uint32_t id)
{
    return ocs_mark_has(mark, id, OCS_MARK_LIVE);
}

static void take(struct drawing *drawing, struct ocs_mark *mark)
{
    assert_int_equal(ocs_mark_take(&drawing->census, NULL, 0, mark, NULL), 0);
}

static void marks_what_an_entry_reaches(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    drawing_init(&drawing, 5);
    drawing_edge(&drawing, 0, 1, OCS_ROLE_MANIFEST);
    drawing_edge(&drawing, 1, 2, OCS_ROLE_CONFIG);
    drawing_edge(&drawing, 1, 3, OCS_ROLE_LAYER);
    drawing_list(&drawing, 0);
    take(&drawing, &mark);
    for (uint32_t id = 0; id < 4; id++)
        assert_true(live(&mark, id));
    assert_false(live(&mark, 4));
    assert_true(ocs_mark_has(&mark, 0, OCS_MARK_LISTED));
    assert_false(ocs_mark_has(&mark, 1, OCS_MARK_LISTED));
    assert_true(ocs_mark_unreferenced(&mark, &drawing.census, 4));
    ocs_mark_clear(&mark);
    drawing_clear(&drawing);
}

static void a_referrer_of_what_is_live_is_live(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    drawing_init(&drawing, 4);
    drawing_edge(&drawing, 1, 0, OCS_ROLE_SUBJECT);
    drawing_edge(&drawing, 1, 2, OCS_ROLE_LAYER);
    drawing_edge(&drawing, 3, 1, OCS_ROLE_SUBJECT);
    drawing_list(&drawing, 0);
    take(&drawing, &mark);
    for (uint32_t id = 0; id < 4; id++)
        assert_true(live(&mark, id));
    ocs_mark_clear(&mark);
    drawing_clear(&drawing);
}

static void a_referrer_taken_out_of_its_index_is_not_live(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    drawing_init(&drawing, 2);
    drawing_edge(&drawing, 1, 0, OCS_ROLE_SUBJECT);
    drawing.census.view.flags[1] = OCS_NODE_WAS_LISTED;
    drawing_list(&drawing, 0);
    take(&drawing, &mark);
    assert_false(live(&mark, 1));
    ocs_mark_clear(&mark);
    drawing_clear(&drawing);
}

static void a_subject_is_kept_and_cycles_end(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    drawing_init(&drawing, 3);
    drawing_edge(&drawing, 0, 1, OCS_ROLE_MANIFEST);
    drawing_edge(&drawing, 0, 1, OCS_ROLE_SUBJECT);
    drawing_edge(&drawing, 1, 0, OCS_ROLE_MANIFEST);
    drawing_edge(&drawing, 1, 2, OCS_ROLE_SUBJECT);
    drawing_list(&drawing, 0);
    take(&drawing, &mark);
    assert_true(live(&mark, 2));
    ocs_mark_clear(&mark);
    drawing_clear(&drawing);
}

static void more_roots_and_unknown_entries(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    uint32_t saved[] = {1};
    drawing_init(&drawing, 3);
    drawing_list(&drawing, OCS_CENSUS_NO_ID);
    assert_int_equal(ocs_mark_take(&drawing.census, saved, 1, &mark, NULL), 0);
    assert_false(live(&mark, 0));
    assert_true(live(&mark, 1));
    assert_false(ocs_mark_has(&mark, 1, OCS_MARK_LISTED));
    ocs_mark_clear(&mark);
    drawing_clear(&drawing);
}

/* 24 indexes that list the next one twice: 2^24 paths. */
static void nested_double_indexes_are_linear(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    drawing_init(&drawing, 41);
    for (uint32_t id = 0; id < 40; id++) {
        drawing_edge(&drawing, id, id + 1, OCS_ROLE_MANIFEST);
        drawing_edge(&drawing, id, id + 1, OCS_ROLE_MANIFEST);
    }
    drawing_list(&drawing, 0);
    take(&drawing, &mark);
    assert_true(live(&mark, 40));
    ocs_mark_clear(&mark);
    drawing_clear(&drawing);
}

static void a_child_listed_15000_times_is_linear(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    drawing_init(&drawing, 2);
    for (uint32_t i = 0; i < 15000; i++)
        drawing_edge(&drawing, 0, 1, OCS_ROLE_MANIFEST);
    drawing_list(&drawing, 0);
    take(&drawing, &mark);
    assert_true(live(&mark, 1));
    ocs_mark_clear(&mark);
    drawing_clear(&drawing);
}

static void a_long_chain_needs_no_stack(void **state)
{
    (void)state;
    enum { LENGTH = 3000 };
    struct drawing drawing;
    struct ocs_mark mark;
    drawing_init(&drawing, LENGTH);
    for (uint32_t id = 0; id + 1 < LENGTH; id++)
        drawing_edge(&drawing, id, id + 1, OCS_ROLE_MANIFEST);
    drawing_list(&drawing, 0);
    take(&drawing, &mark);
    assert_true(live(&mark, LENGTH - 1));
    ocs_mark_clear(&mark);
    drawing_clear(&drawing);
}

static uint64_t unlisted(struct drawing *drawing)
{
    struct ocs_mark mark;
    uint64_t count, told = 0;
    uint8_t which[16] = {0};
    take(drawing, &mark);
    assert_true(mark.count <= sizeof(which));
    assert_int_equal(ocs_mark_unlisted(&drawing->census, &mark, which, &count, NULL), 0);
    for (size_t i = 0; i < sizeof(which); i++)
        told += which[i];
    assert_int_equal(told, count);
    ocs_mark_clear(&mark);
    return count;
}

static void counts_complete_images_that_nothing_lists(void **state)
{
    (void)state;
    struct drawing drawing;
    drawing_init(&drawing, 8);
    drawing_edge(&drawing, 0, 1, OCS_ROLE_MANIFEST); /* an index of one image */
    drawing_edge(&drawing, 1, 2, OCS_ROLE_CONFIG);
    drawing_edge(&drawing, 3, 2, OCS_ROLE_CONFIG); /* another image */
    drawing_edge(&drawing, 3, 7, OCS_ROLE_SUBJECT);
    drawing_edge(&drawing, 4, 5, OCS_ROLE_LAYER);    /* one that has lost its layer */
    drawing.census.view.kind[6] = OCS_NODE_DOCUMENT; /* a config */
    drawing.census.present[5] = 0;
    drawing.census.present[7] = 0;
    assert_int_equal(unlisted(&drawing), 2);
    drawing.census.view.flags[3] = OCS_NODE_REMOVED_BY_US; /* nobody lost that one */
    assert_int_equal(unlisted(&drawing), 1);
    drawing.census.view.flags[3] = 0;
    drawing_list(&drawing, 0);
    assert_int_equal(unlisted(&drawing), 1);
    drawing_clear(&drawing);
}

static void an_empty_store_has_an_empty_mark(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    drawing_init(&drawing, 0);
    take(&drawing, &mark);
    assert_false(live(&mark, 0));
    ocs_mark_clear(&mark);
    drawing_clear(&drawing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_what_an_entry_reaches),
        cmocka_unit_test(a_referrer_of_what_is_live_is_live),
        cmocka_unit_test(a_referrer_taken_out_of_its_index_is_not_live),
        cmocka_unit_test(a_subject_is_kept_and_cycles_end),
        cmocka_unit_test(more_roots_and_unknown_entries),
        cmocka_unit_test(nested_double_indexes_are_linear),
        cmocka_unit_test(a_child_listed_15000_times_is_linear),
        cmocka_unit_test(a_long_chain_needs_no_stack),
        cmocka_unit_test(counts_complete_images_that_nothing_lists),
        cmocka_unit_test(an_empty_store_has_an_empty_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

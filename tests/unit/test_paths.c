/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "drawing.h"

#include "gc/paths.h"

#include <stdio.h>

struct told {
    char text[4096]; /* "root:id/role,id/role;" for each path */
    size_t roots;
};

static void on_path(void *data, size_t root, const struct ocs_paths_step *steps, size_t count)
{
    struct told *told = data;
    size_t used = strlen(told->text);
    used += (size_t)snprintf(told->text + used, sizeof(told->text) - used, "%zu:", root);
    for (size_t i = 0; i < count && used < sizeof(told->text); i++)
        used += (size_t)snprintf(told->text + used, sizeof(told->text) - used, "%u/%u%s",
                                 steps[i].id, steps[i].role, i + 1 < count ? "," : ";");
}

static void on_root(void *data, size_t root)
{
    struct told *told = data;
    (void)root;
    told->roots++;
}

static struct ocs_paths_report find(struct drawing *drawing, uint32_t target, const uint32_t *roots,
                                    size_t count, struct told *told)
{
    struct ocs_paths_report report;
    struct ocs_paths_options options = {
        .roots = roots,
        .root_count = count,
        .most = 10,
        .data = told,
        .on_path = on_path,
        .on_root = on_root,
    };
    *told = (struct told){0};
    assert_int_equal(ocs_paths_find(&drawing->census, target, &options, &report, NULL), 0);
    return report;
}

/* The drawing at the top of paths.c. */
static void every_way_the_shortest_first(void **state)
{
    (void)state;
    struct drawing drawing;
    struct told told;
    drawing_init(&drawing, 4);
    drawing_edge(&drawing, 0, 2, OCS_ROLE_MANIFEST);
    drawing_edge(&drawing, 0, 3, OCS_ROLE_LAYER);
    drawing_edge(&drawing, 1, 3, OCS_ROLE_LAYER);
    drawing_edge(&drawing, 2, 3, OCS_ROLE_LAYER);
    struct ocs_paths_report report = find(&drawing, 3, (uint32_t[]){0, 1}, 2, &told);
    assert_string_equal(told.text, "0:0/0,3/3;1:1/0,3/3;0:0/0,2/1,3/3;");
    assert_int_equal(report.paths, 3);
    assert_true(report.all);
    assert_int_equal(told.roots, 2);
    drawing_clear(&drawing);
}

static void a_root_is_a_way_to_itself_and_counts_as_often_as_it_is_listed(void **state)
{
    (void)state;
    struct drawing drawing;
    struct told told;
    drawing_init(&drawing, 2);
    struct ocs_paths_report report = find(&drawing, 1, (uint32_t[]){1, 0, 1, 77}, 4, &told);
    assert_string_equal(told.text, "0:1/0;2:1/0;");
    assert_int_equal(report.paths, 2);
    assert_int_equal(told.roots, 2);
    drawing_clear(&drawing);
}

static void referrers_are_ways_unless_they_were_taken_out(void **state)
{
    (void)state;
    struct drawing drawing;
    struct told told;
    drawing_init(&drawing, 4);
    drawing_edge(&drawing, 1, 0, OCS_ROLE_SUBJECT);
    drawing_edge(&drawing, 1, 3, OCS_ROLE_LAYER);
    drawing_edge(&drawing, 2, 0, OCS_ROLE_SUBJECT);
    drawing_edge(&drawing, 2, 3, OCS_ROLE_LAYER);
    drawing.census.view.flags[2] = OCS_NODE_WAS_LISTED;
    find(&drawing, 3, (uint32_t[]){0}, 1, &told);
    assert_string_equal(told.text, "0:0/0,1/100,3/3;");
    drawing_clear(&drawing);
}

/* An index that lists M and has subject M. */
static void cycles_are_walked_once(void **state)
{
    (void)state;
    struct drawing drawing;
    struct told told;
    drawing_init(&drawing, 2);
    drawing_edge(&drawing, 0, 0, OCS_ROLE_LOOSE);
    drawing_edge(&drawing, 0, 1, OCS_ROLE_MANIFEST);
    drawing_edge(&drawing, 0, 1, OCS_ROLE_SUBJECT);
    find(&drawing, 1, (uint32_t[]){0}, 1, &told);
    assert_string_equal(told.text, "0:0/0,1/1;0:0/0,1/6;");
    find(&drawing, 0, (uint32_t[]){1}, 1, &told);
    assert_string_equal(told.text, "0:1/0,0/100;");
    drawing_clear(&drawing);
}

/* 2^40 ways: some are told, and there is an end. */
static void more_ways_than_can_be_counted(void **state)
{
    (void)state;
    struct drawing drawing;
    struct told told;
    drawing_init(&drawing, 41);
    for (uint32_t i = 0; i < 40; i++) {
        drawing_edge(&drawing, i, i + 1, OCS_ROLE_MANIFEST);
        drawing_edge(&drawing, i, i + 1, OCS_ROLE_LAYER);
    }
    struct ocs_paths_report report = find(&drawing, 40, (uint32_t[]){0}, 1, &told);
    assert_false(report.all);
    assert_true(report.paths > 1000);
    assert_int_equal(told.roots, 1);
    drawing_clear(&drawing);
}

static void what_is_not_reached_has_no_way(void **state)
{
    (void)state;
    struct drawing drawing;
    struct told told;
    drawing_init(&drawing, 3);
    drawing_edge(&drawing, 1, 2, OCS_ROLE_LAYER);
    struct ocs_paths_report report = find(&drawing, 2, (uint32_t[]){0}, 1, &told);
    assert_int_equal(report.paths, 0);
    assert_true(report.all);
    report = find(&drawing, 2, NULL, 0, &told);
    assert_int_equal(report.paths, 0);
    drawing_clear(&drawing);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_the_shortest_first),
        cmocka_unit_test(a_root_is_a_way_to_itself_and_counts_as_often_as_it_is_listed),
        cmocka_unit_test(referrers_are_ways_unless_they_were_taken_out),
        cmocka_unit_test(cycles_are_walked_once),
        cmocka_unit_test(more_ways_than_can_be_counted),
        cmocka_unit_test(what_is_not_reached_has_no_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

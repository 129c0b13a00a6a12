/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "drawing.h"

#include "gc/breaker.h"
#include "gc/plan.h"
#include "gc/saved.h"

#define NOW   INT64_C(1000000)
#define GRACE INT64_C(1000)

/* Every blob that no layout needs, in the order of the ids. */
static void plan_all(struct drawing *drawing, struct ocs_mark *mark, struct ocs_plan *plan,
                     const int64_t *mtimes)
{
    struct ocs_plan_options options = {.now = NOW, .grace_s = GRACE};
    const struct ocs_graph_view *view = &drawing->census.view;
    assert_int_equal(ocs_mark_take(&drawing->census, NULL, 0, mark, NULL), 0);
    *plan = (struct ocs_plan){.items = calloc(view->count + 1u, sizeof(*plan->items))};
    for (uint32_t id = 0; id < view->count; id++) {
        if (!ocs_mark_unreferenced(mark, &drawing->census, id))
            continue;
        plan->items[plan->count++] = (struct ocs_plan_item){
            .id = id,
            .flags = view->flags[id],
            .kind = view->kind[id],
            .since = view->unreferenced_since[id],
            .stamp = {.size = 10, .mtime_ns = mtimes[id] * 1000000000},
            .bytes = 4096,
        };
    }
    assert_int_equal(ocs_plan_decide(plan, &drawing->census, &options, mark, NULL), 0);
}

static void clear(struct drawing *drawing, struct ocs_mark *mark, struct ocs_plan *plan)
{
    ocs_plan_clear(plan);
    ocs_mark_clear(mark);
    drawing_clear(drawing);
}

static void due_from_the_later_of_both_times(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    struct ocs_plan plan;
    drawing_init(&drawing, 4);
    int64_t *since = drawing.census.view.unreferenced_since;
    since[0] = NOW - GRACE;     /* due at this very second */
    since[1] = NOW - GRACE + 1; /* one second to wait */
    since[2] = NOW - 5000;      /* unreferenced for long, but written again since */
    since[3] = 0;               /* not seen unreferenced before */
    plan_all(&drawing, &mark, &plan, (int64_t[]){0, 0, NOW - 10, 0});
    assert_int_equal(plan.items[0].state, OCS_PLAN_DUE);
    assert_int_equal(plan.items[0].due, NOW);
    assert_int_equal(plan.items[1].state, OCS_PLAN_WAITING);
    assert_int_equal(plan.items[2].due, NOW - 10 + GRACE);
    assert_int_equal(plan.items[3].since, NOW);
    assert_int_equal(plan.items[3].due, NOW + GRACE);
    assert_int_equal(plan.due, 1);
    assert_int_equal(plan.due_bytes, 4096);
    assert_int_equal(plan.waiting, 3);
    assert_int_equal(plan.waiting_bytes, 3 * 4096);
    clear(&drawing, &mark, &plan);
}

static void times_in_the_future_wait_and_are_told(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    struct ocs_plan plan;
    drawing_init(&drawing, 2);
    drawing.census.view.unreferenced_since[0] = 1;
    drawing.census.view.unreferenced_since[1] = NOW + 1;
    plan_all(&drawing, &mark, &plan, (int64_t[]){NOW + 999999, 0});
    assert_int_equal(plan.items[0].state, OCS_PLAN_FUTURE);
    assert_int_equal(plan.items[1].state, OCS_PLAN_FUTURE);
    assert_non_null(strstr(ocs_plan_reason(&plan.items[0]), "future"));
    clear(&drawing, &mark, &plan);
}

static void a_young_document_keeps_what_it_needs(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    struct ocs_plan plan;
    drawing_init(&drawing, 6);
    drawing_edge(&drawing, 0, 1, OCS_ROLE_MANIFEST); /* 0 is old, 1 is young */
    drawing_edge(&drawing, 1, 2, OCS_ROLE_LAYER);
    drawing_edge(&drawing, 3, 2, OCS_ROLE_LAYER);   /* younger than 1, shares 2 */
    drawing_edge(&drawing, 5, 1, OCS_ROLE_SUBJECT); /* refers to what is young */
    for (uint32_t id = 0; id < 6; id++)
        drawing.census.view.unreferenced_since[id] = 1;
    plan_all(&drawing, &mark, &plan, (int64_t[]){0, NOW - 500, 0, NOW - 100, 0, 0});
    assert_int_equal(plan.items[0].state, OCS_PLAN_DUE);
    assert_int_equal(plan.items[1].state, OCS_PLAN_WAITING);
    assert_int_equal(plan.items[2].state, OCS_PLAN_KEPT);
    assert_int_equal(plan.items[2].due, NOW - 100 + GRACE);
    assert_int_equal(plan.items[4].state, OCS_PLAN_DUE);
    assert_int_equal(plan.items[5].state, OCS_PLAN_KEPT);
    assert_true(plan.items[5].due >= plan.items[1].due);
    clear(&drawing, &mark, &plan);
}

static void an_old_layer_that_is_young_keeps_nothing(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    struct ocs_plan plan;
    drawing_init(&drawing, 2);
    drawing.census.view.unreferenced_since[0] = 1;
    drawing.census.view.unreferenced_since[1] = 1;
    plan_all(&drawing, &mark, &plan, (int64_t[]){NOW, 0});
    assert_int_equal(plan.items[0].state, OCS_PLAN_WAITING);
    assert_int_equal(plan.items[1].state, OCS_PLAN_DUE);
    clear(&drawing, &mark, &plan);
}

static void parents_go_before_children(void **state)
{
    (void)state;
    struct drawing drawing;
    struct ocs_mark mark;
    struct ocs_plan plan;
    uint32_t *order, at[6] = {0};
    drawing_init(&drawing, 6);
    drawing_edge(&drawing, 1, 0, OCS_ROLE_LAYER);
    drawing_edge(&drawing, 2, 1, OCS_ROLE_MANIFEST);
    drawing_edge(&drawing, 3, 1, OCS_ROLE_MANIFEST);
    drawing_edge(&drawing, 3, 2, OCS_ROLE_MANIFEST);
    drawing_edge(&drawing, 4, 5, OCS_ROLE_MANIFEST); /* a cycle */
    drawing_edge(&drawing, 5, 4, OCS_ROLE_SUBJECT);
    for (uint32_t id = 0; id < 6; id++)
        drawing.census.view.unreferenced_since[id] = 1;
    plan_all(&drawing, &mark, &plan, (int64_t[]){0, 0, 0, 0, 0, 0});
    assert_int_equal(plan.due, 6);
    assert_int_equal(ocs_plan_order(&plan, &drawing.census, &order, NULL), 0);
    for (uint32_t i = 0; i < 6; i++)
        at[order[i]] = i;
    assert_true(at[3] < at[2] && at[2] < at[1] && at[1] < at[0]);
    free(order);
    clear(&drawing, &mark, &plan);
}

static void reasons_tell_the_past(void **state)
{
    (void)state;
    struct ocs_plan_item item = {.state = OCS_PLAN_DUE};
    assert_string_equal(ocs_plan_reason(&item), "no layout needs it");
    item.flags = OCS_NODE_WAS_LIVE;
    assert_string_equal(ocs_plan_reason(&item), "no layout needs it any more");
    item.flags |= OCS_NODE_REMOVED_BY_US;
    item.state = OCS_PLAN_WAITING;
    assert_string_equal(ocs_plan_reason(&item), "the image was removed; waits for its grace");
}

static void the_breaker_counts_in_percent(void **state)
{
    (void)state;
    struct ocs_error err;
    struct ocs_breaker breaker = {.was_live = 1000, .due_bytes = 500, .due_blobs = 3};
    assert_int_equal(ocs_breaker_check(&breaker, 50, &err), 0);
    breaker.due_bytes = 501;
    assert_int_equal(ocs_breaker_check(&breaker, 50, &err), -OCS_REFUSED);
    assert_non_null(strstr(err.hint, "--max-delete 51%"));
    assert_int_equal(ocs_breaker_check(&breaker, 51, &err), 0);
    assert_int_equal(ocs_breaker_check(&breaker, 100, &err), 0);
    breaker = (struct ocs_breaker){.was_live = UINT64_MAX, .due_bytes = UINT64_MAX};
    assert_true(ocs_breaker_exceeds(&breaker, breaker.due_bytes, 99));
    breaker = (struct ocs_breaker){0};
    assert_int_equal(ocs_breaker_check(&breaker, 0, &err), 0);
}

static int collect(void *data, const struct ocs_digest *digest, struct ocs_error *err)
{
    unsigned *counts = data;
    (void)err;
    counts[ocs_digest_algorithm(digest)]++;
    return 0;
}

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void saved_names_are_found_in_any_bytes(void **state)
{
    (void)state;
    static const char text[] =
        "[{\"Config\":\"blobs/sha256/" HEX64 "\",\"Layers\":[\"" HEX64
        "/layer.tar\",\"blobs/sha512/" HEX64 HEX64 "\",\"" HEX64 "0\",\"short\"]}]";
    unsigned counts[4] = {0};
    assert_int_equal(ocs_saved_each_digest(text, sizeof(text) - 1, counts, collect, NULL), 0);
    assert_int_equal(counts[OCS_ALGORITHM_SHA256], 2);
    assert_int_equal(counts[OCS_ALGORITHM_SHA512], 1);
    assert_int_equal(ocs_saved_each_digest("", 0, counts, collect, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_from_the_later_of_both_times),
        cmocka_unit_test(times_in_the_future_wait_and_are_told),
        cmocka_unit_test(a_young_document_keeps_what_it_needs),
        cmocka_unit_test(an_old_layer_that_is_young_keeps_nothing),
        cmocka_unit_test(parents_go_before_children),
        cmocka_unit_test(reasons_tell_the_past),
        cmocka_unit_test(the_breaker_counts_in_percent),
        cmocka_unit_test(saved_names_are_found_in_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

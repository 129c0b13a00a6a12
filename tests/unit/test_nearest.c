/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/nearest.h"

#include "place.h"

static void offer(struct ocs_nearest *nearest, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ocs_nearest_offer(nearest, names[i]);
}

static void the_nearest_stand_first(void **state)
{
    static const char *const names[] = {"nginx", "base", "bash", "debian", "vase", "ba", "base"};
    struct ocs_nearest nearest = {.wanted = "bast"};
    struct ocs_error err = {0};
    (void)state;
    offer(&nearest, names, sizeof(names) / sizeof(names[0]));
    assert_int_equal(nearest.total, 6); /* one of them twice */
    assert_int_equal(nearest.count, OCS_NEAREST_MAX);
    assert_int_equal(ocs_nearest_hint(&nearest, &err, -OCS_USAGE, "layouts:"), -OCS_USAGE);
    assert_string_equal(err.hint, "layouts: 'base', 'bash', 'vase', 'ba', 'nginx' and 1 more");
}

static void without_names_there_is_no_hint(void **state)
{
    struct ocs_nearest nearest = {.wanted = "x"};
    struct ocs_error err = {.hint = "as it was"};
    (void)state;
    assert_int_equal(ocs_nearest_hint(&nearest, &err, -OCS_USAGE, "tags:"), -OCS_USAGE);
    assert_string_equal(err.hint, "as it was");
    assert_int_equal(ocs_nearest_hint(&nearest, NULL, -OCS_USAGE, "tags:"), -OCS_USAGE);
}

static void long_names_have_room(void **state)
{
    char names[6][3000];
    struct ocs_nearest nearest = {.wanted = names[0]};
    struct ocs_error err = {0};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        memset(names[i], 'a' + (int)i, sizeof(names[i]) - 1);
        names[i][sizeof(names[i]) - 1] = '\0';
        ocs_nearest_offer(&nearest, names[i]);
    }
    assert_int_equal(nearest.best[0].changes, 0);
    ocs_nearest_hint(&nearest, &err, -OCS_USAGE, "layouts:");
    assert_true(strlen(err.hint) > 100);
    assert_non_null(strstr(err.hint, "aaa...', '"));
    memset(names[5] + 240, 0, 1);
    ocs_nearest_hint(&nearest, &err, -OCS_USAGE, names[5]);
    assert_string_equal(err.hint + strlen(err.hint) - strlen("bbb...' and 4 more"),
                        "bbb...' and 4 more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_stand_first),
        cmocka_unit_test(without_names_there_is_no_hint),
        cmocka_unit_test(long_names_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/beside.h"
#include "store/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

struct counting {
    unsigned calls;
    int result;
};

static int count(void *data, struct ocs_error *err)
{
    struct counting *counting = data;
    counting->calls++;
    if (counting->result < 0)
        return ocs_error_raise(err, OCS_FAILED, "as it was told");
    return counting->result;
}

static void run(int given, int expected)
{
    struct counting counting = {.result = given};
    struct ocs_error err = {0};
    struct ocs_beside *beside = NULL;
    assert_int_equal(ocs_beside_begin(count, &counting, &beside, &err), 0);
    assert_int_equal(ocs_beside_end(beside, &err), expected);
    assert_int_equal(counting.calls, 1);
    assert_string_equal(err.message, expected < 0 ? "as it was told" : "");
}

static void the_result_is_the_tasks(void **state)
{
    (void)state;
    run(0, 0);
    run(7, 7);
    run(-OCS_FAILED, -OCS_FAILED);
}

/* For a stack that fits into no address space, no thread can be started. */
static void no_thread_is_no_failure(void **state)
{
    struct rlimit old, huge;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_STACK, &old), 0);
    huge = old;
    huge.rlim_cur = (rlim_t)1 << 47;
    if (setrlimit(RLIMIT_STACK, &huge) != 0)
        skip();
    run(3, 3);
    setrlimit(RLIMIT_STACK, &old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_result_is_the_tasks),
        cmocka_unit_test(no_thread_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

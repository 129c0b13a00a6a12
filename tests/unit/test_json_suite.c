/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* All of JSONTestSuite: y_ accepted, n_ rejected, i_ never a crash. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <cmocka.h>

#include "store/cleanup.h"
#include "store/json.h"

static int open_suite(void)
{
    char path[4096];
    const char *conformance = getenv("OCS_CONFORMANCE");
    snprintf(path, sizeof(path), "%s/JSONTestSuite/test_parsing", conformance ? conformance : "");
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void check_case(int dir, const char *name)
{
    auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    auto_bytes struct ocs_bytes bytes = {0};
    auto_json struct ocs_json *json = NULL;
    assert_true(fd >= 0);
    assert_int_equal(ocs_io_read_all(fd, OCS_DOCUMENT_BYTES_MAX, &bytes, name, NULL), 0);
    int result =
        ocs_json_parse(bytes.data, bytes.size, OCS_JSON_DOCUMENT_LIMITS, &json, NULL, NULL);
    assert_true(result >= 0);
    if ((name[0] == 'y' && result != 0) || (name[0] == 'n' && result == 0))
        fail_msg("%s: %d", name, result);
}

static void test_suite(void **state)
{
    (void)state;
    int dir = open_suite();
    DIR *entries = fdopendir(dir);
    assert_non_null(entries);
    unsigned count = 0;
    for (const struct dirent *entry; (entry = readdir(entries));) {
        if (entry->d_name[0] == '.')
            continue;
        check_case(dir, entry->d_name);
        count++;
    }
    closedir(entries);
    assert_int_equal(count, 318);
}

int main(void)
{
    auto_fd int dir = open_suite();
    if (dir < 0)
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store/json.h"

#define LIMITS OCS_JSON_DOCUMENT_LIMITS

static int scan(const char *text)
{
    return ocs_json_scan(text, strlen(text), LIMITS, NULL, NULL);
}

static void test_accepts(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "\"\"",
        "null",
        "true",
        "false",
        " \t\r\n{ } \n",
        "[1,2 , 3]",
        "{\"a\":{\"b\":[]},\"c\":null}",
        "1e5",
        "-0.5E-10",
        "1.0",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\xef\xbf\xbf\"",
        "\"\\uFFFF\\b\\f\\n\\r\\t\\/\\\\\\\"\"",
        "\"\x7f\"",
        "[[[[[]]]]]",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (scan(cases[i]) != 0)
            fail_msg("rejected: %s", cases[i]);
    }
}

static void test_rejects(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[}",
        "{]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{1:2}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" 1}",
        "{} {}",
        "[] x",
        "[]]",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "1 2",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\ud800\\",
        "\"\\ud800\\u",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\x01\"",
        "\"\x80\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe2\x82\"",
        "\xef\xbb\xbf{}",
        "'a'",
        "{'a':1}",
        "// x\n{}",
        "{}\f",
        "\v{}",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (scan(cases[i]) != OCS_JSON_INVALID)
            fail_msg("not rejected: %s", cases[i]);
    }
}

static void test_counts_every_byte(void **state)
{
    (void)state;
    assert_int_equal(ocs_json_scan("{}\0", 3, LIMITS, NULL, NULL), OCS_JSON_INVALID);
    assert_int_equal(ocs_json_scan("\"a\0b\"", 5, LIMITS, NULL, NULL), OCS_JSON_INVALID);
    assert_int_equal(ocs_json_scan("{}garbage", 2, LIMITS, NULL, NULL), 0);
    assert_int_equal(ocs_json_scan("12", 1, LIMITS, NULL, NULL), 0);
    assert_int_equal(ocs_json_scan(NULL, 0, LIMITS, NULL, NULL), OCS_JSON_INVALID);
}

static void test_says_where(void **state)
{
    (void)state;
    struct ocs_json_flaw flaw = {0};
    assert_int_equal(ocs_json_scan("[1,02]", 6, LIMITS, &flaw, NULL), OCS_JSON_INVALID);
    assert_int_equal(flaw.offset, 4);
    assert_string_equal(flaw.reason, "number with a leading zero");
    assert_int_equal(ocs_json_scan("[] []", 5, LIMITS, &flaw, NULL), OCS_JSON_INVALID);
    assert_int_equal(flaw.offset, 3);
}

/* A text of `count` times `unit`, with a head and a tail. */
static char *repeated(const char *head, const char *unit, size_t count, const char *tail)
{
    size_t step = strlen(unit);
    char *text = malloc(strlen(head) + count * step + strlen(tail) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, unit);
    strcpy(at, tail);
    return text;
}

static int scan_repeated(const char *head, const char *unit, size_t count, const char *tail)
{
    char *text = repeated(head, unit, count, tail);
    int result = scan(text);
    free(text);
    return result;
}

static void test_depth(void **state)
{
    (void)state;
    for (size_t depth = 63; depth <= 65; depth++) {
        char *tail = repeated("", "]", depth, "");
        int expected = depth > OCS_JSON_DEPTH_MAX ? OCS_JSON_TOO_LARGE : 0;
        assert_int_equal(scan_repeated("", "[", depth, tail), expected);
        free(tail);
    }
    assert_int_equal(scan_repeated("", "[", 1000000, ""), OCS_JSON_TOO_LARGE);
    assert_int_equal(scan_repeated("", "{\"\":", 1000000, ""), OCS_JSON_TOO_LARGE);
}

static void test_bytes(void **state)
{
    (void)state;
    struct ocs_json_limits limits = {.bytes = 4, .values = 9};
    assert_int_equal(ocs_json_scan("[10]", 4, limits, NULL, NULL), 0);
    assert_int_equal(ocs_json_scan("[100]", 5, limits, NULL, NULL), OCS_JSON_TOO_LARGE);
}

static void test_values(void **state)
{
    (void)state;
    struct ocs_json_limits limits = {.bytes = 100, .values = 3};
    assert_int_equal(ocs_json_scan("[1,2]", 5, limits, NULL, NULL), 0);
    assert_int_equal(ocs_json_scan("[1,2,3]", 7, limits, NULL, NULL), OCS_JSON_TOO_LARGE);
    size_t most = OCS_JSON_DOCUMENT_LIMITS.values;
    assert_int_equal(scan_repeated("[0", ",0", most - 2, "]"), 0);
    assert_int_equal(scan_repeated("[0", ",0", 2000000, "]"), OCS_JSON_TOO_LARGE);
    /* with room for each of them there may be more */
    limits.spread = 4;
    assert_int_equal(ocs_json_scan("[1,2,3,4]           ", 20, limits, NULL, NULL), 0);
    assert_int_equal(ocs_json_scan("[1,2,3,4]          ", 19, limits, NULL, NULL),
                     OCS_JSON_TOO_LARGE);
    assert_int_equal(scan_repeated("[0", ",0                ", most * 2, "]"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_rejects),
        cmocka_unit_test(test_counts_every_byte),
        cmocka_unit_test(test_says_where),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

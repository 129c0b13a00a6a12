/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "store/json.h"

static void test_document(void **state)
{
    (void)state;
    struct ocs_json_writer w = {0};
    ocs_json_write_open(&w, NULL, '{');
    ocs_json_write_string(&w, "a", "x", 1);
    ocs_json_write_open(&w, "list", '[');
    ocs_json_write_integer(&w, NULL, 1);
    ocs_json_write_open(&w, NULL, '{');
    ocs_json_write_close(&w, '}');
    ocs_json_write_value(&w, NULL, "null", 4);
    ocs_json_write_close(&w, ']');
    ocs_json_write_integer(&w, "n", -2);
    ocs_json_write_close(&w, '}');
    ocs_json_write_raw(&w, "\n", 1);
    ocs_json_write_raw(&w, NULL, 0);
    assert_false(w.failed);
    assert_string_equal(w.text.data, "{\"a\":\"x\",\"list\":[1,{},null],\"n\":-2}\n");
    assert_int_equal(w.text.size, strlen(w.text.data));
    ocs_json_writer_clear(&w);
    assert_null(w.text.data);
}

static void test_integers_exactly(void **state)
{
    (void)state;
    struct ocs_json_writer w = {0};
    ocs_json_write_open(&w, NULL, '[');
    ocs_json_write_integer(&w, NULL, 9007199254740991);
    ocs_json_write_integer(&w, NULL, 9007199254740993);
    ocs_json_write_integer(&w, NULL, INT64_MAX);
    ocs_json_write_integer(&w, NULL, INT64_MIN);
    ocs_json_write_close(&w, ']');
    assert_string_equal(w.text.data, "[9007199254740991,9007199254740993,9223372036854775807,"
                                     "-9223372036854775808]");
    ocs_json_writer_clear(&w);
}

static void test_escapes(void **state)
{
    (void)state;
    static const char text[] = "\"\\/\n\t\x1b[31m\x7f\xc2\x9b\xc3\xa9\xf0\x9f\x98\x80<\0>";
    struct ocs_json_writer w = {0};
    ocs_json_write_string(&w, NULL, text, sizeof(text) - 1);
    assert_string_equal(w.text.data, "\"\\\"\\\\/\\n\\u0009\\u001b[31m\\u007f\\u009b\xc3\xa9"
                                     "\xf0\x9f\x98\x80<\\u0000>\"");
    ocs_json_writer_clear(&w);
}

static void test_malformed_utf8(void **state)
{
    (void)state;
    struct ocs_json_writer w = {0};
    ocs_json_write_string(&w, "\xff", "a\xc3(\xed\xa0\x80", 6);
    assert_string_equal(w.text.data, "\"\\ufffd\":\"a\\ufffd(\\ufffd\\ufffd\\ufffd\"");
    ocs_json_writer_clear(&w);
}

/* Every byte pair survives the way out and in, or becomes U+FFFD. */
static void test_round_trip(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 0x80; i++) {
        for (unsigned j = 1; j < 0x80; j++) {
            char text[3] = {(char)i, (char)j, '\0'};
            struct ocs_json_writer w = {0};
            ocs_json_write_open(&w, NULL, '{');
            ocs_json_write_string(&w, text, text, 2);
            ocs_json_write_close(&w, '}');
            auto_json struct ocs_json *json = NULL;
            assert_int_equal(ocs_json_parse(w.text.data, w.text.size, OCS_JSON_DOCUMENT_LIMITS,
                                            &json, NULL, NULL),
                             0);
            const struct ocs_json_value *member = ocs_json_member(ocs_json_root(json), text);
            assert_non_null(member);
            assert_string_equal(ocs_json_string(json, member), text);
            ocs_json_writer_clear(&w);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),   cmocka_unit_test(test_integers_exactly),
        cmocka_unit_test(test_escapes),    cmocka_unit_test(test_malformed_utf8),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

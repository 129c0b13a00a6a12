/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store/json.h"

static struct ocs_json *parse(const char *text)
{
    struct ocs_json *json = NULL;
    if (ocs_json_parse(text, strlen(text), OCS_JSON_DOCUMENT_LIMITS, &json, NULL, NULL) != 0)
        fail_msg("not parsed: %s", text);
    return json;
}

static void test_members(void **state)
{
    (void)state;
    auto_json struct ocs_json *json =
        parse("{\"a\":\"x\",\"b\":true,\"a\":\"y\",\"n\":null,\"s\":\"\\u0000\"}");
    const struct ocs_json_value *root = ocs_json_root(json);
    assert_int_equal(ocs_json_type(root), OCS_JSON_OBJECT);
    assert_string_equal(ocs_json_string(json, ocs_json_member(root, "a")), "y");
    assert_string_equal(ocs_json_string(json, ocs_json_first(root)), "x");
    assert_string_equal(ocs_json_name(ocs_json_next(ocs_json_first(root))), "b");
    assert_true(ocs_json_bool(ocs_json_member(root, "b")));
    assert_null(ocs_json_string(json, ocs_json_member(root, "b")));
    assert_int_equal(ocs_json_type(ocs_json_member(root, "n")), OCS_JSON_NULL);
    assert_null(ocs_json_string(json, ocs_json_member(root, "s")));
    assert_null(ocs_json_member(root, "A"));
}

static void test_look_ups_chain(void **state)
{
    (void)state;
    auto_json struct ocs_json *json = parse("[{\"a\":{\"b\":\"c\"}}]");
    const struct ocs_json_value *root = ocs_json_root(json);
    int64_t number;
    size_t size = 1;
    assert_null(ocs_json_member(root, "a"));
    assert_null(ocs_json_member(ocs_json_member(root, "a"), "b"));
    assert_null(ocs_json_first(NULL));
    assert_null(ocs_json_string(json, NULL));
    assert_false(ocs_json_bool(NULL));
    assert_int_equal(ocs_json_integer(json, NULL, &number), OCS_JSON_INVALID);
    assert_null(ocs_json_span(json, NULL, &size));
    assert_int_equal(size, 0);
    const struct ocs_json_value *a = ocs_json_member(ocs_json_first(root), "a");
    assert_string_equal(ocs_json_string(json, ocs_json_member(a, "b")), "c");
}

struct integer {
    const char *text;
    int result;
    int64_t number;
};

static void test_integers(void **state)
{
    (void)state;
    static const struct integer cases[] = {
        {"0", 0, 0},
        {"1", 0, 1},
        {"-1", 0, -1},
        {"2147483648", 0, 2147483648},
        {"9007199254740991", 0, 9007199254740991},
        {"9007199254740993", 0, 9007199254740993},
        {"9223372036854775806", 0, INT64_MAX - 1},
        {"9223372036854775807", 0, INT64_MAX},
        {"9223372036854775808", OCS_JSON_TOO_LARGE, 0},
        {"9223372036854775810", OCS_JSON_TOO_LARGE, 0},
        {"-9223372036854775807", 0, -INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"-9223372036854775809", OCS_JSON_TOO_LARGE, 0},
        {"18446744073709551615", OCS_JSON_TOO_LARGE, 0},
        {"18446744073709551617", OCS_JSON_TOO_LARGE, 0},
        {"1000000000000000000000000000000000000000", OCS_JSON_TOO_LARGE, 0},
        {"-0", OCS_JSON_INVALID, 0},
        {"1.0", OCS_JSON_INVALID, 0},
        {"1e2", OCS_JSON_INVALID, 0},
        {"0e0", OCS_JSON_INVALID, 0},
        {"\"1\"", OCS_JSON_INVALID, 0},
        {"null", OCS_JSON_INVALID, 0},
        {"true", OCS_JSON_INVALID, 0},
        {"[1]", OCS_JSON_INVALID, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_json struct ocs_json *json = parse(cases[i].text);
        int64_t number = 0;
        assert_int_equal(ocs_json_integer(json, ocs_json_root(json), &number), cases[i].result);
        assert_true(number == cases[i].number);
    }
}

/* cJSON refuses numbers of 64 bytes and more; we do not. */
static void test_long_numbers(void **state)
{
    (void)state;
    for (int length = 55; length < 200; length++) {
        char text[256];
        size_t size = 0;
        int64_t number;
        snprintf(text, sizeof(text), "[-0.%0*d,3,7]", length, 5);
        auto_json struct ocs_json *json = parse(text);
        const struct ocs_json_value *first = ocs_json_first(ocs_json_root(json));
        const char *span = ocs_json_span(json, first, &size);
        assert_int_equal(size, length + 3);
        assert_memory_equal(span, text + 1, size);
        const struct ocs_json_value *last = ocs_json_next(ocs_json_next(first));
        assert_int_equal(ocs_json_integer(json, last, &number), 0);
        assert_int_equal(number, 7);
    }
}

static void test_spans(void **state)
{
    (void)state;
    static const char text[] = " { \"a\" : [ 1 , \"x\\u0041\" ] , \"b\":{ } } ";
    auto_json struct ocs_json *json = parse(text);
    const struct ocs_json_value *root = ocs_json_root(json);
    const struct ocs_json_value *list = ocs_json_member(root, "a");
    const struct ocs_json_value *values[] = {root, list, ocs_json_first(list),
                                             ocs_json_next(ocs_json_first(list)),
                                             ocs_json_member(root, "b")};
    static const char *const expected[] = {"{ \"a\" : [ 1 , \"x\\u0041\" ] , \"b\":{ } }",
                                           "[ 1 , \"x\\u0041\" ]", "1", "\"x\\u0041\"", "{ }"};
    for (size_t i = 0; i < 5; i++) {
        size_t size = 0;
        const char *span = ocs_json_span(json, values[i], &size);
        assert_int_equal(size, strlen(expected[i]));
        assert_memory_equal(span, expected[i], size);
    }
}

/* ---- tree and tokens in step: random documents ---- */

static unsigned below(unsigned *seed, unsigned limit)
{
    *seed = *seed * 1103515245 + 12345;
    return (*seed >> 16) % limit;
}

static void write_random(struct ocs_json_writer *w, const char *name, unsigned *seed,
                         unsigned depth)
{
    static const char *const scalars[] = {"null", "true", "-1.5e3", "\"\\u0000\"", "\"]}\"", "0"};
    unsigned kind = below(seed, depth < 6 ? 4 : 2);
    if (kind < 2) {
        const char *scalar = scalars[below(seed, 6)];
        ocs_json_write_value(w, name, scalar, strlen(scalar));
        return;
    }
    ocs_json_write_open(w, name, kind == 2 ? '[' : '{');
    for (unsigned count = below(seed, 6); count > 0; count--) {
        char member[8];
        snprintf(member, sizeof(member), "m%u", below(seed, 4));
        write_random(w, kind == 2 ? NULL : member, seed, depth + 1);
        if (below(seed, 4) == 0)
            ocs_json_write_raw(w, " \n", 2);
    }
    ocs_json_write_close(w, kind == 2 ? ']' : '}');
}

static char first_byte_of(enum ocs_json_type type, char first)
{
    static const char *const begins[] = {"n", "tf", "-0123456789", "\"", "[", "{"};
    return strchr(begins[type], first) ? first : '\0';
}

/* Every span begins as its type says, ends inside its parent and parses alone. */
static unsigned check_value(const struct ocs_json *json, const struct ocs_json_value *value)
{
    size_t size = 0;
    unsigned count = 1;
    const char *span = ocs_json_span(json, value, &size);
    assert_int_equal(first_byte_of(ocs_json_type(value), span[0]), span[0]);
    assert_int_equal(ocs_json_scan(span, size, OCS_JSON_DOCUMENT_LIMITS, NULL, NULL), 0);
    const char *previous = span;
    const struct ocs_json_value *child = ocs_json_first(value);
    for (; child; child = ocs_json_next(child)) {
        size_t child_size = 0;
        const char *child_span = ocs_json_span(json, child, &child_size);
        assert_true(child_span > previous && child_span + child_size < span + size);
        previous = child_span + child_size - 1;
        count += check_value(json, child);
    }
    return count;
}

static void test_random_documents(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int i = 0; i < 500; i++) {
        struct ocs_json_writer w = {0};
        write_random(&w, NULL, &seed, 0);
        auto_json struct ocs_json *json = parse(w.text.data);
        assert_true(check_value(json, ocs_json_root(json)) > 0);
        ocs_json_writer_clear(&w);
    }
}

static void test_deepest(void **state)
{
    (void)state;
    char text[2 * OCS_JSON_DEPTH_MAX + 1] = "";
    memset(text, '[', OCS_JSON_DEPTH_MAX);
    memset(text + OCS_JSON_DEPTH_MAX, ']', OCS_JSON_DEPTH_MAX);
    auto_json struct ocs_json *json = parse(text);
    assert_int_equal(check_value(json, ocs_json_root(json)), OCS_JSON_DEPTH_MAX);
}

static void test_flaw_of_a_parse(void **state)
{
    (void)state;
    struct ocs_json *json = NULL;
    struct ocs_json_flaw flaw = {0};
    assert_int_equal(ocs_json_parse("[1}", 3, OCS_JSON_DOCUMENT_LIMITS, &json, &flaw, NULL),
                     OCS_JSON_INVALID);
    assert_int_equal(flaw.offset, 2);
    assert_null(json);
    ocs_json_free(NULL);
}

/* ---- the lenient scan ---- */

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct found {
    char text[1024];
    int stop;
};

static int on_digest(void *data, const struct ocs_digest *digest, struct ocs_error *err)
{
    (void)err;
    struct found *found = data;
    char text[OCS_DIGEST_BUF];
    strcat(found->text, ocs_digest_format(digest, text));
    strcat(found->text, "|");
    return found->stop;
}

struct lenient {
    const char *text;
    const char *digests;
};

static void test_lenient_scan(void **state)
{
    (void)state;
    static const struct lenient cases[] = {
        {"{\"digest\":\"sha256:" HEX64 "\"}", "sha256:" HEX64 "|"},
        {"\"sha256\\u003a" HEX64 "\"", "sha256:" HEX64 "|"},
        {"\"sh\\u0061256\\u003A" HEX64 "\"", "sha256:" HEX64 "|"},
        {"\"name@sha256:" HEX64 "\"", "sha256:" HEX64 "|"},
        {"\"{\\\"id\\\":\\\"sha256:" HEX64 "\\\"}\"", "sha256:" HEX64 "|"},
        {"sha256:" HEX64, "sha256:" HEX64 "|"},
        {"\xef\xbb\xbf{\"a\":\"a:b\" garbage \"c:d\"", "a:b|c:d|"},
        {"\"name:tag\" 'a:b' 12:30 a:b", "name:tag|"},
        {"\"x\\u0000a:b\"", ""},
        {"\"sha256:" HEX64 "0\"", ""},
        {"\"sha256:\\n" HEX64 "\"", ""},
        {"\"sha256:" HEX64, "sha256:" HEX64 "|"},
        {"\"a:b\\", ""},
        {"\"a:b\\u00", ""},
        {"\"\\ua:b\"", ""},
        {"\"\\u00\"a:b\"", "a:b|"},
        {"\\u\\u0061\"\\u0061:b\"", "a:b|"},
        {"\"a:b\"\\u\\", "a:b|"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct found found = {0};
        const char *text = cases[i].text;
        assert_int_equal(ocs_json_each_digest(text, strlen(text), &found, on_digest, NULL), 0);
        assert_string_equal(found.text, cases[i].digests);
        found = (struct found){0};
        struct ocs_json_digests scan = {.data = &found, .on_digest = on_digest};
        for (size_t k = 0; k < strlen(text); k++)
            assert_int_equal(ocs_json_digests_feed(&scan, text + k, 1, NULL), 0);
        assert_int_equal(ocs_json_digests_end(&scan, NULL), 0);
        assert_string_equal(found.text, cases[i].digests);
    }
}

static void test_lenient_scan_stops(void **state)
{
    (void)state;
    struct found found = {.stop = 3};
    assert_int_equal(ocs_json_each_digest("[\"a:b\",\"c:d\"]", 13, &found, on_digest, NULL), 3);
    assert_string_equal(found.text, "a:b|");
}

static void test_lenient_scan_of_long_runs(void **state)
{
    (void)state;
    char text[600];
    struct found found = {0};
    memset(text, 'a', sizeof(text));
    text[0] = '"';
    text[20] = ':';
    text[256] = '"'; /* a digest of 255 bytes, then one too long */
    text[300] = ':';
    text[599] = '"';
    assert_int_equal(ocs_json_each_digest(text, sizeof(text), &found, on_digest, NULL), 0);
    assert_int_equal(strlen(found.text), 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_look_ups_chain),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_long_numbers),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_random_documents),
        cmocka_unit_test(test_deepest),
        cmocka_unit_test(test_flaw_of_a_parse),
        cmocka_unit_test(test_lenient_scan),
        cmocka_unit_test(test_lenient_scan_stops),
        cmocka_unit_test(test_lenient_scan_of_long_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

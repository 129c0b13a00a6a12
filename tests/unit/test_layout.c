/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/layout.h"

#include "place.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ENTRY(digest, ref)                                                                         \
    "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" digest           \
    "\",\"size\":9007199254740991,\"annotations\":{\"org.opencontainers.image.ref.name\":\"" ref   \
    "\"}}"

static const struct ocs_index_wait at_once = {.patience_ms = 0};

static int parse(const char *text, struct ocs_index *out, struct ocs_error *err)
{
    struct ocs_bytes bytes = {.data = strdup(text), .size = strlen(text)};
    return ocs_index_parse(&bytes, out, err);
}

/* More values than any document but an index may have. */
static void test_as_many_entries_as_its_bytes_hold(void **state)
{
    static const char entry[] = "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
                                "\"digest\":\"" A "\",\"size\":1234567}";
    enum { COUNT = 300000 };
    struct ocs_index index = {0};
    (void)state;
    char *text = malloc(COUNT * sizeof(entry) + 64);
    assert_non_null(text);
    char *end = stpcpy(text, "{\"schemaVersion\":2,\"manifests\":[");
    for (int i = 0; i < COUNT; i++)
        end = stpcpy(stpcpy(end, i ? "," : ""), entry);
    stpcpy(end, "]}");
    struct ocs_bytes bytes = {.data = text, .size = strlen(text)};
    assert_int_equal(ocs_index_parse(&bytes, &index, NULL), 0);
    assert_int_equal(index.document.count, COUNT);
    ocs_index_clear(&index);
}

static void test_what_is_an_index(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
    } rows[] = {
        {"{\"schemaVersion\":2,\"manifests\":[]}", 0},
        {"{\"manifests\":[]}", OCS_INDEX_INVALID},
        {"{\"schemaVersion\":1,\"manifests\":[]}", OCS_INDEX_INVALID},
        {"{\"schemaVersion\":1,\"manifests\":[" ENTRY(A, "one") "]}", 0},
        {"{\"schemaVersion\":2,\"manifests\":null}", 0},
        {"{\"manifests\":null}", OCS_INDEX_INVALID},
        {"{\"schemaVersion\":1,\"manifests\":null}", OCS_INDEX_INVALID},
        {"{\"schemaVersion\":2,\"manifests\":{}}", OCS_INDEX_INVALID},
        {"{}", OCS_INDEX_INVALID},
        {"[]", OCS_INDEX_INVALID},
        {"null", OCS_INDEX_INVALID},
        {"", OCS_INDEX_INVALID},
        {"{\"schemaVersion\":2,\"manifests\":[", OCS_INDEX_INVALID},
        {"{\"schemaVersion\":2,\"manifests\":[]}]}", OCS_INDEX_INVALID},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        auto_index struct ocs_index index = {0};
        struct ocs_error err = {0};
        assert_int_equal(parse(rows[i].text, &index, &err), rows[i].result);
        if (rows[i].result)
            assert_int_equal(err.status, OCS_REFUSED);
    }
}

static void test_edit_keeps_every_other_byte(void **state)
{
    (void)state;
    auto_index struct ocs_index index = {0};
    auto_bytes struct ocs_bytes bytes = {0};
    static const char text[] = "{ \"x\" : 1.50,\n\"manifests\": [" ENTRY(A, "one") " , 7,\n" ENTRY(
        B, "two") "], \"annotations\":{\"k\":\"\\u00e9\"} }\n";
    assert_int_equal(parse(text, &index, NULL), 0);
    assert_int_equal(index.document.count, 2);
    assert_string_equal(ocs_index_ref(&index, 1), "two");
    bool keep[] = {false, true};
    char *add[] = {(char *)"{\"digest\":\"new\"}"};
    struct ocs_index_edit edit = {.keep = keep, .add = add, .add_count = 1};
    assert_int_equal(ocs_index_apply(&index, &edit, &bytes, NULL), 0);
    assert_string_equal(bytes.data, "{ \"x\" : 1.50,\n\"manifests\": [7," ENTRY(
                                        B, "two") ",{\"digest\":\"new\"}], "
                                                  "\"annotations\":{\"k\":\"\\u00e9\"} }\n");
}

static void test_edit_of_null_and_of_nothing(void **state)
{
    (void)state;
    auto_index struct ocs_index index = {0};
    auto_bytes struct ocs_bytes bytes = {0};
    assert_int_equal(parse("{\"schemaVersion\":2,\"manifests\":null}", &index, NULL), 0);
    char *add[] = {(char *)"{}"};
    struct ocs_index_edit edit = {.add = add, .add_count = 1};
    assert_int_equal(ocs_index_apply(&index, &edit, &bytes, NULL), 0);
    assert_string_equal(bytes.data, "{\"schemaVersion\":2,\"manifests\":[{}]}");
}

static void test_retag(void **state)
{
    (void)state;
    auto_index struct ocs_index index = {0};
    char *text = NULL;
    assert_int_equal(parse("{\"manifests\":[" ENTRY(A, "old") "]}", &index, NULL), 0);
    assert_int_equal(ocs_index_retag(&index, 0, "n\"w", &text, NULL), 0);
    assert_non_null(strstr(text, "\"size\":9007199254740991"));
    assert_non_null(strstr(text, "\"org.opencontainers.image.ref.name\":\"n\\\"w\""));
    assert_null(strstr(text, "old"));
    free(text);
}

static void test_read_says_what_is_wrong(void **state)
{
    struct place *place = *state;
    auto_index struct ocs_index index = {0};
    struct ocs_error err;
    assert_int_equal(ocs_index_read(place->fd, "layout 'x'", &at_once, &index, &err),
                     OCS_INDEX_ABSENT);
    assert_non_null(strstr(err.message, "layout 'x'"));
    place_write(place, "index.json", "{\"manifests\":");
    assert_int_equal(ocs_index_read(place->fd, "layout 'x'", &at_once, &index, &err),
                     OCS_INDEX_INVALID);
    assert_int_equal(unlinkat(place->fd, "index.json", 0), 0);
    assert_int_equal(symlinkat("elsewhere", place->fd, "index.json"), 0);
    assert_int_equal(ocs_index_read(place->fd, "layout 'x'", &at_once, &index, &err),
                     OCS_INDEX_UNREADABLE);
    assert_int_equal(unlinkat(place->fd, "index.json", 0), 0);
    assert_int_equal(mkfifoat(place->fd, "index.json", 0600), 0);
    assert_int_equal(ocs_index_read(place->fd, "layout 'x'", &at_once, &index, &err),
                     OCS_INDEX_UNREADABLE);
}

#define SHA384                                                                                     \
    "sha384:"                                                                                      \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"   \
    "aaaaaa"

static void test_what_it_needs_is_known(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *entries;
        int bad; /* the first that has no digest; -1: none */
    } rows[] = {
        {"", -1},
        {ENTRY(A, "x") "," ENTRY(B, "y"), -1},
        {"{\"digest\":\"md5:d41d8cd98f00b204e9800998ecf8427e\"}", -1},
        {"{\"digest\":\"" SHA384 "\"}", -1},
        {"{\"Digest\":\"" A "\"}", -1}, /* ambiguous: every digest in it counts */
        {"{\"Digest\":\"" A "\",\"size\":1},{}", 1},
        {"{\"mediaType\":\"x/y\",\"size\":2}", 0},
        {ENTRY(A, "x") ",{\"digesu\":\"" B "\"}", 1},
        {"{\"digest\":\"sha256;aa\"}", 0},
        {"{\"digest\":\"sha256:Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
         0},
        {"{\"digest\":\"sha256:aa\"}," ENTRY(A, "x"), 0},
        {"{\"digest\":7}", 0},
        {ENTRY(A, "x") ",null", 1},
        {ENTRY(A, "x") ",7", 1},
        {"[" ENTRY(A, "x") "]", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        auto_index struct ocs_index index = {0};
        char text[1024], expected[64];
        struct ocs_error err = {0};
        struct ocs_index_wait any = {.any_entries = true};
        snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"manifests\":[%s]}", rows[i].entries);
        place_write(place, "index.json", text);
        assert_int_equal(ocs_index_read(place->fd, "x", &any, &index, NULL), 0);
        ocs_index_clear(&index);
        int result = ocs_index_read(place->fd, "x", &at_once, &index, &err);
        assert_int_equal(result, rows[i].bad < 0 ? 0 : OCS_INDEX_INVALID);
        if (rows[i].bad < 0)
            continue;
        snprintf(expected, sizeof(expected), "x: index.json: manifests[%d] has no valid digest",
                 rows[i].bad);
        assert_string_equal(err.message, expected);
        assert_int_equal(err.status, OCS_REFUSED);
        assert_null(index.bytes.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_an_index),
        cmocka_unit_test(test_as_many_entries_as_its_bytes_hold),
        cmocka_unit_test(test_edit_keeps_every_other_byte),
        cmocka_unit_test(test_edit_of_null_and_of_nothing),
        cmocka_unit_test(test_retag),
        PLACE_TEST(test_what_it_needs_is_known),
        PLACE_TEST(test_read_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "fsck/salvage.h"

#include "place.h"

#define HEX_A           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B           "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C           "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define NAMED           ",\"annotations\":{\"org.opencontainers.image.ref.name\":\""
#define BEGINS          "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:"
#define ENTRY(hex, ref) BEGINS hex "\",\"size\":3" NAMED ref "\"}}"
#define NAMELESS(hex)   BEGINS hex "\",\"size\":3}"

/* Braces in a string, members before and behind, an array of other objects. */
static const char LAST[] = "{\"schemaVersion\":2,\"manifests\":[" ENTRY(HEX_A, "old") "," ENTRY(
    HEX_B, "moved") "],\"annotations\":{\"k\":\"v\"}}";
static const char NEW[] =
    "{\"annotations\":{\"x\":\"]}\\\"{[\"},\"manifests\":[\n " ENTRY(HEX_A, "old") ",\n " ENTRY(
        HEX_C, "moved") ", " NAMELESS(HEX_B) "," ENTRY(HEX_C, "n}{\\\"") "],\"more\":[{\"a\":{}}],"
                                                                         "\"schemaVersion\":2}";

static void salvage(const char *damaged, size_t size, struct ocs_index *out)
{
    struct ocs_bytes torn = {.data = malloc(size + 1), .size = size};
    struct ocs_bytes last = {.data = strdup(LAST), .size = strlen(LAST)};
    struct ocs_bytes made = {0};
    assert_non_null(torn.data);
    memcpy(torn.data, damaged, size);
    torn.data[size] = '\0';
    assert_int_equal(ocs_salvage_index(&torn, &last, &made, NULL), 0);
    assert_int_equal(ocs_index_parse(&made, out, NULL), 0);
    assert_int_equal(out->document.state, OCS_DOCUMENT_STRICT);
    ocs_bytes_clear(&torn);
    ocs_bytes_clear(&last);
}

static bool holds(const struct ocs_index *index, const char *hex, const char *ref)
{
    for (size_t i = 0; i < index->document.count; i++) {
        char text[OCS_DIGEST_BUF];
        const char *own = ocs_index_ref(index, i);
        ocs_digest_format(&index->document.descriptors[i].digest, text);
        if (strcmp(text + strlen("sha256:"), hex) == 0 &&
            (ref ? own && strcmp(own, ref) == 0 : !own))
            return true;
    }
    return false;
}

/* Of each entry: where it ends in NEW. */
static const struct {
    const char *text, *hex, *ref;
} entries[] = {
    {ENTRY(HEX_A, "old"), HEX_A, "old"},
    {ENTRY(HEX_C, "moved"), HEX_C, "moved"},
    {NAMELESS(HEX_B), HEX_B, NULL},
    {ENTRY(HEX_C, "n}{\\\""), HEX_C, "n}{\""},
};

static void expect_all_that_stand(const struct ocs_index *index, size_t size)
{
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        size_t end = (size_t)(strstr(NEW, entries[i].text) - NEW) + strlen(entries[i].text);
        if (size >= end)
            assert_true(holds(index, entries[i].hex, entries[i].ref));
    }
}

static void no_entry_that_stands_whole_is_lost(void **state)
{
    (void)state;
    for (size_t size = 0; size < strlen(NEW); size++) {
        struct ocs_index index = {0};
        salvage(NEW, size, &index);
        expect_all_that_stand(&index, size);
        assert_true(holds(&index, HEX_A, "old"));
        assert_true(holds(&index, HEX_B, "moved") != holds(&index, HEX_C, "moved"));
        ocs_index_clear(&index);
    }
}

/* A block that never reached the disk, or bytes of something else. */
static void what_stands_before_a_hole_is_kept(void **state)
{
    (void)state;
    for (size_t at = 0; at < strlen(NEW); at++) {
        static const char fills[] = {'\0', '\xff', '\x01'};
        char text[sizeof(NEW)];
        struct ocs_index index = {0};
        memcpy(text, NEW, sizeof(NEW));
        memset(text + at, fills[at % sizeof(fills)], strlen(NEW) - at);
        salvage(text, strlen(NEW), &index);
        expect_all_that_stand(&index, at);
        ocs_index_clear(&index);
    }
}

static void a_tag_that_was_cut_off_is_kept(void **state)
{
    static const char torn[] = "{\"schemaVersion\":2,\"manifests\":[" ENTRY(HEX_A, "new") ",";
    struct ocs_index index = {0};
    (void)state;
    salvage(torn, strlen(torn), &index);
    assert_true(holds(&index, HEX_A, "new") && holds(&index, HEX_A, "old"));
    assert_int_equal(index.document.count, 3);
    ocs_index_clear(&index);
}

static void two_readings_of_what_stands_are_not_trusted(void **state)
{
    static const char torn[] = "{\"manifests\":[],\"manifests\":[" ENTRY(HEX_C, "new") ",";
    struct ocs_index index = {0};
    (void)state;
    salvage(torn, strlen(torn), &index);
    assert_int_equal(index.bytes.size, strlen(LAST));
    assert_memory_equal(index.bytes.data, LAST, strlen(LAST));
    ocs_index_clear(&index);
}

/* Each entry of the damaged one is looked up in the last good one, and not one by one. */
static void a_large_one_is_put_together(void **state)
{
    enum { COUNT = 20000 };
    struct ocs_bytes damaged = {.data = malloc((size_t)COUNT * 256)};
    struct ocs_bytes last = {0}, made = {0};
    struct ocs_index index = {0};
    (void)state;
    assert_non_null(damaged.data);
    char *end = stpcpy(damaged.data, "{\"schemaVersion\":2,\"manifests\":[");
    for (int i = 0; i < COUNT; i++)
        end += sprintf(end, "%s" BEGINS "%064d\",\"size\":3" NAMED "t%d\"}}", i ? "," : "", i, i);
    damaged.size = (size_t)(end - damaged.data);
    last.data = malloc(damaged.size + 3);
    assert_non_null(last.data);
    strcpy(stpcpy(last.data, damaged.data), "]}");
    last.size = damaged.size + 2;
    damaged.size -= 3;
    assert_int_equal(ocs_salvage_index(&damaged, &last, &made, NULL), 0);
    assert_int_equal(ocs_index_parse(&made, &index, NULL), 0);
    assert_int_equal(index.document.count, COUNT);
    ocs_index_clear(&index);
    ocs_bytes_clear(&damaged);
    ocs_bytes_clear(&last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_entry_that_stands_whole_is_lost),
        cmocka_unit_test(what_stands_before_a_hole_is_kept),
        cmocka_unit_test(a_tag_that_was_cut_off_is_kept),
        cmocka_unit_test(two_readings_of_what_stands_are_not_trusted),
        cmocka_unit_test(a_large_one_is_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

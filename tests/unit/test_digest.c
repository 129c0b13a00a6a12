/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "store/digest.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct accepted {
    const char *text;
    enum ocs_algorithm algorithm;
};

static void test_accepts(void **state)
{
    (void)state;
    static const struct accepted cases[] = {
        {"sha256:" HEX64, OCS_ALGORITHM_SHA256},
        {"sha512:" HEX64 HEX64, OCS_ALGORITHM_SHA512},
        {"blake3:" HEX64, OCS_ALGORITHM_BLAKE3},
        {"sha384:" HEX64, OCS_ALGORITHM_OTHER},
        {"sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564", OCS_ALGORITHM_OTHER},
        {"multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", OCS_ALGORITHM_OTHER},
        {"a:b", OCS_ALGORITHM_OTHER},
        {"a1.b_c-d+e:Z=_-", OCS_ALGORITHM_OTHER},
        {"sha256x:F", OCS_ALGORITHM_OTHER},
        {"0:0", OCS_ALGORITHM_OTHER},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ocs_digest digest, again;
        char text[OCS_DIGEST_BUF];
        assert_int_equal(ocs_digest_parse(cases[i].text, strlen(cases[i].text), &digest), 0);
        assert_int_equal(ocs_digest_algorithm(&digest), cases[i].algorithm);
        assert_string_equal(ocs_digest_format(&digest, text), cases[i].text);
        assert_int_equal(ocs_digest_from_key(digest.key, digest.size, &again), 0);
        assert_true(ocs_digest_equal(&digest, &again));
    }
}

static void test_rejects(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        ":",
        "a",
        "a:",
        ":a",
        "sha256",
        "sha256:",
        "sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "sha256:" HEX64 "0",
        "sha256:0" HEX64 "0",
        "sha256:" HEX64 HEX64,
        "sha256:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde0",
        "sha512:" HEX64,
        "blake3:" HEX64 HEX64,
        "blake3:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "SHA256:" HEX64,
        "Sha256:" HEX64,
        "sha256::" HEX64,
        "sha256:" HEX64 ":",
        "sha256:../../etc/passwd",
        "../x:abc",
        "sha256:.",
        "sha256:..",
        "..:a",
        ".:a",
        "+a:b",
        "a+:b",
        "a++b:c",
        "a.-b:c",
        "_:c",
        "a b:c",
        "a:b c",
        "a:b/c",
        "a/b:c",
        "a:b\n",
        " a:b",
        "a:b+",
        "a:b.",
        "a:\xc3\xa9",
        "\xc3\xa9:a",
        "a:b\x7f",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ocs_digest digest;
        assert_int_equal(ocs_digest_parse(cases[i], strlen(cases[i]), &digest), OCS_DIGEST_INVALID);
    }
}

static void test_counts_every_byte(void **state)
{
    (void)state;
    static const char embedded[] = "a:b\0c";
    static const char trailing[] = "sha256:" HEX64;
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_parse(embedded, sizeof(embedded) - 1, &digest), OCS_DIGEST_INVALID);
    assert_int_equal(ocs_digest_parse(trailing, sizeof(trailing), &digest), OCS_DIGEST_INVALID);
    assert_int_equal(ocs_digest_parse("\0:a", 3, &digest), OCS_DIGEST_INVALID);
    assert_int_equal(ocs_digest_parse(trailing, 20, &digest), OCS_DIGEST_INVALID);
}

static void test_longest_text(void **state)
{
    (void)state;
    char text[OCS_DIGEST_TEXT_MAX + 2];
    char out[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    memset(text, 'a', sizeof(text));
    text[100] = ':';
    assert_int_equal(ocs_digest_parse(text, 256, &digest), OCS_DIGEST_INVALID);
    assert_int_equal(ocs_digest_parse(text, 255, &digest), 0);
    assert_int_equal(digest.size, OCS_DIGEST_KEY_MAX);
    assert_int_equal(strlen(ocs_digest_format(&digest, out)), 255);
    assert_memory_equal(out, text, 255);
    assert_int_equal(ocs_digest_from_key(digest.key, digest.size, &digest), 0);
}

static void test_path(void **state)
{
    (void)state;
    struct ocs_digest digest;
    char path[OCS_DIGEST_BUF];
    assert_int_equal(ocs_digest_parse("sha256:" HEX64, 71, &digest), 0);
    assert_string_equal(ocs_digest_path(&digest, path), "sha256/" HEX64);
    assert_int_equal(ocs_digest_parse("sha256+b64u:LCa_", 16, &digest), 0);
    assert_string_equal(ocs_digest_path(&digest, path), "sha256+b64u/LCa_");
}

static void test_keys_that_are_none(void **state)
{
    (void)state;
    unsigned char key[80] = {OCS_ALGORITHM_SHA256};
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_from_key(key, 0, &digest), OCS_DIGEST_INVALID);
    assert_int_equal(ocs_digest_from_key(key, 1, &digest), OCS_DIGEST_INVALID);
    assert_int_equal(ocs_digest_from_key(key, 32, &digest), OCS_DIGEST_INVALID);
    assert_int_equal(ocs_digest_from_key(key, 33, &digest), 0);
    assert_int_equal(ocs_digest_from_key(key, 34, &digest), OCS_DIGEST_INVALID);
    key[0] = 4;
    assert_int_equal(ocs_digest_from_key(key, 33, &digest), OCS_DIGEST_INVALID);
    key[0] = 255;
    assert_int_equal(ocs_digest_from_key(key, 33, &digest), OCS_DIGEST_INVALID);
    assert_int_equal(ocs_digest_from_key("\0a:b", 4, &digest), 0);
    assert_int_equal(ocs_digest_from_key("\0a:", 3, &digest), OCS_DIGEST_INVALID);
    assert_int_equal(ocs_digest_from_key("\0sha256:" HEX64, 72, &digest), OCS_DIGEST_INVALID);
}

static void test_raw(void **state)
{
    (void)state;
    unsigned char raw[64];
    char text[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    memset(raw, 0xa5, sizeof(raw));
    ocs_digest_from_raw(OCS_ALGORITHM_SHA512, raw, &digest);
    assert_int_equal(digest.size, 65);
    assert_memory_equal(ocs_digest_raw(&digest), raw, 64);
    assert_memory_equal(ocs_digest_format(&digest, text), "sha512:a5a5a5", 13);
    assert_int_equal(strlen(text), 7 + 128);
}

static void test_algorithms(void **state)
{
    (void)state;
    assert_string_equal(ocs_algorithm_name(OCS_ALGORITHM_SHA256), "sha256");
    assert_string_equal(ocs_algorithm_name(OCS_ALGORITHM_BLAKE3), "blake3");
    assert_null(ocs_algorithm_name(OCS_ALGORITHM_OTHER));
    assert_null(ocs_algorithm_name((enum ocs_algorithm)200));
    assert_int_equal(ocs_algorithm_by_name("sha512", 6), OCS_ALGORITHM_SHA512);
    assert_int_equal(ocs_algorithm_by_name("sha5120", 7), OCS_ALGORITHM_OTHER);
    assert_int_equal(ocs_algorithm_by_name("sha5120", 6), OCS_ALGORITHM_SHA512);
    assert_int_equal(ocs_algorithm_by_name("", 0), OCS_ALGORITHM_OTHER);
    assert_int_equal(ocs_algorithm_size(OCS_ALGORITHM_OTHER), 0);
    assert_int_equal(ocs_algorithm_size(OCS_ALGORITHM_SHA512), 64);
    assert_true(ocs_algorithm_verifiable(OCS_ALGORITHM_SHA256));
    assert_true(ocs_algorithm_verifiable(OCS_ALGORITHM_SHA512));
    assert_false(ocs_algorithm_verifiable(OCS_ALGORITHM_BLAKE3));
    assert_false(ocs_algorithm_verifiable(OCS_ALGORITHM_OTHER));
}

static void test_order(void **state)
{
    (void)state;
    static const char *const sorted[] = {"a:b", "a:bc", "b:a", "sha256:" HEX64,
                                         "sha512:" HEX64 HEX64};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            struct ocs_digest a, b;
            ocs_digest_parse(sorted[i], strlen(sorted[i]), &a);
            ocs_digest_parse(sorted[j], strlen(sorted[j]), &b);
            int order = ocs_digest_compare(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(ocs_digest_equal(&a, &b), i == j);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_rejects),
        cmocka_unit_test(test_counts_every_byte),
        cmocka_unit_test(test_longest_text),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

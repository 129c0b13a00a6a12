/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "store/digest_set.h"

static struct ocs_digest numbered(enum ocs_algorithm algorithm, uint32_t number)
{
    unsigned char raw[64] = {0};
    struct ocs_digest digest;
    memcpy(raw, &number, sizeof(number));
    ocs_digest_from_raw(algorithm, raw, &digest);
    return digest;
}

static void test_indexes_in_order_of_arrival(void **state)
{
    (void)state;
    struct ocs_digest_set *set;
    struct ocs_digest text;
    uint32_t index = 99;
    assert_int_equal(ocs_digest_set_new(&set, NULL), 0);
    assert_int_equal(ocs_digest_parse("a:b", 3, &text), 0);
    struct ocs_digest one = numbered(OCS_ALGORITHM_SHA256, 1);
    struct ocs_digest other = numbered(OCS_ALGORITHM_BLAKE3, 1);
    assert_false(ocs_digest_set_find(set, &one, &index));
    assert_int_equal(ocs_digest_set_count(set), 0);
    assert_int_equal(ocs_digest_set_add(set, &one, &index, NULL), 0);
    assert_int_equal(index, 0);
    assert_int_equal(ocs_digest_set_add(set, &text, &index, NULL), 0);
    assert_int_equal(index, 1);
    assert_int_equal(ocs_digest_set_add(set, &one, &index, NULL), OCS_DIGEST_SET_KNOWN);
    assert_int_equal(index, 0);
    assert_false(ocs_digest_set_find(set, &other, &index));
    assert_true(ocs_digest_set_find(set, &text, &index));
    assert_int_equal(index, 1);
    assert_int_equal(ocs_digest_set_count(set), 2);
    ocs_digest_set_free(set);
}

/* A prefix of a key, and keys whose sizes differ by whole hash words. */
static void test_tells_lengths_apart(void **state)
{
    (void)state;
    struct ocs_digest_set *set;
    char text[OCS_DIGEST_BUF];
    uint32_t index;
    memset(text, 'a', sizeof(text));
    text[1] = ':';
    assert_int_equal(ocs_digest_set_new(&set, NULL), 0);
    for (uint32_t size = 3; size <= OCS_DIGEST_TEXT_MAX; size++) {
        struct ocs_digest digest, out;
        assert_int_equal(ocs_digest_parse(text, size, &digest), 0);
        assert_int_equal(ocs_digest_set_add(set, &digest, &index, NULL), 0);
        assert_int_equal(index, size - 3);
        ocs_digest_set_get(set, index, &out);
        assert_true(ocs_digest_equal(&digest, &out));
    }
    ocs_digest_set_free(set);
}

static void test_a_million(void **state)
{
    (void)state;
    const uint32_t count = 1000000;
    struct ocs_digest_set *set;
    uint32_t index;
    assert_int_equal(ocs_digest_set_new(&set, NULL), 0);
    for (uint32_t i = 0; i < count; i++) {
        struct ocs_digest digest = numbered(OCS_ALGORITHM_SHA256, i);
        if (ocs_digest_set_add(set, &digest, &index, NULL) != 0 || index != i)
            fail_msg("digest %u was not added as such", i);
    }
    assert_int_equal(ocs_digest_set_count(set), count);
    for (uint32_t i = 0; i < count; i++) {
        struct ocs_digest digest = numbered(OCS_ALGORITHM_SHA256, i), out;
        if (!ocs_digest_set_find(set, &digest, &index) || index != i)
            fail_msg("digest %u was not found", i);
        ocs_digest_set_get(set, i, &out);
        if (!ocs_digest_equal(&digest, &out))
            fail_msg("digest %u came back as another", i);
    }
    ocs_digest_set_free(set);
}

/* New ones, known ones and ones that are new twice, while the table grows. */
static void test_many_at_once(void **state)
{
    (void)state;
    struct ocs_digest_set *set, *single;
    struct ocs_digest digests[OCS_DIGEST_SET_MANY];
    const struct ocs_digest *many[OCS_DIGEST_SET_MANY];
    uint32_t indexes[OCS_DIGEST_SET_MANY], index;
    assert_int_equal(ocs_digest_set_new(&set, NULL), 0);
    assert_int_equal(ocs_digest_set_new(&single, NULL), 0);
    assert_int_equal(ocs_digest_set_add_many(set, many, 0, indexes, NULL), 0);
    for (uint32_t round = 0; round < 200; round++) {
        size_t count = round % (OCS_DIGEST_SET_MANY + 1);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t number = i % 3 ? round * 40 + i : i / 2;
            digests[i] = numbered(i % 5 ? OCS_ALGORITHM_SHA256 : OCS_ALGORITHM_SHA512, number);
            many[i] = &digests[i];
        }
        assert_int_equal(ocs_digest_set_add_many(set, many, count, indexes, NULL), 0);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(ocs_digest_set_add(single, many[i], &index, NULL) >= 0);
            assert_int_equal(indexes[i], index);
        }
        assert_int_equal(ocs_digest_set_count(set), ocs_digest_set_count(single));
    }
    ocs_digest_set_free(set);
    ocs_digest_set_free(single);
}

static void test_free_of_nothing(void **state)
{
    (void)state;
    ocs_digest_set_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indexes_in_order_of_arrival),
        cmocka_unit_test(test_tells_lengths_apart),
        cmocka_unit_test(test_a_million),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_free_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

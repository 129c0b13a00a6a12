/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store/digest_list.h"

static struct ocs_digest_list *filled(const struct ocs_digest *digests, size_t count)
{
    struct ocs_digest_list *list;
    assert_int_equal(ocs_digest_list_new(&list, NULL), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ocs_digest_list_add(list, &digests[i], NULL), 0);
    assert_int_equal(ocs_digest_list_sort(list, NULL), 0);
    return list;
}

/* What was added is there once, in order, and found; what was not is not. */
static void assert_holds(const struct ocs_digest_list *list, const struct ocs_digest *digests,
                         size_t count)
{
    struct ocs_digest last = {0}, digest;
    uint32_t place, merged = 0;
    for (uint32_t i = 0; i < ocs_digest_list_count(list); i++) {
        ocs_digest_list_get(list, i, &digest);
        assert_true(i == 0 || ocs_digest_compare(&last, &digest) < 0);
        assert_true(ocs_digest_list_seek(list, digest.key, digest.size, &merged));
        assert_int_equal(merged, i);
        last = digest;
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(ocs_digest_list_find(list, &digests[i], &place));
        ocs_digest_list_get(list, place, &digest);
        assert_true(ocs_digest_equal(&digest, &digests[i]));
    }
}

static void test_empty(void **state)
{
    (void)state;
    struct ocs_digest_list *list = filled(NULL, 0);
    struct ocs_digest digest;
    uint32_t place = 0;
    assert_int_equal(ocs_digest_parse("a:b", 3, &digest), 0);
    assert_int_equal(ocs_digest_list_count(list), 0);
    assert_false(ocs_digest_list_find(list, &digest, &place));
    assert_false(ocs_digest_list_seek(list, digest.key, digest.size, &place));
    ocs_digest_list_free(list);
    ocs_digest_list_free(NULL);
}

static struct ocs_digest at_random(void)
{
    static const enum ocs_algorithm algorithms[] = {OCS_ALGORITHM_SHA256, OCS_ALGORITHM_SHA512,
                                                    OCS_ALGORITHM_BLAKE3};
    unsigned char raw[64] = {0};
    struct ocs_digest digest;
    /* few different bytes: many share a prefix, some are equal */
    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (unsigned char)(rand() % 20 ? 0 : rand());
    ocs_digest_from_raw(algorithms[rand() % 3], raw, &digest);
    return digest;
}

static void test_many_at_random(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct ocs_digest *digests = calloc(COUNT, sizeof(*digests));
    srand(1);
    for (size_t i = 0; i < COUNT; i++)
        digests[i] = i % 10 == 9 ? digests[(size_t)rand() % i] : at_random();
    struct ocs_digest_list *list = filled(digests, COUNT);
    assert_true(ocs_digest_list_count(list) <= COUNT - COUNT / 10);
    assert_holds(list, digests, COUNT);
    ocs_digest_list_free(list);
    free(digests);
}

/* Texts of all lengths, each the beginning of the next. */
static void test_tells_lengths_apart(void **state)
{
    (void)state;
    char text[OCS_DIGEST_BUF];
    struct ocs_digest digests[OCS_DIGEST_TEXT_MAX];
    size_t count = 0;
    uint32_t place;
    memset(text, 'a', sizeof(text));
    text[1] = ':';
    for (size_t size = OCS_DIGEST_TEXT_MAX; size > 3; size--)
        assert_int_equal(ocs_digest_parse(text, size, &digests[count++]), 0);
    struct ocs_digest_list *list = filled(digests, count);
    assert_int_equal(ocs_digest_list_count(list), count);
    assert_holds(list, digests, count);
    struct ocs_digest shorter;
    assert_int_equal(ocs_digest_parse(text, 3, &shorter), 0);
    assert_false(ocs_digest_list_find(list, &shorter, &place));
    ocs_digest_list_free(list);
}

static void test_seek_passes_what_is_not_there(void **state)
{
    (void)state;
    struct ocs_digest digests[3], between;
    unsigned char raw[32] = {0};
    uint32_t place = 0;
    for (unsigned char i = 0; i < 3; i++) {
        raw[31] = (unsigned char)(2 * i + 1);
        ocs_digest_from_raw(OCS_ALGORITHM_SHA256, raw, &digests[i]);
    }
    struct ocs_digest_list *list = filled(digests, 3);
    for (unsigned char i = 0; i <= 6; i++) {
        raw[31] = i;
        ocs_digest_from_raw(OCS_ALGORITHM_SHA256, raw, &between);
        assert_int_equal(ocs_digest_list_seek(list, between.key, between.size, &place), i % 2);
        assert_int_equal(place, i / 2);
    }
    ocs_digest_list_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_many_at_random),
        cmocka_unit_test(test_tells_lengths_apart),
        cmocka_unit_test(test_seek_passes_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

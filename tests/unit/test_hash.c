/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/cleanup.h"
#include "store/hash.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* FIPS 180-4, examples. */
static const struct {
    enum ocs_algorithm algorithm;
    const char *bytes;
    const char *digest;
} vectors[] = {
    {OCS_ALGORITHM_SHA256, "",
     "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {OCS_ALGORITHM_SHA256, "abc",
     "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {OCS_ALGORITHM_SHA512, "abc",
     "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {OCS_ALGORITHM_SHA256, "{}",
     "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
};

#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static void assert_digest(const struct ocs_digest *digest, const char *expected)
{
    char text[OCS_DIGEST_BUF];
    assert_string_equal(ocs_digest_format(digest, text), expected);
}

static void test_known_digests(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        struct ocs_digest digest;
        assert_int_equal(ocs_hash_bytes(vectors[i].algorithm, vectors[i].bytes,
                                        strlen(vectors[i].bytes), &digest, NULL),
                         0);
        assert_digest(&digest, vectors[i].digest);
    }
}

static void test_one_hasher_serves_many_digests(void **state)
{
    (void)state;
    struct ocs_hasher *hasher;
    assert_int_equal(ocs_hasher_new(&hasher, NULL), 0);
    for (size_t i = 0; i < VECTORS; i++) {
        struct ocs_digest digest;
        assert_int_equal(ocs_hasher_begin(hasher, vectors[i].algorithm, NULL), 0);
        for (const char *byte = vectors[i].bytes; *byte; byte++)
            assert_int_equal(ocs_hasher_update(hasher, byte, 1, NULL), 0);
        assert_int_equal(ocs_hasher_end(hasher, &digest, NULL), 0);
        assert_digest(&digest, vectors[i].digest);
    }
    ocs_hasher_free(hasher);
}

static void test_a_digest_that_is_not_ended_does_not_spoil_the_next(void **state)
{
    (void)state;
    struct ocs_hasher *hasher;
    struct ocs_digest digest;
    assert_int_equal(ocs_hasher_new(&hasher, NULL), 0);
    assert_int_equal(ocs_hasher_begin(hasher, OCS_ALGORITHM_SHA512, NULL), 0);
    assert_int_equal(ocs_hasher_update(hasher, "abandoned", 9, NULL), 0);
    assert_int_equal(ocs_hasher_begin(hasher, OCS_ALGORITHM_SHA256, NULL), 0);
    assert_int_equal(ocs_hasher_update(hasher, "abc", 3, NULL), 0);
    assert_int_equal(ocs_hasher_end(hasher, &digest, NULL), 0);
    assert_digest(&digest, vectors[1].digest);
    ocs_hasher_free(hasher);
}

static void test_a_file(void **state)
{
    (void)state;
    struct ocs_digest digest;
    char text[OCS_DIGEST_BUF];
    struct ocs_error err;
    FILE *file = tmpfile();
    assert_non_null(file);
    for (int i = 0; i < 1000000; i++)
        assert_int_equal(fputc('a', file), 'a');
    rewind(file);
    assert_int_equal(ocs_hash_file(fileno(file), OCS_ALGORITHM_SHA256, &digest, "file", &err), 0);
    assert_string_equal(ocs_digest_format(&digest, text),
                        "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    fclose(file);
    auto_fd int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(ocs_hash_file(folder, OCS_ALGORITHM_SHA256, &digest, "folder", &err),
                     -OCS_FAILED);
    assert_string_equal(err.message, "folder: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_digests),
        cmocka_unit_test(test_one_hasher_serves_many_digests),
        cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_a_digest_that_is_not_ended_does_not_spoil_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

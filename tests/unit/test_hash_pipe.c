/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/hash_pipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SIZE (7u << 20)

static void make_bytes(unsigned char *bytes)
{
    uint32_t random = 1;
    for (size_t i = 0; i < SIZE; i++) {
        random = random * 1664525 + 1013904223;
        bytes[i] = (unsigned char)(random >> 24);
    }
}

/* The first `before` bytes are hashed without the pipe, the others in pieces. */
static void hash_through_pipe(struct ocs_hasher *hasher, const unsigned char *bytes, size_t before,
                              size_t piece, struct ocs_digest *out)
{
    assert_int_equal(ocs_hasher_begin(hasher, OCS_ALGORITHM_SHA256, NULL), 0);
    assert_int_equal(ocs_hasher_update(hasher, bytes, before, NULL), 0);
    struct ocs_hash_pipe *pipe = ocs_hash_pipe_open(hasher);
    assert_non_null(pipe);
    for (size_t at = before; at < SIZE; at += piece)
        ocs_hash_pipe_put(pipe, bytes + at, SIZE - at < piece ? SIZE - at : piece);
    assert_int_equal(ocs_hash_pipe_close(pipe, NULL), 0);
    assert_int_equal(ocs_hasher_end(hasher, out, NULL), 0);
}

static void the_digest_is_the_same(void **state)
{
    static unsigned char bytes[SIZE];
    static const size_t pieces[] = {1000, 65536, 262145, 1 << 20, (1 << 20) + 1, 1 << 21, SIZE};
    struct ocs_hasher *hasher = NULL;
    struct ocs_digest expected, actual;
    (void)state;
    make_bytes(bytes);
    assert_int_equal(ocs_hash_bytes(OCS_ALGORITHM_SHA256, bytes, SIZE, &expected, NULL), 0);
    assert_int_equal(ocs_hasher_new(&hasher, NULL), 0);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        hash_through_pipe(hasher, bytes, i * 12345, pieces[i], &actual);
        assert_true(ocs_digest_equal(&actual, &expected));
    }
    hash_through_pipe(hasher, bytes, SIZE, 1, &actual);
    assert_true(ocs_digest_equal(&actual, &expected));
    ocs_hasher_free(hasher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digest_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

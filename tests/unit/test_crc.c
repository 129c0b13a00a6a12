/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/crc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A bit at a time (doc/store-format.md). */
static uint32_t by_definition(const unsigned char *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void the_check_value(void **state)
{
    (void)state;
    assert_int_equal(ocs_crc(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(ocs_crc(0, "", 0), 0);
}

static void every_length_and_split(void **state)
{
    unsigned char bytes[600];
    (void)state;
    srand(1);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)rand();
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        uint32_t expected = by_definition(bytes, size);
        size_t first = size ? (size_t)rand() % size : 0;
        assert_int_equal(ocs_crc(0, bytes, size), expected);
        assert_int_equal(ocs_crc(ocs_crc(0, bytes, first), bytes + first, size - first), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_value),
        cmocka_unit_test(every_length_and_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

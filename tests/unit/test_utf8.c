/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "store/utf8.h"

static size_t encode(uint32_t rune, char out[4])
{
    if (rune < 0x80) {
        out[0] = (char)rune;
        return 1;
    }
    size_t length = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, rune >>= 6)
        out[i] = (char)(0x80 | (rune & 0x3f));
    out[0] = (char)(0xf00u >> length | rune);
    return length;
}

static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t rune = 0; rune < 0x110400; rune++) {
        char text[4];
        uint32_t decoded = 0;
        size_t length = encode(rune, text);
        size_t expected = (rune >= 0xd800 && rune <= 0xdfff) || rune > 0x10ffff ? 0 : length;
        if (ocs_utf8_decode(text, length, &decoded) != expected || (expected && decoded != rune))
            fail_msg("U+%04X", rune);
        if (ocs_utf8_decode(text, length - 1, &decoded) != 0)
            fail_msg("U+%04X, cut off", rune);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\x80",
        "\xbf\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc3(",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xe2\x82",
        "\xe2\x82(",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t rune;
        assert_int_equal(ocs_utf8_decode(cases[i], strlen(cases[i]), &rune), 0);
        assert_false(ocs_utf8_valid(cases[i]));
    }
}

static void test_whole_texts(void **state)
{
    (void)state;
    assert_true(ocs_utf8_valid(""));
    assert_true(ocs_utf8_valid("/srv/b\xc3\xbcro/\xf0\x9f\x98\x80"));
    assert_false(ocs_utf8_valid("/srv/b\xfcro"));
    assert_false(ocs_utf8_valid("/srv/b\xc3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_whole_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/shell_word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_words(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"/srv/store", "/srv/store"}, {"app:v1", "app:v1"}, {"", "''"},
        {"my app", "'my app'"},       {"$HOME", "'$HOME'"}, {"~", "'~'"},
        {"a'b", "'a'\\''b'"},         {"a\nb", "'a\nb'"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(ocs_shell_word(rows[i][0]).text, rows[i][1]);
}

/* What a shell makes of it is what it was. */
static void test_a_shell_reads_it(void **state)
{
    (void)state;
    char all[256], command[1024], read[sizeof(all)];
    for (int c = 1; c < 256; c++)
        all[c - 1] = (char)c;
    all[255] = '\0';
    snprintf(command, sizeof(command), "printf %%s %s", ocs_shell_word(all).text);
    FILE *shell = popen(command, "r");
    assert_non_null(shell);
    size_t size = fread(read, 1, sizeof(read), shell);
    assert_int_equal(pclose(shell), 0);
    assert_int_equal(size, strlen(all));
    assert_memory_equal(read, all, size);
}

static void test_no_room(void **state)
{
    (void)state;
    char quotes[PATH_MAX];
    memset(quotes, '\'', sizeof(quotes));
    quotes[sizeof(quotes) - 1] = '\0';
    assert_string_equal(ocs_shell_word(quotes).text, quotes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_a_shell_reads_it),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/given.h"

#include "place.h"

#include <limits.h>

/* link leads to real, and real/current to real/lay. */
static void enter(struct place *place, char real[PATH_MAX])
{
    place_mkdirs(place, "real/lay");
    assert_int_equal(symlinkat("real", place->fd, "link"), 0);
    assert_int_equal(symlinkat("lay", place->fd, "real/current"), 0);
    assert_int_equal(fchdir(place->fd), 0);
    assert_non_null(realpath(place->path, real));
    assert_int_equal(setenv("PWD", real, 1), 0);
}

static void test_what_is_kept(void **state)
{
    static const struct {
        const char *given, *kept; /* NULL: nothing */
    } cases[] = {
        {"real/lay", NULL},
        {"./real//lay/", NULL},
        {"real/./lay/.", NULL},
        {"link/lay", "/link/lay"},
        {".//link/./lay//", "/link/lay"},
        {"real/current", "/real/current"},
        {"link/current/", "/link/current"},
        {"link/../real/lay", NULL},
        {"real/../link/lay", "/link/lay"},
        {"link/../link/current", "/link/current"},
        {"link/current/../lay", NULL},
        {"link/lay/../..", NULL},
    };
    char base[PATH_MAX];
    enter(*state, base);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char real[PATH_MAX], expected[2 * PATH_MAX], absolute[2 * PATH_MAX];
        assert_non_null(realpath(cases[i].given, real));
        snprintf(expected, sizeof(expected), "%s%s", base, cases[i].kept ? cases[i].kept : "");
        snprintf(absolute, sizeof(absolute), "%s/%s", base, cases[i].given);
        for (int k = 0; k < 2; k++) {
            char *out = NULL;
            assert_int_equal(ocs_given_path(k ? absolute : cases[i].given, real, &out, NULL), 0);
            if (!cases[i].kept)
                assert_null(out);
            else
                assert_string_equal(out, expected);
            free(out);
        }
    }
    assert_int_equal(chdir("/"), 0);
}

/* As the shell calls the folder that we are in, if that is true. */
static void test_the_shells_name(void **state)
{
    char base[PATH_MAX], link[2 * PATH_MAX], real[2 * PATH_MAX], kept[2 * PATH_MAX];
    enter(*state, base);
    assert_int_equal(chdir("real"), 0);
    snprintf(link, sizeof(link), "%s/link", base);
    snprintf(real, sizeof(real), "%s/real/lay", base);
    snprintf(kept, sizeof(kept), "%s/link/lay", base);
    char *out = NULL;
    assert_int_equal(setenv("PWD", link, 1), 0);
    assert_int_equal(ocs_given_path("lay", real, &out, NULL), 0);
    assert_string_equal(out, kept);
    free(out);
    out = NULL;
    assert_int_equal(setenv("PWD", base, 1), 0);
    assert_int_equal(ocs_given_path("lay", real, &out, NULL), 0);
    assert_null(out);
    assert_int_equal(chdir("/"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_what_is_kept),
        PLACE_TEST(test_the_shells_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

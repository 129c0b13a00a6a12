/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_PLACE_H
#define OCS_TESTS_PLACE_H

/* A temporary folder for each test: PLACE_TEST(function) gets it as *state and
 * it is removed afterwards. */

#include "store/io.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    int fd;
    char path[4096];
    char scratch[8192];
};

static inline int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    umask(022); /* whatever the caller's */
    const char *tmp = getenv("TMPDIR");
    snprintf(place->path, sizeof(place->path), "%s/ocs-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(place->path));
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(place->fd >= 0);
    *state = place;
    return 0;
}

static inline int place_teardown(void **state)
{
    struct place *place = *state;
    close(place->fd);
    char *base = strrchr(place->path, '/');
    *base = '\0';
    int parent = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(ocs_io_remove_tree(parent, base + 1, "test folder", NULL), 0);
    close(parent);
    free(place);
    return 0;
}

#define PLACE_TEST(function) cmocka_unit_test_setup_teardown(function, place_setup, place_teardown)

/* Lives until the next call. */
static inline const char *place_path(struct place *place, const char *relative)
{
    snprintf(place->scratch, sizeof(place->scratch), "%s/%s", place->path, relative);
    return place->scratch;
}

static inline void place_mkdirs(struct place *place, const char *relative)
{
    assert_int_equal(ocs_io_mkdirs(place->fd, relative, 0755, relative, NULL), 0);
}

static inline void place_write(struct place *place, const char *relative, const char *text)
{
    int fd = openat(place->fd, relative, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static inline bool place_has(struct place *place, const char *relative)
{
    return faccessat(place->fd, relative, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The file's text; free it. */
static inline char *place_read(struct place *place, const char *relative)
{
    int fd = openat(place->fd, relative, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct ocs_bytes bytes = {0};
    assert_int_equal(ocs_io_read_all(fd, 1 << 20, &bytes, relative, NULL), 0);
    close(fd);
    return bytes.data;
}

#endif

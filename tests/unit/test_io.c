/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/cleanup.h"
#include "store/io.h"

#include "place.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

/* ---- reading ---- */

static void test_open_regular_takes_files_alone(void **state)
{
    struct place *place = *state;
    struct stat st;
    struct ocs_error err;
    int fd = -1;
    place_mkdirs(place, "folder/deep");
    place_write(place, "folder/file", "text");
    assert_int_equal(ocs_io_open_regular(place->fd, "folder/file", &fd, &st, "file", &err), 0);
    assert_int_equal(st.st_size, 4);
    assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    close(fd);

    assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
    assert_int_equal(symlinkat("folder/file", place->fd, "link"), 0);
    assert_int_equal(symlinkat("folder", place->fd, "way"), 0);
    static const struct {
        const char *path;
        int expected;
    } OTHERS[] = {
        {"absent", OCS_IO_ABSENT},
        {"folder/file/below", OCS_IO_ABSENT},
        {"folder", OCS_IO_NOT_REGULAR},
        {"fifo", OCS_IO_NOT_REGULAR},
        {"link", OCS_IO_NOT_REGULAR},
        {"way/file", OCS_IO_NOT_REGULAR}, /* a link on the way */
        {"../outside", OCS_IO_NOT_REGULAR},
        {"/etc/passwd", OCS_IO_NOT_REGULAR},
    };
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
        assert_int_equal(ocs_io_open_regular(place->fd, OTHERS[i].path, &fd, NULL, "file", &err),
                         OTHERS[i].expected);
    assert_int_equal(ocs_io_open_regular(-1, "file", &fd, NULL, "the file", &err), -OCS_FAILED);
    assert_string_equal(err.message, "the file: Bad file descriptor");
}

static void test_open_dir(void **state)
{
    struct place *place = *state;
    int fd = -1;
    place_mkdirs(place, "folder");
    place_write(place, "file", "");
    assert_int_equal(symlinkat("folder", place->fd, "link"), 0);
    assert_int_equal(ocs_io_open_dir(place->fd, "folder", &fd, "folder", NULL), 0);
    close(fd);
    assert_int_equal(ocs_io_open_dir(place->fd, "absent", &fd, "x", NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_io_open_dir(place->fd, "file", &fd, "x", NULL), OCS_IO_NOT_REGULAR);
    assert_int_equal(ocs_io_open_dir(place->fd, "link", &fd, "x", NULL), OCS_IO_NOT_REGULAR);
    assert_int_equal(ocs_io_open_dir(-1, "folder", &fd, "x", NULL), -OCS_FAILED);
}

static void test_read_all_keeps_to_the_limit(void **state)
{
    struct place *place = *state;
    struct ocs_bytes bytes = {0};
    struct ocs_error err;
    int fd = -1;
    place_write(place, "file", "12345");
    assert_int_equal(ocs_io_open_regular(place->fd, "file", &fd, NULL, "file", &err), 0);
    assert_int_equal(ocs_io_read_all(fd, 5, &bytes, "file", &err), 0);
    assert_int_equal(bytes.size, 5);
    assert_string_equal(bytes.data, "12345");
    ocs_bytes_clear(&bytes);
    assert_null(bytes.data);
    assert_int_equal(ocs_io_read_all(fd, 4, &bytes, "file", &err), -OCS_REFUSED);
    assert_non_null(strstr(err.message, "limit of 4 bytes"));
    close(fd);
    assert_int_equal(ocs_io_read_all(-1, 4, &bytes, "file", &err), -OCS_FAILED);
}

/* A pipe says that it has no size: what was not known to come is read too. */
static void test_read_all_of_what_grows(void **state)
{
    (void)state;
    struct ocs_bytes bytes = {0};
    char text[1000];
    int ends[2];
    memset(text, 'x', sizeof(text));
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, sizeof(text)), sizeof(text));
    close(ends[1]);
    assert_int_equal(ocs_io_read_all(ends[0], 1000, &bytes, "pipe", NULL), 0);
    assert_int_equal(bytes.size, 1000);
    ocs_bytes_clear(&bytes);
    close(ends[0]);

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, sizeof(text)), sizeof(text));
    close(ends[1]);
    assert_int_equal(ocs_io_read_all(ends[0], 999, &bytes, "pipe", NULL), -OCS_REFUSED);
    close(ends[0]);
}

static void test_read_errors(void **state)
{
    struct place *place = *state;
    char byte;
    assert_int_equal(ocs_io_read(place->fd, &byte, 1), -1); /* a folder */
    assert_int_equal(errno, EISDIR);
}

static void test_stamps(void **state)
{
    struct place *place = *state;
    struct stat st;
    place_write(place, "file", "text");
    assert_int_equal(fstatat(place->fd, "file", &st, 0), 0);
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    assert_int_equal(stamp.size, 4);
    assert_int_equal(stamp.inode, st.st_ino);
    struct ocs_stamp other = stamp;
    assert_true(ocs_stamp_equal(&stamp, &other));
    other.ctime_ns++;
    assert_false(ocs_stamp_equal(&stamp, &other));
    other = stamp;
    other.mtime_ns--;
    assert_false(ocs_stamp_equal(&stamp, &other));
    other = stamp;
    other.inode++;
    assert_false(ocs_stamp_equal(&stamp, &other));
    other = stamp;
    other.size++;
    assert_false(ocs_stamp_equal(&stamp, &other));
}

/* ext4 has them from 1901 to 2446, others further. */
static void test_times_beyond_nanoseconds(void **state)
{
    (void)state;
    struct stat st = {.st_mtim = {.tv_sec = 13569465600}, .st_ctim = {.tv_sec = -99999999999}};
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    assert_true(stamp.mtime_ns > ocs_now_ns());
    assert_true(ocs_now_ns() - stamp.ctime_ns > ocs_now_ns());
    st.st_mtim = (struct timespec){INT64_MAX / 1000000000, 999999999};
    assert_true(ocs_stamp_of(&st).mtime_ns > ocs_now_ns());
    st.st_mtim = (struct timespec){-1, 999999999};
    assert_true(ocs_stamp_of(&st).mtime_ns == -1);
}

/* Neither time may be of the last 2 s: mtime can be set to anything. */
static void test_a_stamp_that_is_settled(void **state)
{
    (void)state;
    int64_t now = ocs_now_ns(), old = now - 5 * INT64_C(1000000000);
    int64_t young = now - INT64_C(1000000000) / 2 + 60 * INT64_C(1000000000);
    assert_true(ocs_stamp_settled(&(struct ocs_stamp){.mtime_ns = old, .ctime_ns = old}));
    assert_false(ocs_stamp_settled(&(struct ocs_stamp){.mtime_ns = young, .ctime_ns = old}));
    assert_false(ocs_stamp_settled(&(struct ocs_stamp){.mtime_ns = old, .ctime_ns = young}));
}

/* Of whole seconds the tick is one. */
static void test_a_stamp_that_is_ticking(void **state)
{
    (void)state;
    int64_t second = INT64_C(1000000000), whole = ocs_now_ns() / second * second;
    bool ticking = ocs_stamp_ticking(&(struct ocs_stamp){.ctime_ns = whole});
    assert_true(ticking || ocs_now_ns() - whole >= second);
    assert_true(ocs_stamp_ticking(&(struct ocs_stamp){.ctime_ns = whole + 60 * second}));
    assert_false(ocs_stamp_ticking(&(struct ocs_stamp){.ctime_ns = whole - second / 2}));
    assert_false(ocs_stamp_ticking(&(struct ocs_stamp){.ctime_ns = whole - 2 * second}));
}

/* ---- writing ---- */

static void test_errors_of_writing_are_told(void **state)
{
    struct place *place = *state;
    struct ocs_error err;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_int_equal(ocs_io_write(full, "x", 1, "the file", &err), -OCS_FAILED);
    assert_string_equal(err.message, "the file: write: No space left on device");
    close(full);
    assert_int_equal(ocs_io_fsync(-1, "x", &err), -OCS_FAILED);
    assert_int_equal(ocs_io_syncfs(-1, "x", &err), -OCS_FAILED);
    assert_int_equal(ocs_io_close(-1, "x", &err), -OCS_FAILED);
    assert_int_equal(ocs_io_mkdir(-1, "x", 0755, "x", &err), -OCS_FAILED);
    assert_int_equal(ocs_io_unlink(-1, "x", 0, "x", &err), -OCS_FAILED);
    assert_int_equal(ocs_io_rmdir(-1, "x", "x", &err), -OCS_FAILED);
    assert_int_equal(ocs_io_remove_tree(-1, "x", "x", &err), -OCS_FAILED);
    assert_int_equal(ocs_io_sync_dir(place->fd, "absent", "x", &err), -OCS_FAILED);
    assert_int_equal(ocs_io_rename(place->fd, "absent", place->fd, "b", "x", &err), -OCS_FAILED);
    assert_int_equal(ocs_io_replace(place->fd, "no/file", "x", 1, 0644, "x", &err), -OCS_FAILED);
    int fd = -1;
    assert_int_equal(ocs_io_open_or_create(place->fd, "no/file", 0644, &fd, "x", &err),
                     -OCS_FAILED);
}

/* Whether it can depends on the file system; what it says must be so. */
static void test_clones(void **state)
{
    struct place *place = *state;
    struct ocs_bytes bytes = {0};
    int to = -1;
    place_write(place, "from", "bytes to be shared");
    auto_fd int from = openat(place->fd, "from", O_RDONLY | O_CLOEXEC);
    assert_int_equal(ocs_io_create(place->fd, "to", 0644, &to, "to", NULL), 0);
    int result = ocs_io_clone(from, to, "to", NULL);
    assert_int_equal(ocs_io_close(to, "to", NULL), 0);
    auto_fd int back = openat(place->fd, "to", O_RDONLY | O_CLOEXEC);
    assert_int_equal(ocs_io_read_all(back, 99, &bytes, "to", NULL), 0);
    assert_true(result == 0 || result == OCS_IO_CANNOT_CLONE);
    assert_string_equal(bytes.data, result == 0 ? "bytes to be shared" : "");
    ocs_bytes_clear(&bytes);
}

static void test_a_clone_that_cannot_be(void **state)
{
    struct place *place = *state;
    struct ocs_error err;
    int to = -1;
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(ocs_io_create(place->fd, "to", 0644, &to, "to", NULL), 0);
    assert_int_equal(ocs_io_clone(pipe_ends[0], to, "to", &err), OCS_IO_CANNOT_CLONE);
    assert_int_equal(ocs_io_clone(-1, to, "to", &err), -OCS_FAILED);
    assert_string_equal(err.message, "to: clone: Bad file descriptor");
    assert_int_equal(ocs_io_close(to, "to", NULL), 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void test_writing_out_is_a_hint(void **state)
{
    struct place *place = *state;
    int fd = -1;
    assert_int_equal(ocs_io_create(place->fd, "file", 0644, &fd, "file", NULL), 0);
    assert_int_equal(ocs_io_write(fd, "text", 4, "file", NULL), 0);
    ocs_io_write_out(fd, 0, 4);
    ocs_io_write_out(-1, 0, 4);
    assert_int_equal(ocs_io_fsync(fd, "file", NULL), 0);
    assert_int_equal(ocs_io_close(fd, "file", NULL), 0);
}

static void test_create_never_takes_a_name_that_is_held(void **state)
{
    struct place *place = *state;
    int fd = -1;
    assert_int_equal(symlinkat("elsewhere", place->fd, "link"), 0);
    assert_int_equal(ocs_io_create(place->fd, "link", 0644, &fd, "link", NULL), -OCS_FAILED);
    assert_int_equal(errno, EEXIST);
    assert_false(place_has(place, "elsewhere"));
    assert_int_equal(ocs_io_open_or_create(place->fd, "link", 0644, &fd, "link", NULL),
                     -OCS_FAILED);
    assert_false(place_has(place, "elsewhere"));
}

static void test_space_that_is_not_there(void **state)
{
    struct place *place = *state;
    struct rlimit old, small;
    int fd = -1;
    assert_int_equal(ocs_io_create(place->fd, "file", 0644, &fd, "file", NULL), 0);
    assert_int_equal(ocs_io_allocate(fd, 8192, "file", NULL), 0);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 8192);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){8192, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = ocs_io_allocate(fd, 16384, "file", NULL);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(result, -OCS_FAILED);
    assert_int_equal(error, EFBIG);
    assert_int_equal(ocs_io_close(fd, "file", NULL), 0);
    errno = EFBIG;
    assert_false(ocs_io_no_space());
    errno = ENOSPC;
    assert_true(ocs_io_no_space());
    errno = EDQUOT;
    assert_true(ocs_io_no_space());
}

static void test_mkdirs(void **state)
{
    struct place *place = *state;
    struct ocs_error err;
    char *name = calloc(1, 5000);
    memset(name, 'x', 4999);
    assert_int_equal(ocs_io_mkdirs(place->fd, "a/b/c", 0755, "x", NULL), 0);
    assert_int_equal(ocs_io_mkdirs(place->fd, "a/b/c/d", 0755, "x", NULL), 0);
    assert_true(place_has(place, "a/b/c/d"));
    assert_int_equal(symlinkat("a", place->fd, "link"), 0);
    assert_int_equal(ocs_io_mkdirs(place->fd, "link/new", 0755, "x", &err), -OCS_REFUSED);
    assert_non_null(strstr(err.message, "'link' is no folder"));
    place_write(place, "file", "");
    assert_int_equal(ocs_io_mkdirs(place->fd, "file/new", 0755, "x", &err), -OCS_REFUSED);
    assert_int_equal(ocs_io_mkdirs(place->fd, name, 0755, "x", &err), -OCS_FAILED);
    free(name);
}

static void check_text(struct place *place, const char *path, const char *expected)
{
    char *text = place_read(place, path);
    assert_string_equal(text, expected);
    free(text);
}

static void test_replace(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "a");
    assert_int_equal(ocs_io_replace(place->fd, "a/file", "one", 3, 0600, "file", NULL), 0);
    check_text(place, "a/file", "one");
    assert_int_equal(symlinkat("file", place->fd, "a/link"), 0);
    assert_int_equal(ocs_io_replace(place->fd, "a/link", "two", 3, 0644, "file", NULL), 0);
    check_text(place, "a/link", "two"); /* the link went, not what it led to */
    check_text(place, "a/file", "one");
    struct stat st;
    assert_int_equal(fstatat(place->fd, "a/file", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    place_mkdirs(place, "a/folder/full"); /* a rename over that fails */
    assert_int_equal(ocs_io_replace(place->fd, "a/folder", "x", 1, 0644, "file", NULL),
                     -OCS_FAILED);
    assert_int_equal(ocs_io_rmdir(place->fd, "a", "a", NULL), OCS_IO_EXISTS);
    assert_int_equal(ocs_io_unlink(place->fd, "a/file", 0, "x", NULL), 0);
    assert_int_equal(ocs_io_unlink(place->fd, "a/link", 0, "x", NULL), 0);
    assert_int_equal(ocs_io_rmdir(place->fd, "a/folder/full", "x", NULL), 0);
    assert_int_equal(ocs_io_rmdir(place->fd, "a/folder", "x", NULL), 0);
    assert_int_equal(ocs_io_rmdir(place->fd, "a", "x", NULL), 0); /* no temporary is left */
    assert_int_equal(ocs_io_rmdir(place->fd, "a", "x", NULL), 0);
}

static void test_renames(void **state)
{
    struct place *place = *state;
    int dir = place->fd;
    place_write(place, "a", "a");
    place_write(place, "b", "b");
    assert_int_equal(ocs_io_rename_noreplace(dir, "a", dir, "b", "x", NULL), OCS_IO_EXISTS);
    assert_int_equal(ocs_io_rename_noreplace(dir, "no", dir, "c", "x", NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_io_rename_noreplace(dir, "a", -1, "c", "x", NULL), -OCS_FAILED);
    assert_int_equal(ocs_io_exchange(dir, "a", dir, "no", "x", NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_io_exchange(dir, "a", dir, "b", "x", NULL), 0);
    check_text(place, "a", "b");
    check_text(place, "b", "a");
    assert_int_equal(ocs_io_rename(dir, "a", dir, "b", "x", NULL), 0);
    check_text(place, "b", "b");
    assert_false(place_has(place, "a"));
}

static void test_remove_tree_follows_no_link(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "tree/a/b");
    place_mkdirs(place, "kept");
    place_write(place, "kept/file", "");
    place_write(place, "tree/a/file", "");
    assert_int_equal(symlinkat("../../kept", place->fd, "tree/a/link"), 0);
    assert_int_equal(symlinkat("kept", place->fd, "link"), 0);
    assert_int_equal(ocs_io_remove_tree(place->fd, "tree", "tree", NULL), 0);
    assert_int_equal(ocs_io_remove_tree(place->fd, "link", "link", NULL), 0);
    assert_int_equal(ocs_io_remove_tree(place->fd, "absent", "absent", NULL), 0);
    assert_false(place_has(place, "tree"));
    assert_false(place_has(place, "link"));
    assert_true(place_has(place, "kept/file"));
}

static void test_random_names_differ(void **state)
{
    (void)state;
    char a[17], b[17];
    ocs_io_random_name(a);
    ocs_io_random_name(b);
    assert_int_equal(strlen(a), 16);
    assert_int_equal(strspn(a, "0123456789abcdef"), 16);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_open_regular_takes_files_alone),
        PLACE_TEST(test_open_dir),
        PLACE_TEST(test_read_all_keeps_to_the_limit),
        cmocka_unit_test(test_read_all_of_what_grows),
        PLACE_TEST(test_read_errors),
        PLACE_TEST(test_stamps),
        PLACE_TEST(test_times_beyond_nanoseconds),
        PLACE_TEST(test_a_stamp_that_is_settled),
        PLACE_TEST(test_a_stamp_that_is_ticking),
        PLACE_TEST(test_errors_of_writing_are_told),
        PLACE_TEST(test_clones),
        PLACE_TEST(test_a_clone_that_cannot_be),
        PLACE_TEST(test_writing_out_is_a_hint),
        PLACE_TEST(test_create_never_takes_a_name_that_is_held),
        PLACE_TEST(test_space_that_is_not_there),
        PLACE_TEST(test_mkdirs),
        PLACE_TEST(test_replace),
        PLACE_TEST(test_renames),
        PLACE_TEST(test_remove_tree_follows_no_link),
        cmocka_unit_test(test_random_names_differ),
    };
    /* an allocation beyond RLIMIT_FSIZE raises it */
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

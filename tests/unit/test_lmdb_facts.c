/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What LMDB itself does, which graph_tables.c, graph_file.c and graph_pages.c are
 * made for.  No test of ours: when one fails with another LMDB, look whether the
 * precaution is still needed, or is enough. */

#include "place.h"

#include <errno.h>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGE 4096

static int open_env(const char *path, MDB_env **env)
{
    assert_int_equal(mdb_env_create(env), 0);
    assert_int_equal(mdb_env_set_mapsize(*env, 64 << 20), 0);
    return mdb_env_open(*env, path, MDB_NOLOCK, 0644);
}

static int put_some(MDB_env *env, uint32_t count, size_t size)
{
    static char filler[4000];
    MDB_txn *txn;
    MDB_dbi dbi;
    int code = mdb_txn_begin(env, NULL, 0, &txn);
    assert_int_equal(code, 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    for (uint32_t i = 0; i < count && code == 0; i++) {
        MDB_val key = {.mv_size = sizeof(i), .mv_data = &i};
        MDB_val value = {.mv_size = size, .mv_data = filler};
        code = mdb_put(txn, dbi, &key, &value, 0);
    }
    if (code == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

static int count_all(MDB_env *env)
{
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int count = 0;
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0 || mdb_dbi_open(txn, NULL, 0, &dbi) != 0 ||
        mdb_cursor_open(txn, dbi, &cursor) != 0)
        return -1;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
        count += ((volatile char *)value.mv_data)[0] == 0;
    return count;
}

static void make_file(struct place *place)
{
    MDB_env *env;
    assert_int_equal(open_env(place->path, &env), 0);
    assert_int_equal(put_some(env, 2000, 100), 0);
    mdb_env_close(env);
}

/* The signal that ends a process which reads everything; 0: none. */
static int signal_of_reading(struct place *place)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        MDB_env *env;
        signal(SIGBUS, SIG_DFL); /* the sanitizer's handlers */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        close(STDERR_FILENO); /* it says what it aborts of */
        if (open_env(place->path, &env) == 0)
            count_all(env);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_truncated_file_is_sigbus(void **state)
{
    make_file(*state);
    assert_int_equal(truncate(place_path(*state, "data.mdb"), 10 * PAGE), 0);
    assert_int_equal(signal_of_reading(*state), SIGBUS);
}

static void test_zeroed_page_is_abort(void **state)
{
    static const char zeros[PAGE];
    struct stat st;
    make_file(*state);
    int fd = openat(((struct place *)*state)->fd, "data.mdb", O_RDWR | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    bool seen = false;
    for (off_t at = 2 * PAGE; at < st.st_size && !seen; at += PAGE) {
        char saved[PAGE];
        assert_int_equal(pread(fd, saved, PAGE, at), PAGE);
        assert_int_equal(pwrite(fd, zeros, PAGE, at), PAGE);
        seen = signal_of_reading(*state) == SIGABRT;
        assert_int_equal(pwrite(fd, saved, PAGE, at), PAGE);
    }
    assert_true(seen);
    close(fd);
}

static int get_text(MDB_env *env, char out[4])
{
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val key = {.mv_size = 3, .mv_data = (char *)"key"};
    MDB_val value;
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    int code = mdb_get(txn, dbi, &key, &value);
    if (code == 0)
        memcpy(out, value.mv_data, 4);
    mdb_txn_abort(txn);
    return code;
}

/* Hence the CRC and the own key in each record of ours. */
static void test_a_changed_value_is_no_error(void **state)
{
    struct place *place = *state;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val key = {.mv_size = 3, .mv_data = (char *)"key"};
    MDB_val value = {.mv_size = 4, .mv_data = (char *)"true"};
    char bytes[16 * PAGE];
    char text[4];
    assert_int_equal(open_env(place->path, &env), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    int fd = openat(place->fd, "data.mdb", O_RDWR | O_CLOEXEC);
    ssize_t size = pread(fd, bytes, sizeof(bytes), 0);
    char *found = size > 0 ? memmem(bytes, (size_t)size, "keytrue", 7) : NULL;
    assert_non_null(found);
    assert_int_equal(pwrite(fd, "lies", 4, found + 3 - bytes), 4);
    close(fd);
    assert_int_equal(open_env(place->path, &env), 0);
    assert_int_equal(get_text(env, text), 0);
    assert_memory_equal(text, "lies", 4);
    mdb_env_close(env);
}

static void test_no_space_is_an_io_error(void **state)
{
    struct place *place = *state;
    MDB_env *env;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        skip();
    assert_int_equal(mount("none", place->path, "tmpfs", 0, "size=1m"), 0);
    assert_int_equal(open_env(place->path, &env), 0);
    assert_int_equal(put_some(env, 500, 3900), EIO);
    mdb_env_close(env);
    assert_int_equal(umount(place->path), 0);
}

/* By default: the data by fdatasync, then the meta page through a descriptor that
 * writes through. */
static unsigned flushes;

int fdatasync(int fd)
{
    flushes++;
    return (int)syscall(SYS_fdatasync, fd);
}

static void test_a_commit_is_flushed(void **state)
{
    struct place *place = *state;
    MDB_env *env = NULL;
    unsigned flags = 0;
    assert_int_equal(open_env(place->path, &env), 0);
    for (unsigned commits = 1; commits <= 3; commits++) {
        flushes = 0;
        assert_int_equal(put_some(env, commits, 100), 0);
        assert_true(flushes >= 1);
    }
    assert_int_equal(mdb_env_get_flags(env, &flags), 0);
    assert_int_equal(flags & (MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_MAPASYNC), 0);
    mdb_env_close(env);
}

static void test_keys_are_at_most_511_bytes(void **state)
{
    MDB_env *env;
    struct place *place = *state;
    assert_int_equal(open_env(place->path, &env), 0);
    assert_int_equal(mdb_env_get_maxkeysize(env), 511);
    mdb_env_close(env);
}

int main(void)
{
    int major, minor, patch;
    mdb_version(&major, &minor, &patch);
    if (major != 0 || minor != 9 || patch != 24)
        return 77; /* it is what was looked at */
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_truncated_file_is_sigbus),    PLACE_TEST(test_zeroed_page_is_abort),
        PLACE_TEST(test_a_changed_value_is_no_error), PLACE_TEST(test_no_space_is_an_io_error),
        PLACE_TEST(test_keys_are_at_most_511_bytes),  PLACE_TEST(test_a_commit_is_flushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/exchange.h"

#include "place.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/syscall.h>

#define LOG_SIZE 1000

/* What others do before the first, second, ... rename of ours: they write index.json in
 * place ("w..."), rename another over it ("r..."), open it for writing and keep it open
 * ("o"), remove it ("x"), or make a link of it ("l"). */
static const char *const *others;
static int held = -1;

static void other_writes(const char *what)
{
    int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name = *what == 'r' ? "theirs" : "index.json";
    if (*what == 'w' || *what == 'r') {
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_int_equal(write(fd, what + 1, strlen(what + 1)), strlen(what + 1));
        close(fd);
    }
    if (*what == 'r')
        syscall(SYS_renameat2, dir, "theirs", dir, "index.json", 0);
    if (*what == 'o')
        held = openat(dir, "index.json", O_WRONLY | O_CLOEXEC);
    if (*what == 'x' || *what == 'l')
        unlinkat(dir, "index.json", 0);
    if (*what == 'l')
        assert_int_equal(symlinkat("elsewhere", dir, "index.json"), 0);
    close(dir);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (others && *others)
        other_writes(*others++);
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

static struct ocs_bytes text_bytes(const char *text)
{
    return (struct ocs_bytes){.data = (char *)text, .size = strlen(text)};
}

static int note(void *data, const struct ocs_bytes *version, struct ocs_error *err)
{
    (void)err;
    char *log = data;
    size_t used = strlen(log);
    snprintf(log + used, LOG_SIZE - used, "%s;", version->data);
    return 0;
}

/* Exchanges "read" for "ours" while others do `what`; the log is what gave way. */
static int exchange(struct place *place, const char *const *what, char *log)
{
    struct ocs_bytes read_before = text_bytes("read");
    struct ocs_bytes ours = text_bytes("ours");
    const struct ocs_exchange order = {
        .dir = place->fd,
        .expected = &read_before,
        .bytes = &ours,
        .old_dir = -1,
        .data = log,
        .on_given_way = note,
    };
    assert_int_equal(fchdir(place->fd), 0);
    place_write(place, "index.json", "read");
    *log = '\0';
    others = what;
    int result = ocs_exchange_index(&order, NULL);
    others = NULL;
    return result;
}

static void assert_holds(struct place *place, const char *name, const char *expected)
{
    char *now = place_read(place, name);
    assert_string_equal(now, expected);
    free(now);
}

static int count_entries(struct place *place)
{
    DIR *dir = opendir(place->path);
    int entries = -2; /* "." and ".." */
    while (readdir(dir))
        entries++;
    closedir(dir);
    return entries;
}

static void test_new_and_exchange(void **state)
{
    struct place *place = *state;
    struct ocs_bytes one = text_bytes("one");
    struct ocs_bytes two = text_bytes("two");
    struct ocs_exchange order = {.dir = place->fd, .bytes = &one, .old_dir = -1};
    assert_int_equal(ocs_exchange_index(&order, NULL), 0);
    order.bytes = &two;
    assert_int_equal(ocs_exchange_index(&order, NULL), OCS_INDEX_CHANGED);
    order.expected = &one;
    order.old_dir = place->fd;
    order.old_name = "old";
    assert_int_equal(ocs_exchange_index(&order, NULL), 0);
    assert_holds(place, "index.json", "two");
    assert_holds(place, "old", "one");
    assert_int_equal(count_entries(place), 2);
}

static void test_one_foreign_write(void **state)
{
    static const char *const ways[][2] = {{"wtheirs"}, {"rtheirs"}};
    struct place *place = *state;
    char log[LOG_SIZE];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(exchange(place, ways[i], log), OCS_INDEX_CHANGED);
        assert_holds(place, "index.json", "theirs");
        assert_string_equal(log, "");
        assert_int_equal(count_entries(place), 1); /* nothing staged is left */
    }
}

/* The second write comes while ours is in place: it is the newer one. */
static void test_two_foreign_writes(void **state)
{
    static const char *const ways[][3] = {
        {"wfirst", "wsecond"}, {"rfirst", "rsecond"}, {"wfirst", "rsecond"}, {"rfirst", "wsecond"}};
    struct place *place = *state;
    char log[LOG_SIZE];
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        assert_int_equal(exchange(place, ways[i], log), OCS_INDEX_CHANGED);
        assert_holds(place, "index.json", "second");
        assert_string_equal(log, "first;");
        assert_int_equal(count_entries(place), 1);
    }
}

static void test_many_foreign_writes(void **state)
{
    static const char *const three[] = {"r1", "r2", "r3", NULL};
    static const char *const five[] = {"w1", "r2", "w3", "r4", "w5", NULL};
    struct place *place = *state;
    char log[LOG_SIZE];
    assert_int_equal(exchange(place, three, log), OCS_INDEX_CHANGED);
    assert_holds(place, "index.json", "3");
    assert_string_equal(log, "1;2;");
    assert_int_equal(exchange(place, five, log), OCS_INDEX_CHANGED);
    assert_holds(place, "index.json", "5");
    assert_string_equal(log, "1;2;3;4;");
    assert_int_equal(count_entries(place), 1);
}

/* They wrote, and write no more. */
static void test_it_goes_away(void **state)
{
    static const char *const before[] = {"x", NULL};
    static const char *const between[] = {"rfirst", "x", NULL};
    struct place *place = *state;
    char log[LOG_SIZE];
    assert_int_equal(exchange(place, before, log), OCS_INDEX_CHANGED);
    assert_int_equal(count_entries(place), 0);
    assert_int_equal(exchange(place, between, log), OCS_INDEX_CHANGED);
    assert_holds(place, "index.json", "first");
    assert_int_equal(count_entries(place), 1);
}

/* What is written through a descriptor that somebody has open is not lost either. */
static void test_open_for_writing(void **state)
{
    static const char *const others_open[] = {"o", NULL};
    struct place *place = *state;
    char log[LOG_SIZE];
    assert_int_equal(exchange(place, others_open, log), OCS_INDEX_CHANGED);
    assert_int_equal(pwrite(held, "late", 4, 0), 4);
    close(held);
    assert_holds(place, "index.json", "late");
    assert_int_equal(count_entries(place), 1);
}

static void test_not_to_be_read(void **state)
{
    static const char *const others_link[] = {"l", NULL};
    struct place *place = *state;
    struct stat st;
    char log[LOG_SIZE];
    assert_true(exchange(place, others_link, log) < 0);
    assert_int_equal(fstatat(place->fd, "index.json", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(count_entries(place), 1);
    assert_int_equal(unlinkat(place->fd, "index.json", 0), 0);
}

/* What went wrong is said with the file's name once. */
static void test_trouble_is_told_once(void **state)
{
    struct place *place = *state;
    struct ocs_bytes ours = text_bytes("ours");
    struct ocs_error err = {0};
    assert_int_equal(mkdirat(place->fd, "gone", 0755), 0);
    int dir = openat(place->fd, "gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(unlinkat(place->fd, "gone", AT_REMOVEDIR), 0);
    const struct ocs_exchange order = {.dir = dir, .bytes = &ours, .old_dir = -1};
    assert_true(ocs_exchange_index(&order, &err) < 0);
    assert_string_equal(err.message, "index.json: create: No such file or directory");
    close(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_new_and_exchange),   PLACE_TEST(test_one_foreign_write),
        PLACE_TEST(test_two_foreign_writes), PLACE_TEST(test_many_foreign_writes),
        PLACE_TEST(test_it_goes_away),       PLACE_TEST(test_open_for_writing),
        PLACE_TEST(test_not_to_be_read),     PLACE_TEST(test_trouble_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

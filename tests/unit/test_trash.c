/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/trash.h"

#include "place.h"

#include <sys/syscall.h>

#define RUN      "20240506T070809Z-0123abcd"
#define LATER    "20240507T070809Z-0123abcd"
#define HEX      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO    "sha256:" HEX
#define IN_BLOBS "blobs/sha256/" HEX
#define IN_TRASH "trash/" RUN "/blobs/sha256/" HEX

static struct ocs_digest digest_of(const char *text)
{
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_parse(text, strlen(text), &digest), 0);
    return digest;
}

/* The place is the state folder and holds blobs/ as well. */
static struct ocs_blobs *with_hello(struct place *place)
{
    struct ocs_blobs *blobs = NULL;
    place_mkdirs(place, "blobs/sha256");
    place_write(place, IN_BLOBS, "hello");
    assert_int_equal(ocs_blobs_open(place->fd, "blobs", 0, "blobs", &blobs, NULL), 0);
    return blobs;
}

static struct ocs_trash_run *open_run(struct place *place)
{
    struct ocs_trash_run *run = NULL;
    assert_int_equal(ocs_trash_run_open(place->fd, RUN, &run, NULL), 0);
    return run;
}

static struct ocs_stamp stamp_of(struct place *place, const char *path)
{
    struct stat st;
    assert_int_equal(fstatat(place->fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return ocs_stamp_of(&st);
}

/* ---- names of runs ---- */

static void test_run_names(void **state)
{
    (void)state;
    char name[OCS_RUN_NAME_SIZE], other[OCS_RUN_NAME_SIZE];
    int64_t before = ocs_now_s();
    ocs_run_name(name);
    for (int64_t us = ocs_now_ns() / 1000; us == ocs_now_ns() / 1000;)
        ;
    ocs_run_name(other);
    int64_t after = ocs_now_s();
    assert_int_equal(strlen(name), OCS_RUN_NAME_SIZE - 1);
    assert_in_range(ocs_run_time(name), before, after);
    assert_true(strcmp(name, other) < 0);
    assert_int_equal(ocs_run_time(RUN), 1714979289);
    assert_int_equal(ocs_run_time("19700101T000000Z-00000000"), 0);
}

static void test_names_that_are_none(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "20240506T070809Z",
        "20240506T070809Z-0123abc",
        "20240506T070809Z-0123abcde",
        "20240506T070809Z-0123ABCD",
        "20240506T070809Z 0123abcd",
        "2024x506T070809Z-0123abcd",
        "20241306T070809Z-0123abcd",
        "20240231T070809Z-0123abcd",
        "20240506T250809Z-0123abcd",
        "20240506T070860Z-0123abcd",
        "../0506T070809Z-0123abcd1",
    };
    struct ocs_trash_run *run;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        assert_int_equal(ocs_run_time(BAD[i]), -1);
        assert_int_equal(ocs_trash_run_open(-1, BAD[i], &run, NULL), -OCS_FAILED);
    }
}

/* ---- in ---- */

static void test_put_blob(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    struct ocs_stamp stamp = stamp_of(place, IN_BLOBS);
    struct ocs_trash_run *run = open_run(place);
    assert_false(place_has(place, "trash")); /* nothing is made before it is needed */
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &hello, &stamp, NULL), 0);
    assert_true(place_has(place, IN_TRASH));
    assert_false(place_has(place, IN_BLOBS));
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &hello, &stamp, NULL), OCS_IO_ABSENT);
    place_write(place, IN_BLOBS, "hello");
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &hello, NULL, NULL), OCS_IO_EXISTS);
    assert_true(place_has(place, IN_BLOBS));
    assert_int_equal(ocs_trash_run_sync(run, NULL), 0);
    assert_int_equal(ocs_trash_run_sync(run, NULL), 0);
    ocs_trash_run_close(run);
    ocs_trash_run_close(NULL);
    ocs_blobs_close(blobs);
}

static void test_put_blob_of_another_algorithm(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    place_mkdirs(place, "blobs/other");
    place_write(place, "blobs/other/x", "anything");
    struct ocs_digest digest = digest_of("other:x");
    struct ocs_trash_run *run = open_run(place);
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &digest, NULL, NULL), 0);
    assert_true(place_has(place, "trash/" RUN "/blobs/other/x"));
    ocs_trash_run_close(run);
    assert_int_equal(ocs_trash_restore_blob(place->fd, RUN, blobs, &digest, NULL), 0);
    assert_true(place_has(place, "blobs/other/x"));
    ocs_blobs_close(blobs);
}

static void test_a_changed_file_is_put_back(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    const struct ocs_stamp stamp = stamp_of(place, IN_BLOBS);
    struct ocs_trash_run *run = open_run(place);

    struct ocs_stamp other = stamp;
    other.inode++;
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &hello, &other, NULL), OCS_TRASH_CHANGED);
    other = stamp;
    other.size++;
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &hello, &other, NULL), OCS_TRASH_CHANGED);
    other = stamp;
    other.mtime_ns++;
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &hello, &other, NULL), OCS_TRASH_CHANGED);
    assert_true(place_has(place, IN_BLOBS));
    assert_false(place_has(place, IN_TRASH));

    other = stamp;
    other.ctime_ns++; /* a rename changes that */
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &hello, &other, NULL), 0);
    assert_int_equal(ocs_trash_run_sync(run, NULL), 0);
    ocs_trash_run_close(run);
    ocs_blobs_close(blobs);
}

static void test_trash_that_is_a_link_is_refused(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    place_mkdirs(place, "elsewhere");
    assert_int_equal(symlinkat("elsewhere", place->fd, "trash"), 0);
    struct ocs_trash_run *run = open_run(place);
    assert_true(ocs_trash_run_put_blob(run, blobs, &hello, NULL, NULL) < 0);
    assert_true(place_has(place, IN_BLOBS));
    assert_false(place_has(place, "elsewhere/" RUN));
    ocs_trash_run_close(run);
    ocs_blobs_close(blobs);
}

static void test_put_file(void **state)
{
    struct place *place = *state;
    place_write(place, "index.json", "one");
    assert_int_equal(
        ocs_trash_put_file(place->fd, RUN, place->fd, "index.json", "layouts/a/b/index.json", NULL),
        0);
    assert_false(place_has(place, "index.json"));
    place_write(place, "index.json", "two");
    assert_int_equal(
        ocs_trash_put_file(place->fd, RUN, place->fd, "index.json", "layouts/a/b/index.json", NULL),
        0);
    assert_true(place_has(place, "trash/" RUN "/layouts/a/b/index.json"));
    assert_true(place_has(place, "trash/" RUN "/layouts/a/b/index.json.1"));
    assert_int_equal(ocs_trash_put_file(place->fd, RUN, place->fd, "index.json", "x", NULL),
                     OCS_IO_ABSENT);
    assert_int_equal(ocs_trash_sync(place->fd, RUN, NULL), 0);
    assert_int_equal(ocs_trash_sync(place->fd, LATER, NULL), 0); /* not there */
}

/* ---- looking ---- */

struct seen {
    unsigned entries, blobs;
    char text[4096];
    int result;
};

static int see(void *data, const char *run, const char *path, const struct ocs_digest *digest,
               const struct stat *st, struct ocs_error *err)
{
    (void)err;
    struct seen *seen = data;
    char line[1024];
    seen->entries++;
    seen->blobs += digest != NULL;
    snprintf(line, sizeof(line), "%s %s %lld\n", run ? run : "-", path, (long long)st->st_size);
    strcat(seen->text, line);
    return seen->result;
}

static void test_each(void **state)
{
    struct place *place = *state;
    struct seen seen = {0};
    struct ocs_trash_visitor visitor = {.data = &seen, .on_entry = see};
    assert_int_equal(ocs_trash_each(place->fd, &visitor, NULL), 0); /* no trash at all */
    assert_int_equal(seen.entries, 0);

    place_mkdirs(place, "trash/" LATER "/layouts/a");
    place_write(place, "trash/" LATER "/layouts/a/index.json", "{}");
    place_mkdirs(place, "trash/" RUN "/blobs/sha256");
    place_write(place, IN_TRASH, "hello");
    place_write(place, "trash/" RUN "/blobs/sha256/strange", "");
    place_mkdirs(place, "trash/notes"); /* no run of ours */
    place_write(place, "trash/notes/x", "");
    assert_int_equal(ocs_trash_each(place->fd, &visitor, NULL), 0);
    assert_int_equal(seen.entries, 3);
    assert_int_equal(seen.blobs, 1);
    assert_non_null(strstr(seen.text, RUN " blobs/sha256/" HEX " 5\n"));
    assert_non_null(strstr(seen.text, RUN " blobs/sha256/strange 0\n"));
    const char *last = strstr(seen.text, LATER " layouts/a/index.json 2\n");
    assert_non_null(last); /* the newer run comes last */
    assert_int_equal(last[strlen(LATER " layouts/a/index.json 2\n")], '\0');
    seen.result = 9;
    assert_int_equal(ocs_trash_each(place->fd, &visitor, NULL), 9);
}

/* ---- out ---- */

static void test_restore_verifies(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    struct ocs_trash_run *run = open_run(place);
    assert_int_equal(ocs_trash_restore_blob(place->fd, RUN, blobs, &hello, NULL), OCS_IO_EXISTS);
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &hello, NULL, NULL), 0);
    ocs_trash_run_close(run);
    assert_int_equal(ocs_trash_restore_blob(place->fd, LATER, blobs, &hello, NULL), OCS_IO_ABSENT);

    place_write(place, IN_TRASH, "hell0");
    assert_int_equal(ocs_trash_restore_blob(place->fd, RUN, blobs, &hello, NULL), OCS_BLOB_BAD);
    assert_true(place_has(place, IN_TRASH));
    assert_false(place_has(place, IN_BLOBS));

    place_write(place, IN_TRASH, "hello");
    assert_int_equal(ocs_trash_restore_blob(place->fd, RUN, blobs, &hello, NULL), 0);
    assert_true(place_has(place, IN_BLOBS));
    assert_false(place_has(place, IN_TRASH));

    place_mkdirs(place, "trash/" RUN "/blobs/sha256");
    assert_int_equal(mkfifoat(place->fd, IN_TRASH, 0600), 0);
    assert_int_equal(unlinkat(place->fd, IN_BLOBS, 0), 0);
    assert_int_equal(ocs_trash_restore_blob(place->fd, RUN, blobs, &hello, NULL), OCS_BLOB_BAD);
    ocs_blobs_close(blobs);
}

/* Two heal at once: the other is quicker, between our look and our rename. */
static struct place *quicker;

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (quicker)
        syscall(SYS_renameat2, quicker->fd, IN_TRASH, quicker->fd, IN_BLOBS, 0);
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

static void test_restore_when_somebody_was_quicker(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    struct ocs_trash_run *run = open_run(place);
    assert_int_equal(ocs_trash_run_put_blob(run, blobs, &hello, NULL, NULL), 0);
    ocs_trash_run_close(run);
    quicker = place;
    assert_int_equal(ocs_trash_restore_blob(place->fd, RUN, blobs, &hello, NULL), OCS_IO_ABSENT);
    quicker = NULL;
    assert_true(place_has(place, IN_BLOBS));
    ocs_blobs_close(blobs);
}

static void test_unlink_and_drop_empty(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "trash/" RUN "/blobs/sha256");
    place_mkdirs(place, "trash/" RUN "/layouts/a/b");
    place_write(place, IN_TRASH, "hello");
    assert_int_equal(ocs_trash_drop_empty(place->fd, RUN, NULL), 0);
    assert_true(place_has(place, IN_TRASH));
    assert_false(place_has(place, "trash/" RUN "/layouts"));
    assert_int_equal(ocs_trash_unlink(place->fd, RUN, "blobs/sha256/" HEX, NULL), 0);
    assert_int_equal(ocs_trash_unlink(place->fd, RUN, "blobs/sha256/" HEX, NULL), 0);
    assert_int_equal(ocs_trash_drop_empty(place->fd, RUN, NULL), 0);
    assert_false(place_has(place, "trash/" RUN));
    assert_true(place_has(place, "trash"));
    assert_int_equal(ocs_trash_drop_empty(place->fd, RUN, NULL), 0);
}

/* ---- quarantine ---- */

static void test_quarantine(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    struct seen seen = {0};
    struct ocs_trash_visitor visitor = {.data = &seen, .on_entry = see};
    assert_int_equal(ocs_quarantine_each(place->fd, &visitor, NULL), 0);
    for (int i = 0; i < 3; i++) { /* within one second: numbered */
        place_write(place, IN_BLOBS, i == 2 ? "hello" : "damaged");
        assert_int_equal(ocs_quarantine_put(place->fd, blobs, &hello, NULL, NULL), 0);
    }
    assert_int_equal(ocs_quarantine_put(place->fd, blobs, &hello, NULL, NULL), OCS_IO_ABSENT);
    assert_int_equal(symlinkat("/etc/passwd", place->fd, IN_BLOBS), 0);
    assert_int_equal(ocs_quarantine_put(place->fd, blobs, &hello, NULL, NULL), 0);
    assert_int_equal(ocs_quarantine_each(place->fd, &visitor, NULL), 0);
    assert_int_equal(seen.entries, 4);
    assert_int_equal(seen.blobs, 4);
    ocs_blobs_close(blobs);
}

/* Between the look and the move somebody renamed another file over it. */
static void test_quarantine_takes_what_was_judged(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    struct seen seen = {0};
    struct ocs_trash_visitor visitor = {.data = &seen, .on_entry = see};
    struct stat st;
    place_write(place, IN_BLOBS, "damaged");
    assert_int_equal(ocs_blobs_stat(blobs, &hello, &st, NULL), 0);
    struct ocs_stamp judged = ocs_stamp_of(&st);
    place_write(place, "other", "hello");
    assert_int_equal(renameat(place->fd, "other", place->fd, IN_BLOBS), 0);
    assert_int_equal(ocs_quarantine_put(place->fd, blobs, &hello, &judged, NULL),
                     OCS_TRASH_CHANGED);
    assert_true(place_has(place, IN_BLOBS));
    assert_int_equal(ocs_quarantine_each(place->fd, &visitor, NULL), 0);
    assert_int_equal(seen.entries, 0);
    assert_int_equal(ocs_blobs_stat(blobs, &hello, &st, NULL), 0);
    judged = ocs_stamp_of(&st);
    assert_int_equal(ocs_quarantine_put(place->fd, blobs, &hello, &judged, NULL), 0);
    assert_false(place_has(place, IN_BLOBS));
    ocs_blobs_close(blobs);
}

static void test_swap_with_a_good_copy(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    struct seen seen = {0};
    struct ocs_trash_visitor visitor = {.data = &seen, .on_entry = see};
    place_write(place, IN_BLOBS, "damaged");
    place_write(place, "staged", "hello");
    assert_int_equal(ocs_quarantine_swap(place->fd, blobs, &hello, place->fd, "staged", NULL), 0);
    assert_false(place_has(place, "staged"));
    char *text = place_read(place, IN_BLOBS);
    assert_string_equal(text, "hello");
    free(text);
    assert_int_equal(ocs_quarantine_each(place->fd, &visitor, NULL), 0);
    assert_int_equal(seen.blobs, 1);
    assert_non_null(strstr(seen.text, " 7\n"));

    assert_int_equal(unlinkat(place->fd, IN_BLOBS, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", place->fd, IN_BLOBS), 0);
    place_write(place, "staged", "hello");
    assert_int_equal(ocs_quarantine_swap(place->fd, blobs, &hello, place->fd, "staged", NULL), 0);
    text = place_read(place, IN_BLOBS);
    assert_string_equal(text, "hello");
    free(text);
    assert_int_equal(ocs_blobs_sync(blobs, NULL), 0);
    ocs_blobs_close(blobs);
}

static void test_swap_when_somebody_was_quicker(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place); /* right by now */
    struct ocs_digest hello = digest_of(HELLO);
    struct seen seen = {0};
    struct ocs_trash_visitor visitor = {.data = &seen, .on_entry = see};
    place_write(place, "staged", "hello");
    assert_int_equal(ocs_quarantine_swap(place->fd, blobs, &hello, place->fd, "staged", NULL),
                     OCS_QUARANTINE_RIGHT);
    assert_int_equal(unlinkat(place->fd, IN_BLOBS, 0), 0);
    place_write(place, "staged", "hello");
    assert_int_equal(ocs_quarantine_swap(place->fd, blobs, &hello, place->fd, "staged", NULL),
                     OCS_IO_ABSENT);
    assert_true(place_has(place, "staged"));
    assert_int_equal(ocs_quarantine_swap(place->fd, blobs, &hello, place->fd, "absent", NULL),
                     -OCS_FAILED);
    assert_int_equal(ocs_quarantine_each(place->fd, &visitor, NULL), 0);
    assert_int_equal(seen.entries, 0);
    ocs_blobs_close(blobs);
}

struct way_back {
    struct place *place;
    struct ocs_blobs *blobs;
    unsigned restored, bad;
};

static int try_restore(void *data, const char *run, const char *path,
                       const struct ocs_digest *digest, const struct stat *st,
                       struct ocs_error *err)
{
    (void)st;
    assert_null(run);
    struct way_back *way = data;
    int result = ocs_quarantine_restore_blob(way->place->fd, path, way->blobs, digest, err);
    way->restored += result == 0;
    way->bad += result == OCS_BLOB_BAD;
    return 0;
}

static void test_back_from_quarantine(void **state)
{
    struct place *place = *state;
    struct way_back way = {.place = place, .blobs = with_hello(place)};
    struct ocs_digest hello = digest_of(HELLO);
    assert_int_equal(ocs_quarantine_put(place->fd, way.blobs, &hello, NULL, NULL), 0);
    place_write(place, IN_BLOBS, "damaged");
    assert_int_equal(ocs_quarantine_put(place->fd, way.blobs, &hello, NULL, NULL), 0);
    struct ocs_trash_visitor visitor = {.data = &way, .on_entry = try_restore};
    assert_int_equal(ocs_quarantine_each(place->fd, &visitor, NULL), 0);
    assert_int_equal(way.restored, 1);
    assert_true(way.bad <= 1); /* or the name was taken by then */
    char *text = place_read(place, IN_BLOBS);
    assert_string_equal(text, "hello");
    free(text);
    ocs_blobs_close(way.blobs);
}

static void test_quarantine_of_a_long_name(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    char text[OCS_DIGEST_BUF] = "o:", path[512];
    memset(text + 2, 'x', OCS_DIGEST_TEXT_MAX - 2);
    text[OCS_DIGEST_TEXT_MAX] = '\0';
    struct ocs_digest digest = digest_of(text);
    place_mkdirs(place, "blobs/o");
    snprintf(path, sizeof(path), "blobs/o/%s", text + 2);
    place_write(place, path, "");
    assert_int_equal(ocs_quarantine_put(place->fd, blobs, &digest, NULL, NULL), 0);
    assert_false(place_has(place, path));
    ocs_blobs_close(blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_names),
        cmocka_unit_test(test_names_that_are_none),
        PLACE_TEST(test_put_blob),
        PLACE_TEST(test_put_blob_of_another_algorithm),
        PLACE_TEST(test_a_changed_file_is_put_back),
        PLACE_TEST(test_trash_that_is_a_link_is_refused),
        PLACE_TEST(test_put_file),
        PLACE_TEST(test_each),
        PLACE_TEST(test_restore_verifies),
        PLACE_TEST(test_restore_when_somebody_was_quicker),
        PLACE_TEST(test_unlink_and_drop_empty),
        PLACE_TEST(test_quarantine),
        PLACE_TEST(test_quarantine_takes_what_was_judged),
        PLACE_TEST(test_swap_with_a_good_copy),
        PLACE_TEST(test_swap_when_somebody_was_quicker),
        PLACE_TEST(test_back_from_quarantine),
        PLACE_TEST(test_quarantine_of_a_long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/journal.h"
#include "store/json.h"

#include "place.h"

#define RUN       "20240506T070809Z-0123abcd"
#define FILE_NAME "journal/" RUN ".jsonl"
#define HELLO     "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static struct ocs_journal *open_journal(struct place *place)
{
    struct ocs_journal *journal = NULL;
    assert_int_equal(ocs_journal_open(place->fd, RUN, &journal, NULL), 0);
    return journal;
}

static void check_line(char *line, const char *action, const char *member, const char *subject)
{
    struct ocs_json *json = NULL;
    assert_int_equal(
        ocs_json_parse(line, strlen(line), OCS_JSON_DOCUMENT_LIMITS, &json, NULL, NULL), 0);
    const struct ocs_json_value *root = ocs_json_root(json);
    assert_string_equal(ocs_json_string(json, ocs_json_member(root, "action")), action);
    assert_string_equal(ocs_json_string(json, ocs_json_member(root, member)), subject);
    const char *time = ocs_json_string(json, ocs_json_member(root, "time"));
    assert_int_equal(strlen(time), strlen("2024-05-06T07:08:09Z"));
    assert_int_equal(time[19], 'Z');
    ocs_json_free(json);
}

static void test_lines(void **state)
{
    struct place *place = *state;
    struct ocs_journal *journal = open_journal(place);
    assert_int_equal(ocs_journal_add(journal, "trash", HELLO, NULL), 0);
    assert_int_equal(ocs_journal_add(journal, "remove", "a \"b\"\n\xff", NULL), 0);
    assert_int_equal(ocs_journal_sync(journal, NULL), 0);
    assert_int_equal(ocs_journal_add(journal, "purge", "third", NULL), 0);
    assert_int_equal(ocs_journal_sync(journal, NULL), 0);
    assert_int_equal(ocs_journal_sync(journal, NULL), 0);
    ocs_journal_close(journal);
    ocs_journal_close(NULL);

    char *text = place_read(place, FILE_NAME);
    char *save = NULL;
    check_line(strtok_r(text, "\n", &save), "trash", "digest", HELLO);
    check_line(strtok_r(NULL, "\n", &save), "remove", "path", "a \"b\"\n\xef\xbf\xbd");
    check_line(strtok_r(NULL, "\n", &save), "purge", "path", "third");
    assert_null(strtok_r(NULL, "\n", &save));
    free(text);
}

static void test_nothing_to_log_makes_no_file(void **state)
{
    struct place *place = *state;
    struct ocs_journal *journal = open_journal(place);
    assert_int_equal(ocs_journal_sync(journal, NULL), 0);
    ocs_journal_close(journal);
    assert_false(place_has(place, "journal"));
}

static void test_many_lines(void **state)
{
    struct place *place = *state;
    struct ocs_journal *journal = open_journal(place);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(ocs_journal_add(journal, "trash", HELLO, NULL), 0);
    assert_int_equal(ocs_journal_sync(journal, NULL), 0);
    ocs_journal_close(journal);
    char *text = place_read(place, FILE_NAME);
    unsigned lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 2000);
    free(text);
}

static void test_failures(void **state)
{
    struct place *place = *state;
    struct ocs_journal *journal = NULL;
    assert_int_equal(ocs_journal_open(place->fd, "../x", &journal, NULL), -OCS_FAILED);
    place_write(place, "journal", "a file is in the way");
    journal = open_journal(place);
    assert_int_equal(ocs_journal_add(journal, "trash", HELLO, NULL), 0);
    assert_int_equal(ocs_journal_sync(journal, NULL), -OCS_FAILED);
    for (int i = 0; i < 1000; i++) /* more than is kept in memory: a log stops nobody */
        assert_int_equal(ocs_journal_add(journal, "trash", HELLO, NULL), 0);
    assert_int_equal(ocs_journal_sync(journal, NULL), -OCS_FAILED);
    assert_int_equal(unlinkat(place->fd, "journal", 0), 0);
    assert_int_equal(ocs_journal_add(journal, "trash", HELLO, NULL), 0);
    assert_int_equal(ocs_journal_sync(journal, NULL), 0); /* it goes on */
    ocs_journal_close(journal);
    char *text = place_read(place, FILE_NAME);
    char *save = NULL;
    check_line(strtok_r(text, "\n", &save), "trash", "digest", HELLO);
    free(text);
}

#define DAY INT64_C(86400)

/* Only logs of runs, by the time in their names. */
static void test_old_ones_expire(void **state)
{
    struct place *place = *state;
    int64_t now = ocs_run_time("20240506T070809Z-00000000");
    assert_int_equal(ocs_journal_expire(place->fd, now, 90 * DAY, NULL), 0); /* no folder yet */
    place_mkdirs(place, "journal");
    place_write(place, "journal/20230506T070809Z-00000000.jsonl", "a year old\n");
    place_write(place, "journal/20240206T070809Z-00000000.jsonl", "90 days old\n");
    place_write(place, "journal/20240206T070810Z-00000000.jsonl", "a second younger\n");
    place_write(place, "journal/20250506T070809Z-00000000.jsonl", "of the future\n");
    place_write(place, "journal/20230506T070809Z-00000000.jsonl.mine", "not ours\n");
    place_write(place, "journal/notes.jsonl", "not ours\n");
    assert_int_equal(ocs_journal_expire(place->fd, now, 90 * DAY, NULL), 0);
    assert_false(place_has(place, "journal/20230506T070809Z-00000000.jsonl"));
    assert_false(place_has(place, "journal/20240206T070809Z-00000000.jsonl"));
    assert_true(place_has(place, "journal/20240206T070810Z-00000000.jsonl"));
    assert_true(place_has(place, "journal/20250506T070809Z-00000000.jsonl"));
    assert_true(place_has(place, "journal/20230506T070809Z-00000000.jsonl.mine"));
    assert_true(place_has(place, "journal/notes.jsonl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_lines),           PLACE_TEST(test_nothing_to_log_makes_no_file),
        PLACE_TEST(test_many_lines),      PLACE_TEST(test_failures),
        PLACE_TEST(test_old_ones_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/cleanup.h"
#include "store/roots_count.h"

#include "place.h"

static struct ocs_roots_place folders(struct place *place)
{
    place_mkdirs(place, "layouts");
    place_mkdirs(place, ".ocistore/roots");
    int state = openat(place->fd, ".ocistore", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct ocs_marker marker = {.uuid = "11111111-2222-4333-8444-555555555555"};
    assert_int_equal(ocs_marker_write(state, &marker, NULL), 0);
    return (struct ocs_roots_place){.store_dir = place->fd, .state_dir = state};
}

static void put(const struct ocs_roots_place *where, const char *name, const char *index)
{
    char path[300];
    snprintf(path, sizeof(path), "layouts/%s", name);
    struct ocs_root root = {.name = (char *)name, .path = path};
    struct ocs_bytes bytes = {.data = (char *)index, .size = strlen(index)};
    struct ocs_error err;
    assert_int_equal(ocs_roots_put(where, &root, &bytes, &err), 0);
}

static void make_layout(struct place *place, const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "layouts/%s", name);
    place_mkdirs(place, path);
    snprintf(path, sizeof(path), "layouts/%s/index.json", name);
    place_write(place, path, "{}");
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool valid;
    } rows[] = {
        {"a", true},        {"a/b", true},       {"A-b_c.d/1", true}, {".", true},
        {"_x", true},       {"", false},         {"/", false},        {"a/", false},
        {"/a", false},      {"a//b", false},     {"..", false},       {"a/../b", false},
        {".hidden", false}, {"-a", false},       {"blobs", false},    {"a/blobs", false},
        {"a/blobs2", true}, {"a b", false},      {"a:b", false},      {"a@b", false},
        {"a\nb", false},    {"\303\244", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(ocs_layout_name_valid(rows[i].name), rows[i].valid);
    char longest[258];
    memset(longest, 'a', sizeof(longest));
    longest[255] = '\0';
    assert_true(ocs_layout_name_valid(longest));
    longest[255] = 'a';
    longest[256] = '\0';
    assert_false(ocs_layout_name_valid(longest));
}

static void test_put_read_and_last_index(void **state)
{
    struct ocs_roots_place where = folders(*state);
    struct ocs_roots roots = {0};
    auto_bytes struct ocs_bytes last = {0};
    put(&where, "b", "{\"b\":1}\n");
    put(&where, "a", "{\"a\":1}");
    put(&where, "a", "{\"a\":2}");
    assert_int_equal(ocs_roots_read(&where, &roots, NULL), 0);
    assert_false(roots.damaged);
    assert_int_equal(roots.count, 2);
    assert_string_equal(roots.items[0].name, "a");
    assert_true(roots.items[0].registered);
    assert_int_equal(ocs_roots_last_index(&where, "a", &last, NULL), 0);
    assert_string_equal(last.data, "{\"a\":2}");
    assert_int_equal(ocs_roots_last_index(&where, "c", &last, NULL), OCS_IO_ABSENT);
    ocs_roots_clear(&roots);
    close(where.state_dir);
}

/* A first line of any length up to the longest path. */
static void test_a_long_path_and_the_sum(void **state)
{
    struct ocs_roots_place where = folders(*state);
    for (size_t length = 800; length < 4096; length += 61) {
        struct ocs_roots roots = {0};
        struct ocs_index_sum sum;
        char path[4096];
        char text[] = "{\"a\":\n1}";
        memset(path, 'p', length);
        path[0] = '/';
        path[length] = '\0';
        struct ocs_root root = {.name = "far", .path = path, .attached = true};
        struct ocs_bytes bytes = {.data = text, .size = strlen(text)};
        assert_int_equal(ocs_roots_put(&where, &root, &bytes, NULL), 0);
        assert_int_equal(ocs_roots_read(&where, &roots, NULL), 0);
        assert_int_equal(roots.count, 1);
        assert_string_equal(roots.items[0].path, path);
        assert_int_equal(ocs_index_sum(&bytes, &sum, NULL), 0);
        assert_true(ocs_index_sum_equal(&sum, &roots.items[0].last));
        ocs_roots_clear(&roots);
    }
    close(where.state_dir);
}

static void test_folders_are_seen(void **state)
{
    struct place *place = *state;
    struct ocs_roots_place where = folders(place);
    struct ocs_roots roots = {0};
    make_layout(place, "a");
    make_layout(place, "a/b");
    place_mkdirs(place, "layouts/empty");
    place_mkdirs(place, "layouts/a/blobs/sha256");
    place_write(place, "layouts/a/blobs/index.json", "{}");
    put(&where, "a", "{}");
    assert_int_equal(ocs_roots_read(&where, &roots, NULL), 0);
    assert_false(roots.damaged);
    assert_int_equal(roots.count, 2);
    assert_true(roots.items[0].registered);
    assert_string_equal(roots.items[1].name, "a/b");
    assert_false(roots.items[1].registered);
    ocs_roots_clear(&roots);
    close(where.state_dir);
}

static void assert_damaged(const struct ocs_roots_place *where)
{
    struct ocs_roots roots = {0};
    assert_int_equal(ocs_roots_read(where, &roots, NULL), 0);
    assert_true(roots.damaged);
    assert_int_not_equal(strlen(roots.trouble), 0);
    ocs_roots_clear(&roots);
}

static void test_a_lost_entry_is_noticed(void **state)
{
    struct place *place = *state;
    struct ocs_roots_place where = folders(place);
    char id[OCS_ROOT_ID_SIZE], path[64];
    put(&where, "a", "{}");
    assert_int_equal(ocs_root_id("a", id, NULL), 0);
    snprintf(path, sizeof(path), ".ocistore/roots/%s.json", id);
    assert_int_equal(unlinkat(place->fd, path, 0), 0);
    assert_damaged(&where);
    close(where.state_dir);
}

static void lose(struct place *place, const char *name)
{
    char id[OCS_ROOT_ID_SIZE], path[64];
    assert_int_equal(ocs_root_id(name, id, NULL), 0);
    snprintf(path, sizeof(path), ".ocistore/roots/%s.json", id);
    assert_int_equal(unlinkat(place->fd, path, 0), 0);
}

static bool is_damaged(const struct ocs_roots_place *where)
{
    struct ocs_roots roots = {0};
    assert_int_equal(ocs_roots_read(where, &roots, NULL), 0);
    bool damaged = roots.damaged;
    ocs_roots_clear(&roots);
    return damaged;
}

/* What a crash between store.json and an entry leaves: with a lost one as before it.
 * `name` comes or goes, and only the first of the two writes is done. */
static void change_half(struct place *place, const struct ocs_roots_place *where, const char *name,
                        bool comes)
{
    char id[OCS_ROOT_ID_SIZE], path[64];
    struct ocs_roots_change change;
    auto_fd int folder = openat(place->fd, ".ocistore/roots", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(ocs_root_id(name, id, NULL), 0);
    snprintf(path, sizeof(path), ".ocistore/roots/%s.json", id);
    assert_int_equal(ocs_roots_change_begin(where, folder, id, comes, &change, NULL), 0);
    assert_true(change.counts);
    if (!change.last)
        assert_int_equal(ocs_roots_change_count(where, &change, false, NULL), 0);
    else if (comes)
        place_write(place, path, "");
    else
        assert_int_equal(unlinkat(place->fd, path, 0), 0);
    ocs_roots_change_clear(&change);
}

static void test_no_crash_makes_up_for_a_lost_entry(void **state)
{
    struct place *place = *state;
    struct ocs_roots_place where = folders(place);
    put(&where, "a", "{}");
    put(&where, "b", "{}");
    put(&where, "c", "{}");
    lose(place, "a");
    change_half(place, &where, "new", true);
    assert_true(is_damaged(&where));
    change_half(place, &where, "b", false);
    assert_true(is_damaged(&where));
    close(where.state_dir);
}

static void test_no_crash_looks_like_a_loss(void **state)
{
    struct place *place = *state;
    struct ocs_roots_place where = folders(place);
    struct ocs_roots_names names;
    struct ocs_marker marker = {0};
    put(&where, "a", "{}");
    change_half(place, &where, "a", false);
    assert_false(is_damaged(&where));
    put(&where, "b", "{}"); /* and what is there is counted again */
    auto_fd int folder = openat(place->fd, ".ocistore/roots", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(ocs_roots_names(folder, &names, NULL), 0);
    assert_int_equal(names.count, 2);
    assert_int_equal(ocs_roots_marker(&where, &marker, NULL), 0);
    assert_int_equal(marker.roots, names.count);
    assert_true(marker.has_root_ids && marker.root_ids == names.ids);
    ocs_marker_clear(&marker);
    close(where.state_dir);
}

static void test_only_the_lost_ones_come_back(void **state)
{
    struct place *place = *state;
    struct ocs_roots_place where = folders(place);
    make_layout(place, "a");
    make_layout(place, "b");
    put(&where, "a", "{}");
    put(&where, "b", "{}");
    lose(place, "a");
    lose(place, "b");
    put(&where, "b", "{}");
    assert_true(is_damaged(&where));
    put(&where, "a", "{}");
    assert_false(is_damaged(&where));
    lose(place, "a");
    assert_int_equal(unlinkat(place->fd, "layouts/a/index.json", 0), 0);
    put(&where, "x", "{}");
    assert_true(is_damaged(&where));
    put(&where, "a", "{}");
    assert_false(is_damaged(&where));
    close(where.state_dir);
}

/* Every byte of an entry cut off: never a wrong success. */
static void test_a_truncated_entry_is_noticed(void **state)
{
    struct place *place = *state;
    struct ocs_roots_place where = folders(place);
    char id[OCS_ROOT_ID_SIZE], path[64];
    put(&where, "a", "{\"manifests\":[]}");
    assert_int_equal(ocs_root_id("a", id, NULL), 0);
    snprintf(path, sizeof(path), ".ocistore/roots/%s.json", id);
    char *text = place_read(place, path);
    size_t header = strcspn(text, "\n");
    for (size_t size = strlen(text); size-- > 0;) {
        auto_bytes struct ocs_bytes last = {0};
        text[size] = '\0';
        place_write(place, path, text);
        assert_int_equal(ocs_roots_last_index(&where, "a", &last, NULL), OCS_ROOTS_DAMAGED);
        if (size <= header)
            assert_damaged(&where);
    }
    free(text);
    close(where.state_dir);
}

static void test_a_link_below_layouts_is_not_overlooked(void **state)
{
    struct place *place = *state;
    struct ocs_roots_place where = folders(place);
    place_mkdirs(place, "elsewhere");
    assert_int_equal(symlinkat("../elsewhere", place->fd, "layouts/linked"), 0);
    assert_damaged(&where);
    close(where.state_dir);
}

static void test_remove(void **state)
{
    struct place *place = *state;
    struct ocs_roots_place where = folders(place);
    struct ocs_roots roots = {0};
    put(&where, "a", "{}");
    put(&where, "b", "{}");
    place_mkdirs(place, ".ocistore/trash");
    assert_int_equal(ocs_roots_remove(&where, "a", "20260101T000000Z-00000000", NULL), 0);
    assert_int_equal(ocs_roots_remove(&where, "a", "20260101T000000Z-00000000", NULL), 0);
    assert_int_equal(ocs_roots_read(&where, &roots, NULL), 0);
    assert_false(roots.damaged);
    assert_int_equal(roots.count, 1);
    ocs_roots_clear(&roots);
    close(where.state_dir);
}

static void remember(const struct ocs_roots_place *where, const char *name, bool attached)
{
    char path[300];
    snprintf(path, sizeof(path), attached ? "/proc/nowhere/%s" : "layouts/%s", name);
    struct ocs_root root = {.name = (char *)name, .path = path, .attached = attached};
    struct ocs_bytes bytes = {.data = (char *)"{}", .size = 2};
    assert_int_equal(ocs_roots_remember(where, &root, &bytes, NULL), 0);
}

static bool is_remembered(const struct ocs_roots_place *where, const char *name)
{
    struct ocs_bytes bytes = {0};
    int result = ocs_roots_last_index(where, name, &bytes, NULL);
    ocs_bytes_clear(&bytes);
    return result == 0;
}

/* A command read a layout that another one removed, renamed or forgot meanwhile. */
static void test_what_went_away_is_not_registered_again(void **state)
{
    struct place *place = *state;
    struct ocs_roots_place where = folders(place);
    make_layout(place, "there");
    remember(&where, "there", false);
    assert_true(is_remembered(&where, "there"));
    remember(&where, "removed", false);
    assert_false(is_remembered(&where, "removed"));
    remember(&where, "forgotten", true);
    assert_false(is_remembered(&where, "forgotten"));
    put(&where, "missing", "[]"); /* registered, only not there now */
    remember(&where, "missing", false);
    assert_true(is_remembered(&where, "missing"));
    struct ocs_roots roots = {0};
    assert_int_equal(ocs_roots_read(&where, &roots, NULL), 0);
    assert_int_equal(roots.count, 2);
    assert_false(roots.damaged);
    ocs_roots_clear(&roots);
    close(where.state_dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        PLACE_TEST(test_put_read_and_last_index),
        PLACE_TEST(test_a_long_path_and_the_sum),
        PLACE_TEST(test_folders_are_seen),
        PLACE_TEST(test_a_lost_entry_is_noticed),
        PLACE_TEST(test_no_crash_makes_up_for_a_lost_entry),
        PLACE_TEST(test_no_crash_looks_like_a_loss),
        PLACE_TEST(test_only_the_lost_ones_come_back),
        PLACE_TEST(test_a_truncated_entry_is_noticed),
        PLACE_TEST(test_a_link_below_layouts_is_not_overlooked),
        PLACE_TEST(test_remove),
        PLACE_TEST(test_what_went_away_is_not_registered_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

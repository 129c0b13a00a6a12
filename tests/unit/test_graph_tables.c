/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/graph_tables.h"

#include "place.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SMALL_MAP (1ull << 20)

static struct ocs_tables *open_tables(struct place *place, uint64_t map)
{
    struct ocs_tables *tables = NULL;
    struct ocs_error err = {0};
    assert_int_equal(ocs_tables_open(place->path, map, &tables, &err), 0);
    assert_int_equal(ocs_tables_begin(tables, true, &err), 0);
    assert_int_equal(ocs_tables_attach(tables, true, &err), 0);
    assert_int_equal(ocs_tables_commit(tables, &err), 0);
    return tables;
}

static int put_number(struct ocs_tables *tables, uint32_t number, size_t size)
{
    static const char filler[4000];
    struct ocs_slice key = {.bytes = &number, .size = sizeof(number)};
    struct ocs_slice value = {.bytes = filler, .size = size};
    return ocs_tables_put(tables, OCS_TABLE_NODES, key, value, false, NULL);
}

static bool has_number(struct ocs_tables *tables, uint32_t number)
{
    struct ocs_slice value;
    struct ocs_slice key = {.bytes = &number, .size = sizeof(number)};
    return ocs_tables_get(tables, OCS_TABLE_NODES, key, &value, NULL) == 0;
}

static void test_attach(void **state)
{
    struct place *place = *state;
    struct ocs_tables *tables;
    assert_int_equal(ocs_tables_open(place->path, SMALL_MAP, &tables, NULL), 0);
    assert_int_equal(ocs_tables_begin(tables, false, NULL), 0);
    assert_int_equal(ocs_tables_attach(tables, false, NULL), OCS_TABLES_NONE);
    ocs_tables_abort(tables);
    ocs_tables_close(tables);
    ocs_tables_close(open_tables(place, SMALL_MAP));
    assert_int_equal(ocs_tables_open(place->path, SMALL_MAP, &tables, NULL), 0);
    assert_int_equal(ocs_tables_begin(tables, false, NULL), 0);
    assert_int_equal(ocs_tables_attach(tables, false, NULL), 0);
    assert_int_equal(ocs_tables_commit(tables, NULL), 0);
    ocs_tables_close(tables);
}

static void test_last_key(void **state)
{
    struct ocs_tables *tables = open_tables(*state, SMALL_MAP);
    struct ocs_slice key;
    uint32_t last;
    assert_int_equal(ocs_tables_begin(tables, true, NULL), 0);
    assert_int_equal(ocs_tables_last_key(tables, OCS_TABLE_NODES, &key, NULL), OCS_TABLES_NONE);
    assert_int_equal(put_number(tables, 70000, 1), 0);
    assert_int_equal(put_number(tables, 300, 1), 0);
    assert_int_equal(ocs_tables_last_key(tables, OCS_TABLE_NODES, &key, NULL), 0);
    assert_true(ocs_table_id(key, &last));
    assert_int_equal(last, 70000);
    assert_int_equal(ocs_tables_commit(tables, NULL), 0);
    ocs_tables_close(tables);
}

/* Said to be the last key, and it is not: the tree is not what was thought. */
static void test_append_out_of_order(void **state)
{
    struct ocs_tables *tables = open_tables(*state, SMALL_MAP);
    uint32_t number = 5;
    struct ocs_slice key = {.bytes = &number, .size = sizeof(number)};
    assert_int_equal(ocs_tables_begin(tables, true, NULL), 0);
    assert_int_equal(ocs_tables_put(tables, OCS_TABLE_NODES, key, key, true, NULL), 0);
    number = 4;
    assert_int_equal(ocs_tables_put(tables, OCS_TABLE_NODES, key, key, true, NULL),
                     OCS_TABLES_CORRUPT);
    ocs_tables_abort(tables);
    ocs_tables_close(tables);
}

static int fill(struct ocs_tables *tables, uint32_t first, uint32_t count)
{
    int result = ocs_tables_begin(tables, true, NULL);
    if (result != 0)
        return result;
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = put_number(tables, first + i, 3900);
    if (result == 0)
        return ocs_tables_commit(tables, NULL);
    ocs_tables_abort(tables);
    return result;
}

/* One transaction that is larger than the map fails; the next has twice the room. */
static void test_full_map_grows(void **state)
{
    struct ocs_tables *tables = open_tables(*state, SMALL_MAP);
    assert_int_equal(fill(tables, 0, 1000), -OCS_FAILED);
    assert_true(ocs_tables_full(tables));
    int tries = 0;
    while (fill(tables, 0, 1000) != 0) {
        assert_true(ocs_tables_full(tables));
        assert_true(++tries < 10);
    }
    assert_false(ocs_tables_full(tables));
    assert_int_equal(ocs_tables_begin(tables, false, NULL), 0);
    assert_true(has_number(tables, 999));
    ocs_tables_abort(tables);
    ocs_tables_close(tables);
}

/* Small ones never meet the end of the map. */
static void test_map_grows_in_time(void **state)
{
    struct ocs_tables *tables = open_tables(*state, SMALL_MAP);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(fill(tables, i * 10, 10), 0);
        assert_false(ocs_tables_full(tables));
    }
    ocs_tables_close(tables);
}

/* Another process with a larger map writes more than ours can hold. */
static void test_map_follows_the_file(void **state)
{
    struct place *place = *state;
    ocs_tables_close(open_tables(place, SMALL_MAP));
    struct ocs_tables *small = open_tables(place, SMALL_MAP);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct ocs_tables *large = open_tables(place, SMALL_MAP * 64);
        int result = fill(large, 0, 3000);
        ocs_tables_close(large);
        _exit(result == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(ocs_tables_begin(small, false, NULL), 0);
    assert_true(has_number(small, 2999));
    ocs_tables_abort(small);
    assert_int_equal(fill(small, 3000, 10), 0);
    ocs_tables_close(small);
}

/* As much address space as there is. */
static void test_little_address_space(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)state;
    skip(); /* the sanitizer needs terabytes itself */
#else
    struct place *place = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_AS, &(struct rlimit){.rlim_cur = 1u << 30, .rlim_max = 1u << 30});
        struct ocs_tables *tables = open_tables(place, OCS_TABLES_MAP);
        int result = fill(tables, 0, 100);
        ocs_tables_close(tables);
        _exit(result == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_attach),
        PLACE_TEST(test_last_key),
        PLACE_TEST(test_append_out_of_order),
        PLACE_TEST(test_full_map_grows),
        PLACE_TEST(test_map_grows_in_time),
        PLACE_TEST(test_map_follows_the_file),
        PLACE_TEST(test_little_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What LMDB writes is what the check of the pages takes for sound, whatever was
 * done before: splits, overflow pages that grow and shrink, freed and reused
 * pages, spilled transactions.  Damage is in test_graph_damage.c. */

#include "graph_place.h"
#include "store/graph_pages.h"

#include <sys/stat.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static int check(struct graph_place *at)
{
    int fd = openat(at->dir, "data.mdb", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int result = ocs_pages_check(fd, NULL);
    close(fd);
    return result;
}

/* Digests of an unknown algorithm have keys of any length. */
static struct ocs_digest odd_digest(uint32_t *state)
{
    char text[OCS_DIGEST_TEXT_MAX];
    size_t size = 3 + next_random(state) % (sizeof(text) - 3);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + next_random(state) % 26);
    text[1] = ':';
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_parse(text, size, &digest), 0);
    return digest;
}

static void change_something(struct ocs_graph_txn *txn, uint32_t *state, struct ocs_child *children)
{
    uint32_t id;
    uint32_t what = next_random(state) % 8;
    struct ocs_digest digest =
        what < 4 ? graph_digest(next_random(state) % 20000) : odd_digest(state);
    assert_int_equal(ocs_graph_intern(txn, &digest, &id, NULL), 0);
    id = next_random(state) % ocs_graph_count(txn);
    if (what % 2) {
        uint32_t count = next_random(state) % (what == 7 ? 6000 : 30);
        for (uint32_t i = 0; i < count; i++)
            children[i] = (struct ocs_child){.id = id, .role = OCS_ROLE_LAYER};
        assert_int_equal(ocs_graph_put_children(txn, id, children, count, NULL), 0);
    } else {
        struct ocs_node node;
        assert_int_equal(ocs_graph_get_node(txn, id, &node, NULL), 0);
        node.size = next_random(state);
        assert_int_equal(ocs_graph_put_node(txn, &node, NULL), 0);
    }
}

static void test_any_history_is_sound(void **state)
{
    struct graph_place at;
    uint32_t random = 20;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    struct ocs_child *children = calloc(6000, sizeof(*children));
    assert_non_null(children);
    for (uint32_t round = 0; round < 150; round++) {
        struct ocs_graph_txn *txn = graph_begin(graph, true);
        uint32_t changes = next_random(&random) % (round % 10 ? 20 : 1500);
        for (uint32_t i = 0; i < changes; i++)
            change_something(txn, &random, children);
        if (round % 13 == 5)
            ocs_graph_abort(txn);
        else
            graph_commit(txn);
        assert_int_equal(check(&at), 0);
        if (round % 17 == 3) {
            ocs_graph_close(graph);
            graph = graph_open(&at);
        }
    }
    struct ocs_graph_txn *txn = graph_begin(graph, false);
    assert_int_equal(ocs_graph_check(txn, NULL), 0);
    graph_commit(txn);
    free(children);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

/* One transaction of so many pages that some are written before it ends. */
static void test_a_large_transaction_is_sound(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 60000);
    assert_int_equal(check(&at), 0);
    graph_fill(graph, 60000);
    assert_int_equal(check(&at), 0);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_empty_and_tiny_files(void **state)
{
    struct graph_place at;
    struct ocs_pages pages;
    graph_place_open(*state, &at);
    int fd = openat(at.dir, "data.mdb", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ocs_pages_look(fd, &pages, NULL), OCS_PAGES_EMPTY);
    assert_int_equal(ocs_pages_check(fd, NULL), OCS_PAGES_EMPTY);
    for (off_t size = 1; size < 9000; size += 500) {
        assert_int_equal(ftruncate(fd, size), 0);
        assert_int_equal(ocs_pages_look(fd, &pages, NULL), OCS_PAGES_BROKEN);
        assert_int_equal(ocs_pages_check(fd, NULL), OCS_PAGES_BROKEN);
    }
    close(fd);
    graph_place_close(&at);
}

/* A graph was being made when the disk was full or the process was killed. */
static void test_one_meta_page_alone(void **state)
{
    struct graph_place at;
    struct ocs_pages pages;
    graph_place_open(*state, &at);
    ocs_graph_close(graph_open(&at));
    int fd = openat(at.dir, "data.mdb", O_RDWR | O_CLOEXEC);
    assert_int_equal(ocs_pages_look(fd, &pages, NULL), 0);
    assert_int_equal(ftruncate(fd, pages.page_size), 0);
    assert_int_equal(ocs_pages_look(fd, &pages, NULL), OCS_PAGES_EMPTY);
    close(fd);
    struct ocs_graph *graph;
    assert_int_equal(graph_try_open(&at, false, &graph, NULL), OCS_GRAPH_NONE);
    graph = graph_open(&at);
    graph_fill(graph, 10);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_look(void **state)
{
    struct graph_place at;
    struct ocs_pages pages;
    struct stat st;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 1000);
    ocs_graph_close(graph);
    int fd = openat(at.dir, "data.mdb", O_RDONLY | O_CLOEXEC);
    assert_int_equal(ocs_pages_look(fd, &pages, NULL), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pages.file_size, st.st_size);
    assert_true(pages.page_size >= 4096);
    assert_true(pages.last_page > 10);
    close(fd);
    graph_place_close(&at);
}

static void test_a_read_error_is_no_damage(void **state)
{
    (void)state;
    struct ocs_error err;
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct ocs_pages pages;
    assert_int_equal(ocs_pages_look(fd, &pages, &err), -OCS_FAILED);
    close(fd);
    assert_int_equal(ocs_pages_look(-1, &pages, &err), -OCS_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_any_history_is_sound),
        PLACE_TEST(test_a_large_transaction_is_sound),
        PLACE_TEST(test_empty_and_tiny_files),
        PLACE_TEST(test_one_meta_page_alone),
        PLACE_TEST(test_look),
        cmocka_unit_test(test_a_read_error_is_no_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph_place.h"

#include <errno.h>
#include <sys/wait.h>

static void test_absent_and_created(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = NULL;
    assert_int_equal(graph_try_open(&at, false, &graph, NULL), OCS_GRAPH_NONE);
    graph = graph_open(&at);
    struct ocs_graph_txn *txn = graph_begin(graph, false);
    assert_int_equal(ocs_graph_count(txn), 0);
    struct ocs_graph_view view;
    assert_int_equal(ocs_graph_load(txn, &view, NULL), 0);
    assert_int_equal(view.count, 0);
    assert_int_equal(view.first[0], 0);
    ocs_graph_view_clear(&view);
    graph_commit(txn);
    ocs_graph_close(graph);
    assert_int_equal(graph_try_open(&at, false, &graph, NULL), 0);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_intern_gives_dense_ids(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(graph_intern(txn, i), i);
    assert_int_equal(graph_intern(txn, 500), 500);
    assert_int_equal(ocs_graph_count(txn), 1000);
    graph_commit(txn);
    ocs_graph_close(graph);

    graph = graph_open(&at);
    txn = graph_begin(graph, false);
    assert_int_equal(ocs_graph_count(txn), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        struct ocs_digest digest = graph_digest(i);
        struct ocs_node node;
        uint32_t id;
        assert_int_equal(ocs_graph_find(txn, &digest, &id, NULL), 0);
        assert_int_equal(id, i);
        assert_int_equal(ocs_graph_get_node(txn, id, &node, NULL), 0);
        assert_true(ocs_digest_equal(&node.digest, &digest));
        assert_int_equal(node.kind, OCS_NODE_UNREAD);
    }
    struct ocs_digest unknown = graph_digest(1000);
    uint32_t id;
    assert_int_equal(ocs_graph_find(txn, &unknown, &id, NULL), OCS_GRAPH_NONE);
    graph_commit(txn);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_abort_forgets(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    {
        auto_graph_txn struct ocs_graph_txn *txn = graph_begin(graph, true);
        graph_intern(txn, 1);
    }
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    assert_int_equal(ocs_graph_count(txn), 0);
    assert_int_equal(graph_intern(txn, 2), 0);
    graph_commit(txn);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_node_survives(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    struct ocs_node node = {
        .id = graph_intern(txn, 3),
        .digest = graph_digest(3),
        .kind = OCS_NODE_OPAQUE,
        .flags = OCS_NODE_WAS_LIVE,
        .size = 99,
        .unreferenced_since = 5,
        .stamp = {.inode = 1, .size = 99, .mtime_ns = 2, .ctime_ns = 3},
    };
    assert_int_equal(ocs_graph_put_node(txn, &node, NULL), 0);
    graph_commit(txn);
    txn = graph_begin(graph, false);
    struct ocs_node back;
    assert_int_equal(ocs_graph_get_node(txn, node.id, &back, NULL), 0);
    assert_int_equal(back.kind, OCS_NODE_OPAQUE);
    assert_int_equal(back.flags, OCS_NODE_WAS_LIVE);
    assert_int_equal(back.size, 99);
    assert_int_equal(back.unreferenced_since, 5);
    assert_true(ocs_stamp_equal(&node.stamp, &back.stamp));
    graph_commit(txn);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

/* One child is special in LMDB's own duplicates; a long list needs overflow pages. */
static void test_children_of_any_number(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 397, 5000};
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    struct ocs_child *children = calloc(5000, sizeof(*children));
    assert_non_null(children);
    for (uint32_t i = 0; i < 5000; i++) {
        graph_intern(txn, i);
        children[i] = (struct ocs_child){.id = 4999 - i, .role = (uint8_t)(1 + i % 7)};
    }
    for (uint32_t i = 0; i < 5; i++) /* in an order that is not that of the ids */
        assert_int_equal(ocs_graph_put_children(txn, i * 3 % 5, children, counts[i * 3 % 5], NULL),
                         0);
    struct ocs_children found;
    assert_int_equal(ocs_graph_get_children(txn, 5, &found, NULL), OCS_GRAPH_NONE);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(ocs_graph_get_children(txn, i, &found, NULL), 0);
        assert_int_equal(found.count, counts[i]);
        for (uint32_t j = 0; j < counts[i]; j++) {
            assert_int_equal(ocs_children_get(&found, j).id, children[j].id);
            assert_int_equal(ocs_children_get(&found, j).role, children[j].role);
        }
    }
    assert_int_equal(ocs_graph_put_children(txn, 4, children, 1, NULL), 0);
    assert_int_equal(ocs_graph_get_children(txn, 4, &found, NULL), 0);
    assert_int_equal(found.count, 1);
    graph_commit(txn);
    free(children);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_load(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 1005);
    struct ocs_graph_txn *txn = graph_begin(graph, false);
    struct ocs_graph_view view;
    assert_int_equal(ocs_graph_load(txn, &view, NULL), 0);
    graph_commit(txn);
    assert_int_equal(view.count, 1005);
    assert_int_equal(view.first[1005], 900);
    for (uint32_t i = 0; i < 1005; i++) {
        bool parent = i % 10 == 0 && i < 1000;
        assert_int_equal(view.kind[i], parent ? OCS_NODE_DOCUMENT : OCS_NODE_UNREAD);
        assert_int_equal(view.size[i], parent ? i : 0);
        assert_int_equal(view.first[i + 1] - view.first[i], parent ? 9 : 0);
        for (uint32_t j = view.first[i]; j < view.first[i + 1]; j++) {
            assert_int_equal(view.children[j].id, i + 1 + (j - view.first[i]));
            assert_int_equal(view.children[j].role, OCS_ROLE_LAYER);
        }
    }
    ocs_graph_view_clear(&view);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

/* A document whose edges were never written is not one that has none. */
static void test_document_without_edges_record_is_unread(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    for (uint32_t i = 0; i < 2; i++) {
        struct ocs_node node = {
            .id = graph_intern(txn, i), .digest = graph_digest(i), .kind = OCS_NODE_DOCUMENT};
        assert_int_equal(ocs_graph_put_node(txn, &node, NULL), 0);
    }
    assert_int_equal(ocs_graph_put_children(txn, 1, NULL, 0, NULL), 0);
    struct ocs_graph_view view;
    assert_int_equal(ocs_graph_load(txn, &view, NULL), 0);
    assert_int_equal(view.kind[0], OCS_NODE_UNREAD);
    assert_int_equal(view.kind[1], OCS_NODE_DOCUMENT);
    ocs_graph_view_clear(&view);
    graph_commit(txn);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_load_refuses_a_child_that_is_no_node(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 20);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    struct ocs_child child = {.id = 20, .role = OCS_ROLE_LAYER};
    assert_int_equal(ocs_graph_put_children(txn, 10, &child, 1, NULL), 0);
    struct ocs_graph_view view;
    assert_int_equal(ocs_graph_load(txn, &view, NULL), OCS_GRAPH_CORRUPT);
    ocs_graph_abort(txn);
    /* and nothing more is to be had from it */
    assert_int_equal(ocs_graph_begin(graph, false, &txn, NULL), OCS_GRAPH_CORRUPT);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_load_refuses_an_unknown_role(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 20);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    struct ocs_child child = {.id = 1, .role = OCS_ROLE_LOOSE + 1};
    assert_int_equal(ocs_graph_put_children(txn, 10, &child, 1, NULL), 0);
    struct ocs_graph_view view;
    assert_int_equal(ocs_graph_load(txn, &view, NULL), OCS_GRAPH_CORRUPT);
    ocs_graph_abort(txn);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_check_finds_ids_and_nodes_that_disagree(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 1000);
    struct ocs_graph_txn *txn = graph_begin(graph, false);
    assert_int_equal(ocs_graph_check(txn, NULL), 0);
    graph_commit(txn);
    txn = graph_begin(graph, true);
    struct ocs_node node = {.id = 500, .digest = graph_digest(501)};
    assert_int_equal(ocs_graph_put_node(txn, &node, NULL), 0);
    graph_commit(txn);
    txn = graph_begin(graph, false);
    struct ocs_graph_view view;
    assert_int_equal(ocs_graph_load(txn, &view, NULL), 0);
    ocs_graph_view_clear(&view);
    assert_int_equal(ocs_graph_check(txn, NULL), OCS_GRAPH_CORRUPT);
    ocs_graph_abort(txn);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

struct seen {
    uint32_t count;
    struct ocs_digest last;
    uint32_t stop_at;
};

static int see_id(void *data, const unsigned char *key, size_t size, uint32_t id,
                  struct ocs_error *err)
{
    (void)err;
    struct seen *seen = data;
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_from_key(key, size, &digest), 0);
    struct ocs_digest expected = graph_digest(id);
    assert_true(ocs_digest_equal(&digest, &expected));
    if (seen->count)
        assert_true(ocs_digest_compare(&seen->last, &digest) < 0);
    seen->last = digest;
    return ++seen->count == seen->stop_at ? 77 : 0;
}

static void test_each_id_in_digest_order(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 500);
    struct ocs_graph_txn *txn = graph_begin(graph, false);
    struct seen seen = {0};
    assert_int_equal(ocs_graph_each_id(txn, &seen, see_id, NULL), 0);
    assert_int_equal(seen.count, 500);
    seen = (struct seen){.stop_at = 3};
    assert_int_equal(ocs_graph_each_id(txn, &seen, see_id, NULL), 77);
    graph_commit(txn);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_meta(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    int64_t value = 42;
    assert_int_equal(ocs_graph_get_meta(txn, "gc.end", &value, sizeof(value), NULL),
                     OCS_GRAPH_NONE);
    assert_int_equal(ocs_graph_put_meta(txn, "gc.end", &value, sizeof(value), NULL), 0);
    graph_commit(txn);
    txn = graph_begin(graph, false);
    value = 0;
    assert_int_equal(ocs_graph_get_meta(txn, "gc.end", &value, sizeof(value), NULL), 0);
    assert_int_equal(value, 42);
    char small;
    assert_int_equal(ocs_graph_get_meta(txn, "gc.end", &small, sizeof(small), NULL),
                     OCS_GRAPH_CORRUPT);
    graph_commit(txn);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void set_format(struct graph_place *at, uint32_t format)
{
    struct ocs_graph *graph = graph_open(at);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    unsigned char bytes[4] = {(unsigned char)format, 0, 0, 0};
    assert_int_equal(ocs_graph_put_meta(txn, "graph.format", bytes, sizeof(bytes), NULL), 0);
    graph_commit(txn);
    ocs_graph_close(graph);
}

static void test_newer_format_is_an_error(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    set_format(&at, 2);
    struct ocs_graph *graph;
    struct ocs_error err;
    assert_int_equal(graph_try_open(&at, true, &graph, &err), -OCS_FAILED);
    assert_non_null(strstr(err.message, "newer ocistore"));
    graph_place_close(&at);
}

static void test_older_format_is_rebuilt(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    set_format(&at, 0);
    struct ocs_graph *graph;
    assert_int_equal(graph_try_open(&at, true, &graph, NULL), OCS_GRAPH_CORRUPT);
    graph_place_close(&at);
}

/* init or the first import was killed after the file was made. */
static void test_empty_file_is_no_graph_yet(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    place_write(*state, "graph/data.mdb", "");
    struct ocs_graph *graph;
    assert_int_equal(graph_try_open(&at, false, &graph, NULL), OCS_GRAPH_NONE);
    graph = graph_open(&at);
    graph_fill(graph, 10);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_something_else_under_the_name(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph;
    place_write(*state, "graph/data.mdb", "hello");
    assert_int_equal(graph_try_open(&at, true, &graph, NULL), OCS_GRAPH_CORRUPT);
    assert_int_equal(unlinkat(at.dir, "data.mdb", 0), 0);
    assert_int_equal(symlinkat("/dev/null", at.dir, "data.mdb"), 0);
    assert_int_equal(graph_try_open(&at, true, &graph, NULL), OCS_GRAPH_CORRUPT);
    graph_place_close(&at);
}

/* Somebody built a new graph while ours was open: our ids mean nothing in it. */
static void test_replaced_file_is_noticed(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *ours = graph_open(&at);
    graph_fill(ours, 20);
    assert_false(ocs_graph_replaced(ours));
    assert_int_equal(renameat(at.dir, "data.mdb", at.dir, "data.mdb.bad"), 0);
    assert_true(ocs_graph_replaced(ours));
    struct ocs_graph *other = graph_open(&at);
    graph_fill(other, 10);
    struct ocs_graph_txn *txn;
    assert_int_equal(ocs_graph_begin(ours, true, &txn, NULL), OCS_GRAPH_CORRUPT);
    ocs_graph_close(ours);
    txn = graph_begin(other, false);
    assert_int_equal(ocs_graph_count(txn), 10);
    graph_commit(txn);
    ocs_graph_close(other);
    graph_place_close(&at);
}

static void read_as_nobody(struct graph_place *at)
{
    assert_int_equal(setuid(65534), 0);
    struct ocs_graph *graph = graph_open(at);
    struct ocs_graph_txn *txn = graph_begin(graph, false);
    assert_int_equal(ocs_graph_count(txn), 20);
    graph_commit(txn);
    assert_int_equal(ocs_graph_begin(graph, true, &txn, NULL), -OCS_FAILED);
    ocs_graph_close(graph);
}

static void test_read_only_file(void **state)
{
    if (geteuid() != 0)
        skip(); /* there is nobody else to be */
    struct graph_place at;
    struct place *place = *state;
    graph_place_open(place, &at);
    assert_int_equal(fchmod(place->fd, 0755), 0);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 20);
    ocs_graph_close(graph);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        read_as_nobody(&at);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    graph_place_close(&at);
}

/* ---- several processes ---- */

#define ROUNDS 40u

/* Each makes nodes of its own and checks that all of its earlier ones are there. */
static void write_some(struct place *place, uint32_t who)
{
    struct graph_place at;
    graph_place_open(place, &at);
    struct ocs_graph *graph = graph_open(&at);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct ocs_graph_txn *txn = graph_begin(graph, true);
        for (uint32_t i = 0; i < 25; i++)
            graph_intern(txn, who * 1000000 + round * 25 + i);
        uint32_t count = ocs_graph_count(txn);
        graph_commit(txn);
        txn = graph_begin(graph, false);
        assert_true(ocs_graph_count(txn) >= count);
        for (uint32_t i = 0; i < (round + 1) * 25; i++) {
            struct ocs_digest digest = graph_digest(who * 1000000 + i);
            uint32_t id;
            assert_int_equal(ocs_graph_find(txn, &digest, &id, NULL), 0);
        }
        graph_commit(txn);
    }
    ocs_graph_close(graph);
    graph_place_close(&at);
}

static void test_two_processes_write(void **state)
{
    pid_t children[2];
    for (uint32_t i = 0; i < 2; i++) {
        children[i] = fork(); /* before anything is opened */
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            write_some(*state, i + 1);
            _exit(0);
        }
    }
    for (int i = 0; i < 2; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    struct ocs_graph_txn *txn = graph_begin(graph, false);
    assert_int_equal(ocs_graph_count(txn), 2 * ROUNDS * 25);
    struct seen seen = {0};
    for (uint32_t who = 1; who <= 2; who++) {
        for (uint32_t i = 0; i < ROUNDS * 25; i++) {
            struct ocs_digest digest = graph_digest(who * 1000000 + i);
            uint32_t id;
            assert_int_equal(ocs_graph_find(txn, &digest, &id, NULL), 0);
            seen.count++;
        }
    }
    assert_int_equal(seen.count, ocs_graph_count(txn));
    graph_commit(txn);
    ocs_graph_close(graph);
    graph_place_close(&at);
}

/* A writer that dies leaves the last commit; the lock dies with it. */
static void test_killed_writer(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct graph_place at;
        graph_place_open(*state, &at);
        struct ocs_graph *graph = graph_open(&at);
        graph_fill(graph, 100);
        struct ocs_graph_txn *txn = graph_begin(graph, true);
        for (uint32_t i = 0; i < 5000; i++)
            graph_intern(txn, 100 + i);
        _exit(9);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 9);
    struct graph_place at;
    graph_place_open(*state, &at);
    assert_true(place_has(*state, "graph/dirty"));
    struct ocs_graph *graph = graph_open(&at);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    assert_int_equal(ocs_graph_count(txn), 100);
    assert_int_equal(graph_intern(txn, 100), 100);
    graph_commit(txn);
    ocs_graph_close(graph);
    assert_false(place_has(*state, "graph/dirty"));
    graph_place_close(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_absent_and_created),
        PLACE_TEST(test_intern_gives_dense_ids),
        PLACE_TEST(test_abort_forgets),
        PLACE_TEST(test_node_survives),
        PLACE_TEST(test_children_of_any_number),
        PLACE_TEST(test_load),
        PLACE_TEST(test_document_without_edges_record_is_unread),
        PLACE_TEST(test_load_refuses_a_child_that_is_no_node),
        PLACE_TEST(test_load_refuses_an_unknown_role),
        PLACE_TEST(test_check_finds_ids_and_nodes_that_disagree),
        PLACE_TEST(test_each_id_in_digest_order),
        PLACE_TEST(test_meta),
        PLACE_TEST(test_newer_format_is_an_error),
        PLACE_TEST(test_older_format_is_rebuilt),
        PLACE_TEST(test_empty_file_is_no_graph_yet),
        PLACE_TEST(test_something_else_under_the_name),
        PLACE_TEST(test_replaced_file_is_noticed),
        PLACE_TEST(test_read_only_file),
        PLACE_TEST(test_two_processes_write),
        PLACE_TEST(test_killed_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

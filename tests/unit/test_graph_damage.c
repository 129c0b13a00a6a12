/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* A damaged data.mdb is found corrupt, or gives what was written; it never ends
 * the program.  What LMDB alone would do: SIGBUS on a truncated file, abort() on
 * a zeroed page, anything on a garbage page.  Hence each try in a process. */

#include "graph_place.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NODES 2000u
#define PAGE  4096

struct damage {
    struct graph_place at;
    unsigned char *bytes; /* of the sound file */
    size_t size;
    int fd;
};

/* Several commits, so that there are free pages and an older meta page, and one
 * list of children that is long enough for overflow pages. */
static void make_graph(struct place *place, struct damage *out)
{
    graph_place_open(place, &out->at);
    struct ocs_graph *graph = graph_open(&out->at);
    graph_fill(graph, NODES / 2);
    graph_fill(graph, NODES);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    struct ocs_child *children = calloc(NODES, sizeof(*children));
    assert_non_null(children);
    for (uint32_t i = 0; i < NODES; i++)
        children[i] = (struct ocs_child){.id = i, .role = OCS_ROLE_LAYER};
    assert_int_equal(ocs_graph_put_children(txn, 0, children, NODES, NULL), 0);
    graph_commit(txn);
    txn = graph_begin(graph, true);
    assert_int_equal(ocs_graph_put_children(txn, 0, children, NODES - 1, NULL), 0);
    graph_commit(txn);
    free(children);
    ocs_graph_close(graph);

    struct stat st;
    out->fd = openat(out->at.dir, "data.mdb", O_RDWR | O_CLOEXEC);
    assert_true(out->fd >= 0);
    assert_int_equal(fstat(out->fd, &st), 0);
    out->size = (size_t)st.st_size;
    out->bytes = malloc(out->size);
    assert_non_null(out->bytes);
    assert_int_equal(pread(out->fd, out->bytes, out->size, 0), out->size);
}

static void forget_graph(struct damage *damage)
{
    free(damage->bytes);
    close(damage->fd);
    graph_place_close(&damage->at);
}

static void restore(struct damage *damage)
{
    assert_int_equal(pwrite(damage->fd, damage->bytes, damage->size, 0), damage->size);
    assert_int_equal(ftruncate(damage->fd, (off_t)damage->size), 0);
}

static int count_id(void *data, const unsigned char *key, size_t size, uint32_t id,
                    struct ocs_error *err)
{
    (void)err;
    struct ocs_digest expected = graph_digest(id);
    (*(uint32_t *)data)++;
    return expected.size == size && memcmp(expected.key, key, size) == 0 ? 0 : -OCS_USAGE;
}

static bool view_right(const struct ocs_graph_view *view)
{
    if (view->count == 0) /* the state of an older meta page */
        return true;
    for (uint32_t i = 1; i < view->count; i++) {
        uint32_t expected = i % 10 == 0 && i + 9 < NODES ? 9 : 0;
        if (view->first[i + 1] - view->first[i] != expected && view->count == NODES)
            return false;
    }
    return view->count == NODES || view->count == NODES / 2;
}

/* Reads all there is and writes a little: 0 right, OCS_GRAPH_CORRUPT, other: wrong. */
static int use(struct ocs_graph *graph)
{
    struct ocs_graph_txn *txn;
    struct ocs_graph_view view;
    uint32_t ids = 0;
    int result = ocs_graph_begin(graph, false, &txn, NULL);
    if (result != 0)
        return result;
    result = ocs_graph_load(txn, &view, NULL);
    if (result == 0) {
        bool right = view_right(&view);
        ocs_graph_view_clear(&view);
        result = right ? ocs_graph_each_id(txn, &ids, count_id, NULL) : -OCS_USAGE;
    }
    if (result == 0 && ids != ocs_graph_count(txn))
        result = -OCS_USAGE;
    ocs_graph_abort(txn);
    if (result != 0 || ocs_graph_begin(graph, true, &txn, NULL) != 0)
        return result;
    for (uint32_t i = 0; i < 200 && result == 0; i++) {
        struct ocs_digest digest = graph_digest(9000000 + i);
        uint32_t id;
        result = ocs_graph_intern(txn, &digest, &id, NULL);
    }
    if (result == 0)
        return ocs_graph_commit(txn, NULL);
    ocs_graph_abort(txn);
    return result;
}

static int open_and_use(struct graph_place *at)
{
    struct ocs_graph *graph;
    int result = graph_try_open(at, false, &graph, NULL);
    if (result != 0)
        return result;
    result = use(graph);
    ocs_graph_close(graph);
    return result;
}

/* In a process of its own, with little processor time. */
static int try_in_child(struct damage *damage)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CPU, &(struct rlimit){.rlim_cur = 20, .rlim_max = 20});
        int result = open_and_use(&damage->at);
        _exit(result < 0 ? 100 : result);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void assert_survives(struct damage *damage, const char *what, size_t where, int *corrupt)
{
    int result = try_in_child(damage);
    if (result == OCS_GRAPH_NONE && where < 2 * PAGE)
        result = OCS_GRAPH_CORRUPT; /* as good as never made */
    if (result != 0 && result != OCS_GRAPH_CORRUPT)
        fail_msg("%s at %zu: %d", what, where, result);
    if (result == OCS_GRAPH_CORRUPT)
        ++*corrupt;
    restore(damage);
}

static void test_sound_graph(void **state)
{
    struct damage damage;
    make_graph(*state, &damage);
    assert_int_equal(open_and_use(&damage.at), 0);
    forget_graph(&damage);
}

static void test_zeroed_pages(void **state)
{
    static const unsigned char zeros[PAGE];
    struct damage damage;
    int corrupt = 0;
    make_graph(*state, &damage);
    for (size_t at = 0; at < damage.size; at += PAGE) {
        assert_int_equal(pwrite(damage.fd, zeros, PAGE, (off_t)at), PAGE);
        assert_survives(&damage, "zeros", at, &corrupt);
    }
    assert_true(corrupt > (int)(damage.size / PAGE / 2)); /* some pages are free */
    forget_graph(&damage);
}

static void test_garbage_pages(void **state)
{
    struct damage damage;
    int corrupt = 0;
    uint32_t x = 12345;
    make_graph(*state, &damage);
    for (size_t at = 0; at < damage.size; at += PAGE) {
        unsigned char garbage[PAGE];
        for (size_t i = 0; i < PAGE; i++) {
            x = x * 1664525u + 1013904223u;
            garbage[i] = (unsigned char)(x >> 24);
        }
        assert_int_equal(pwrite(damage.fd, garbage, PAGE, (off_t)at), PAGE);
        assert_survives(&damage, "garbage", at, &corrupt);
    }
    assert_true(corrupt > (int)(damage.size / PAGE / 2));
    forget_graph(&damage);
}

static void test_pages_in_the_place_of_others(void **state)
{
    struct damage damage;
    int corrupt = 0;
    make_graph(*state, &damage);
    for (size_t at = 0; at < damage.size; at += PAGE) {
        size_t other = (at + damage.size / 2) / PAGE * PAGE % damage.size;
        assert_int_equal(pwrite(damage.fd, damage.bytes + other, PAGE, (off_t)at), PAGE);
        assert_survives(&damage, "another page", at, &corrupt);
    }
    assert_true(corrupt > 0);
    forget_graph(&damage);
}

static void test_truncated_at_each_page(void **state)
{
    struct damage damage;
    int corrupt = 0;
    make_graph(*state, &damage);
    for (size_t at = PAGE; at < damage.size; at += PAGE) {
        assert_int_equal(ftruncate(damage.fd, (off_t)at), 0);
        assert_survives(&damage, "truncated", at, &corrupt);
        assert_int_equal(ftruncate(damage.fd, (off_t)at - 1), 0);
        assert_survives(&damage, "truncated", at - 1, &corrupt);
    }
    assert_true(corrupt > 0);
    forget_graph(&damage);
}

/* Every byte of the heads of all pages, and some of the rest. */
static void test_changed_bytes(void **state)
{
    struct damage damage;
    int corrupt = 0;
    uint32_t x = 99;
    make_graph(*state, &damage);
    for (size_t i = 0; i < 1200; i++) {
        x = x * 1664525u + 1013904223u;
        size_t page = (x >> 8) % (damage.size / PAGE);
        x = x * 1664525u + 1013904223u;
        size_t at = page * PAGE + (x >> 8) % (i % 2 ? PAGE : 160);
        unsigned char changed = damage.bytes[at] ^ (unsigned char)(1u << i % 8);
        assert_int_equal(pwrite(damage.fd, &changed, 1, (off_t)at), 1);
        int result = open_and_use(&damage.at); /* a crash ends the test as well */
        if (result != 0 && result != OCS_GRAPH_CORRUPT)
            fail_msg("byte %zu: %d", at, result);
        corrupt += result == OCS_GRAPH_CORRUPT;
        restore(&damage);
    }
    assert_true(corrupt > 400);
    forget_graph(&damage);
}

#define LARGE 120000u

/* A few of all records, and one that is new: no look at everything. */
static int look_up(struct ocs_graph *graph)
{
    struct ocs_graph_txn *txn;
    int result = ocs_graph_begin(graph, true, &txn, NULL);
    if (result != 0)
        return result;
    for (uint32_t i = 0; i < LARGE && result == 0; i += LARGE / 40) {
        struct ocs_digest digest = graph_digest(i);
        struct ocs_node node;
        uint32_t id;
        result = ocs_graph_find(txn, &digest, &id, NULL);
        if (result == 0 && id != i)
            result = -OCS_USAGE;
        if (result == 0)
            result = ocs_graph_get_node(txn, i, &node, NULL);
        if (result == 0 && !ocs_digest_equal(&node.digest, &digest))
            result = -OCS_USAGE;
    }
    struct ocs_digest added = graph_digest(9000000);
    uint32_t id;
    if (result == 0)
        result = ocs_graph_intern(txn, &added, &id, NULL);
    ocs_graph_abort(txn);
    return result;
}

static int open_and_look_up(struct graph_place *at)
{
    struct ocs_graph *graph;
    int result = graph_try_open(at, false, &graph, NULL);
    if (result != 0)
        return result;
    result = look_up(graph);
    ocs_graph_close(graph);
    return result;
}

static void spoil(unsigned char page[PAGE], int way)
{
    uint32_t x = 12345;
    if (way == 0)
        memset(page, 0, PAGE);
    for (size_t i = 0; way == 1 && i < PAGE; i++) {
        x = x * 1664525u + 1013904223u;
        page[i] = (unsigned char)(x >> 24);
    }
    if (way == 2) /* in the head, where it hurts */
        page[8 + page[100] % 24] ^= 0x15;
}

/* Each page of a graph of more than 16 MiB (OCS_EVERY_PAGE; else some of them) is
 * spoilt in turn, and then only a few records are asked for. */
static void test_large_graph(void **state)
{
    struct graph_place at;
    struct stat st;
    int corrupt = 0;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, LARGE);
    ocs_graph_close(graph);
    int fd = openat(at.dir, "data.mdb", O_RDWR | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_size > 16 << 20);
    assert_int_equal(open_and_look_up(&at), 0);
    off_t step = getenv("OCS_EVERY_PAGE") ? 1 : st.st_size / PAGE / 30;
    for (off_t at_page = 2; at_page < st.st_size / PAGE; at_page += step) {
        for (int way = 0; way < 3; way++) {
            unsigned char saved[PAGE];
            unsigned char spoilt[PAGE];
            assert_int_equal(pread(fd, saved, PAGE, at_page * PAGE), PAGE);
            memcpy(spoilt, saved, PAGE);
            spoil(spoilt, way);
            assert_int_equal(pwrite(fd, spoilt, PAGE, at_page * PAGE), PAGE);
            int result = open_and_look_up(&at); /* a crash ends the test as well */
            if (result != 0 && result != OCS_GRAPH_CORRUPT)
                fail_msg("page %lld, way %d: %d", (long long)at_page, way, result);
            corrupt += result == OCS_GRAPH_CORRUPT;
            assert_int_equal(pwrite(fd, saved, PAGE, at_page * PAGE), PAGE);
        }
    }
    print_message("%d of them corrupt\n", corrupt);
    assert_true(corrupt > 30);
    close(fd);
    graph_place_close(&at);
}

/* Damage is not forgotten, so that nobody takes the mark away. */
static void test_the_mark_stays_on_a_corrupt_graph(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 20);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    struct ocs_child child = {.id = 500, .role = OCS_ROLE_LAYER};
    struct ocs_graph_view view;
    assert_int_equal(ocs_graph_put_children(txn, 10, &child, 1, NULL), 0);
    assert_int_equal(ocs_graph_load(txn, &view, NULL), OCS_GRAPH_CORRUPT);
    ocs_graph_abort(txn);
    ocs_graph_close(graph);
    assert_true(place_has(*state, "graph/dirty"));
    graph_place_close(&at);
}

/* After a power cut the records are read as well: here one that LMDB finds sound. */
static void test_mark_of_another_boot(void **state)
{
    struct graph_place at;
    graph_place_open(*state, &at);
    struct ocs_graph *graph = graph_open(&at);
    graph_fill(graph, 20);
    ocs_graph_close(graph);
    assert_false(place_has(*state, "graph/dirty"));

    const char *other_boot = "00000000-0000-0000-0000-000000000000";
    place_write(*state, "graph/dirty", other_boot);
    graph = graph_open(&at);
    ocs_graph_close(graph);
    assert_false(place_has(*state, "graph/dirty")); /* it was checked */

    graph = graph_open(&at);
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    struct ocs_child child = {.id = 500, .role = OCS_ROLE_LAYER};
    assert_int_equal(ocs_graph_put_children(txn, 10, &child, 1, NULL), 0);
    graph_commit(txn);
    ocs_graph_close(graph);
    graph = graph_open(&at); /* not looked at */
    ocs_graph_close(graph);
    place_write(*state, "graph/dirty", other_boot);
    assert_int_equal(graph_try_open(&at, true, &graph, NULL), OCS_GRAPH_CORRUPT);
    assert_true(place_has(*state, "graph/dirty"));
    graph_place_close(&at);
}

/* The pages after the last one that is in use may never have been written. */
static void test_free_pages_beyond_the_end(void **state)
{
    struct damage damage;
    make_graph(*state, &damage);
    uint64_t last_page;
    for (size_t meta = 0; meta < 2; meta++) {
        size_t at = meta * PAGE + 16 + 120;
        memcpy(&last_page, damage.bytes + at, sizeof(last_page));
        last_page += 3;
        assert_int_equal(pwrite(damage.fd, &last_page, sizeof(last_page), (off_t)at),
                         sizeof(last_page));
    }
    assert_int_equal(open_and_use(&damage.at), 0);
    forget_graph(&damage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_sound_graph),
        PLACE_TEST(test_zeroed_pages),
        PLACE_TEST(test_garbage_pages),
        PLACE_TEST(test_pages_in_the_place_of_others),
        PLACE_TEST(test_truncated_at_each_page),
        PLACE_TEST(test_changed_bytes),
        PLACE_TEST(test_large_graph),
        PLACE_TEST(test_the_mark_stays_on_a_corrupt_graph),
        PLACE_TEST(test_mark_of_another_boot),
        PLACE_TEST(test_free_pages_beyond_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

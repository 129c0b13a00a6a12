/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/graph_batch.h"

#include "graph_place.h"

struct batch_place {
    struct graph_place at;
    struct ocs_graph *graph;
    struct ocs_graph_batch *batch;
};

static void batch_open(struct place *place, struct batch_place *out)
{
    graph_place_open(place, &out->at);
    out->graph = graph_open(&out->at);
    assert_int_equal(ocs_graph_batch_new(&out->batch, NULL), 0);
}

static void batch_close(struct batch_place *place)
{
    ocs_graph_batch_free(place->batch);
    ocs_graph_close(place->graph);
    graph_place_close(&place->at);
}

static const struct ocs_stamp first_file = {.inode = 1, .size = 10, .mtime_ns = 1, .ctime_ns = 1};
static const struct ocs_stamp other_file = {.inode = 2, .size = 20, .mtime_ns = 2, .ctime_ns = 2};

/* What is learned of blob `number`; `children` are numbers that end with 0. */
struct lesson {
    uint32_t number;
    const uint32_t *children; /* NULL: opaque */
    enum ocs_document_state state;
    struct ocs_stamp stamp;
    unsigned flags;
    enum ocs_node_result result;
    int64_t verified_at;
};

static void learn(struct batch_place *place, const struct lesson *lesson)
{
    struct ocs_descriptor descriptors[16] = {0};
    struct ocs_document document = {.state = lesson->state, .descriptors = descriptors};
    for (const uint32_t *child = lesson->children; child && *child; child++)
        descriptors[document.count++] =
            (struct ocs_descriptor){.role = OCS_ROLE_LAYER, .digest = graph_digest(*child)};
    struct ocs_digest digest = graph_digest(lesson->number);
    struct ocs_fact fact = {
        .digest = &digest,
        .document = lesson->children ? &document : NULL,
        .stamp = lesson->stamp,
        .flags = lesson->flags,
        .result = lesson->result,
        .verified_at = lesson->verified_at,
    };
    assert_int_equal(ocs_graph_batch_add(place->batch, &fact, NULL), 0);
}

static void flush(struct batch_place *place)
{
    assert_int_equal(ocs_graph_batch_flush(place->batch, place->graph, NULL), 0);
    assert_int_equal(ocs_graph_batch_count(place->batch), 0);
}

static void learn_now(struct batch_place *place, struct lesson lesson)
{
    if (lesson.children && !lesson.state)
        lesson.state = OCS_DOCUMENT_STRICT;
    if (!lesson.stamp.inode)
        lesson.stamp = first_file;
    learn(place, &lesson);
    flush(place);
}

static struct ocs_node node_of(struct batch_place *place, uint32_t number)
{
    struct ocs_graph_txn *txn = graph_begin(place->graph, false);
    struct ocs_digest digest = graph_digest(number);
    struct ocs_node node;
    uint32_t id;
    assert_int_equal(ocs_graph_find(txn, &digest, &id, NULL), 0);
    assert_int_equal(ocs_graph_get_node(txn, id, &node, NULL), 0);
    graph_commit(txn);
    return node;
}

/* The children of `number` are exactly `expected`, in any order. */
static void assert_children(struct batch_place *place, uint32_t number, const uint32_t *expected)
{
    struct ocs_node node = node_of(place, number);
    struct ocs_graph_txn *txn = graph_begin(place->graph, false);
    struct ocs_children children;
    assert_int_equal(ocs_graph_get_children(txn, node.id, &children, NULL), 0);
    uint32_t count = 0;
    for (; expected[count]; count++) {
        struct ocs_digest digest = graph_digest(expected[count]);
        uint32_t id;
        assert_int_equal(ocs_graph_find(txn, &digest, &id, NULL), 0);
        uint32_t i = 0;
        while (i < children.count && ocs_children_get(&children, i).id != id)
            i++;
        assert_true(i < children.count);
    }
    assert_int_equal(children.count, count);
    graph_commit(txn);
}

#define NUMBERS(...) ((const uint32_t[]){__VA_ARGS__, 0})
#define NO_NUMBERS   ((const uint32_t[]){0})

static void test_empty_flush_writes_nothing(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    flush(&place);
    struct ocs_graph_txn *txn = graph_begin(place.graph, false);
    assert_int_equal(ocs_graph_count(txn), 0);
    graph_commit(txn);
    batch_close(&place);
}

static void test_a_document_and_its_children(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    learn_now(&place, (struct lesson){.number = 1,
                                      .children = NUMBERS(2, 3, 2, 2),
                                      .flags = OCS_NODE_WAS_LISTED,
                                      .result = OCS_RESULT_GOOD,
                                      .verified_at = 77});
    struct ocs_node node = node_of(&place, 1);
    assert_int_equal(node.kind, OCS_NODE_DOCUMENT);
    assert_int_equal(node.flags, OCS_NODE_WAS_LISTED);
    assert_int_equal(node.result, OCS_RESULT_GOOD);
    assert_int_equal(node.verified_at, 77);
    assert_int_equal(node.size, 10);
    assert_true(ocs_stamp_equal(&node.stamp, &first_file));
    assert_children(&place, 1, NUMBERS(2, 3)); /* each pair once */
    assert_int_equal(node_of(&place, 2).kind, OCS_NODE_UNREAD);
    assert_int_equal(node_of(&place, 2).size, 0);
    learn_now(&place, (struct lesson){.number = 2});
    assert_int_equal(node_of(&place, 2).kind, OCS_NODE_OPAQUE);
    batch_close(&place);
}

static void test_many_at_once(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    for (uint32_t i = 1; i <= 3000; i++) {
        struct lesson lesson = {.number = i,
                                .children = i % 3 ? NULL : NUMBERS(i + 1, i + 2, 5000 + i),
                                .state = OCS_DOCUMENT_STRICT,
                                .stamp = first_file};
        learn(&place, &lesson);
    }
    assert_int_equal(ocs_graph_batch_count(place.batch), 3000);
    flush(&place);
    for (uint32_t i = 1; i <= 3000; i++) {
        assert_int_equal(node_of(&place, i).kind, i % 3 ? OCS_NODE_OPAQUE : OCS_NODE_DOCUMENT);
        if (i % 3 == 0)
            assert_children(&place, i, NUMBERS(i + 1, i + 2, 5000 + i));
    }
    batch_close(&place);
}

static void test_suspect_documents(void **state)
{
    static const enum ocs_document_state states[] = {OCS_DOCUMENT_AMBIGUOUS, OCS_DOCUMENT_INVALID,
                                                     OCS_DOCUMENT_TOO_LARGE};
    struct batch_place place;
    batch_open(*state, &place);
    for (uint32_t i = 0; i < 3; i++) {
        learn_now(&place,
                  (struct lesson){.number = 1 + i, .children = NUMBERS(9), .state = states[i]});
        assert_int_equal(node_of(&place, 1 + i).flags, OCS_NODE_SUSPECT);
        assert_int_equal(node_of(&place, 1 + i).kind, OCS_NODE_DOCUMENT);
    }
    /* it was half written when we looked */
    learn_now(&place, (struct lesson){.number = 1,
                                      .children = NUMBERS(9),
                                      .result = OCS_RESULT_GOOD,
                                      .verified_at = 5});
    assert_int_equal(node_of(&place, 1).flags, 0);
    batch_close(&place);
}

static void test_opaque_document_is_opaque(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    struct ocs_document document = {.state = OCS_DOCUMENT_OPAQUE};
    struct ocs_digest digest = graph_digest(1);
    struct ocs_fact fact = {.digest = &digest, .document = &document, .stamp = first_file};
    assert_int_equal(ocs_graph_batch_add(place.batch, &fact, NULL), 0);
    flush(&place);
    assert_int_equal(node_of(&place, 1).kind, OCS_NODE_OPAQUE);
    batch_close(&place);
}

static void test_flags_are_added_and_the_time_is_kept(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    learn_now(&place, (struct lesson){.number = 1, .flags = OCS_NODE_WAS_LIVE});
    struct ocs_node node = node_of(&place, 1);
    node.unreferenced_since = 1234;
    struct ocs_graph_txn *txn = graph_begin(place.graph, true);
    assert_int_equal(ocs_graph_put_node(txn, &node, NULL), 0);
    graph_commit(txn);
    learn_now(&place, (struct lesson){.number = 1, .flags = OCS_NODE_WAS_LISTED});
    node = node_of(&place, 1);
    assert_int_equal(node.flags, OCS_NODE_WAS_LIVE | OCS_NODE_WAS_LISTED);
    assert_int_equal(node.unreferenced_since, 1234);
    batch_close(&place);
}

static void test_a_result_belongs_to_its_file(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    learn_now(&place, (struct lesson){.number = 1, .result = OCS_RESULT_GOOD, .verified_at = 50});
    learn_now(&place, (struct lesson){.number = 1});
    assert_int_equal(node_of(&place, 1).result, OCS_RESULT_GOOD);
    assert_int_equal(node_of(&place, 1).verified_at, 50);
    learn_now(&place, (struct lesson){.number = 1, .stamp = other_file});
    struct ocs_node node = node_of(&place, 1);
    assert_int_equal(node.result, OCS_RESULT_NONE);
    assert_int_equal(node.verified_at, 0);
    assert_int_equal(node.size, 20);
    batch_close(&place);
}

static void test_verification_alone(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    learn_now(&place, (struct lesson){.number = 1, .children = NUMBERS(2, 3)});
    struct ocs_digest digest = graph_digest(1);
    assert_int_equal(
        ocs_graph_batch_verified(place.batch, &digest, &other_file, OCS_RESULT_GOOD, 99, NULL), 0);
    flush(&place);
    struct ocs_node node = node_of(&place, 1);
    assert_int_equal(node.kind, OCS_NODE_DOCUMENT);
    assert_int_equal(node.result, OCS_RESULT_GOOD);
    assert_int_equal(node.verified_at, 99);
    assert_true(ocs_stamp_equal(&node.stamp, &other_file));
    assert_children(&place, 1, NUMBERS(2, 3));
    batch_close(&place);
}

/* Beside facts by digest, of the same blob too: what came later counts. */
static void test_verification_by_id(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    learn_now(&place, (struct lesson){.number = 1, .children = NUMBERS(2, 3)});
    uint32_t id = node_of(&place, 1).id, other = node_of(&place, 3).id;
    struct ocs_digest digest = graph_digest(1);
    assert_int_equal(
        ocs_graph_batch_verified_id(place.batch, id, &first_file, OCS_RESULT_BAD, 98, NULL), 0);
    assert_int_equal(
        ocs_graph_batch_verified(place.batch, &digest, &other_file, OCS_RESULT_GOOD, 99, NULL), 0);
    assert_int_equal(
        ocs_graph_batch_verified_id(place.batch, other, &first_file, OCS_RESULT_BAD, 97, NULL), 0);
    assert_int_equal(ocs_graph_batch_count(place.batch), 3);
    flush(&place);
    struct ocs_node node = node_of(&place, 1);
    assert_int_equal(node.result, OCS_RESULT_GOOD);
    assert_int_equal(node.verified_at, 99);
    assert_true(ocs_stamp_equal(&node.stamp, &other_file));
    assert_children(&place, 1, NUMBERS(2, 3));
    node = node_of(&place, 3);
    assert_int_equal(node.result, OCS_RESULT_BAD);
    assert_int_equal(node.verified_at, 97);
    batch_close(&place);
}

/* skopeo opens a manifest with O_TRUNC in place: what is empty for a moment must
 * not make its layers garbage. */
static void test_an_unverified_reading_takes_nothing_away(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    learn_now(&place, (struct lesson){.number = 1, .children = NUMBERS(2, 3)});
    learn_now(&place, (struct lesson){.number = 1, .stamp = other_file});
    assert_int_equal(node_of(&place, 1).kind, OCS_NODE_DOCUMENT);
    assert_children(&place, 1, NUMBERS(2, 3));
    learn_now(&place, (struct lesson){.number = 1,
                                      .children = NUMBERS(3, 4),
                                      .state = OCS_DOCUMENT_INVALID,
                                      .stamp = other_file});
    assert_children(&place, 1, NUMBERS(2, 3, 4));
    learn_now(&place, (struct lesson){.number = 1,
                                      .children = NUMBERS(2, 3),
                                      .result = OCS_RESULT_GOOD,
                                      .verified_at = 9});
    assert_children(&place, 1, NUMBERS(2, 3));
    batch_close(&place);
}

static void test_bad_bytes_say_nothing_of_the_digest(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    learn_now(&place, (struct lesson){.number = 1, .children = NUMBERS(2, 3)});
    learn_now(&place, (struct lesson){.number = 1,
                                      .children = NO_NUMBERS,
                                      .stamp = other_file,
                                      .result = OCS_RESULT_BAD,
                                      .verified_at = 9});
    assert_children(&place, 1, NUMBERS(2, 3));
    assert_int_equal(node_of(&place, 1).result, OCS_RESULT_BAD);

    /* never seen otherwise: its edges stay unknown, whoever reads the same file */
    learn_now(&place, (struct lesson){.number = 4, .result = OCS_RESULT_BAD, .verified_at = 9});
    assert_int_equal(node_of(&place, 4).kind, OCS_NODE_UNREAD);
    learn_now(&place, (struct lesson){.number = 4, .children = NO_NUMBERS});
    assert_int_equal(node_of(&place, 4).kind, OCS_NODE_UNREAD);
    assert_int_equal(node_of(&place, 4).result, OCS_RESULT_BAD);
    /* a layer, by the look of it, is no obstacle for gc */
    learn_now(&place, (struct lesson){.number = 4});
    assert_int_equal(node_of(&place, 4).kind, OCS_NODE_OPAQUE);
    assert_int_equal(node_of(&place, 4).result, OCS_RESULT_BAD);
    /* another file is another matter */
    learn_now(&place, (struct lesson){.number = 4, .stamp = other_file});
    assert_int_equal(node_of(&place, 4).kind, OCS_NODE_OPAQUE);
    assert_int_equal(node_of(&place, 4).result, OCS_RESULT_NONE);
    batch_close(&place);
}

static void test_facts_of_one_blob_in_order(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    for (uint32_t i = 1; i <= 40; i++) {
        struct lesson lesson = {.number = 1,
                                .children = NUMBERS(i + 1),
                                .state = OCS_DOCUMENT_STRICT,
                                .stamp = first_file,
                                .result = OCS_RESULT_GOOD,
                                .verified_at = i};
        learn(&place, &lesson);
    }
    flush(&place);
    assert_int_equal(node_of(&place, 1).verified_at, 40);
    assert_children(&place, 1, NUMBERS(41));
    batch_close(&place);
}

/* Digests that share a long beginning, and one that is the beginning of another. */
static void test_digests_that_sort_closely(void **state)
{
    static const char *const texts[] = {"x:aaaaaaaaaa", "x:aaaaaaaaab", "x:aaaaaaaaa", "x:a",
                                        "x:aaaaaaaaa_"};
    struct batch_place place;
    batch_open(*state, &place);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ocs_digest digest;
        assert_int_equal(ocs_digest_parse(texts[i], strlen(texts[i]), &digest), 0);
        struct ocs_fact fact = {.digest = &digest, .stamp = first_file};
        assert_int_equal(ocs_graph_batch_add(place.batch, &fact, NULL), 0);
    }
    flush(&place);
    struct ocs_graph_txn *txn = graph_begin(place.graph, false);
    assert_int_equal(ocs_graph_count(txn), 5);
    struct ocs_node last;
    for (uint32_t id = 0; id < 5; id++) { /* interned in digest order */
        struct ocs_node node;
        assert_int_equal(ocs_graph_get_node(txn, id, &node, NULL), 0);
        assert_int_equal(node.kind, OCS_NODE_OPAQUE);
        if (id > 0)
            assert_true(ocs_digest_compare(&last.digest, &node.digest) < 0);
        last = node;
    }
    graph_commit(txn);
    batch_close(&place);
}

/* The owner builds a new graph and flushes again. */
static void test_a_failed_flush_keeps_the_batch(void **state)
{
    struct batch_place place;
    batch_open(*state, &place);
    struct lesson lesson = {.number = 1, .stamp = first_file};
    learn(&place, &lesson);
    assert_int_equal(renameat(place.at.dir, "data.mdb", place.at.dir, "data.mdb.bad"), 0);
    assert_int_equal(ocs_graph_batch_flush(place.batch, place.graph, NULL), OCS_GRAPH_CORRUPT);
    assert_int_equal(ocs_graph_batch_count(place.batch), 1);
    ocs_graph_close(place.graph);
    place.graph = graph_open(&place.at);
    flush(&place);
    assert_int_equal(node_of(&place, 1).kind, OCS_NODE_OPAQUE);
    batch_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_empty_flush_writes_nothing),
        PLACE_TEST(test_a_document_and_its_children),
        PLACE_TEST(test_many_at_once),
        PLACE_TEST(test_suspect_documents),
        PLACE_TEST(test_opaque_document_is_opaque),
        PLACE_TEST(test_flags_are_added_and_the_time_is_kept),
        PLACE_TEST(test_a_result_belongs_to_its_file),
        PLACE_TEST(test_verification_alone),
        PLACE_TEST(test_verification_by_id),
        PLACE_TEST(test_an_unverified_reading_takes_nothing_away),
        PLACE_TEST(test_bad_bytes_say_nothing_of_the_digest),
        PLACE_TEST(test_facts_of_one_blob_in_order),
        PLACE_TEST(test_digests_that_sort_closely),
        PLACE_TEST(test_a_failed_flush_keeps_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

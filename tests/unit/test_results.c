/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "fsck/results.h"
#include "store/graph_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph_place.h"

#define NOW 2000000000u

struct scene {
    struct graph_place at;
    struct ocs_fsck_options options;
    struct ocs_fsck_report report;
    struct ocs_fsck_run run;
};

static void scene_open(struct place *place, struct scene *scene)
{
    *scene = (struct scene){0};
    graph_place_open(place, &scene->at);
    scene->run.options = &scene->options;
    scene->run.report = &scene->report;
    scene->run.layout_dir = -1;
    assert_int_equal(ocs_fsck_run_init(&scene->run, NULL), 0);
    scene->run.now = NOW;
    scene->run.graph = graph_open(&scene->at);
    assert_int_equal(ocs_results_open(&scene->run, NULL), 0);
}

static void scene_close(struct scene *scene, struct ocs_graph *graph)
{
    ocs_results_close(&scene->run);
    ocs_fsck_run_clear(&scene->run);
    ocs_graph_close(graph);
    graph_place_close(&scene->at);
}

/* Blobs that were hashed and are right, each of its own size. */
static void verify(struct scene *scene, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = ocs_inventory_count(&scene->run.inventory), blob;
        struct ocs_digest digest = graph_digest(number);
        struct ocs_stamp stamp = {.inode = 1, .size = number};
        assert_int_equal(ocs_inventory_add(&scene->run.inventory, &digest, &blob, NULL), 0);
        assert_int_equal(ocs_results_stamp(&scene->run, blob, &stamp, true, true, NULL), 0);
    }
}

static struct ocs_node node_of(struct ocs_graph_txn *txn, uint32_t number)
{
    struct ocs_digest digest = graph_digest(number);
    struct ocs_node node;
    uint32_t id;
    assert_int_equal(ocs_graph_find(txn, &digest, &id, NULL), 0);
    assert_int_equal(ocs_graph_get_node(txn, id, &node, NULL), 0);
    return node;
}

/* Else what took longest, and ended last, would begin last in the next run. */
static void what_one_run_verified_is_equally_old(void **state)
{
    struct scene scene;
    scene_open(*state, &scene);
    verify(&scene, 1);
    assert_int_equal(ocs_results_flush(&scene.run, NULL), 0);
    struct ocs_graph_txn *txn = graph_begin(scene.run.graph, false);
    assert_int_equal(node_of(txn, 0).verified_at, NOW);
    ocs_graph_abort(txn);
    scene_close(&scene, scene.run.graph);
}

static void what_has_not_settled_is_not_noted(void **state)
{
    struct scene scene;
    struct ocs_digest digest = graph_digest(0);
    struct ocs_stamp stamp = {.inode = 1};
    uint32_t blob;
    scene_open(*state, &scene);
    assert_int_equal(ocs_inventory_add(&scene.run.inventory, &digest, &blob, NULL), 0);
    assert_int_equal(ocs_results_stamp(&scene.run, blob, &stamp, true, false, NULL), 0);
    assert_int_equal(ocs_results_flush(&scene.run, NULL), 0);
    struct ocs_graph_txn *txn = graph_begin(scene.run.graph, false);
    assert_int_equal(ocs_graph_count(txn), 0);
    ocs_graph_abort(txn);
    scene_close(&scene, scene.run.graph);
}

/* A full batch is under way while the next one fills. */
static void full_batches_are_written_on_the_way(void **state)
{
    const uint32_t count = 2 * OCS_GRAPH_BATCH_FULL + 10;
    struct scene scene;
    scene_open(*state, &scene);
    verify(&scene, count);
    assert_int_equal(ocs_results_settle(&scene.run, NULL), 0);
    struct ocs_graph_txn *txn = graph_begin(scene.run.graph, false);
    assert_int_equal(ocs_graph_count(txn), 2 * OCS_GRAPH_BATCH_FULL);
    ocs_graph_abort(txn);
    assert_int_equal(ocs_results_flush(&scene.run, NULL), 0);
    txn = graph_begin(scene.run.graph, false);
    assert_int_equal(ocs_graph_count(txn), count);
    for (uint32_t i = 0; i < count; i += 1001)
        assert_int_equal(node_of(txn, i).stamp.size, i);
    assert_int_equal(node_of(txn, count - 1).result, OCS_RESULT_GOOD);
    ocs_graph_abort(txn);
    scene_close(&scene, scene.run.graph);
}

/* It is a cache: somebody may remove it at any time. */
static void a_graph_that_is_taken_away_is_no_finding(void **state)
{
    struct scene scene;
    scene_open(*state, &scene);
    struct ocs_graph *graph = scene.run.graph;
    verify(&scene, OCS_GRAPH_BATCH_FULL);
    assert_int_equal(ocs_results_settle(&scene.run, NULL), 0);
    assert_int_equal(unlinkat(scene.at.dir, "data.mdb", 0), 0);
    verify(&scene, OCS_GRAPH_BATCH_FULL);
    assert_int_equal(ocs_results_settle(&scene.run, NULL), 0);
    assert_null(scene.run.graph);
    verify(&scene, 1);
    assert_int_equal(ocs_results_flush(&scene.run, NULL), 0);
    assert_int_equal(scene.run.findings.count, 0);
    scene_close(&scene, graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(what_one_run_verified_is_equally_old),
        PLACE_TEST(what_has_not_settled_is_not_noted),
        PLACE_TEST(full_batches_are_written_on_the_way),
        PLACE_TEST(a_graph_that_is_taken_away_is_no_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

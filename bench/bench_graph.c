/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What the graph costs: bench_graph [FOLDER [NODES [EDGES]]].
 * A tenth of the nodes are documents; each has the same number of children, among
 * the NEAR nodes that come next, as an image comes with its layers.  Every figure is of one run,
 * warm; on a busy machine the processor's time tells more than the clock. */
#include "store/cleanup.h"
#include "store/graph_batch.h"
#include "store/graph_pages.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NEAR 10000

struct bench {
    struct ocs_graph_options options;
    struct ocs_graph *graph;
    uint32_t nodes;
    uint32_t edges;
};

static void require(int result, const struct ocs_error *err, const char *what)
{
    if (result == 0)
        return;
    fprintf(stderr, "%s: %d %s\n", what, result, result < 0 ? err->message : "");
    exit(1);
}

struct moment {
    double clock;
    double processor;
};

static double seconds_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct moment now(void)
{
    return (struct moment){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct moment since(struct moment start)
{
    struct moment end = now();
    return (struct moment){end.clock - start.clock, end.processor - start.processor};
}

/* `count` things were done; M/s of the processor's time. */
static void row(const char *what, struct moment took, double count)
{
    printf("| %-50s | %7.3f | %7.3f | ", what, took.clock, took.processor);
    if (count > 0)
        printf("%7.2f |\n", count / took.processor / 1e6);
    else
        printf("%7s |\n", "");
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct ocs_digest digest_of(uint32_t number)
{
    unsigned char raw[32];
    uint64_t state = number * 0x9E3779B97F4A7C15u + 1;
    for (int i = 0; i < 32; i += 8) {
        uint64_t word = next_random(&state);
        memcpy(raw + i, &word, 8);
    }
    struct ocs_digest digest;
    ocs_digest_from_raw(OCS_ALGORITHM_SHA256, raw, &digest);
    return digest;
}

static void open_graph(struct bench *bench)
{
    struct ocs_error err;
    require(ocs_graph_open(&bench->options, &bench->graph, &err), &err, "open");
}

static struct ocs_graph_txn *begin(struct bench *bench, bool write)
{
    struct ocs_error err;
    struct ocs_graph_txn *txn;
    require(ocs_graph_begin(bench->graph, write, &txn, &err), &err, "begin");
    return txn;
}

static void commit(struct ocs_graph_txn *txn)
{
    struct ocs_error err;
    require(ocs_graph_commit(txn, &err), &err, "commit");
}

static void flush(struct bench *bench, struct ocs_graph_batch *batch, struct moment *sum)
{
    struct ocs_error err;
    struct moment start = now();
    require(ocs_graph_batch_flush(batch, bench->graph, &err), &err, "flush");
    struct moment took = since(start);
    sum->clock += took.clock;
    sum->processor += took.processor;
}

/* As import and a first gc do it: facts in any order, flushed when full. */
static void bench_batches(struct bench *bench)
{
    struct ocs_error err;
    struct ocs_graph_batch *batch;
    struct ocs_document document = {.state = OCS_DOCUMENT_STRICT};
    uint32_t children = bench->edges / (bench->nodes / 10);
    struct moment flushing = {0};
    uint64_t state = 7;
    document.descriptors = calloc(children + 1, sizeof(*document.descriptors));
    require(ocs_graph_batch_new(&batch, &err), &err, "batch");
    struct moment start = now();
    for (uint32_t i = 0; i < bench->nodes; i++) {
        struct ocs_digest digest = digest_of(i);
        struct ocs_fact fact = {
            .digest = &digest,
            .stamp = {.inode = i, .size = i, .mtime_ns = 1, .ctime_ns = 1},
            .result = OCS_RESULT_GOOD,
            .verified_at = 1,
        };
        document.count = i % 10 ? 0 : children;
        for (uint32_t j = 0; j < document.count; j++) {
            uint32_t child = (uint32_t)((i + next_random(&state) % NEAR) % bench->nodes);
            document.descriptors[j].role = OCS_ROLE_LAYER;
            document.descriptors[j].digest = digest_of(child);
        }
        fact.document = document.count ? &document : NULL;
        require(ocs_graph_batch_add(batch, &fact, &err), &err, "add");
        if (ocs_graph_batch_count(batch) == OCS_GRAPH_BATCH_FULL)
            flush(bench, batch, &flushing);
    }
    flush(bench, batch, &flushing);
    row("batch: blobs learned, all", since(start), bench->nodes);
    row("batch: of that flushing", flushing, bench->nodes);
    ocs_graph_batch_free(batch);
    free(document.descriptors);
}

static void bench_load(struct bench *bench)
{
    struct ocs_error err;
    struct ocs_graph_view view;
    struct ocs_graph_txn *txn = begin(bench, false);
    struct moment start = now();
    require(ocs_graph_load(txn, &view, &err), &err, "load");
    row("load into arrays", since(start), view.count);
    commit(txn);

    auto_free uint8_t *live = calloc(view.count + 1, 1);
    auto_free uint32_t *stack = malloc(((size_t)view.count + 1) * sizeof(*stack));
    uint32_t depth = 0;
    start = now();
    for (uint32_t root = 0; root < view.count; root++) {
        if (live[root] || view.kind[root] != OCS_NODE_DOCUMENT)
            continue;
        live[root] = 1;
        stack[depth++] = root;
        while (depth) {
            uint32_t node = stack[--depth];
            for (uint32_t i = view.first[node]; i < view.first[node + 1]; i++) {
                uint32_t child = view.children[i].id;
                if (!live[child]) {
                    live[child] = 1;
                    stack[depth++] = child;
                }
            }
        }
    }
    row("mark in those arrays (M edges/s)", since(start), view.first[view.count]);
    ocs_graph_view_clear(&view);
}

static int count_id(void *data, const unsigned char *key, size_t size, uint32_t id,
                    struct ocs_error *err)
{
    (void)key;
    (void)size;
    (void)id;
    (void)err;
    ++*(uint32_t *)data;
    return 0;
}

static void bench_reading(struct bench *bench)
{
    struct ocs_error err;
    uint32_t count = 0;
    uint64_t state = 3;
    struct ocs_graph_txn *txn = begin(bench, false);
    struct moment start = now();
    require(ocs_graph_each_id(txn, &count, count_id, &err), &err, "each id");
    row("scan of ids", since(start), count);
    start = now();
    for (uint32_t i = 0; i < 200000; i++) {
        struct ocs_digest digest = digest_of((uint32_t)(next_random(&state) % bench->nodes));
        uint32_t id;
        require(ocs_graph_find(txn, &digest, &id, &err), &err, "find");
    }
    row("find, random", since(start), 200000);
    start = now();
    for (uint32_t i = 0; i < 200000; i++) {
        struct ocs_node node;
        uint32_t id = (uint32_t)(next_random(&state) % bench->nodes);
        require(ocs_graph_get_node(txn, id, &node, &err), &err, "get node");
    }
    row("get node, random", since(start), 200000);
    start = now();
    require(ocs_graph_check(txn, &err), &err, "check");
    row("check of all pages and records", since(start), bench->nodes);
    commit(txn);
}

static void bench_pages(struct bench *bench)
{
    struct ocs_error err;
    struct stat st;
    auto_fd int fd = openat(bench->options.dir_fd, "data.mdb", O_RDONLY | O_CLOEXEC);
    struct moment start = now();
    require(ocs_pages_check(fd, &err), &err, "pages");
    row("check of the pages alone", since(start), 0);
    fstat(fd, &st);
    printf("data.mdb: %.1f MB\n", (double)st.st_size / 1e6);
}

static void bench_small_commits(struct bench *bench)
{
    struct ocs_error err;
    struct moment start = now();
    for (int64_t i = 0; i < 1000; i++) {
        struct ocs_graph_txn *txn = begin(bench, true);
        require(ocs_graph_put_meta(txn, "bench", &i, sizeof(i), &err), &err, "meta");
        commit(txn);
    }
    row("1,000 durable commits of one small change", since(start), 0);
}

/* All nodes rewritten in id order, as the end of a mark does. */
static void bench_rewriting(struct bench *bench)
{
    struct ocs_error err;
    struct moment start = now();
    struct ocs_graph_txn *txn = begin(bench, true);
    uint32_t count = ocs_graph_count(txn);
    for (uint32_t id = 0; id < count; id++) {
        struct ocs_node node;
        require(ocs_graph_get_node(txn, id, &node, &err), &err, "get node");
        node.flags |= OCS_NODE_WAS_LIVE;
        require(ocs_graph_put_node(txn, &node, &err), &err, "put node");
    }
    commit(txn);
    row("all nodes read and written again, one transaction", since(start), count);
}

static void bench_open(struct bench *bench)
{
    ocs_graph_close(bench->graph);
    struct moment start = now();
    open_graph(bench);
    row("open", since(start), 0);
}

int main(int argc, char **argv)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/bench-graph-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (!mkdtemp(path)) {
        perror(path);
        return 1;
    }
    struct bench bench = {
        .nodes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000000,
        .edges = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 10000000,
    };
    bench.options = (struct ocs_graph_options){
        .dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .path = path,
        .create = true,
    };
    bench.options.lock_fd = openat(bench.options.dir_fd, "lock", O_RDWR | O_CREAT, 0644);
    open_graph(&bench);
    printf("%u nodes, %u edges in %s\n", bench.nodes, bench.edges, path);
    printf("| %-50s | %7s | %7s | %7s |\n|---|---|---|---|\n", "what", "s", "cpu s", "M/cpu s");
    bench_batches(&bench);
    bench_open(&bench);
    bench_load(&bench);
    bench_reading(&bench);
    bench_pages(&bench);
    bench_small_commits(&bench);
    bench_rewriting(&bench);
    ocs_graph_close(bench.graph);
    unlinkat(bench.options.dir_fd, "data.mdb", 0);
    unlinkat(bench.options.dir_fd, "lock", 0);
    return rmdir(path) < 0;
}

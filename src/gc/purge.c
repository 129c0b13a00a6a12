/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "purge.h"

#include "verify.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/walk.h"
#include "store/workers.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

void ocs_purge_clear(struct ocs_purge *purge)
{
    for (size_t i = 0; i < purge->count; i++)
        free(purge->items[i].path);
    free(purge->items);
    *purge = (struct ocs_purge){0};
}

/* ---- which ---- */

struct gather {
    struct ocs_store *store;
    const struct ocs_census *census;
    const struct ocs_mark *mark;
    const struct ocs_purge_options *options;
    struct ocs_graph_txn *txn;
    struct ocs_purge *purge;
};

static bool is_old(const struct ocs_purge_options *options, const char *run)
{
    if (options->own_run && strcmp(run, options->own_run) == 0)
        return true;
    int64_t time = ocs_run_time(run);
    return time >= 0 && options->now - time >= options->trash_for_s;
}

/* What is needed goes from the trash only when it is good in its place. */
static int good_in_place(const struct gather *gather, uint32_t id, const struct ocs_digest *digest,
                         bool *good, struct ocs_error *err)
{
    struct ocs_node node;
    struct stat st;
    *good = false;
    if (!gather->census->present[id] || !ocs_algorithm_verifiable(ocs_digest_algorithm(digest)))
        return 0;
    int result = ocs_graph_get_node(gather->txn, id, &node, err);
    if (result)
        return result;
    *good = ocs_verify_known(gather->store, &node);
    if (*good)
        return 0;
    result = ocs_verify_file(gather->store, digest, &st, err);
    *good = result == 0;
    return result == -OCS_INTERRUPTED ? result : 0;
}

static int may_go(const struct gather *gather, const struct ocs_digest *digest, bool *go,
                  struct ocs_error *err)
{
    uint32_t id;
    *go = true;
    int result = ocs_graph_find(gather->txn, digest, &id, err);
    if (result == OCS_GRAPH_NONE)
        return 0;
    if (result || !ocs_mark_has(gather->mark, id, OCS_MARK_LIVE | OCS_MARK_YOUNG))
        return result;
    return good_in_place(gather, id, digest, go, err);
}

static int add_item(struct ocs_purge *purge, const char *run, const char *path, bool blob,
                    const struct stat *st, struct ocs_error *err)
{
    size_t count = purge->count;
    if ((count & (count - 1)) == 0) { /* full at every power of two */
        struct ocs_purge_item *grown =
            realloc(purge->items, (count ? count * 2 : 1) * sizeof(*grown));
        if (!grown)
            return ocs_error_memory(err);
        purge->items = grown;
    }
    struct ocs_purge_item *item = &purge->items[count];
    item->path = strdup(path);
    if (!item->path)
        return ocs_error_memory(err);
    item->blob = blob;
    item->bytes = ocs_blob_frees(st);
    snprintf(item->run, sizeof(item->run), "%s", run);
    purge->bytes += item->bytes;
    purge->count++;
    return 0;
}

static int on_entry(void *data, const char *run, const char *path, const struct ocs_digest *digest,
                    const struct stat *st, struct ocs_error *err)
{
    struct gather *gather = data;
    bool go = true;
    if (!is_old(gather->options, run))
        return 0;
    if (S_ISDIR(st->st_mode)) {
        ocs_store_notice(gather->store, "trash/%s/%s may not be read, and stays", run, path);
        return 0;
    }
    int result = digest ? may_go(gather, digest, &go, err) : 0;
    if (result || !go)
        return result;
    return add_item(gather->purge, run, path, digest != NULL, st, err);
}

static int compare_items(const void *a, const void *b)
{
    const struct ocs_purge_item *x = a, *y = b;
    int order = strcmp(x->run, y->run);
    return order ? order : strcmp(x->path, y->path);
}

int ocs_purge_plan(struct ocs_store *store, const struct ocs_census *census,
                   const struct ocs_mark *mark, const struct ocs_purge_options *options,
                   struct ocs_purge *out, struct ocs_error *err)
{
    struct ocs_graph *graph;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    struct ocs_purge purge = {0};
    struct gather gather = {store, census, mark, options, NULL, &purge};
    struct ocs_trash_visitor visitor = {.data = &gather, .on_entry = on_entry};
    int result = ocs_store_graph(store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, false, &txn, err);
    gather.txn = txn;
    if (result == 0)
        result = ocs_trash_each(store->state, &visitor, err);
    if (result) {
        ocs_purge_clear(&purge);
        return result;
    }
    if (purge.count > 0)
        qsort(purge.items, purge.count, sizeof(*purge.items), compare_items);
    *out = purge;
    return 0;
}

/* ---- showing ---- */

/* blobs/<alg>/<hex> is shown as the digest it is. */
static const char *name_of(const struct ocs_purge_item *item, char *buffer, size_t size)
{
    const char *digest = strchr(item->path, '/');
    if (!item->blob || !digest)
        return item->path;
    snprintf(buffer, size, "%s", digest + 1);
    char *slash = strchr(buffer, '/');
    if (slash)
        *slash = ':';
    return buffer;
}

void ocs_purge_show(const struct ocs_purge *purge, const struct ocs_gc_options *options)
{
    for (size_t i = 0; options->on_purge && i < purge->count; i++) {
        const struct ocs_purge_item *item = &purge->items[i];
        char text[OCS_DIGEST_BUF];
        struct ocs_gc_purge line = {
            .digest = name_of(item, text, sizeof(text)),
            .run = item->run,
            .bytes = item->bytes,
        };
        options->on_purge(options->data, &line);
    }
}

/* ---- unlinking ---- */

#define CHUNK   256u
#define THREADS 16u /* it waits for the disk, it does not compute: doc/performance.md */

struct chunk {
    struct ocs_work work;
    const struct ocs_purge_item *items;
    size_t count;
    struct ocs_error error;
    int result;
};

static void unlink_chunk(int state, struct chunk *chunk)
{
    for (size_t i = 0; chunk->result == 0 && i < chunk->count; i++)
        chunk->result =
            ocs_trash_unlink(state, chunk->items[i].run, chunk->items[i].path, &chunk->error);
}

static void work(struct ocs_workers *workers, void *data)
{
    const struct ocs_store *store = data;
    struct ocs_work *taken;
    while ((taken = ocs_workers_take(workers, false))) {
        unlink_chunk(store->state, (struct chunk *)taken);
        ocs_workers_give(workers, taken);
    }
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *item,
                   struct ocs_error *err)
{
    struct chunk *chunk = (struct chunk *)item;
    (void)workers;
    (void)data;
    if (chunk->result < 0 && err)
        *err = chunk->error;
    return chunk->result < 0 ? chunk->result : 0;
}

static struct chunk *cut(const struct ocs_purge *purge, size_t *count)
{
    *count = (purge->count + CHUNK - 1) / CHUNK;
    struct chunk *chunks = calloc(*count, sizeof(*chunks));
    for (size_t i = 0; chunks && i < *count; i++) {
        size_t rest = purge->count - i * CHUNK;
        chunks[i].items = purge->items + i * CHUNK;
        chunks[i].count = rest < CHUNK ? rest : CHUNK;
        chunks[i].work.next = i + 1 < *count ? &chunks[i + 1].work : NULL;
    }
    return chunks;
}

int ocs_purge_run(struct ocs_store *store, const struct ocs_purge *purge, unsigned jobs,
                  struct ocs_error *err)
{
    size_t count;
    if (purge->count == 0)
        return 0;
    auto_free struct chunk *chunks = cut(purge, &count);
    if (!chunks)
        return ocs_error_memory(err);
    struct ocs_workers_options options = {
        .threads = jobs ? jobs : THREADS,
        .phase = "purge",
        .blobs_total = count,
        .hooks = &store->hooks,
        .data = store,
        .work = work,
        .on_done = on_done,
    };
    return ocs_workers_run(&options, &chunks[0].work, err);
}

/* ---- empty folders ---- */

/* A command that has just named its run is about to put something there. */
#define TIDY_AFTER_S 86400

static bool may_tidy(const struct ocs_purge_options *options, const char *run)
{
    struct ocs_purge_options patient = *options;
    if (patient.trash_for_s < TIDY_AFTER_S)
        patient.trash_for_s = TIDY_AFTER_S;
    return is_old(&patient, run);
}

int ocs_purge_tidy(struct ocs_store *store, const struct ocs_purge_options *options,
                   struct ocs_error *err)
{
    auto_dir DIR *dir = NULL;
    int result = ocs_walk_open(store->state, "trash", &dir, err);
    if (result)
        return result < 0 ? result : 0;
    struct dirent *entry;
    while (result == 0 && (entry = ocs_walk_next(dir))) {
        if (may_tidy(options, entry->d_name))
            result = ocs_trash_drop_empty(store->state, entry->d_name, err);
    }
    return result == 0 && errno ? ocs_error_errno(err, "trash") : result;
}

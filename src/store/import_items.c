/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "import.h"

#include "cleanup.h"
#include "document_check.h"
#include "error.h"

#include <stdio.h>
#include <string.h>

/* ---- items ---- */

static struct ocs_import_item *new_item(const struct ocs_descriptor *descriptor, uint32_t place,
                                        uint32_t source)
{
    const struct ocs_digest *digest = &descriptor->digest;
    struct ocs_import_item *item = calloc(1, sizeof(*item) + digest->size);
    if (!item)
        return NULL;
    item->place = place;
    item->source = source;
    item->expected = descriptor->size > 0 ? (uint64_t)descriptor->size : 0;
    item->key_size = digest->size;
    memcpy(item->key, digest->key, digest->size);
    if (descriptor->media_type && !(item->media_type = strdup(descriptor->media_type))) {
        free(item);
        return NULL;
    }
    return item;
}

void ocs_import_reading_clear(struct ocs_import_reading *reading)
{
    ocs_document_clear(&reading->document);
    ocs_bytes_clear(&reading->bytes);
    ocs_document_scan_free(reading->scan);
    reading->scan = NULL;
    reading->too_many = false;
}

static void reading_free(struct ocs_import_item *item)
{
    if (!item->reading)
        return;
    ocs_import_reading_clear(item->reading);
    free(item->reading->error);
    free(item->reading);
    item->reading = NULL;
}

void ocs_import_item_free(struct ocs_import_item *item)
{
    reading_free(item);
    free(item->media_type);
    free(item->trouble);
    free(item->edges);
    free(item);
}

static int grow_items(struct ocs_import *import, uint32_t place, struct ocs_error *err)
{
    if (place < import->capacity)
        return 0;
    size_t capacity = import->capacity ? import->capacity * 2 : 64;
    struct ocs_import_item **grown = realloc(import->items, capacity * sizeof(*grown));
    if (!grown)
        return ocs_error_memory(err);
    /* not each place gets its item when memory is short */
    memset(grown + import->capacity, 0, (capacity - import->capacity) * sizeof(*grown));
    import->items = grown;
    import->capacity = capacity;
    return 0;
}

/* The store's copy is right under a valid stamp, and it has no edges to be read. */
static bool is_trusted(const struct ocs_import *import, struct ocs_graph_txn *txn,
                       struct ocs_import_item *item, const struct ocs_digest *digest)
{
    struct ocs_node node;
    struct stat st;
    uint32_t id;
    if (!txn || ocs_graph_find(txn, digest, &id, NULL) != 0 ||
        ocs_graph_get_node(txn, id, &node, NULL) != 0)
        return false;
    if (node.result != OCS_RESULT_GOOD ||
        ocs_blobs_stat(import->store->blobs, digest, &st, NULL) != 0 || !S_ISREG(st.st_mode))
        return false;
    item->stamp = ocs_stamp_of(&st);
    item->size = item->stamp.size;
    item->trusted = ocs_stamp_equal(&item->stamp, &node.stamp);
    return item->trusted && node.kind == OCS_NODE_OPAQUE;
}

/* The item of a descriptor's digest; *fresh when a worker has to look at it. */
static int want(struct ocs_import *import, struct ocs_graph_txn *txn, uint32_t source,
                const struct ocs_descriptor *descriptor, uint32_t *place, bool *fresh,
                struct ocs_error *err)
{
    *fresh = false;
    int result = ocs_digest_set_add(import->set, &descriptor->digest, place, err);
    if (result != 0)
        return result < 0 ? result : 0;
    struct ocs_import_item *item = new_item(descriptor, *place, source);
    if (!item)
        return ocs_error_memory(err);
    result = grow_items(import, *place, err);
    if (result < 0) {
        ocs_import_item_free(item);
        return result;
    }
    import->items[*place] = item;
    *fresh = !is_trusted(import, txn, item, &descriptor->digest);
    if (*fresh)
        return 0;
    struct ocs_document opaque = {.state = OCS_DOCUMENT_OPAQUE};
    item->state = OCS_IMPORT_REUSED;
    return ocs_document_refused(&opaque, &item->refused, err);
}

/* A look at the graph is a saving only: without one everything is hashed. */
static struct ocs_graph_txn *begin_look(struct ocs_import *import)
{
    struct ocs_graph *graph = NULL;
    struct ocs_graph_txn *txn = NULL;
    if (ocs_store_graph(import->store, &graph, NULL) != 0 ||
        ocs_graph_begin(graph, false, &txn, NULL) != 0)
        return NULL;
    return txn;
}

/* ---- what a worker brought ---- */

/* What fsck will call an error, and import takes all the same: the first of it. */
struct taken {
    char id[32]; /* empty: nothing */
    char text[256];
};

static int on_problem(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    struct taken *taken = data;
    const char *between = problem->member[0] ? ": " : "";
    if (!problem->refuse && problem->severity >= OCS_SEVERITY_ERROR && !taken->id[0]) {
        snprintf(taken->id, sizeof(taken->id), "%s", problem->id);
        snprintf(taken->text, sizeof(taken->text), "%.100s%s%s", problem->member, between,
                 problem->text);
    }
    if (!problem->refuse)
        return 0;
    return ocs_error_raise(err, OCS_REFUSED, "%s%s%s", problem->member, between, problem->text);
}

/* Items that are met for the first time, for a worker to look at. */
struct fresh {
    struct ocs_import_item **items;
    size_t count;
};

/* `fresh` has room for it. */
static int add_child(struct ocs_import *import, struct ocs_graph_txn *txn,
                     struct ocs_import_item *item, const struct ocs_descriptor *descriptor,
                     struct fresh *fresh, struct ocs_error *err)
{
    const struct ocs_document *document = &item->reading->document;
    struct ocs_import_edge *edge = &item->edges[item->edge_count];
    bool is_fresh = false;
    *edge = (struct ocs_import_edge){
        .role = (uint8_t)descriptor->role,
        .media = (uint8_t)ocs_media_of(descriptor->media_type),
        .size = descriptor->size,
    };
    auto_bytes struct ocs_bytes data = {0};
    int result = ocs_descriptor_data(document, descriptor, &data, err);
    edge->stands_in = result == 0;
    if (result >= 0)
        result = want(import, txn, item->source, descriptor, &edge->place, &is_fresh, err);
    if (result < 0)
        return result;
    item->edge_count++;
    if (is_fresh)
        fresh->items[fresh->count++] = import->items[edge->place];
    return 0;
}

static int compare_larger_first(const void *a, const void *b)
{
    uint64_t left = (*(struct ocs_import_item *const *)a)->expected;
    uint64_t right = (*(struct ocs_import_item *const *)b)->expected;
    return left < right ? 1 : -(left > right);
}

/* The largest first, so that the threads end together. */
static void add_work(struct ocs_workers *workers, struct fresh *fresh)
{
    qsort(fresh->items, fresh->count, sizeof(*fresh->items), compare_larger_first);
    for (size_t i = 0; i < fresh->count; i++) {
        struct ocs_import_item *item = fresh->items[i];
        ocs_workers_add(workers, &item->work, item->expected);
    }
}

static int add_children(struct ocs_workers *workers, struct ocs_import *import,
                        struct ocs_import_item *item, struct ocs_error *err)
{
    const struct ocs_document *document = &item->reading->document;
    auto_free struct ocs_import_item **room =
        malloc((document->count + 1) * sizeof(struct ocs_import_item *));
    struct fresh fresh = {.items = room};
    item->edges = malloc((document->count + 1) * sizeof(*item->edges));
    if (!item->edges || !room)
        return ocs_error_memory(err);
    auto_graph_txn struct ocs_graph_txn *txn = document->count ? begin_look(import) : NULL;
    for (size_t i = 0; i < document->count; i++) {
        int result = add_child(import, txn, item, &document->descriptors[i], &fresh, err);
        if (result < 0)
            return result;
    }
    add_work(workers, &fresh);
    return 0;
}

/* It comes in: what it needs is known, or every digest in it counts.  But fsck will not
 * like it. */
static void tell_taken(const struct ocs_import *import, const struct ocs_import_item *item,
                       const struct taken *taken)
{
    char name[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    const char *size = ocs_document_is_due(&item->reading->document, item->media_type)
                           ? ocs_document_too_large(item->size, OCS_FSCK_MAX_DOCUMENT)
                           : NULL;
    if (!size && !taken->id[0])
        return;
    ocs_digest_from_key(item->key, item->key_size, &digest);
    ocs_store_notice(import->store, "%s: %s: %s; it is taken, and fsck says the same of it",
                     size ? "document-too-large" : taken->id, ocs_digest_format(&digest, name),
                     size ? size : taken->text);
}

static int look_at_document(struct ocs_workers *workers, struct ocs_import *import,
                            struct ocs_import_item *item, struct ocs_error *err)
{
    const struct ocs_document *document = &item->reading->document;
    struct ocs_error refusal = {0};
    struct taken taken = {0};
    item->document = (uint8_t)document->state;
    int result = ocs_document_check(document, item->media_type, &taken, on_problem, &refusal);
    if (result == -OCS_REFUSED) {
        item->state = OCS_IMPORT_BAD;
        item->trouble = strdup(refusal.message);
        ocs_workers_error(workers);
        return 0;
    }
    if (result < 0) {
        if (err)
            *err = refusal;
        return result;
    }
    tell_taken(import, item, &taken);
    result = ocs_document_refused(document, &item->refused, err);
    return result == 0 && document->count ? add_children(workers, import, item, err) : result;
}

int ocs_import_on_done(struct ocs_workers *workers, void *data, struct ocs_work *work,
                       struct ocs_error *err)
{
    struct ocs_import *import = data;
    struct ocs_import_item *item = (struct ocs_import_item *)work;
    if (!item->reading)
        return ocs_error_memory(err);
    int result = item->failed;
    if (result < 0 && err && item->reading->error)
        *err = *item->reading->error;
    bool read = item->state == OCS_IMPORT_STAGED || item->state == OCS_IMPORT_REUSED;
    if (result == 0 && item->state == OCS_IMPORT_BAD)
        ocs_workers_error(workers);
    if (result == 0 && read)
        result = look_at_document(workers, import, item, err);
    reading_free(item);
    return result;
}

/* ---- what there is to begin with ---- */

static void put_first(const struct ocs_import *import, uint32_t place, struct ocs_work **list)
{
    struct ocs_work *work = &import->items[place]->work;
    work->next = *list;
    *list = work;
}

int ocs_import_seed(struct ocs_import *import, uint32_t index, struct ocs_work **list,
                    struct ocs_error *err)
{
    struct ocs_import_source *source = &import->sources[index];
    source->places = malloc((source->source.count + 1) * sizeof(*source->places));
    if (!source->places)
        return ocs_error_memory(err);
    auto_graph_txn struct ocs_graph_txn *txn = begin_look(import);
    for (size_t i = 0; i < source->source.count; i++) {
        bool fresh = false;
        uint32_t entry = source->source.entries[i];
        int result = want(import, txn, index, &source->source.index.document.descriptors[entry],
                          &source->places[i], &fresh, err);
        if (result < 0)
            return result;
        if (fresh)
            put_first(import, source->places[i], list);
    }
    return 0;
}

/* The store listed it once and has it no more: it would not keep it without an entry. */
static bool was_taken_out(const struct ocs_import *import, struct ocs_graph_txn *txn,
                          const struct ocs_digest *digest)
{
    struct ocs_node node;
    struct stat st;
    uint32_t id;
    return txn && ocs_graph_find(txn, digest, &id, NULL) == 0 &&
           ocs_graph_get_node(txn, id, &node, NULL) == 0 && node.flags & OCS_NODE_WAS_LISTED &&
           ocs_blobs_stat(import->store->blobs, digest, &st, NULL) == OCS_IO_ABSENT;
}

int ocs_import_seed_referrer(struct ocs_import *import, struct ocs_import_referrer *referrer,
                             struct ocs_work **list, struct ocs_error *err)
{
    bool fresh = false;
    char text[OCS_DIGEST_BUF];
    const struct ocs_descriptor descriptor = {
        .digest = referrer->digest, .size = referrer->size, .media_type = referrer->media_type};
    auto_graph_txn struct ocs_graph_txn *txn = begin_look(import);
    if (was_taken_out(import, txn, &referrer->digest)) {
        ocs_store_notice(import->store,
                         "the referrer %s is left out: its entry was taken out of the store",
                         ocs_digest_format(&referrer->digest, text));
        return 0;
    }
    int result = want(import, txn, referrer->source, &descriptor, &referrer->place, &fresh, err);
    if (result == 0 && fresh)
        put_first(import, referrer->place, list);
    return result;
}

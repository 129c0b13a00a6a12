/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "import.h"

#include "cleanup.h"
#include "document_check.h"
#include "error.h"
#include "heal.h"
#include "merge.h"

#include <fcntl.h>
#include <string.h>

/* ---- failures of one source do not end the others ---- */

void ocs_import_failed(struct ocs_import *import, const struct ocs_error *error)
{
    const struct ocs_import_options *options = import->options;
    if (import->first_failure.status == OCS_OK)
        import->first_failure = *error;
    else if (options->on_failure)
        options->on_failure(options->data, error);
    else
        ocs_store_notice(import->store, "%s", error->message);
}

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
    item->key_size = digest->size;
    memcpy(item->key, digest->key, digest->size);
    if (descriptor->media_type && !(item->media_type = strdup(descriptor->media_type))) {
        free(item);
        return NULL;
    }
    return item;
}

static void reading_free(struct ocs_import_item *item)
{
    if (!item->reading)
        return;
    ocs_document_clear(&item->reading->document);
    ocs_bytes_clear(&item->reading->bytes);
    free(item->reading->error);
    free(item->reading);
    item->reading = NULL;
}

static void item_free(struct ocs_import_item *item)
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
        item_free(item);
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

static int on_problem(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    (void)data;
    if (!problem->refuse)
        return 0;
    return ocs_error_raise(err, OCS_REFUSED, "%s%s%s", problem->member,
                           problem->member[0] ? ": " : "", problem->text);
}

static int add_child(struct ocs_workers *workers, struct ocs_import *import,
                     struct ocs_graph_txn *txn, struct ocs_import_item *item,
                     const struct ocs_descriptor *descriptor, struct ocs_error *err)
{
    const struct ocs_document *document = &item->reading->document;
    struct ocs_import_edge *edge = &item->edges[item->edge_count];
    bool fresh = false;
    *edge = (struct ocs_import_edge){
        .role = (uint8_t)descriptor->role,
        .media = (uint8_t)ocs_media_of(descriptor->media_type),
        .size = descriptor->size,
    };
    auto_bytes struct ocs_bytes data = {0};
    int result = ocs_descriptor_data(document, descriptor, &data, err);
    edge->stands_in = result == 0;
    if (result >= 0)
        result = want(import, txn, item->source, descriptor, &edge->place, &fresh, err);
    if (result < 0)
        return result;
    item->edge_count++;
    if (fresh)
        ocs_workers_add(workers, &import->items[edge->place]->work,
                        descriptor->size > 0 ? (uint64_t)descriptor->size : 0);
    return 0;
}

static int add_children(struct ocs_workers *workers, struct ocs_import *import,
                        struct ocs_import_item *item, struct ocs_error *err)
{
    const struct ocs_document *document = &item->reading->document;
    item->edges = malloc((document->count + 1) * sizeof(*item->edges));
    if (!item->edges)
        return ocs_error_memory(err);
    auto_graph_txn struct ocs_graph_txn *txn = document->count ? begin_look(import) : NULL;
    for (size_t i = 0; i < document->count; i++) {
        int result = add_child(workers, import, txn, item, &document->descriptors[i], err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int look_at_document(struct ocs_workers *workers, struct ocs_import *import,
                            struct ocs_import_item *item, struct ocs_error *err)
{
    const struct ocs_document *document = &item->reading->document;
    struct ocs_error refusal = {0};
    item->document = (uint8_t)document->state;
    int result = ocs_document_check(document, item->media_type, NULL, on_problem, &refusal);
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
    result = ocs_document_refused(document, &item->refused, err);
    return result == 0 && document->count ? add_children(workers, import, item, err) : result;
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *work,
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

/* ---- the run ---- */

static int seed_source(struct ocs_import *import, uint32_t index, struct ocs_work **list,
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
        if (!fresh)
            continue;
        struct ocs_work *work = &import->items[source->places[i]]->work;
        work->next = *list;
        *list = work;
    }
    return 0;
}

static int fetch_all(struct ocs_import *import, struct ocs_error *err)
{
    struct ocs_work *list = NULL;
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < import->source_count; i++) {
        if (!import->sources[i].failed)
            result = seed_source(import, i, &list, err);
    }
    uint64_t count = 0;
    for (struct ocs_work *work = list; work; work = work->next)
        count++;
    struct ocs_workers_options options = {
        .threads = import->options->jobs,
        .phase = "import",
        .blobs_total = count,
        .hooks = &import->store->hooks,
        .data = import,
        .work = ocs_import_fetch,
        .on_done = on_done,
    };
    return result == 0 && list ? ocs_workers_run(&options, list, err) : result;
}

/* ---- the layouts ---- */

static void report_images(const struct ocs_import *import, const struct ocs_import_source *source,
                          const struct ocs_merge_entry *entries)
{
    for (size_t i = 0; i < source->source.count; i++) {
        char digest[OCS_DIGEST_BUF];
        struct ocs_image image = {
            .layout = source->source.layout,
            .ref = entries[i].ref,
            .digest = ocs_digest_format(&entries[i].digest, digest),
            .media_type = import->items[source->places[i]]->media_type,
        };
        import->report->images++;
        if (import->options->on_image)
            import->options->on_image(import->options->data, &image);
    }
}

static int make_entry(const struct ocs_import *import, const struct ocs_source *source,
                      uint32_t place, struct ocs_merge_entry *out, struct ocs_error *err)
{
    const struct ocs_descriptor *descriptor = &source->index.document.descriptors[place];
    out->digest = descriptor->digest;
    out->ref = ocs_index_ref(&source->index, place);
    if (import->options->tag) {
        out->ref = import->options->tag;
        return ocs_index_retag(&source->index, place, out->ref, &out->text, err);
    }
    size_t size = 0;
    const char *text = ocs_index_entry_text(&source->index, place, &size);
    out->text = strndup(text, size);
    return out->text ? 0 : ocs_error_memory(err);
}

static int commit_source(struct ocs_import *import, struct ocs_import_source *source,
                         struct ocs_error *err)
{
    size_t count = source->source.count;
    struct ocs_merge_entry *entries = calloc(count + 1, sizeof(*entries));
    int result = entries ? 0 : ocs_error_memory(err);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = make_entry(import, &source->source, source->source.entries[i], &entries[i], err);
    if (result == 0)
        result = ocs_merge(import->store, source->source.layout, entries, count, err);
    if (result == 0)
        report_images(import, source, entries);
    for (size_t i = 0; entries && i < count; i++)
        free(entries[i].text);
    free(entries);
    return result;
}

static int commit_all(struct ocs_import *import, struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < import->source_count; i++) {
        if (!import->sources[i].failed)
            result = commit_source(import, &import->sources[i], err);
    }
    return result;
}

static int run(struct ocs_import *import, struct ocs_error *err)
{
    uint64_t healed = 0;
    int result = ocs_heal(import->store, &healed, err);
    if (result == 0)
        result = ocs_digest_set_new(&import->set, err);
    if (result == 0)
        result = ocs_staging_open(import->store->state, &import->staging, err);
    if (result == 0)
        result = fetch_all(import, err);
    if (result == 0)
        result = ocs_import_judge(import, err);
    if (result == 0)
        result = ocs_import_publish(import, err);
    return result == 0 ? commit_all(import, err) : result;
}

/* ---- before anything is done ---- */

static int open_sources(struct ocs_import *import, const char *const *texts,
                        const struct ocs_source_options *options, struct ocs_error *err)
{
    for (size_t i = 0; i < import->source_count; i++) {
        struct ocs_source *source = &import->sources[i].source;
        int result = ocs_source_open(texts[i], options, source, err);
        if (result < 0)
            return result;
        for (size_t j = 0; !options->name && j < i; j++) {
            if (strcmp(import->sources[j].source.layout, source->layout) == 0)
                return ocs_error_hint(err,
                                      ocs_error_raise(err, OCS_USAGE,
                                                      "%s and %s would both become the layout '%s'",
                                                      texts[j], texts[i], source->layout),
                                      "--name NAME merges them into one");
        }
    }
    return 0;
}

/* A damaged index fails its source alone; wrong usage ends everything. */
static int read_sources(struct ocs_import *import, const struct ocs_source_options *options,
                        struct ocs_error *err)
{
    size_t images = 0;
    for (size_t i = 0; i < import->source_count; i++) {
        struct ocs_error error = {0};
        struct ocs_import_source *source = &import->sources[i];
        int result = ocs_source_read(&source->source, options, &error);
        if (result < 0 && result != -OCS_REFUSED) {
            if (err)
                *err = error;
            return result;
        }
        source->failed = result < 0;
        if (source->failed)
            ocs_import_failed(import, &error);
        images += source->source.count;
    }
    if (import->options->tag && images > 1)
        return ocs_error_raise(err, OCS_USAGE, "--tag names one image, and there are %zu", images);
    return 0;
}

static int refuse_in_place(struct ocs_store *store, struct ocs_error *err)
{
    struct stat st;
    if (fstatat(store->dir, "index.json", &st, AT_SYMLINK_NOFOLLOW) < 0 &&
        fstatat(store->dir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return ocs_error_raise(err, OCS_USAGE,
                           "%s is a store in place: it holds that one layout only, since a tool "
                           "that cleans it up would destroy others",
                           store->path);
}

static void import_clear(struct ocs_import *import)
{
    uint32_t total = import->set ? ocs_digest_set_count(import->set) : 0;
    for (uint32_t i = 0; i < total && i < import->capacity; i++) {
        if (import->items[i])
            item_free(import->items[i]);
    }
    free(import->items);
    ocs_digest_set_free(import->set);
    ocs_staging_close(&import->staging);
    for (size_t i = 0; import->sources && i < import->source_count; i++) {
        ocs_source_close(&import->sources[i].source);
        free(import->sources[i].places);
    }
    free(import->sources);
}

static int import_all(struct ocs_import *import, const char *const *texts, struct ocs_error *err)
{
    struct ocs_source_options options = {
        .name = import->options->name,
        .shared_blobs = import->options->shared_blobs,
        .hooks = &import->store->hooks,
    };
    int result = refuse_in_place(import->store, err);
    if (result == 0)
        result = open_sources(import, texts, &options, err);
    if (result == 0)
        result = read_sources(import, &options, err);
    if (result == 0)
        result = ocs_store_writer(import->store, err);
    if (result < 0)
        return result;
    result = run(import, err);
    ocs_store_writer_end(import->store);
    if (result < 0 || import->first_failure.status == OCS_OK)
        return result;
    if (err)
        *err = import->first_failure;
    return -(int)import->first_failure.status;
}

int ocs_import(struct ocs_store *store, const char *const *sources, size_t count,
               const struct ocs_import_options *options, struct ocs_import_report *report,
               struct ocs_error *err)
{
    static const struct ocs_import_options none = {0};
    struct ocs_import_report unused;
    struct ocs_import import = {
        .store = store,
        .options = options ? options : &none,
        .report = report ? report : &unused,
        .source_count = count,
        .sources = calloc(count + 1, sizeof(*import.sources)),
        .staging = {.parent = -1, .dir = -1},
    };
    *import.report = (struct ocs_import_report){0};
    if (!import.sources)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++)
        import.sources[i].source.dir = -1;
    int result = import_all(&import, sources, err);
    import_clear(&import);
    return result;
}

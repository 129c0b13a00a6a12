/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_documents.h"

#include "array.h"
#include "check_graph.h"
#include "layers.h"
#include "reader.h"
#include "results.h"
#include "schedule.h"

#include "store/cleanup.h"
#include "store/hash.h"

#include <string.h>

struct queue {
    uint32_t *blobs;
    size_t next, count, capacity;
};

/*
 * What hardly can be a document comes last, in the order of the inventory, which is
 * that of the inodes: then what we, and the kernel, know of one blob lies beside what
 * was known of the one before, and with many small layers that is most of the time.
 */
struct search {
    struct ocs_fsck_run *run;
    struct queue queue;
    struct queue big;      /* documents too big to be read among many */
    struct queue last;     /* layers */
    struct queue *current; /* one of these */
    bool reach;            /* what these documents name is reachable */
};

static int push(struct queue *queue, uint32_t blob, struct ocs_error *err)
{
    int r =
        ocs_array_reserve(&queue->blobs, &queue->capacity, queue->count + 1, sizeof(uint32_t), err);
    if (r == 0)
        queue->blobs[queue->count++] = blob;
    return r;
}

static int reach_blob(struct search *search, uint32_t blob, unsigned role, struct ocs_error *err)
{
    struct ocs_blob_state *state = &search->run->inventory.blobs[blob];
    if (state->flags & OCS_BLOB_REACHABLE)
        return 0;
    state->flags |= OCS_BLOB_REACHABLE;
    bool opaque = state->known_kind == OCS_NODE_OPAQUE || role == OCS_ROLE_LAYER;
    return push(opaque ? &search->last : &search->queue, blob, err);
}

/* ---- what was read ---- */

static int add_edge(struct search *search, const struct ocs_document *document,
                    const struct ocs_descriptor *descriptor, uint32_t child, struct ocs_error *err)
{
    struct ocs_inventory *inventory = &search->run->inventory;
    uint8_t how;
    int r = ocs_inventory_how(document, descriptor, &how, err);
    if (r == 0)
        r = ocs_inventory_edge(inventory, child, how, err);
    return r == 0 && search->reach ? reach_blob(search, child, descriptor->role, err) : r;
}

static int add_some_edges(struct search *search, const struct ocs_document *document, size_t first,
                          size_t count, struct ocs_error *err)
{
    const struct ocs_digest *digests[OCS_DIGEST_SET_MANY] = {NULL};
    uint32_t children[OCS_DIGEST_SET_MANY];
    for (size_t i = 0; i < count; i++)
        digests[i] = &document->descriptors[first + i].digest;
    int r = ocs_inventory_add_many(&search->run->inventory, digests, count, children, err);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_edge(search, document, &document->descriptors[first + i], children[i], err);
    return r;
}

static int add_edges(struct search *search, const struct ocs_document *document,
                     struct ocs_error *err)
{
    int r = 0;
    for (size_t first = 0; r == 0 && first < document->count; first += OCS_DIGEST_SET_MANY) {
        size_t left = document->count - first;
        size_t count = left < OCS_DIGEST_SET_MANY ? left : OCS_DIGEST_SET_MANY;
        r = add_some_edges(search, document, first, count, err);
    }
    return r;
}

/* Only what bytes say that are right counts against the blobs they name. */
static int declare(struct search *search, const struct ocs_document *document,
                   struct ocs_error *err)
{
    struct ocs_inventory *inventory = &search->run->inventory;
    const struct ocs_read_document *read = &inventory->documents[inventory->document_count - 1];
    if (!read->sure)
        return 0;
    for (size_t i = 0; i < document->count; i++) {
        const struct ocs_descriptor *descriptor = &document->descriptors[i];
        int r = ocs_inventory_declare(inventory, inventory->children[read->first + i],
                                      descriptor->size, descriptor->media_type, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What a descriptor calls something else has the digest of its bytes. */
static bool is_signed(const struct ocs_reading *reading)
{
    const struct ocs_json *json = reading->document.json;
    enum ocs_media media = ocs_media_of(reading->declared);
    return (media == OCS_MEDIA_SCHEMA1 || media == OCS_MEDIA_OTHER) && json &&
           reading->document.shape & OCS_SHAPE_SCHEMA1 &&
           ocs_json_member(ocs_json_root(json), "signatures");
}

static int blame_problems(struct search *search, const struct ocs_reading *reading,
                          struct ocs_error *err)
{
    for (size_t i = 0; i < reading->problem_count; i++) {
        struct ocs_finding_note note = {
            .id = reading->problems[i].id,
            .severity = reading->problems[i].severity,
            .blob = reading->blob,
            .message = reading->problems[i].text,
        };
        int r = ocs_findings_add(&search->run->findings, &note, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The bytes are gone or wrong: what the graph knows of them is better than
 * nothing, and what can still be read in them comes next. */
static int add_remembered(struct search *search, const struct ocs_reading *reading,
                          struct ocs_error *err)
{
    struct ocs_inventory *inventory = &search->run->inventory;
    auto_free struct ocs_child *children = NULL;
    uint32_t count = 0;
    int r = ocs_check_graph_children(search->run, reading->blob, &children, &count, err);
    if (r < 0 || (count == 0 && reading->document.count == 0))
        return r;
    r = ocs_inventory_document(inventory, reading->blob, false, err);
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        r = ocs_inventory_edge(inventory, children[i].id, children[i].role, err);
        if (r == 0 && search->reach)
            r = reach_blob(search, children[i].id, children[i].role, err);
    }
    return r == 0 && count == 0 ? add_edges(search, &reading->document, err) : r;
}

/* The digest of a signed schema 1 manifest is that of its payload alone. */
static int take_signed(struct search *search, uint32_t blob, struct ocs_error *err)
{
    struct ocs_blob_state *state = &search->run->inventory.blobs[blob];
    state->flags |= OCS_BLOB_SIGNED;
    state->flags &= (uint16_t)~OCS_BLOB_DAMAGED;
    struct ocs_finding_note note = {
        .id = "blob-digest-mismatch",
        .severity = OCS_SEVERITY_INFO,
        .blob = blob,
        .message = "a signed manifest of schema 1, whose digest is that of its payload alone",
    };
    return ocs_findings_add(&search->run->findings, &note, err);
}

static int take_document(struct search *search, const struct ocs_reading *reading,
                         struct ocs_error *err)
{
    const struct ocs_document *document = &reading->document;
    struct ocs_inventory *inventory = &search->run->inventory;
    int r = 0;
    if (reading->verdict == OCS_VERDICT_BAD) {
        if (!is_signed(reading)) {
            inventory->blobs[reading->blob].flags |= OCS_BLOB_MISREAD;
            return add_remembered(search, reading, err);
        }
        r = take_signed(search, reading->blob, err);
    }
    bool sure = document->state == OCS_DOCUMENT_STRICT;
    if (r == 0)
        r = ocs_inventory_document(inventory, reading->blob, sure, err);
    if (r == 0)
        r = add_edges(search, document, err);
    if (r == 0)
        r = ocs_layers_keep_config(search->run, document, err);
    return r == 0 ? declare(search, document, err) : r;
}

static int blame_unreadable(struct search *search, const struct ocs_reading *reading,
                            struct ocs_error *err)
{
    struct ocs_finding_note note = {
        .id = "blob-read-error",
        .severity = OCS_SEVERITY_ERROR,
        .blob = reading->blob,
        .message = reading->err.message,
    };
    return ocs_findings_add(&search->run->findings, &note, err);
}

static int is_digest_of_nothing(const struct ocs_digest *digest, struct ocs_error *err)
{
    enum ocs_algorithm algorithm = ocs_digest_algorithm(digest);
    if (!ocs_algorithm_verifiable(algorithm))
        return true;
    struct ocs_digest nothing;
    int r = ocs_hash_bytes(algorithm, "", 0, &nothing, err);
    return r < 0 ? r : ocs_digest_equal(digest, &nothing);
}

static int take_empty(struct search *search, const struct ocs_reading *reading,
                      struct ocs_error *err)
{
    int r = is_digest_of_nothing(&reading->digest, err);
    if (r != 0)
        return r < 0 ? r : 0;
    search->run->inventory.blobs[reading->blob].flags |= OCS_BLOB_EMPTY | OCS_BLOB_DAMAGED;
    return ocs_results_stamp(search->run, reading->blob, &reading->stamp, false, reading->settled,
                             err);
}

static void note_file(struct search *search, const struct ocs_reading *reading)
{
    struct ocs_blob_state *state = &search->run->inventory.blobs[reading->blob];
    state->size = reading->stamp.size;
    state->stamp = ocs_inventory_stamp(&reading->stamp);
    if (reading->settled)
        state->flags |= OCS_BLOB_SETTLED;
    if (!reading->is_document)
        state->flags |= OCS_BLOB_OPAQUE;
    if (reading->verdict == OCS_VERDICT_BAD)
        state->flags |= OCS_BLOB_DAMAGED;
    bool counts = ocs_schedule_in_passing(search->run) && ocs_schedule_wants(search->run, state);
    bool counted = state->flags & OCS_BLOB_VERIFIED; /* it is read again */
    if (reading->verdict != OCS_VERDICT_GOOD || !counts || counted)
        return;
    state->flags |= OCS_BLOB_VERIFIED;
    search->run->report->blobs_checked++;
    search->run->report->bytes_checked += reading->stamp.size;
}

static int remember(struct search *search, const struct ocs_reading *reading, struct ocs_error *err)
{
    const struct ocs_blob_state *state = &search->run->inventory.blobs[reading->blob];
    bool verifiable = ocs_algorithm_verifiable(ocs_digest_algorithm(&reading->digest));
    if (verifiable && reading->verdict != OCS_VERDICT_GOOD && !(state->flags & OCS_BLOB_SIGNED))
        return 0;
    if (!ocs_check_graph_knows(state))
        return ocs_results_learn(search->run, reading->blob,
                                 reading->is_document ? &reading->document : NULL, &reading->stamp,
                                 err);
    return state->flags & OCS_BLOB_VERIFIED
               ? ocs_results_stamp(search->run, reading->blob, &reading->stamp, true,
                                   reading->settled, err)
               : 0;
}

static int blame_file(struct search *search, const struct ocs_reading *reading,
                      struct ocs_error *err)
{
    struct ocs_fsck_run *run = search->run;
    int r = 0;
    if (reading->mode & S_IWOTH)
        r = ocs_fsck_blame_blob(run, "blob-writable-by-others", reading->blob, NULL, err);
    if (r == 0 && reading->unstable)
        r = ocs_fsck_blame_blob(run, "blob-read-unstable", reading->blob, OCS_FSCK_UNSTABLE, err);
    if (r == 0 && reading->in_flux)
        r = ocs_fsck_blame_flux(run, reading->blob, &reading->stamp, err);
    return r;
}

static int take_file(struct search *search, const struct ocs_reading *reading,
                     struct ocs_error *err)
{
    note_file(search, reading);
    int r = blame_file(search, reading, err);
    if (r == 0 && reading->stamp.size == 0)
        r = take_empty(search, reading, err);
    if (r == 0)
        r = blame_problems(search, reading, err);
    if (r == 0 && reading->is_document)
        r = take_document(search, reading, err);
    else if (r == 0 && search->run->inventory.blobs[reading->blob].flags & OCS_BLOB_DAMAGED)
        r = add_remembered(search, reading, err);
    return r == 0 ? remember(search, reading, err) : r;
}

static int take(void *data, struct ocs_reading *reading, struct ocs_error *err)
{
    struct search *search = data;
    if (reading->too_big)
        return push(&search->big, reading->blob, err);
    search->run->inventory.blobs[reading->blob].presence = (uint8_t)reading->presence;
    int r = 0;
    switch (reading->presence) {
    case OCS_PRESENCE_HERE:
        return take_file(search, reading, err);
    case OCS_PRESENCE_UNREADABLE:
        r = blame_unreadable(search, reading, err);
        break;
    case OCS_PRESENCE_NOT_REGULAR:
        r = ocs_fsck_blame_blob(search->run, "blob-not-regular", reading->blob, NULL, err);
        break;
    default:
        break;
    }
    return r == 0 ? add_remembered(search, reading, err) : r;
}

/* ---- the search ---- */

static bool next(void *data, struct ocs_reading *reading)
{
    struct search *search = data;
    struct queue *queue = search->current;
    if (queue->next == queue->count)
        return false;
    reading->blob = queue->blobs[queue->next++];
    const struct ocs_inventory *inventory = &search->run->inventory;
    reading->declared = ocs_inventory_media(inventory, inventory->blobs[reading->blob].media);
    return true;
}

static size_t left(const struct queue *queue)
{
    return queue->count - queue->next;
}

static int compare_blobs(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* What to work off now; NULL: there is nothing left. */
static struct queue *choose(struct search *search)
{
    struct queue *last = &search->last;
    if (left(&search->queue))
        return &search->queue;
    if (left(&search->big))
        return &search->big;
    if (!left(last))
        return NULL;
    qsort(last->blobs + last->next, left(last), sizeof(*last->blobs), compare_blobs);
    return last;
}

static int kind_of(const struct search *search)
{
    if (search->current == &search->big)
        return OCS_READER_BIG;
    return search->current == &search->last ? OCS_READER_OPAQUE : OCS_READER_DOCUMENTS;
}

static int search_all(struct search *search, struct ocs_error *err)
{
    int r = 0;
    while (r == 0 && (search->current = choose(search))) {
        struct ocs_reader reader = {
            .run = search->run,
            .phase = "documents",
            .kind = kind_of(search),
            .data = search,
            .next = next,
            .on_read = take,
        };
        r = ocs_reader_run(&reader, err);
    }
    search->run->unlooked += left(&search->queue) + left(&search->last);
    return r;
}

static void search_clear(struct search *search)
{
    free(search->queue.blobs);
    free(search->big.blobs);
    free(search->last.blobs);
}

int ocs_check_documents(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct search search = {.run = run, .reach = true};
    int r = 0;
    for (size_t i = 0; r == 0 && i < run->inventory.root_count; i++)
        r = reach_blob(&search, run->inventory.roots[i].blob,
                       run->inventory.roots[i].how & OCS_EDGE_ROLE, err);
    if (r == 0)
        r = search_all(&search, err);
    search_clear(&search);
    return r;
}

/* ---- the same document under another media type ---- */

struct retyping {
    struct ocs_fsck_run *run;
    size_t next;
};

static bool next_retyping(void *data, struct ocs_reading *reading)
{
    struct retyping *retyping = data;
    const struct ocs_inventory *inventory = &retyping->run->inventory;
    while (retyping->next < inventory->declaration_count) {
        const struct ocs_declaration *other = &inventory->declarations[retyping->next++];
        const struct ocs_blob_state *state = &inventory->blobs[other->blob];
        if (!other->media || state->presence != OCS_PRESENCE_HERE)
            continue;
        reading->blob = other->blob;
        reading->declared = ocs_inventory_media(inventory, other->media);
        return true;
    }
    return false;
}

static int take_retyping(void *data, struct ocs_reading *reading, struct ocs_error *err)
{
    struct retyping *retyping = data;
    struct search search = {.run = retyping->run};
    return blame_problems(&search, reading, err);
}

static int compare_declarations(const void *left, const void *right)
{
    const struct ocs_declaration *a = left, *b = right;
    if (a->blob != b->blob)
        return a->blob < b->blob ? -1 : 1;
    if (a->media != b->media)
        return a->media < b->media ? -1 : 1;
    return (a->size > b->size) - (a->size < b->size);
}

/* One line for each (blob, media, size). */
static void unite_declarations(struct ocs_inventory *inventory)
{
    struct ocs_declaration *items = inventory->declarations;
    size_t kept = 0;
    if (inventory->declaration_count)
        qsort(items, inventory->declaration_count, sizeof(*items), compare_declarations);
    for (size_t i = 0; i < inventory->declaration_count; i++) {
        if (kept == 0 || compare_declarations(&items[kept - 1], &items[i]) != 0)
            items[kept++] = items[i];
    }
    inventory->declaration_count = kept;
}

int ocs_check_documents_of(struct ocs_fsck_run *run, uint32_t *blobs, size_t count, bool reach,
                           struct ocs_error *err)
{
    struct search search = {
        .run = run,
        .reach = reach,
        .queue = {.blobs = blobs, .count = count, .capacity = count},
    };
    int r = search_all(&search, err);
    search_clear(&search);
    unite_declarations(&run->inventory);
    return r;
}

/* Which of several types came first depends on the threads: from here on the
 * first one is the least. */
static void order_types(struct ocs_inventory *inventory)
{
    for (size_t i = 0; i < inventory->declaration_count; i++) {
        struct ocs_declaration *other = &inventory->declarations[i];
        struct ocs_blob_state *state = &inventory->blobs[other->blob];
        const char *first = ocs_inventory_media(inventory, state->media);
        const char *second = ocs_inventory_media(inventory, other->media);
        if (!first || !second || strcmp(second, first) >= 0)
            continue;
        uint16_t media = state->media;
        state->media = other->media;
        other->media = media;
    }
}

int ocs_check_other_types(struct ocs_fsck_run *run, struct ocs_error *err)
{
    unite_declarations(&run->inventory);
    struct retyping retyping = {.run = run};
    struct ocs_reader reader = {
        .run = run,
        .phase = "documents",
        .kind = OCS_READER_BIG,
        .data = &retyping,
        .next = next_retyping,
        .on_read = take_retyping,
    };
    int r = ocs_reader_run(&reader, err);
    order_types(&run->inventory);
    return r;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "learn.h"

#include "cleanup.h"
#include "error.h"
#include "graph_batch.h"
#include "hash.h"
#include "workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE_BYTES 4096u
#define SCAN_BYTES  (256u << 10)
#define CHUNK       16384u /* items in memory at a time */
#define THREADS     16u    /* most of the time of a file that is not in memory is waiting */

/* ---- one blob ---- */

static bool is_blank(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!strchr(" \t\r\n", bytes[i]) || bytes[i] == '\0')
            return false;
    }
    return true;
}

bool ocs_learn_may_be_document(const char *bytes, size_t size)
{
    return ocs_document_looks_like(bytes, size) || is_blank(bytes, size);
}

/* Reads on after the first `have` bytes; `size` is that of the file. */
static int read_rest(int fd, const char *probe, size_t have, uint64_t size, struct ocs_bytes *out,
                     const char *what, struct ocs_error *err)
{
    out->data = malloc(size + 1);
    if (!out->data)
        return ocs_error_memory(err);
    memcpy(out->data, probe, have);
    ssize_t n = ocs_io_read(fd, out->data + have, size - have);
    if (n < 0)
        return ocs_error_errno(err, "%s", what);
    out->size = have + (size_t)n;
    out->data[out->size] = '\0';
    return 0;
}

static int scan_bytes(int fd, struct ocs_document_scan *scan, const char *probe, size_t have,
                      const char *what, struct ocs_error *err)
{
    auto_free char *buffer = malloc(SCAN_BYTES);
    if (!buffer)
        return ocs_error_memory(err);
    ssize_t n = 1;
    int result = ocs_document_scan_feed(scan, probe, have, err);
    while (result == 0 && n > 0) {
        n = ocs_io_read(fd, buffer, SCAN_BYTES);
        if (n < 0)
            return ocs_error_errno(err, "%s", what);
        result = ocs_document_scan_feed(scan, buffer, (size_t)n, err);
    }
    return result;
}

/* Too large to be read: it is looked through for digests. */
static int scan_all(int fd, const char *probe, size_t have, struct ocs_document *document,
                    const char *what, struct ocs_error *err)
{
    struct ocs_document_scan *scan;
    int result = ocs_document_scan_new(&scan, err);
    if (result < 0)
        return result;
    result = scan_bytes(fd, scan, probe, have, what, err);
    if (result == 0)
        result = ocs_document_scan_end(scan, document, err);
    ocs_document_scan_free(scan);
    return result;
}

int ocs_learn_blob(int fd, struct ocs_bytes *bytes, struct ocs_document *document, const char *what,
                   struct ocs_error *err)
{
    char probe[PROBE_BYTES];
    struct stat st;
    *bytes = (struct ocs_bytes){0};
    *document = (struct ocs_document){.state = OCS_DOCUMENT_OPAQUE};
    ssize_t have = ocs_io_read(fd, probe, sizeof(probe));
    if (have < 0)
        return ocs_error_errno(err, "%s", what);
    if (!ocs_learn_may_be_document(probe, (size_t)have))
        return 0;
    if (fstat(fd, &st) < 0)
        return ocs_error_errno(err, "%s", what);
    uint64_t size = st.st_size < have ? (uint64_t)have : (uint64_t)st.st_size;
    if (size > OCS_DOCUMENT_BYTES_MAX)
        return scan_all(fd, probe, (size_t)have, document, what, err);
    int result = read_rest(fd, probe, (size_t)have, size, bytes, what, err);
    if (result == 0)
        result =
            ocs_document_read(bytes->data, bytes->size, OCS_JSON_DOCUMENT_LIMITS, document, err);
    if (result < 0)
        ocs_bytes_clear(bytes);
    return result;
}

/* ---- many ---- */

struct item {
    struct ocs_work work;
    uint32_t place;
    bool known; /* could be read, and is whole as far as that matters for its edges */
    int lacked; /* for want of means: errno, which says nothing of the blob */
    struct ocs_stamp stamp;
    struct ocs_bytes bytes;
    struct ocs_document document;
};

struct learning {
    struct ocs_store *store;
    const struct ocs_digest_list *list;
    uint64_t *inodes; /* by place, or NULL */
    struct ocs_graph_batch *batch;
    int corrupt;
};

/* Other tools write documents under their final names.  What was read of a
 * half-written one must not be remembered as its edges: it stays unread, and is
 * read again next time, and so does one that has not begun: nothing but blanks.  Any other
 * opaque blob has no edges, whole or not.
 * Where the digest cannot tell, half a document is one that does not end. */
static bool is_whole(int fd, const struct ocs_digest *digest, const struct item *item)
{
    struct ocs_digest actual;
    enum ocs_algorithm algorithm = ocs_digest_algorithm(digest);
    const struct ocs_bytes *bytes = &item->bytes;
    bool opaque = item->document.state == OCS_DOCUMENT_OPAQUE;
    if (opaque && !bytes->data)
        return true;
    if (!ocs_algorithm_verifiable(algorithm))
        return !opaque && item->document.state != OCS_DOCUMENT_INVALID;
    if (!bytes->data && lseek(fd, 0, SEEK_SET) < 0)
        return false;
    int result = bytes->data ? ocs_hash_bytes(algorithm, bytes->data, bytes->size, &actual, NULL)
                             : ocs_hash_file(fd, algorithm, &actual, "a document", NULL);
    return result == 0 && ocs_digest_equal(&actual, digest);
}

/* The digest of a signed schema 1 manifest is that of its payload alone: the file
 * as it lies there never has it (doc/documents.md). */
static bool is_signed_schema1(const struct ocs_document *document)
{
    return document->state == OCS_DOCUMENT_STRICT && document->shape == OCS_SHAPE_SCHEMA1 &&
           ocs_json_member(ocs_json_root(document->json), "signatures");
}

/* The graph wants the digests of the edges alone; whoever made the rest can free it
 * without waiting for others. */
static void keep_edges(struct item *item)
{
    ocs_json_free(item->document.json);
    item->document.json = NULL;
    ocs_bytes_clear(&item->bytes);
}

static void read_item(const struct learning *learning, struct item *item)
{
    struct ocs_digest digest;
    char text[OCS_DIGEST_BUF];
    struct stat st;
    auto_fd int fd = -1;
    const struct ocs_blobs *blobs = learning->store->blobs;
    ocs_digest_list_get(learning->list, item->place, &digest);
    int result = ocs_blobs_open_blob(blobs, &digest, &fd, &st, NULL);
    if (result == 0)
        result = ocs_learn_blob(fd, &item->bytes, &item->document, ocs_digest_format(&digest, text),
                                NULL);
    item->lacked = result < 0 && ocs_io_no_means() ? errno : 0;
    if (fd >= 0 || ocs_blobs_stat(blobs, &digest, &st, NULL) == 0)
        item->stamp = ocs_stamp_of(&st);
    if (fd < 0)
        return;
    item->known =
        result == 0 && (is_signed_schema1(&item->document) || is_whole(fd, &digest, item));
    if (!item->known && !ocs_algorithm_verifiable(ocs_digest_algorithm(&digest)))
        item->stamp = (struct ocs_stamp){.size = item->stamp.size}; /* read it again next time */
    keep_edges(item);
}

static void work(struct ocs_workers *workers, void *data)
{
    struct ocs_work *taken;
    while ((taken = ocs_workers_take(workers, false))) {
        read_item(data, (struct item *)taken);
        ocs_workers_give(workers, taken);
    }
}

static int flush(struct learning *learning, struct ocs_error *err)
{
    struct ocs_graph *graph = NULL;
    int result = ocs_store_graph(learning->store, &graph, err);
    if (result == 0)
        result = ocs_graph_batch_flush(learning->batch, graph, err);
    if (result > 0)
        learning->corrupt = result;
    return result < 0 ? result : 0;
}

static void item_clear(struct item *item)
{
    ocs_document_clear(&item->document);
    ocs_bytes_clear(&item->bytes);
}

static int record(struct learning *learning, const struct item *item, struct ocs_error *err)
{
    struct ocs_digest digest;
    ocs_digest_list_get(learning->list, item->place, &digest);
    struct ocs_fact fact = {.digest = &digest, .document = &item->document, .stamp = item->stamp};
    if (item->known)
        return ocs_graph_batch_add(learning->batch, &fact, err);
    return ocs_graph_batch_verified(learning->batch, &digest, &item->stamp, OCS_RESULT_NONE, 0,
                                    err);
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *done,
                   struct ocs_error *err)
{
    struct learning *learning = data;
    struct item *item = (struct item *)done;
    (void)workers;
    errno = item->lacked;
    int result =
        errno ? ocs_error_errno(err, "a blob cannot be read") : record(learning, item, err);
    item_clear(item);
    if (result == 0 && ocs_graph_batch_count(learning->batch) >= OCS_GRAPH_BATCH_FULL)
        result = flush(learning, err);
    return result;
}

static int learn_chunk(struct learning *learning, struct item *items, const uint32_t *places,
                       size_t count, unsigned jobs, struct ocs_error *err)
{
    memset(items, 0, count * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        items[i].place = places[i];
        items[i].work.next = i + 1 < count ? &items[i + 1].work : NULL;
    }
    struct ocs_workers_options options = {
        .threads = jobs ? jobs : THREADS,
        .phase = "read",
        .blobs_total = count,
        .hooks = &learning->store->hooks,
        .data = learning,
        .work = work,
        .on_done = on_done,
    };
    int result = ocs_workers_run(&options, &items[0].work, err);
    for (size_t i = 0; i < count; i++)
        item_clear(&items[i]);
    return result;
}

/* ---- in which order ---- */

/*
 * The graph is filled best in the order of the digests, files are read best in that
 * of their inodes, which is about that of their bytes on the disk.  So as many as go
 * into one transaction are taken by digest, and opened by inode.
 */
#define WINDOW     OCS_GRAPH_BATCH_FULL
#define ORDER_FROM 4096u /* fewer are opened sooner than the folder is listed again */

static int note_inode(void *data, const struct ocs_blobs_entry *entry, struct ocs_error *err)
{
    const struct learning *learning = data;
    uint32_t place;
    (void)err;
    if (ocs_digest_list_find(learning->list, &entry->digest, &place))
        learning->inodes[place] = entry->inode;
    return 0;
}

static int note_inodes(struct learning *learning, struct ocs_error *err)
{
    struct ocs_blobs_visitor visitor = {.data = learning, .on_blob = note_inode};
    learning->inodes = calloc(ocs_digest_list_count(learning->list), sizeof(*learning->inodes));
    if (!learning->inodes)
        return ocs_error_memory(err);
    return ocs_blobs_each(learning->store->blobs, &visitor, err);
}

static int compare_inodes(const void *a, const void *b, void *data)
{
    const uint64_t *inodes = data;
    uint64_t x = inodes[*(const uint32_t *)a], y = inodes[*(const uint32_t *)b];
    return (x > y) - (x < y);
}

static void order(const struct learning *learning, uint32_t *places, size_t count)
{
    for (size_t at = 0; learning->inodes && at < count; at += WINDOW) {
        size_t part = count - at < WINDOW ? count - at : WINDOW;
        qsort_r(places + at, part, sizeof(*places), compare_inodes, learning->inodes);
    }
}

static int learn_all(struct learning *learning, uint32_t *places, size_t count, unsigned jobs,
                     struct ocs_error *err)
{
    auto_free struct item *items = malloc((count < CHUNK ? count : CHUNK) * sizeof(*items));
    if (!items)
        return ocs_error_memory(err);
    int result = count < ORDER_FROM ? 0 : note_inodes(learning, err);
    if (result == 0)
        order(learning, places, count);
    for (size_t at = 0; result == 0 && at < count; at += CHUNK) {
        size_t part = count - at < CHUNK ? count - at : CHUNK;
        result = learn_chunk(learning, items, places + at, part, jobs, err);
    }
    return result == 0 ? flush(learning, err) : result;
}

int ocs_learn(struct ocs_store *store, const struct ocs_digest_list *list, uint32_t *places,
              size_t count, unsigned jobs, struct ocs_error *err)
{
    struct learning learning = {.store = store, .list = list};
    if (count == 0)
        return 0;
    int result = ocs_graph_batch_new(&learning.batch, err);
    if (result < 0)
        return result;
    result = learn_all(&learning, places, count, jobs, err);
    ocs_graph_batch_free(learning.batch);
    free(learning.inodes);
    return result == 0 ? learning.corrupt : result;
}

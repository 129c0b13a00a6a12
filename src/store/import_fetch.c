/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * A worker reads several items at once (streams.h).  An item goes through the copies
 * that there may be, one pass for each: the store's, that of the source which asked
 * for it first, those of the others.  One that is right ends it; after one that is not
 * it is due for the next, which the worker begins as soon as a place is free.
 */

#include "import_pass.h"

#include "error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An item that a worker has taken. */
struct held {
    struct ocs_import_pass pass; /* first, so that the stream tells it */
    size_t step;                 /* 0: the store's copy; then one source after the other */
    bool in_the_way;             /* the store's copy is there, and not right */
    bool damaged;                /* so is that of a source */
    struct held *next;
};

struct fetcher {
    struct ocs_import *import;
    struct ocs_workers *workers;
    struct held held[OCS_STREAMS_MAX];
    struct held *free;
    struct held *due; /* for the next pass */
};

/* ---- the end of an item ---- */

static void note_trouble(struct ocs_import_item *item, const char *text)
{
    free(item->trouble);
    item->trouble = strdup(text); /* without it the item is still BAD */
}

static void give(struct fetcher *fetcher, struct held *held)
{
    struct ocs_import_item *item = held->pass.item;
    held->next = fetcher->free;
    fetcher->free = held;
    ocs_workers_give(fetcher->workers, &item->work);
}

/* The error is kept only where there is one: readings wait in numbers. */
static void give_failed(struct fetcher *fetcher, struct held *held, int result,
                        const struct ocs_error *error)
{
    struct ocs_import_item *item = held->pass.item;
    item->failed = result;
    item->reading->error = malloc(sizeof(*error));
    if (item->reading->error)
        *item->reading->error = *error;
    give(fetcher, held);
}

static int read_document(struct ocs_import_reading *reading, struct ocs_error *err)
{
    if (reading->scan)
        return ocs_document_scan_end(reading->scan, &reading->document, err);
    return reading->bytes.data
               ? ocs_document_read(reading->bytes.data, reading->bytes.size,
                                   OCS_JSON_DOCUMENT_LIMITS, &reading->document, err)
               : 0;
}

static void give_right(struct fetcher *fetcher, struct held *held)
{
    struct ocs_import_item *item = held->pass.item;
    struct ocs_error err;
    item->state = held->step == 0 ? OCS_IMPORT_REUSED : OCS_IMPORT_STAGED;
    item->replaces = held->in_the_way;
    int result =
        item->reading->too_many ? OCS_DOCUMENT_TOO_MANY : read_document(item->reading, &err);
    if (result > 0) {
        item->state = OCS_IMPORT_BAD;
        note_trouble(item, "it is too large a document, and names more blobs than can be kept");
    }
    if (result < 0)
        give_failed(fetcher, held, result, &err);
    else
        give(fetcher, held);
}

/* No copy was right. */
static void give_without(struct fetcher *fetcher, struct held *held)
{
    struct ocs_import_item *item = held->pass.item;
    bool bad = held->in_the_way || held->damaged;
    item->state = bad ? OCS_IMPORT_BAD : OCS_IMPORT_ABSENT;
    item->in_the_way = held->in_the_way && !held->damaged;
    if (bad && !item->trouble)
        note_trouble(item, "the store's copy is damaged, and no source has it");
    give(fetcher, held);
}

/* ---- one copy after the other ---- */

/* Of a step other than the store's. */
static const struct ocs_source *source_of(const struct ocs_import *import, const struct held *held)
{
    size_t first = held->pass.item->source;
    size_t other = held->step - 2; /* among those that did not ask for it first */
    if (held->step == 1)
        return &import->sources[first].source;
    return &import->sources[other < first ? other : other + 1].source;
}

/* The copy is not right: `result` is positive, *error described when it is unreadable. */
static void pass_over(struct fetcher *fetcher, struct held *held, int result,
                      const struct ocs_error *error)
{
    char trouble[1200];
    size_t step = held->step;
    const struct ocs_source *source = step > 0 ? source_of(fetcher->import, held) : NULL;
    held->step++;
    if (result == OCS_IO_ABSENT)
        return;
    if (step == 0) {
        held->in_the_way = true;
        return;
    }
    held->damaged = true;
    const char *fault = result == OCS_IO_NOT_REGULAR ? "is not a regular file"
                        : result == OCS_BLOB_BAD     ? "has other bytes than its digest says"
                                                     : error->message;
    snprintf(trouble, sizeof(trouble), "the copy in %s: %s", ocs_blobs_label(source->blobs), fault);
    note_trouble(held->pass.item, trouble);
}

static int open_copy(struct fetcher *fetcher, struct held *held, struct ocs_error *err)
{
    if (held->step == 0)
        return ocs_import_pass_look(&held->pass, err);
    const struct ocs_source *source = source_of(fetcher->import, held);
    return source->blobs ? ocs_import_pass_stage(&held->pass, source, err) : OCS_IO_ABSENT;
}

/* True: there is a copy to be read.  Otherwise the item is given back. */
static bool begin_pass(struct fetcher *fetcher, struct held *held)
{
    struct ocs_error err = {0};
    while (held->step <= fetcher->import->source_count) {
        int result = open_copy(fetcher, held, &err);
        if (result == 0)
            return true;
        if (result < 0) {
            give_failed(fetcher, held, result, &err);
            return false;
        }
        pass_over(fetcher, held, result, &err);
    }
    give_without(fetcher, held);
    return false;
}

static void end_pass(struct fetcher *fetcher, struct held *held, int result,
                     const struct ocs_error *error)
{
    if (result == 0) {
        give_right(fetcher, held);
    } else if (result == OCS_IMPORT_UNREADABLE && held->step == 0) {
        struct ocs_error err = *error;
        ocs_error_context(&err, -OCS_FAILED, "the store's copy");
        give_failed(fetcher, held, -OCS_FAILED, &err);
    } else if (result < 0) {
        give_failed(fetcher, held, result, error);
    } else {
        pass_over(fetcher, held, result, error);
        held->next = fetcher->due;
        fetcher->due = held;
    }
}

/* ---- on the worker's thread ---- */

/* Without memory the calling thread sees an item that was not read. */
static bool begin_item(struct fetcher *fetcher, struct ocs_import_item *item)
{
    struct held *held = fetcher->free;
    fetcher->free = held->next;
    *held = (struct held){.pass = {.import = fetcher->import, .item = item, .to = -1}};
    ocs_digest_from_key(item->key, item->key_size, &held->pass.digest);
    item->reading = calloc(1, sizeof(*item->reading));
    if (item->reading)
        return begin_pass(fetcher, held);
    item->failed = -OCS_FAILED;
    give(fetcher, held);
    return false;
}

static struct ocs_stream *next(void *data, bool hold)
{
    struct fetcher *fetcher = data;
    struct held *held;
    struct ocs_work *taken;
    while ((held = fetcher->due)) {
        fetcher->due = held->next;
        if (begin_pass(fetcher, held))
            return &held->pass.stream;
    }
    while (fetcher->free && (taken = ocs_workers_take(fetcher->workers, hold))) {
        held = fetcher->free;
        if (begin_item(fetcher, (struct ocs_import_item *)taken))
            return &held->pass.stream;
    }
    return NULL;
}

static int on_bytes(void *data, struct ocs_stream *stream, const void *bytes, size_t size)
{
    struct fetcher *fetcher = data;
    return ocs_import_pass_take((struct ocs_import_pass *)stream, fetcher->workers, bytes, size);
}

static void on_end(void *data, struct ocs_stream *stream, int result,
                   const struct ocs_digest *digest, const struct ocs_error *err)
{
    struct held *held = (struct held *)stream;
    struct ocs_error error = err ? *err : (struct ocs_error){0};
    result = ocs_import_pass_end(&held->pass, result, digest, &error);
    end_pass(data, held, result, &error);
}

void ocs_import_fetch(struct ocs_workers *workers, void *data)
{
    struct ocs_import *import = data;
    unsigned threads = import->options->jobs ? import->options->jobs : ocs_processors();
    struct fetcher fetcher = {.import = import, .workers = workers};
    const struct ocs_streams_visitor visitor = {
        .data = &fetcher, .next = next, .on_bytes = on_bytes, .on_end = on_end};
    /* a copy is open, and the staged file */
    const struct ocs_streams_options options = {.threads = threads, .descriptors = 2};
    struct ocs_streams *streams;
    for (unsigned i = 0; i < OCS_STREAMS_MAX; i++) {
        fetcher.held[i].next = fetcher.free;
        fetcher.free = &fetcher.held[i];
    }
    if (ocs_streams_new(&options, &streams, NULL) < 0)
        return;
    ocs_streams_run(streams, &visitor);
    ocs_streams_free(streams);
}

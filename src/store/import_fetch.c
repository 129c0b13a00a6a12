/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "import.h"

#include "cleanup.h"
#include "error.h"
#include "hash.h"
#include "learn.h"

#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES (256u << 10)

/* One thread's tools. */
struct fetcher {
    struct ocs_import *import;
    struct ocs_workers *workers; /* NULL on the calling thread */
    struct ocs_hasher *hasher;
    char *buffer;
};

/* One pass over one file. */
struct pass {
    int from;
    int to; /* -1: only look */
    const struct ocs_digest *digest;
    const char *what;       /* the file, for messages */
    struct ocs_bytes *keep; /* a document's bytes go here; NULL: not wanted */
    uint64_t size;          /* that was read */
    bool write_failed;
};

#define FETCH_READ_ERROR 20

static int fetcher_open(struct fetcher *fetcher, struct ocs_error *err)
{
    fetcher->buffer = malloc(BUFFER_BYTES);
    int result = fetcher->buffer ? ocs_hasher_new(&fetcher->hasher, err) : ocs_error_memory(err);
    return result;
}

static void fetcher_close(struct fetcher *fetcher)
{
    ocs_hasher_free(fetcher->hasher);
    free(fetcher->buffer);
}

static int keep_bytes(struct ocs_bytes *keep, size_t *capacity, const char *bytes, size_t size,
                      struct ocs_error *err)
{
    if (keep->size + size + 1 > *capacity) {
        size_t grown = (*capacity + size + 1) * 2;
        char *data = realloc(keep->data, grown);
        if (!data)
            return ocs_error_memory(err);
        keep->data = data;
        *capacity = grown;
    }
    memcpy(keep->data + keep->size, bytes, size);
    keep->size += size;
    keep->data[keep->size] = '\0';
    return 0;
}

static int take_chunk(struct fetcher *fetcher, struct pass *pass, size_t *capacity, size_t size,
                      bool verify, struct ocs_error *err)
{
    int result = verify ? ocs_hasher_update(fetcher->hasher, fetcher->buffer, size, err) : 0;
    if (result == 0 && pass->to >= 0) {
        result = ocs_io_write(pass->to, fetcher->buffer, size, pass->what, err);
        pass->write_failed = result < 0;
    }
    if (pass->keep && pass->size == 0 && !ocs_learn_may_be_document(fetcher->buffer, size))
        pass->keep = NULL;
    if (pass->keep && pass->size + size > OCS_LEARN_BYTES_MAX)
        pass->keep = NULL; /* too large to be read by anybody: its first part is enough */
    if (result == 0 && pass->keep)
        result = keep_bytes(pass->keep, capacity, fetcher->buffer, size, err);
    pass->size += size;
    if (fetcher->workers)
        ocs_workers_progress(fetcher->workers, size);
    return result;
}

static bool cancelled(const struct fetcher *fetcher)
{
    return fetcher->workers && ocs_workers_cancelled(fetcher->workers);
}

/* Reads, hashes and writes in one pass.  Positive: OCS_BLOB_BAD (other bytes),
 * FETCH_READ_ERROR.  Digests that we cannot compute pass. */
static int run_pass(struct fetcher *fetcher, struct pass *pass, struct ocs_error *err)
{
    enum ocs_algorithm algorithm = ocs_digest_algorithm(pass->digest);
    bool verify = ocs_algorithm_verifiable(algorithm);
    size_t capacity = 0;
    int result = verify ? ocs_hasher_begin(fetcher->hasher, algorithm, err) : 0;
    while (result == 0) {
        if (cancelled(fetcher))
            return ocs_error_interrupted(err);
        ssize_t n = ocs_io_read(pass->from, fetcher->buffer, BUFFER_BYTES);
        if (n < 0) {
            ocs_error_errno(err, "%s", pass->what);
            return FETCH_READ_ERROR;
        }
        if (n == 0)
            break;
        result = take_chunk(fetcher, pass, &capacity, (size_t)n, verify, err);
    }
    struct ocs_digest actual;
    if (result == 0 && verify) {
        result = ocs_hasher_end(fetcher->hasher, &actual, err);
        if (result == 0 && !ocs_digest_equal(&actual, pass->digest))
            result = OCS_BLOB_BAD;
    }
    return result;
}

static void note_trouble(struct ocs_import_item *item, const char *text)
{
    free(item->trouble);
    item->trouble = strdup(text); /* without it the item is still BAD */
}

/* ---- the copy in the store ---- */

/* 0, or positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR, OCS_BLOB_BAD. */
static int look_in_store(struct fetcher *fetcher, struct ocs_import_item *item,
                         const struct ocs_digest *digest, struct ocs_bytes *keep,
                         struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat st;
    char text[OCS_DIGEST_BUF];
    int result = ocs_blobs_open_blob(fetcher->import->store->blobs, digest, &fd, &st, err);
    if (result != 0)
        return result;
    struct pass pass = {.from = fd,
                        .to = -1,
                        .digest = digest,
                        .what = ocs_digest_format(digest, text),
                        .keep = keep};
    result = run_pass(fetcher, &pass, err);
    item->stamp = ocs_stamp_of(&st);
    item->size = pass.size;
    if (result == FETCH_READ_ERROR)
        return ocs_error_context(err, -OCS_FAILED, "the store's copy");
    return result;
}

int ocs_import_verify_present(struct ocs_import *import, struct ocs_import_item *item,
                              struct ocs_error *err)
{
    struct fetcher fetcher = {.import = import};
    struct ocs_digest digest;
    ocs_digest_from_key(item->key, item->key_size, &digest);
    int result = fetcher_open(&fetcher, err);
    if (result == 0)
        result = look_in_store(&fetcher, item, &digest, NULL, err);
    fetcher_close(&fetcher);
    return result;
}

/* ---- a copy from a source ---- */

void ocs_import_staged_name(const struct ocs_import_item *item, char out[16])
{
    snprintf(out, 16, "%08x", item->place);
}

static int stage(struct fetcher *fetcher, struct ocs_import_item *item, struct pass *pass,
                 struct ocs_error *err)
{
    char name[16];
    ocs_import_staged_name(item, name);
    int result = ocs_io_unlink(fetcher->import->staging.dir, name, 0, name, err);
    if (result == 0)
        result = ocs_io_create(fetcher->import->staging.dir, name, 0644, &pass->to, name, err);
    if (result < 0)
        return result;
    result = run_pass(fetcher, pass, err);
    int closed = ocs_io_close(pass->to, name, result == 0 ? err : NULL);
    if (result != 0) {
        int removed = ocs_io_unlink(fetcher->import->staging.dir, name, 0, name, NULL);
        return result < 0 || removed == 0 ? result : removed;
    }
    return closed;
}

/* 0: staged.  Positive: not to be had from there. */
static int fetch_from(struct fetcher *fetcher, struct ocs_import_item *item,
                      const struct ocs_source *source, const struct ocs_digest *digest,
                      struct ocs_error *err)
{
    auto_fd int fd = -1;
    char text[OCS_DIGEST_BUF];
    char trouble[OCS_DIGEST_BUF + 1200];
    struct ocs_bytes *keep = &item->reading->bytes;
    struct ocs_error error = {0};
    if (!source->blobs)
        return OCS_IO_ABSENT;
    int result = ocs_blobs_open_blob(source->blobs, digest, &fd, NULL, &error);
    if (result == OCS_IO_ABSENT)
        return result;
    struct pass pass = {.from = fd,
                        .to = -1,
                        .digest = digest,
                        .what = ocs_digest_format(digest, text),
                        .keep = keep};
    ocs_bytes_clear(keep);
    if (result == 0)
        result = stage(fetcher, item, &pass, &error);
    item->size = pass.size;
    if (result == 0)
        return 0;
    if (pass.write_failed || -result == OCS_INTERRUPTED) {
        *err = error;
        return result;
    }
    const char *fault = result == OCS_IO_NOT_REGULAR ? "is not a regular file"
                        : result == OCS_BLOB_BAD     ? "has other bytes than its digest says"
                                                     : error.message;
    snprintf(trouble, sizeof(trouble), "%s in %s: %s", text, ocs_blobs_label(source->blobs), fault);
    note_trouble(item, trouble);
    return OCS_BLOB_BAD;
}

/* The source that asked for it first, then every other one. */
static int fetch_from_sources(struct fetcher *fetcher, struct ocs_import_item *item,
                              const struct ocs_digest *digest, struct ocs_error *err)
{
    const struct ocs_import *import = fetcher->import;
    bool damaged = false;
    for (size_t i = 0; i <= import->source_count; i++) {
        size_t source = i == 0 ? item->source : i - 1;
        if (i > 0 && source == item->source)
            continue;
        int result = fetch_from(fetcher, item, &import->sources[source].source, digest, err);
        if (result <= 0)
            return result;
        damaged = damaged || result == OCS_BLOB_BAD;
    }
    return damaged ? OCS_BLOB_BAD : OCS_IO_ABSENT;
}

/* ---- one item ---- */

static int fetch_bytes(struct fetcher *fetcher, struct ocs_import_item *item, struct ocs_error *err)
{
    struct ocs_digest digest;
    ocs_digest_from_key(item->key, item->key_size, &digest);
    int result = look_in_store(fetcher, item, &digest, &item->reading->bytes, err);
    if (result <= 0) {
        item->state = OCS_IMPORT_REUSED;
        return result;
    }
    bool in_the_way = result != OCS_IO_ABSENT;
    result = fetch_from_sources(fetcher, item, &digest, err);
    if (result < 0)
        return result;
    item->state = result == 0                              ? OCS_IMPORT_STAGED
                  : result == OCS_IO_ABSENT && !in_the_way ? OCS_IMPORT_ABSENT
                                                           : OCS_IMPORT_BAD;
    item->replaces = in_the_way && result == 0;
    if (item->state == OCS_IMPORT_BAD && !item->trouble)
        note_trouble(item, "the store's copy is damaged, and no source has it");
    return 0;
}

static int fetch_item(struct fetcher *fetcher, struct ocs_import_item *item, struct ocs_error *err)
{
    int result = fetch_bytes(fetcher, item, err);
    if (result < 0 || item->state == OCS_IMPORT_ABSENT || item->state == OCS_IMPORT_BAD)
        return result;
    struct ocs_import_reading *reading = item->reading;
    if (!reading->bytes.data)
        return 0;
    return ocs_document_read(reading->bytes.data, reading->bytes.size, OCS_JSON_DOCUMENT_LIMITS,
                             &reading->document, err);
}

/* The error is kept only where there is one: readings wait in numbers. */
static void fetch(struct fetcher *fetcher, struct ocs_import_item *item)
{
    struct ocs_error error = {.status = OCS_OK};
    item->reading = calloc(1, sizeof(*item->reading));
    item->failed = item->reading ? fetch_item(fetcher, item, &error) : -OCS_FAILED;
    if (item->failed == 0 || !item->reading)
        return;
    item->reading->error = malloc(sizeof(error));
    if (item->reading->error)
        *item->reading->error = error;
}

void ocs_import_fetch(struct ocs_workers *workers, void *data)
{
    struct fetcher fetcher = {.import = data, .workers = workers};
    struct ocs_work *taken;
    if (fetcher_open(&fetcher, NULL) == 0) {
        while ((taken = ocs_workers_take(workers, false))) {
            fetch(&fetcher, (struct ocs_import_item *)taken);
            ocs_workers_give(workers, taken);
        }
    }
    fetcher_close(&fetcher);
}

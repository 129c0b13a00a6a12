/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_layer.h"

#include "layers.h"
#include "pace.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/hash_pipe.h"
#include "store/inflate.h"

#include <stdatomic.h>
#include <string.h>

#define BUFFER_BYTES (64u << 10)
#define USTAR_AT     257
#define LARGE_BYTES  (4u << 20) /* of a layer that is worth a thread more */

/* gzip cannot exceed 1032; what zstd makes of zeros can, and is left to people. */
#define DEFAULT_RATIO 2000
#define DEFAULT_BYTES (UINT64_C(1) << 40)

enum outcome {
    LAYER_GOOD,
    LAYER_OTHER_BYTES,
    LAYER_INVALID,   /* no stream of its compression */
    LAYER_TOO_MUCH,  /* more comes out than is allowed */
    LAYER_UNCHECKED, /* a compression or digest that we do not know */
    LAYER_SKIPPED,   /* gone, unreadable, cancelled: said elsewhere or not at all */
    LAYER_FAILED,    /* we did */
};

struct result {
    enum outcome outcome;
    bool mistyped;
    enum ocs_compression declared, found;
    const char *why;
    struct ocs_digest actual;
    struct ocs_error err;
};

struct item {
    struct ocs_work work;
    struct result *result;
    struct ocs_layer_task task;
};

struct deep {
    struct ocs_fsck_run *run;
    struct ocs_pace pace;
    struct ocs_inflate_limits limits;
    unsigned threads;
    atomic_uint busy;     /* of them */
    _Atomic size_t ready; /* layers that no worker has begun */
};

struct bench {
    struct ocs_workers *workers;
    struct deep *deep;
    struct ocs_hasher *hasher;
    struct ocs_hash_pipe *pipe; /* NULL: hashed here */
    bool large;                 /* this layer */
    struct ocs_inflater *inflater;
    char *buffer;
};

/* ---- what it is ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), wanted = strlen(end);
    return size >= wanted && strcmp(text + size - wanted, end) == 0;
}

static enum ocs_compression declared_by(const char *media)
{
    if (!media || strstr(media, "+encrypted"))
        return OCS_COMPRESSION_OTHER;
    if (ends_with(media, "+gzip") || ends_with(media, ".gzip") || ends_with(media, ".gz"))
        return OCS_COMPRESSION_GZIP;
    if (ends_with(media, "+zstd") || ends_with(media, ".zstd") || ends_with(media, ".zst"))
        return OCS_COMPRESSION_ZSTD;
    return ends_with(media, "tar") ? OCS_COMPRESSION_PLAIN : OCS_COMPRESSION_OTHER;
}

static bool is_tar(const char *bytes, size_t size)
{
    return size >= USTAR_AT + 5 && memcmp(bytes + USTAR_AT, "ustar", 5) == 0;
}

/* The bytes are believed, the media type is not; but what says nothing of itself
 * and is called compressed has to be a compressed stream. */
static enum ocs_compression find_compression(enum ocs_compression declared, const char *bytes,
                                             size_t size)
{
    if (is_tar(bytes, size))
        return OCS_COMPRESSION_PLAIN;
    enum ocs_compression sniffed = ocs_compression_sniff(bytes, size);
    return sniffed == OCS_COMPRESSION_PLAIN ? declared : sniffed;
}

/* When descriptors disagree, one that is right will do. */
static bool is_declared(const struct ocs_inventory *inventory, uint32_t blob,
                        enum ocs_compression compression)
{
    const struct ocs_blob_state *state = &inventory->blobs[blob];
    if (declared_by(ocs_inventory_media(inventory, state->media)) == compression)
        return true;
    for (size_t i = 0; state->flags & OCS_BLOB_TYPES && i < inventory->declaration_count; i++) {
        const struct ocs_declaration *other = &inventory->declarations[i];
        if (other->blob == blob && other->media &&
            declared_by(ocs_inventory_media(inventory, other->media)) == compression)
            return true;
    }
    return false;
}

/* ---- on the worker threads ---- */

/* When the last layers are under way, threads that have none can hash for others. */
static bool take_idle_thread(struct deep *deep)
{
    if (atomic_load(&deep->ready) > 0)
        return false;
    if (atomic_fetch_add(&deep->busy, 1) < deep->threads)
        return true;
    atomic_fetch_sub(&deep->busy, 1);
    return false;
}

static void open_pipe(struct bench *bench)
{
    if (!bench->large || !take_idle_thread(bench->deep))
        return;
    bench->pipe = ocs_hash_pipe_open(bench->hasher);
    if (!bench->pipe)
        atomic_fetch_sub(&bench->deep->busy, 1);
}

static int close_pipe(struct bench *bench, struct ocs_error *err)
{
    if (!bench->pipe)
        return 0;
    int r = ocs_hash_pipe_close(TAKE_PTR(bench->pipe), err);
    atomic_fetch_sub(&bench->deep->busy, 1);
    return r;
}

static int hash_plain(void *data, const void *bytes, size_t size, struct ocs_error *err)
{
    struct bench *bench = data;
    if (!bench->pipe)
        open_pipe(bench);
    if (!bench->pipe)
        return ocs_hasher_update(bench->hasher, bytes, size, err);
    ocs_hash_pipe_put(bench->pipe, bytes, size);
    return 0;
}

static enum outcome outcome_of(int r)
{
    switch (r) {
    case OCS_INFLATE_INVALID:
        return LAYER_INVALID;
    case OCS_INFLATE_TOO_MUCH:
        return LAYER_TOO_MUCH;
    default:
        return r < 0 ? LAYER_FAILED : LAYER_GOOD;
    }
}

static enum outcome begin(struct bench *bench, const struct item *item, size_t size,
                          const struct ocs_digest *expected)
{
    struct result *result = item->result;
    const struct ocs_inventory *inventory = &bench->deep->run->inventory;
    const struct ocs_blob_state *state = &inventory->blobs[item->task.layer];
    result->declared = declared_by(ocs_inventory_media(inventory, state->media));
    result->found = find_compression(result->declared, bench->buffer, size);
    result->mistyped = !is_declared(inventory, item->task.layer, result->found);
    if (result->found == OCS_COMPRESSION_OTHER)
        return LAYER_UNCHECKED;
    int r = ocs_hasher_begin(bench->hasher, ocs_digest_algorithm(expected), &result->err);
    if (r == 0)
        r = ocs_inflater_begin(bench->inflater, result->found, bench->deep->limits, &result->err);
    return outcome_of(r);
}

static enum outcome end(struct bench *bench, struct result *result,
                        const struct ocs_digest *expected)
{
    int r = ocs_inflater_end(bench->inflater, &result->why);
    if (r == 0)
        r = close_pipe(bench, &result->err);
    if (r == 0)
        r = ocs_hasher_end(bench->hasher, &result->actual, &result->err);
    if (r != 0)
        return outcome_of(r);
    return ocs_digest_equal(&result->actual, expected) ? LAYER_GOOD : LAYER_OTHER_BYTES;
}

static enum outcome read_on(struct bench *bench, const struct item *item, int fd,
                            const struct ocs_digest *expected)
{
    struct result *result = item->result;
    for (bool first = true;; first = false) {
        ssize_t size = ocs_io_read(fd, bench->buffer, BUFFER_BYTES);
        if (size < 0)
            return LAYER_SKIPPED;
        enum outcome outcome = first ? begin(bench, item, (size_t)size, expected) : LAYER_GOOD;
        if (outcome != LAYER_GOOD)
            return outcome;
        outcome = outcome_of(ocs_inflater_feed(bench->inflater, bench->buffer, (size_t)size,
                                               hash_plain, bench, &result->why, &result->err));
        if (outcome != LAYER_GOOD)
            return outcome;
        ocs_workers_progress(bench->workers, (uint64_t)size);
        if (!ocs_pace_spend(&bench->deep->pace, (uint64_t)size, bench->workers))
            return LAYER_SKIPPED;
        if ((size_t)size < BUFFER_BYTES)
            return end(bench, result, expected);
    }
}

static enum outcome check_layer(struct bench *bench, const struct item *item)
{
    auto_fd int fd = -1;
    struct ocs_digest layer, expected;
    const struct ocs_fsck_run *run = bench->deep->run;
    if (ocs_pace_is_over(&bench->deep->pace))
        return LAYER_SKIPPED;
    ocs_inventory_digest(&run->inventory, item->task.layer, &layer);
    ocs_digest_set_get(run->inventory.diffs, item->task.diff_id, &expected);
    if (!ocs_algorithm_verifiable(ocs_digest_algorithm(&expected)))
        return LAYER_UNCHECKED;
    if (ocs_blobs_open_blob(run->blobs, &layer, &fd, NULL, &item->result->err) != 0)
        return LAYER_SKIPPED;
    bench->large = run->inventory.blobs[item->task.layer].size >= LARGE_BYTES;
    enum outcome outcome = read_on(bench, item, fd, &expected);
    close_pipe(bench, NULL);
    return outcome;
}

static int bench_open(struct bench *bench, struct ocs_error *err)
{
    bench->buffer = malloc(BUFFER_BYTES);
    int r = bench->buffer ? ocs_hasher_new(&bench->hasher, err) : ocs_error_memory(err);
    return r == 0 ? ocs_inflater_new(&bench->inflater, err) : r;
}

static void bench_close(struct bench *bench)
{
    ocs_inflater_free(bench->inflater);
    if (bench->hasher)
        ocs_hasher_free(bench->hasher);
    free(bench->buffer);
}

static void work(struct ocs_workers *workers, void *data)
{
    struct bench bench = {.workers = workers, .deep = data};
    struct ocs_error err;
    int ready = bench_open(&bench, &err);
    struct ocs_work *next;
    while ((next = ocs_workers_take(workers, false))) {
        struct item *item = (struct item *)next;
        atomic_fetch_add(&bench.deep->busy, 1);
        atomic_fetch_sub(&bench.deep->ready, 1);
        item->result = calloc(1, sizeof(*item->result));
        if (item->result && ready < 0) {
            item->result->outcome = LAYER_FAILED;
            item->result->err = err;
        } else if (item->result) {
            item->result->outcome = check_layer(&bench, item);
        }
        atomic_fetch_sub(&bench.deep->busy, 1);
        ocs_workers_give(workers, next);
    }
    bench_close(&bench);
}

/* ---- on the calling thread ---- */

static int blame(struct deep *deep, const struct item *item, const char *id,
                 enum ocs_severity severity, const char *message, struct ocs_error *err)
{
    char expected[OCS_DIGEST_BUF], actual[OCS_DIGEST_BUF];
    struct ocs_digest diff_id;
    ocs_digest_set_get(deep->run->inventory.diffs, item->task.diff_id, &diff_id);
    bool other = item->result->outcome == LAYER_OTHER_BYTES;
    struct ocs_finding_note note = {
        .id = id,
        .severity = severity,
        .blob = item->task.layer,
        .expected = ocs_digest_format(&diff_id, expected),
        .actual = other ? ocs_digest_format(&item->result->actual, actual) : NULL,
        .message = message,
    };
    return ocs_findings_add(&deep->run->findings, &note, err);
}

static int blame_type(struct deep *deep, const struct item *item, struct ocs_error *err)
{
    struct ocs_finding_note note = {
        .id = "layer-type-mismatch",
        .severity = OCS_SEVERITY_WARNING,
        .blob = item->task.layer,
        .expected = ocs_compression_name(item->result->declared),
        .actual = ocs_compression_name(item->result->found),
        .message = "the media type says another compression than there is",
    };
    return ocs_findings_add(&deep->run->findings, &note, err);
}

static int take(struct deep *deep, const struct item *item, struct ocs_error *err)
{
    const struct result *result = item->result;
    switch (result->outcome) {
    case LAYER_OTHER_BYTES:
        return blame(deep, item, "diff-id-mismatch", OCS_SEVERITY_ERROR, NULL, err);
    case LAYER_INVALID:
        return blame(deep, item, "layer-compression-invalid", OCS_SEVERITY_ERROR, result->why, err);
    case LAYER_TOO_MUCH:
        return blame(deep, item, "diff-id-unchecked", OCS_SEVERITY_WARNING, result->why, err);
    case LAYER_UNCHECKED:
        return blame(deep, item, "diff-id-unchecked", OCS_SEVERITY_INFO,
                     "a compression or a digest that cannot be checked here", err);
    case LAYER_FAILED:
        if (err)
            *err = result->err;
        return -(int)result->err.status;
    default:
        return 0;
    }
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *work_item,
                   struct ocs_error *err)
{
    struct deep *deep = data;
    struct item *item = (struct item *)work_item;
    if (!item->result)
        return ocs_error_memory(err);
    size_t before = deep->run->findings.count;
    int r = item->result->mistyped ? blame_type(deep, item, err) : 0;
    if (r == 0)
        r = take(deep, item, err);
    if (deep->run->findings.count > before)
        ocs_workers_error(workers);
    free(TAKE_PTR(item->result));
    return r;
}

static int check_tasks(struct deep *deep, const struct ocs_layer_tasks *tasks,
                       struct ocs_error *err)
{
    struct item *items = calloc(tasks->count, sizeof(*items));
    if (!items)
        return ocs_error_memory(err);
    for (size_t i = 0; i < tasks->count; i++) {
        items[i].task = tasks->items[i];
        items[i].work.next = i + 1 < tasks->count ? &items[i + 1].work : NULL;
    }
    deep->ready = tasks->count;
    struct ocs_workers_options options = {
        .threads = deep->threads,
        .phase = "layers",
        .blobs_total = tasks->count,
        .bytes_total = tasks->bytes,
        .hooks = deep->run->hooks,
        .data = deep,
        .work = work,
        .on_done = on_done,
    };
    int r = ocs_workers_run(&options, &items[0].work, err);
    for (size_t i = 0; i < tasks->count; i++)
        free(items[i].result);
    free(items);
    return r;
}

int ocs_check_layers(struct ocs_fsck_run *run, struct ocs_error *err)
{
    if (!run->options->deep || !run->blobs)
        return 0;
    struct ocs_layer_tasks tasks;
    struct deep deep = {
        .run = run,
        .limits = {.bytes = DEFAULT_BYTES, .ratio = DEFAULT_RATIO},
    };
    deep.threads = run->options->jobs ? run->options->jobs : ocs_processors();
    ocs_pace_init(&deep.pace, run);
    int r = ocs_layers_collect(run, &tasks, err);
    if (r == 0 && tasks.count)
        r = check_tasks(&deep, &tasks, err);
    ocs_layers_clear(&tasks);
    return r;
}

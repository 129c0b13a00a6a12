/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "reader.h"

#include "array.h"
#include "schedule.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/hash.h"
#include "store/learn.h"
#include "store/streams.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Small blobs are read whole at once, and with that can be verified in passing. */
#define HEAD_BYTES (64u << 10)

/* Many more than there are threads, so that none waits for the calling one; but so
 * many bytes of documents at most. */
#define DOCUMENTS_BYTES (2u << 20)

static const size_t readings_per_thread[] = {
    [OCS_READER_DOCUMENTS] = 48,
    [OCS_READER_OPAQUE] = 256,
    [OCS_READER_BIG] = 1,
};

#define CANCELLED 2 /* of on_bytes */

/* The first bytes of a file, which may be all. */
struct head {
    const char *bytes;
    size_t size;
    const struct ocs_digest *digest; /* of these bytes, or NULL: not computed */
};

/* A blob that a worker holds. */
struct glance {
    struct ocs_stream stream; /* first, so that it tells the glance */
    struct ocs_reading *reading;
    struct head head;
    struct glance *next_free;
};

/* What one thread keeps from blob to blob. */
struct bench {
    struct ocs_workers *workers;
    struct circulation *circulation;
    const struct ocs_fsck_run *run;
    struct ocs_hasher *hasher; /* libcrypto's, for what is read a second time */
    bool big;
    char *buffer; /* HEAD_BYTES */
    struct glance glances[OCS_STREAMS_MAX];
    struct glance *free;
};

/* Readings go round: to a worker, back to the calling thread, to the next blob. */
struct circulation {
    const struct ocs_reader *reader;
    struct ocs_reading *readings;
    size_t count;
    struct ocs_work *idle;
    _Atomic uint64_t document_bytes; /* that the readings hold */
};

static void reading_reset(struct circulation *circulation, struct ocs_reading *reading)
{
    atomic_fetch_sub(&circulation->document_bytes, reading->counted_bytes);
    reading->counted_bytes = 0;
    for (size_t i = 0; i < reading->problem_count; i++)
        free(reading->problems[i].text);
    reading->problem_count = 0;
    ocs_document_clear(&reading->document);
    ocs_bytes_clear(&reading->bytes);
}

/* ---- on the worker threads ---- */

static int keep_problem(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    struct ocs_reading *reading = data;
    int r = ocs_array_reserve(&reading->problems, &reading->problem_capacity,
                              reading->problem_count + 1, sizeof(*reading->problems), err);
    if (r < 0)
        return r;
    struct ocs_kept_problem kept = {.id = problem->id, .severity = problem->severity};
    const char *member = problem->member ? problem->member : "";
    if (asprintf(&kept.text, "%s%s%s", member, *member ? " " : "", problem->text) < 0)
        return ocs_error_memory(err);
    reading->problems[reading->problem_count++] = kept;
    return 0;
}

static int unreadable(struct ocs_reading *reading)
{
    reading->presence = OCS_PRESENCE_UNREADABLE;
    return 0;
}

static void judge(struct ocs_reading *reading, const struct ocs_digest *actual)
{
    reading->verdict =
        ocs_digest_equal(actual, &reading->digest) ? OCS_VERDICT_GOOD : OCS_VERDICT_BAD;
}

static int hash(struct bench *bench, struct ocs_reading *reading, const char *bytes, size_t size)
{
    enum ocs_algorithm algorithm = ocs_digest_algorithm(&reading->digest);
    reading->verdict = OCS_VERDICT_NONE;
    if (!ocs_algorithm_verifiable(algorithm))
        return 0;
    struct ocs_digest actual;
    int r = ocs_hasher_begin(bench->hasher, algorithm, &reading->err);
    if (r == 0)
        r = ocs_hasher_update(bench->hasher, bytes, size, &reading->err);
    if (r == 0)
        r = ocs_hasher_end(bench->hasher, &actual, &reading->err);
    if (r == 0)
        judge(reading, &actual);
    return r;
}

static int judge_head(struct bench *bench, struct ocs_reading *reading, const struct head *head)
{
    if (!head->digest)
        return hash(bench, reading, head->bytes, head->size);
    judge(reading, head->digest);
    return 0;
}

/* Small documents are in the head as a whole. */
static int read_bytes(struct ocs_reading *reading, int fd, const struct head *head)
{
    if ((uint64_t)head->size < reading->stamp.size)
        return lseek(fd, 0, SEEK_SET) < 0 ? ocs_error_errno(&reading->err, "seek")
                                          : ocs_io_read_all(fd, OCS_DOCUMENT_BYTES_MAX,
                                                            &reading->bytes, "read", &reading->err);
    reading->bytes.size = head->size;
    reading->bytes.data = malloc(reading->bytes.size + 1);
    if (!reading->bytes.data)
        return ocs_error_memory(&reading->err);
    memcpy(reading->bytes.data, head->bytes, reading->bytes.size);
    reading->bytes.data[reading->bytes.size] = '\0';
    return 0;
}

static void note_stat(struct ocs_reading *reading, const struct stat *st)
{
    reading->stamp = ocs_stamp_of(st);
    reading->mode = st->st_mode;
    reading->settled = ocs_stamp_settled(&reading->stamp);
}

/* Wrong bytes are believed only when they come twice. */
static int read_again(struct bench *bench, struct ocs_reading *reading, int fd)
{
    struct ocs_stamp before = reading->stamp;
    struct stat st;
    ocs_bytes_clear(&reading->bytes);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
        ocs_io_read_all(fd, OCS_DOCUMENT_BYTES_MAX, &reading->bytes, "read", &reading->err) < 0)
        return unreadable(reading);
    note_stat(reading, &st);
    reading->in_flux = !ocs_stamp_equal(&before, &reading->stamp);
    int r = hash(bench, reading, reading->bytes.data, reading->bytes.size);
    reading->unstable = reading->verdict == OCS_VERDICT_GOOD && !reading->in_flux;
    return r;
}

/* For another document among many. */
static bool has_room(struct bench *bench, struct ocs_reading *reading)
{
    uint64_t size = reading->stamp.size;
    if (bench->big || reading->counted_bytes)
        return true;
    if (size > HEAD_BYTES)
        return false;
    reading->counted_bytes = size;
    return atomic_fetch_add(&bench->circulation->document_bytes, size) + size <= DOCUMENTS_BYTES;
}

/* Too large to be read, and hashed with the large blobs.  What names more than can be kept
 * is taken for one that names nothing: gc refuses there. */
static int scan_document(struct ocs_reading *reading, int fd)
{
    int r = lseek(fd, 0, SEEK_SET) < 0
                ? ocs_error_errno(&reading->err, "seek")
                : ocs_learn_blob(fd, &reading->bytes, &reading->document, "read", &reading->err);
    if (r == OCS_DOCUMENT_TOO_MANY)
        reading->document.state = OCS_DOCUMENT_TOO_LARGE;
    return r < 0 ? unreadable(reading) : 0;
}

static int read_document(struct bench *bench, struct ocs_reading *reading, int fd,
                         const struct head *head)
{
    reading->is_document = true;
    if (!has_room(bench, reading)) {
        reading->too_big = true;
        return 0;
    }
    if (reading->stamp.size > OCS_DOCUMENT_BYTES_MAX)
        return scan_document(reading, fd);
    if (read_bytes(reading, fd, head) < 0)
        return unreadable(reading);
    int r = head->digest ? judge_head(bench, reading, head)
                         : hash(bench, reading, reading->bytes.data, reading->bytes.size);
    if (r == 0 && reading->verdict == OCS_VERDICT_BAD)
        r = read_again(bench, reading, fd);
    if (r < 0 || reading->presence == OCS_PRESENCE_UNREADABLE)
        return r;
    return ocs_document_read(reading->bytes.data, reading->bytes.size, OCS_JSON_DOCUMENT_LIMITS,
                             &reading->document, &reading->err);
}

static bool is_checked(const struct ocs_reading *reading)
{
    return ocs_document_is_due(&reading->document, reading->declared);
}

static uint64_t most_bytes(const struct ocs_fsck_options *options)
{
    return options->max_document ? options->max_document : OCS_FSCK_MAX_DOCUMENT;
}

static int check(const struct bench *bench, struct ocs_reading *reading)
{
    if (!is_checked(reading) || reading->verdict == OCS_VERDICT_BAD || reading->stamp.size == 0)
        return 0;
    const char *too_large =
        ocs_document_too_large(reading->stamp.size, most_bytes(bench->run->options));
    if (too_large) {
        struct ocs_problem problem = {
            .id = "document-too-large", .severity = OCS_SEVERITY_ERROR, .text = too_large};
        return keep_problem(reading, &problem, &reading->err);
    }
    return ocs_document_check(&reading->document, reading->declared, reading, keep_problem,
                              &reading->err);
}

static int take_head(struct bench *bench, struct ocs_reading *reading, int fd,
                     const struct head *head)
{
    bool whole = (uint64_t)head->size == reading->stamp.size;
    if (ocs_document_looks_like(head->bytes, head->size))
        return read_document(bench, reading, fd, head);
    bool verify = whole && (reading->verify || is_checked(reading));
    int r = verify && ocs_algorithm_verifiable(ocs_digest_algorithm(&reading->digest))
                ? judge_head(bench, reading, head)
                : 0;
    /* Bad twice is no verdict yet: the hashing phase looks again. */
    return r == 0 && reading->verdict == OCS_VERDICT_BAD ? read_again(bench, reading, fd) : r;
}

static int read_head(struct bench *bench, struct ocs_reading *reading, int fd)
{
    ssize_t size = ocs_io_read_at(fd, bench->buffer, HEAD_BYTES, 0);
    if (size < 0) {
        ocs_error_errno(&reading->err, "read");
        return unreadable(reading);
    }
    const struct head head = {.bytes = bench->buffer, .size = (size_t)size};
    return take_head(bench, reading, fd, &head);
}

/* What somebody wrote meanwhile may be another thing now. */
static int take_file(struct bench *bench, struct ocs_reading *reading, int fd,
                     const struct head *head)
{
    int r = head ? take_head(bench, reading, fd, head) : read_head(bench, reading, fd);
    if (r < 0 || !reading->in_flux || reading->is_document)
        return r;
    ocs_bytes_clear(&reading->bytes);
    r = read_head(bench, reading, fd);
    reading->in_flux = true;
    return r;
}

/* ---- several at a time ---- */

/* What a descriptor calls a document is reported when it is none. */
static bool needs_content(const struct ocs_reading *reading)
{
    return (reading->verify && reading->stamp.size <= HEAD_BYTES) || is_checked(reading);
}

/* False: there is nothing to read. */
static bool open_blob(struct bench *bench, struct ocs_reading *reading, int *fd)
{
    struct stat st;
    reading->result = 0;
    if (!bench->run->blobs) {
        reading->presence = OCS_PRESENCE_ABSENT;
        return false;
    }
    int r = ocs_blobs_open_blob(bench->run->blobs, &reading->digest, fd, &st, &reading->err);
    if (r < 0)
        reading->result = ocs_io_no_means() ? r : unreadable(reading);
    if (r > 0)
        reading->presence = r == OCS_IO_ABSENT ? OCS_PRESENCE_ABSENT : OCS_PRESENCE_NOT_REGULAR;
    if (r != 0)
        return false;
    reading->presence = OCS_PRESENCE_HERE;
    note_stat(reading, &st);
    if (reading->opaque_stamp != ocs_inventory_stamp(&reading->stamp) || needs_content(reading))
        return true;
    close(*fd);
    return false;
}

static void begin(struct glance *glance, struct ocs_reading *reading)
{
    bool whole = reading->stamp.size <= HEAD_BYTES;
    glance->reading = reading;
    glance->head = (struct head){0};
    glance->stream.done = 0;
    glance->stream.size = whole ? reading->stamp.size : HEAD_BYTES;
    glance->stream.algorithm = whole ? ocs_digest_algorithm(&reading->digest) : OCS_ALGORITHM_OTHER;
}

static struct ocs_stream *next(void *data, bool hold)
{
    struct bench *bench = data;
    struct glance *glance = bench->free;
    struct ocs_work *taken;
    while ((taken = ocs_workers_take(bench->workers, hold))) {
        struct ocs_reading *reading = (struct ocs_reading *)taken;
        if (open_blob(bench, reading, &glance->stream.fd)) {
            begin(glance, reading);
            bench->free = glance->next_free;
            return &glance->stream;
        }
        ocs_workers_give(bench->workers, taken);
    }
    return NULL;
}

static int on_bytes(void *data, struct ocs_stream *stream, const void *bytes, size_t size)
{
    const struct bench *bench = data;
    struct glance *glance = (struct glance *)stream;
    glance->head = (struct head){.bytes = bytes, .size = size};
    ocs_workers_progress(bench->workers, 0);
    return ocs_workers_cancelled(bench->workers) ? CANCELLED : 0;
}

/* What did not come in one piece, or not at all, is read once more. */
static int finish(struct bench *bench, struct glance *glance, int result,
                  const struct ocs_digest *digest)
{
    struct ocs_reading *reading = glance->reading;
    bool one_piece = result == 0 && glance->head.size == glance->stream.done;
    if (result == CANCELLED)
        return ocs_error_interrupted(&reading->err);
    glance->head.digest = digest;
    int r = take_file(bench, reading, glance->stream.fd, one_piece ? &glance->head : NULL);
    if (r < 0 || reading->presence != OCS_PRESENCE_HERE || reading->too_big)
        return r;
    return check(bench, reading);
}

static void on_end(void *data, struct ocs_stream *stream, int result,
                   const struct ocs_digest *digest, const struct ocs_error *err)
{
    struct bench *bench = data;
    struct glance *glance = (struct glance *)stream;
    (void)err;
    glance->reading->result = finish(bench, glance, result, digest);
    close(stream->fd);
    ocs_workers_give(bench->workers, &glance->reading->work);
    glance->next_free = bench->free;
    bench->free = glance;
}

static void work_off(struct bench *bench)
{
    const struct ocs_streams_options options = {
        .portable = bench->run->options->portable_hash,
        .leave_cache = bench->run->options->direct,
        .threads = ocs_fsck_threads(bench->run),
    };
    const struct ocs_streams_visitor visitor = {
        .data = bench, .next = next, .on_bytes = on_bytes, .on_end = on_end};
    struct ocs_streams *streams;
    for (unsigned i = 0; i < OCS_STREAMS_MAX; i++) {
        bench->glances[i].next_free = bench->free;
        bench->free = &bench->glances[i];
    }
    if (ocs_streams_new(&options, &streams, NULL) < 0)
        return;
    ocs_streams_run(streams, &visitor);
    ocs_streams_free(streams);
}

static void work(struct ocs_workers *workers, void *data)
{
    struct circulation *circulation = data;
    struct bench bench = {
        .workers = workers,
        .circulation = circulation,
        .run = circulation->reader->run,
        .big = circulation->reader->kind == OCS_READER_BIG,
        .buffer = malloc(HEAD_BYTES),
    };
    if (bench.buffer && ocs_hasher_new(&bench.hasher, NULL) == 0)
        work_off(&bench);
    ocs_hasher_free(bench.hasher);
    free(bench.buffer);
}

/* ---- on the calling thread ---- */

static struct ocs_reading *next_reading(struct circulation *circulation)
{
    struct ocs_reading *reading = (struct ocs_reading *)circulation->idle;
    if (!reading || !circulation->reader->next(circulation->reader->data, reading))
        return NULL;
    circulation->idle = reading->work.next;
    reading->presence = OCS_PRESENCE_UNKNOWN;
    reading->stamp = (struct ocs_stamp){0};
    reading->verdict = OCS_VERDICT_NONE;
    reading->is_document = reading->too_big = false;
    reading->settled = reading->unstable = reading->in_flux = false;
    const struct ocs_fsck_run *run = circulation->reader->run;
    const struct ocs_blob_state *state = &run->inventory.blobs[reading->blob];
    bool opaque = state->known_kind == OCS_NODE_OPAQUE;
    reading->verify =
        !run->options->quick && !run->options->only_bad && ocs_schedule_in_passing(run);
    reading->opaque_stamp = opaque ? state->known_stamp : 0;
    ocs_inventory_digest(&run->inventory, reading->blob, &reading->digest);
    return reading;
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *item,
                   struct ocs_error *err)
{
    struct circulation *circulation = data;
    struct ocs_reading *reading = (struct ocs_reading *)item;
    if (reading->result < 0) {
        if (err)
            *err = reading->err;
        return reading->result;
    }
    int r = circulation->reader->on_read(circulation->reader->data, reading, err);
    reading_reset(circulation, reading);
    reading->work.next = circulation->idle;
    circulation->idle = &reading->work;
    if (r < 0)
        return r;
    while ((reading = next_reading(circulation)))
        ocs_workers_add(workers, &reading->work, 0);
    return 0;
}

static int run_circulation(struct circulation *circulation, unsigned threads, struct ocs_error *err)
{
    struct ocs_work *first = NULL;
    struct ocs_work **last = &first;
    uint64_t count = 0;
    struct ocs_reading *reading;
    while ((reading = next_reading(circulation))) {
        reading->work.next = NULL;
        *last = &reading->work;
        last = &reading->work.next;
        count++;
    }
    struct ocs_workers_options options = {
        .threads = threads,
        .phase = circulation->reader->phase,
        .blobs_total = count,
        .hooks = circulation->reader->run->hooks,
        .data = circulation,
        .work = work,
        .on_done = on_done,
    };
    return first ? ocs_workers_run(&options, first, err) : 0;
}

int ocs_reader_run(const struct ocs_reader *reader, struct ocs_error *err)
{
    unsigned threads = ocs_fsck_threads(reader->run);
    struct circulation circulation = {
        .reader = reader,
        .count = threads * readings_per_thread[reader->kind],
    };
    circulation.readings = calloc(circulation.count, sizeof(*circulation.readings));
    if (!circulation.readings)
        return ocs_error_memory(err);
    for (size_t i = circulation.count; i > 0; i--) {
        circulation.readings[i - 1].work.next = circulation.idle;
        circulation.idle = &circulation.readings[i - 1].work;
    }
    int r = run_circulation(&circulation, threads, err);
    for (size_t i = 0; i < circulation.count; i++) {
        reading_reset(&circulation, &circulation.readings[i]);
        free(circulation.readings[i].problems);
    }
    free(circulation.readings);
    return r;
}

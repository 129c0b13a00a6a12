/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_blob.h"

#include "array.h"
#include "pace.h"
#include "results.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/streams.h"
#include "store/workers.h"

#include <fcntl.h>
#include <unistd.h>

#define DAY_NS (INT64_C(86400) * 1000000000)

/* of on_bytes */
#define CANCELLED 2
#define DROPPED   3

enum outcome {
    OUTCOME_GOOD,
    OUTCOME_BAD,
    OUTCOME_CHANGED, /* the file changed under our hands */
    OUTCOME_ABSENT,
    OUTCOME_NOT_REGULAR,
    OUTCOME_UNREADABLE,
    OUTCOME_CANCELLED,
    OUTCOME_LEFT,   /* there was no time for it */
    OUTCOME_FAILED, /* we did, not the blob */
};

/* What there is to say of an outcome that is not good. */
struct trouble {
    struct ocs_digest actual; /* for BAD */
    struct ocs_error err;     /* for UNREADABLE and FAILED */
};

struct result {
    enum outcome outcome;
    bool settled;
    struct ocs_stamp stamp;  /* before the first byte was read */
    struct trouble *trouble; /* NULL: there is nothing, or was no memory for it */
};

/* Kept small: there is one for each blob. */
struct item {
    struct ocs_work work;
    struct result *result; /* from the worker to the calling thread */
    uint32_t blob;
    uint32_t doubt; /* at the second reading: which one is decided */
};

/* A blob whose first reading was not good. */
struct doubt {
    struct ocs_stamp stamp;
    uint32_t blob;
};

struct hashing {
    struct ocs_fsck_run *run;
    struct ocs_pace *pace;
    bool again; /* the second reading, not from the page cache */
    struct doubt *doubts;
    size_t doubt_count, doubt_capacity;
};

/* ---- on the worker threads ---- */

/* A blob that a worker holds. */
struct reading {
    struct ocs_stream stream; /* first, so that it tells the reading */
    struct item *item;
    struct ocs_digest expected;
    struct reading *next_free;
};

struct bench {
    struct ocs_workers *workers;
    const struct hashing *hashing;
    struct reading readings[OCS_STREAMS_MAX];
    struct reading *free;
};

static void result_free(struct result *result)
{
    if (result)
        free(result->trouble);
    free(result);
}

static void settle(struct bench *bench, struct item *item, enum outcome outcome)
{
    item->result->outcome = outcome;
    ocs_workers_give(bench->workers, &item->work);
}

static void settle_trouble(struct bench *bench, struct item *item, enum outcome outcome,
                           const struct ocs_error *err, const struct ocs_digest *actual)
{
    struct trouble *trouble = malloc(sizeof(*trouble));
    if (trouble && err)
        trouble->err = *err;
    if (trouble && actual)
        trouble->actual = *actual;
    item->result->trouble = trouble;
    settle(bench, item, outcome);
}

/* False: the item is settled. */
static bool open_blob(struct bench *bench, struct item *item, struct reading *reading)
{
    const struct hashing *hashing = bench->hashing;
    struct ocs_stream *stream = &reading->stream;
    struct ocs_error err = {0};
    struct stat st;
    ocs_inventory_digest(&hashing->run->inventory, item->blob, &reading->expected);
    int r = ocs_blobs_open_blob(hashing->run->blobs, &reading->expected, &stream->fd, &st, &err);
    if (r < 0)
        settle_trouble(bench, item, ocs_io_no_means() ? OUTCOME_FAILED : OUTCOME_UNREADABLE, &err,
                       NULL);
    if (r > 0)
        settle(bench, item, r == OCS_IO_ABSENT ? OUTCOME_ABSENT : OUTCOME_NOT_REGULAR);
    if (r != 0)
        return false;
    item->result->stamp = ocs_stamp_of(&st);
    item->result->settled = ocs_stamp_settled(&item->result->stamp);
    if (hashing->again)
        posix_fadvise(stream->fd, 0, 0, POSIX_FADV_DONTNEED);
    stream->algorithm = ocs_digest_algorithm(&reading->expected);
    stream->size = item->result->stamp.size;
    stream->done = 0;
    reading->item = item;
    return true;
}

static bool may_be_left(const struct hashing *hashing, uint32_t blob)
{
    return !hashing->again && !ocs_schedule_must(&hashing->run->inventory.blobs[blob]);
}

/* False: the item is settled, or has no result, which the calling thread sees. */
static bool begin(struct bench *bench, struct item *item)
{
    const struct hashing *hashing = bench->hashing;
    item->result = calloc(1, sizeof(*item->result));
    if (!item->result)
        ocs_workers_give(bench->workers, &item->work);
    else if (may_be_left(hashing, item->blob) && ocs_pace_is_over(hashing->pace))
        settle(bench, item, OUTCOME_LEFT);
    else
        return open_blob(bench, item, bench->free);
    return false;
}

static struct ocs_stream *next(void *data, bool hold)
{
    struct bench *bench = data;
    struct reading *reading = bench->free;
    struct ocs_work *taken;
    while ((taken = ocs_workers_take(bench->workers, hold))) {
        if (begin(bench, (struct item *)taken)) {
            bench->free = reading->next_free;
            return &reading->stream;
        }
    }
    return NULL;
}

static int on_bytes(void *data, struct ocs_stream *stream, const void *bytes, size_t size)
{
    struct bench *bench = data;
    const struct hashing *hashing = bench->hashing;
    const struct reading *reading = (struct reading *)stream;
    (void)bytes;
    ocs_workers_progress(bench->workers, size);
    if (!ocs_pace_spend(hashing->pace, size, bench->workers))
        return CANCELLED;
    uint32_t blob = reading->item->blob;
    bool drop = stream->done < stream->size && may_be_left(hashing, blob) &&
                ocs_pace_drops(hashing->pace, blob);
    return drop ? DROPPED : 0;
}

static void judge(struct bench *bench, const struct reading *reading,
                  const struct ocs_digest *actual)
{
    struct item *item = reading->item;
    struct stat st;
    if (fstat(reading->stream.fd, &st) < 0) {
        struct ocs_error err = {0};
        ocs_error_errno(&err, "stat");
        settle_trouble(bench, item, OUTCOME_UNREADABLE, &err, NULL);
        return;
    }
    struct ocs_stamp now = ocs_stamp_of(&st);
    if (!ocs_stamp_equal(&now, &item->result->stamp))
        settle(bench, item, OUTCOME_CHANGED);
    else if (ocs_digest_equal(actual, &reading->expected))
        settle(bench, item, OUTCOME_GOOD);
    else
        settle_trouble(bench, item, OUTCOME_BAD, NULL, actual);
}

static void on_end(void *data, struct ocs_stream *stream, int result,
                   const struct ocs_digest *digest, const struct ocs_error *err)
{
    struct bench *bench = data;
    struct reading *reading = (struct reading *)stream;
    if (result != CANCELLED && result != DROPPED)
        ocs_pace_note_end(bench->hashing->pace);
    if (result == 0)
        judge(bench, reading, digest);
    else if (result == CANCELLED || result == DROPPED)
        settle(bench, reading->item, result == DROPPED ? OUTCOME_LEFT : OUTCOME_CANCELLED);
    else
        settle_trouble(bench, reading->item, result < 0 ? OUTCOME_FAILED : OUTCOME_UNREADABLE, err,
                       NULL);
    close(stream->fd);
    reading->next_free = bench->free;
    bench->free = reading;
}

/* What our own kernels call wrong is hashed by libcrypto before it is believed. */
static void work(struct ocs_workers *workers, void *data)
{
    const struct hashing *hashing = data;
    struct bench bench = {.workers = workers, .hashing = hashing};
    const struct ocs_streams_visitor visitor = {
        .data = &bench, .next = next, .on_bytes = on_bytes, .on_end = on_end};
    const struct ocs_streams_options options = {
        .portable = hashing->again || hashing->run->options->portable_hash,
        .leave_cache = hashing->run->options->direct,
        .threads = ocs_fsck_threads(hashing->run),
    };
    struct ocs_streams *streams;
    for (unsigned i = 0; i < OCS_STREAMS_MAX; i++) {
        bench.readings[i].next_free = bench.free;
        bench.free = &bench.readings[i];
    }
    if (ocs_streams_new(&options, &streams, NULL) < 0)
        return;
    ocs_streams_run(streams, &visitor);
    ocs_streams_free(streams);
}

/* ---- on the calling thread ---- */

static int take_good(struct hashing *hashing, uint32_t blob, const struct result *result,
                     struct ocs_error *err)
{
    struct ocs_fsck_run *run = hashing->run;
    struct ocs_blob_state *state = &run->inventory.blobs[blob];
    state->flags |= OCS_BLOB_VERIFIED;
    state->flags &= (uint16_t) ~(OCS_BLOB_DAMAGED | OCS_BLOB_SETTLED);
    state->flags |= result->settled ? OCS_BLOB_SETTLED : 0;
    run->report->blobs_checked++;
    run->report->bytes_checked += result->stamp.size;
    bool unknown = state->known_kind == OCS_NODE_UNREAD ||
                   state->known_stamp != ocs_inventory_stamp(&result->stamp);
    if (unknown && state->flags & OCS_BLOB_OPAQUE)
        return ocs_results_learn(run, blob, NULL, &result->stamp, err);
    return ocs_results_stamp(run, blob, &result->stamp, true, result->settled, err);
}

static int doubt(struct hashing *hashing, uint32_t blob, const struct result *result,
                 struct ocs_error *err)
{
    int r = ocs_array_reserve(&hashing->doubts, &hashing->doubt_capacity, hashing->doubt_count + 1,
                              sizeof(*hashing->doubts), err);
    if (r == 0)
        hashing->doubts[hashing->doubt_count++] =
            (struct doubt){.stamp = result->stamp, .blob = blob};
    return r;
}

static int blame(struct hashing *hashing, const char *id, uint32_t blob, enum ocs_severity severity,
                 const char *message, struct ocs_error *err)
{
    struct ocs_finding_note note = {
        .id = id,
        .severity = severity,
        .blob = blob,
        .message = message,
    };
    return ocs_findings_add(&hashing->run->findings, &note, err);
}

static int blame_bytes(struct hashing *hashing, uint32_t blob, const struct result *result,
                       struct ocs_error *err)
{
    struct ocs_fsck_run *run = hashing->run;
    char expected[OCS_DIGEST_BUF], actual[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    struct ocs_finding_note note = {
        .id = "blob-digest-mismatch",
        .severity = ocs_fsck_damage_severity(run, blob),
        .blob = blob,
        .expected = ocs_digest_format(&digest, expected),
        .actual = result->trouble ? ocs_digest_format(&result->trouble->actual, actual) : NULL,
    };
    run->inventory.blobs[blob].flags |= OCS_BLOB_DAMAGED;
    run->report->blobs_checked++;
    run->report->bytes_checked += result->stamp.size;
    int r = ocs_findings_add(&run->findings, &note, err);
    return r < 0 ? r : ocs_results_stamp(run, blob, &result->stamp, false, result->settled, err);
}

/* The second reading tells damage from a file that somebody is writing. */
static int decide(struct hashing *hashing, const struct item *item, const struct result *result,
                  struct ocs_error *err)
{
    uint32_t blob = item->blob;
    const struct doubt *before = &hashing->doubts[item->doubt];
    bool moved =
        result->outcome == OUTCOME_CHANGED || !ocs_stamp_equal(&before->stamp, &result->stamp);
    if (moved) {
        bool old = ocs_now_ns() - result->stamp.mtime_ns > DAY_NS;
        int r = blame(hashing, "blob-in-flux", blob, old ? OCS_SEVERITY_WARNING : OCS_SEVERITY_INFO,
                      NULL, err);
        bool good = r == 0 && result->outcome == OUTCOME_GOOD;
        return good ? take_good(hashing, blob, result, err) : r;
    }
    if (result->outcome == OUTCOME_BAD)
        return blame_bytes(hashing, blob, result, err);
    int r = blame(hashing, "blob-read-unstable", blob, OCS_SEVERITY_WARNING,
                  "wrong bytes at the first reading, the right ones at the second", err);
    return r < 0 ? r : take_good(hashing, blob, result, err);
}

static int take_result(struct hashing *hashing, const struct item *item,
                       const struct result *result, struct ocs_error *err)
{
    uint32_t blob = item->blob;
    struct ocs_blob_state *state = &hashing->run->inventory.blobs[blob];
    switch (result->outcome) {
    case OUTCOME_GOOD:
    case OUTCOME_BAD:
    case OUTCOME_CHANGED:
        if (hashing->again)
            return decide(hashing, item, result, err);
        if (result->outcome == OUTCOME_GOOD)
            return take_good(hashing, blob, result, err);
        return doubt(hashing, blob, result, err);
    case OUTCOME_ABSENT: /* check_presence says what that means */
        state->presence = OCS_PRESENCE_ABSENT;
        return 0;
    case OUTCOME_NOT_REGULAR:
        state->presence = OCS_PRESENCE_NOT_REGULAR;
        return blame(hashing, "blob-not-regular", blob, OCS_SEVERITY_WARNING, NULL, err);
    case OUTCOME_UNREADABLE:
        state->presence = OCS_PRESENCE_UNREADABLE;
        return blame(hashing, "blob-read-error", blob, OCS_SEVERITY_ERROR,
                     result->trouble ? result->trouble->err.message : NULL, err);
    case OUTCOME_LEFT:
        hashing->run->report->blobs_left++;
        return 0;
    case OUTCOME_CANCELLED:
        return 0;
    default:
        if (!result->trouble)
            return ocs_error_memory(err);
        if (err)
            *err = result->trouble->err;
        return -(int)result->trouble->err.status;
    }
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *work_item,
                   struct ocs_error *err)
{
    struct hashing *hashing = data;
    struct item *item = (struct item *)work_item;
    struct result *result = TAKE_PTR(item->result);
    if (!result)
        return ocs_error_memory(err);
    size_t before = hashing->run->findings.count;
    int r = take_result(hashing, item, result, err);
    result_free(result);
    if (hashing->run->findings.count > before)
        ocs_workers_error(workers);
    return r;
}

static int hash_all(struct hashing *hashing, const uint32_t *blobs, size_t count, uint64_t bytes,
                    struct ocs_error *err)
{
    struct item *items = count ? calloc(count, sizeof(*items)) : NULL;
    if (!items)
        return count ? ocs_error_memory(err) : 0;
    for (size_t i = 0; i < count; i++) {
        items[i].blob = blobs[i];
        items[i].doubt = (uint32_t)i;
        items[i].work.next = i + 1 < count ? &items[i + 1].work : NULL;
    }
    struct ocs_workers_options options = {
        .threads = hashing->run->options->jobs,
        .phase = "verify",
        .blobs_total = count,
        .bytes_total = bytes,
        .hooks = hashing->run->hooks,
        .data = hashing,
        .work = work,
        .on_done = on_done,
    };
    int r = ocs_workers_run(&options, &items[0].work, err);
    for (size_t i = 0; i < count; i++)
        result_free(items[i].result);
    free(items);
    return r;
}

static int read_again(struct hashing *hashing, struct ocs_error *err)
{
    size_t count = hashing->doubt_count;
    auto_free uint32_t *blobs = malloc((count + 1) * sizeof(*blobs));
    if (!blobs)
        return ocs_error_memory(err);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        blobs[i] = hashing->doubts[i].blob;
        bytes += hashing->run->inventory.blobs[blobs[i]].size;
    }
    hashing->again = true;
    return hash_all(hashing, blobs, count, bytes, err);
}

int ocs_check_content(struct ocs_fsck_run *run, const struct ocs_schedule *schedule,
                      struct ocs_error *err)
{
    struct ocs_pace pace;
    ocs_pace_init(&pace, run);
    struct hashing hashing = {.run = run, .pace = &pace};
    int r = hash_all(&hashing, schedule->blobs, schedule->count, schedule->bytes, err);
    if (r == 0)
        r = read_again(&hashing, err);
    free(hashing.doubts);
    return r;
}

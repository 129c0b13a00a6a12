/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_blob.h"

#include "array.h"
#include "pace.h"

#include "store/cleanup.h"
#include "store/hash.h"
#include "store/workers.h"

#include <fcntl.h>

#define BUFFER_BYTES (256u << 10)
#define DAY_NS       (INT64_C(86400) * 1000000000)

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

struct result {
    enum outcome outcome;
    struct ocs_stamp stamp; /* before the first byte was read */
    bool settled;
    struct ocs_digest actual; /* for BAD */
    struct ocs_error err;     /* for UNREADABLE and FAILED */
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

struct bench {
    struct ocs_workers *workers;
    const struct hashing *hashing;
    struct ocs_hasher *hasher;
    char *buffer;
};

static enum outcome read_on(struct bench *bench, int fd, struct result *result)
{
    for (;;) {
        ssize_t size = ocs_io_read(fd, bench->buffer, BUFFER_BYTES);
        if (size < 0) {
            ocs_error_errno(&result->err, "read");
            return OUTCOME_UNREADABLE;
        }
        if (size == 0)
            return OUTCOME_GOOD;
        if (ocs_hasher_update(bench->hasher, bench->buffer, (size_t)size, &result->err) < 0)
            return OUTCOME_FAILED;
        ocs_workers_progress(bench->workers, (uint64_t)size);
        if (!ocs_pace_spend(bench->hashing->pace, (uint64_t)size, bench->workers))
            return OUTCOME_CANCELLED;
        if ((size_t)size < BUFFER_BYTES)
            return OUTCOME_GOOD;
    }
}

static enum outcome judge(struct bench *bench, int fd, const struct ocs_digest *expected,
                          struct result *result)
{
    struct stat st;
    if (ocs_hasher_end(bench->hasher, &result->actual, &result->err) < 0)
        return OUTCOME_FAILED;
    if (fstat(fd, &st) < 0) {
        ocs_error_errno(&result->err, "stat");
        return OUTCOME_UNREADABLE;
    }
    struct ocs_stamp now = ocs_stamp_of(&st);
    if (!ocs_stamp_equal(&now, &result->stamp))
        return OUTCOME_CHANGED;
    return ocs_digest_equal(&result->actual, expected) ? OUTCOME_GOOD : OUTCOME_BAD;
}

static enum outcome hash_file(struct bench *bench, const struct ocs_digest *digest,
                              struct result *result)
{
    auto_fd int fd = -1;
    struct stat st;
    int r = ocs_blobs_open_blob(bench->hashing->run->blobs, digest, &fd, &st, &result->err);
    if (r < 0)
        return OUTCOME_UNREADABLE;
    if (r > 0)
        return r == OCS_IO_ABSENT ? OUTCOME_ABSENT : OUTCOME_NOT_REGULAR;
    result->stamp = ocs_stamp_of(&st);
    result->settled = ocs_fsck_settled(&result->stamp);
    if (bench->hashing->again)
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (ocs_hasher_begin(bench->hasher, ocs_digest_algorithm(digest), &result->err) < 0)
        return OUTCOME_FAILED;
    enum outcome outcome = read_on(bench, fd, result);
    return outcome == OUTCOME_GOOD ? judge(bench, fd, digest, result) : outcome;
}

static void work_off(struct bench *bench, const struct ocs_error *trouble)
{
    struct ocs_work *next;
    while ((next = ocs_workers_take(bench->workers, false))) {
        struct item *item = (struct item *)next;
        struct ocs_digest digest;
        item->result = calloc(1, sizeof(*item->result));
        if (item->result && trouble) {
            item->result->outcome = OUTCOME_FAILED;
            item->result->err = *trouble;
        } else if (item->result) {
            ocs_inventory_digest(&bench->hashing->run->inventory, item->blob, &digest);
            bool late = !bench->hashing->again && ocs_pace_is_over(bench->hashing->pace);
            item->result->outcome = late ? OUTCOME_LEFT : hash_file(bench, &digest, item->result);
        }
        ocs_workers_give(bench->workers, next);
    }
}

static void work(struct ocs_workers *workers, void *data)
{
    struct bench bench = {
        .workers = workers,
        .hashing = data,
        .buffer = malloc(BUFFER_BYTES),
    };
    struct ocs_error err;
    int ready = bench.buffer ? ocs_hasher_new(&bench.hasher, &err) : ocs_error_memory(&err);
    work_off(&bench, ready < 0 ? &err : NULL);
    if (bench.hasher)
        ocs_hasher_free(bench.hasher);
    free(bench.buffer);
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
        return ocs_fsck_learn(run, blob, NULL, &result->stamp, err);
    return ocs_fsck_stamp(run, blob, &result->stamp, true, result->settled, err);
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
        .actual = ocs_digest_format(&result->actual, actual),
    };
    run->inventory.blobs[blob].flags |= OCS_BLOB_DAMAGED;
    run->report->blobs_checked++;
    run->report->bytes_checked += result->stamp.size;
    int r = ocs_findings_add(&run->findings, &note, err);
    return r < 0 ? r : ocs_fsck_stamp(run, blob, &result->stamp, false, result->settled, err);
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
        return blame(hashing, "blob-read-error", blob, ocs_fsck_damage_severity(hashing->run, blob),
                     result->err.message, err);
    case OUTCOME_LEFT:
        hashing->run->report->blobs_left++;
        return 0;
    case OUTCOME_CANCELLED:
        return 0;
    default:
        if (err)
            *err = result->err;
        return -(int)result->err.status;
    }
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *work_item,
                   struct ocs_error *err)
{
    struct hashing *hashing = data;
    struct item *item = (struct item *)work_item;
    auto_free struct result *result = TAKE_PTR(item->result);
    if (!result)
        return ocs_error_memory(err);
    size_t before = hashing->run->findings.count;
    int r = take_result(hashing, item, result, err);
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
        free(items[i].result);
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

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "streams.h"

#include "error.h"
#include "io.h"
#include "lanes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#define BUFFER_BYTES ((size_t)64 << 10)
/* As many as a kernel can take at once; more would crowd each other out of the cache. */
#define CROWD 16
/* So many keep the disk busy, where some come from there; more would share it, and the
 * largest files, which were begun first, be left for the end. */
#define COLD_CROWD 8

_Static_assert(OCS_STREAMS_MAX <= OCS_LANES_MAX, "a lane for each file");

/* One lane with its file. */
struct held {
    struct ocs_stream *stream; /* NULL: free */
    unsigned char *buffer;     /* NULL: none yet */
    bool hashed;
    bool ended;   /* everything was read */
    bool cold;    /* some of it was not in the page cache */
    bool waiting; /* for the disk */
    bool parked;  /* waiting for all of it: no more than one piece is asked for */
};

struct ocs_streams {
    struct ocs_streams_options options;
    const struct ocs_streams_visitor *visitor;
    struct ocs_lanes *lanes;
    struct held held[OCS_STREAMS_MAX];
    unsigned capacity; /* of `held` */
    unsigned count;    /* of files held */
    unsigned parked;   /* of the held ones */
    unsigned cold;     /* of the held ones, without those that are no more than a piece */
    bool never_waits;  /* the file system cannot tell what the page cache has */
    unsigned patience; /* lane that the disk is waited for next */
};

static unsigned capacity_of(const struct ocs_streams_options *options)
{
    struct rlimit limit;
    rlim_t threads = options->threads ? options->threads : 1;
    rlim_t descriptors = options->descriptors ? options->descriptors : 1;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return OCS_STREAMS_MAX;
    rlim_t share = limit.rlim_cur / 3 / threads / descriptors;
    return share > OCS_STREAMS_MAX ? OCS_STREAMS_MAX : share < 1 ? 1 : (unsigned)share;
}

/* Most of them only where much is cold; the first is there from the beginning, so that
 * without memory for others it goes on with that. */
static bool has_buffer(struct held *held)
{
    if (!held->buffer)
        held->buffer = malloc(BUFFER_BYTES);
    return held->buffer;
}

int ocs_streams_new(const struct ocs_streams_options *options, struct ocs_streams **out,
                    struct ocs_error *err)
{
    struct ocs_streams *streams = calloc(1, sizeof(*streams));
    if (!streams)
        return ocs_error_memory(err);
    streams->options = *options;
    streams->capacity = capacity_of(options);
    int result = has_buffer(&streams->held[0])
                     ? ocs_lanes_new(options->portable, &streams->lanes, err)
                     : ocs_error_memory(err);
    if (result < 0)
        ocs_streams_free(streams);
    else
        *out = streams;
    return result;
}

void ocs_streams_free(struct ocs_streams *streams)
{
    if (!streams)
        return;
    ocs_lanes_free(streams->lanes);
    for (unsigned i = 0; i < OCS_STREAMS_MAX; i++)
        free(streams->held[i].buffer);
    free(streams);
}

static bool is_piece(const struct held *held)
{
    return held->stream->size <= BUFFER_BYTES;
}

static void set_waiting(struct ocs_streams *streams, struct held *held, bool waiting)
{
    bool parked = waiting && is_piece(held);
    streams->parked = streams->parked - held->parked + parked;
    held->waiting = waiting;
    held->parked = parked;
}

/* ---- the ends of a stream ---- */

static void let_go(struct ocs_streams *streams, struct held *held, int result,
                   const struct ocs_digest *digest, const struct ocs_error *err)
{
    struct ocs_stream *stream = held->stream;
    if (held->cold && streams->options.leave_cache)
        posix_fadvise(stream->fd, 0, 0, POSIX_FADV_DONTNEED);
    set_waiting(streams, held, false);
    streams->cold -= held->cold && !is_piece(held);
    held->stream = NULL;
    streams->count--;
    streams->visitor->on_end(streams->visitor->data, stream, result, digest, err);
}

static void finish(struct ocs_streams *streams, unsigned lane)
{
    struct held *held = &streams->held[lane];
    struct ocs_digest digest;
    struct ocs_error err = {0};
    int result = held->hashed ? ocs_lanes_end(streams->lanes, lane, &digest, &err) : 0;
    let_go(streams, held, result, result == 0 && held->hashed ? &digest : NULL, &err);
}

static void begin(struct ocs_streams *streams, unsigned lane, struct ocs_stream *stream)
{
    struct held *held = &streams->held[lane];
    struct ocs_error err = {0};
    *held = (struct held){
        .stream = stream,
        .buffer = held->buffer,
        .hashed = ocs_algorithm_verifiable(stream->algorithm),
        .ended = stream->size == 0,
    };
    streams->count++;
    int result = 0;
    if (held->hashed)
        result = ocs_lanes_begin(streams->lanes, lane, stream->algorithm, stream->size, &err);
    if (result < 0)
        let_go(streams, held, result, NULL, &err);
}

/* ---- reading ---- */

#define WOULD_WAIT (-2)

/* Asking for what is not there makes the kernel read ahead (since Linux 5.9), in
 * larger pieces than posix_fadvise(2) would make it; what has more than one piece from
 * now on twice as far. */
static void note_cold(struct ocs_streams *streams, struct held *held)
{
    bool first = !held->cold;
    held->cold = true;
    set_waiting(streams, held, true);
    if (!first || is_piece(held))
        return;
    streams->cold++;
    posix_fadvise(held->stream->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

static ssize_t read_some(struct ocs_streams *streams, struct held *held, bool wait)
{
    struct ocs_stream *stream = held->stream;
    uint64_t left = stream->size - stream->done;
    size_t size = left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES;
    off_t offset = (off_t)stream->done;
    if (wait || streams->never_waits)
        return ocs_io_read_at(stream->fd, held->buffer, size, offset);
    ssize_t n = ocs_io_read_cached(stream->fd, held->buffer, size, offset);
    if (n >= 0 || errno != EAGAIN) {
        streams->never_waits = n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS);
        return streams->never_waits ? read_some(streams, held, true) : n;
    }
    note_cold(streams, held);
    return WOULD_WAIT;
}

static void take_bytes(struct ocs_streams *streams, unsigned lane, size_t size)
{
    struct held *held = &streams->held[lane];
    struct ocs_stream *stream = held->stream;
    set_waiting(streams, held, false);
    stream->done += size;
    held->ended = size == 0 || stream->done >= stream->size;
    const struct ocs_streams_visitor *visitor = streams->visitor;
    int result = size ? visitor->on_bytes(visitor->data, stream, held->buffer, size) : 0;
    if (result != 0)
        let_go(streams, held, result, NULL, NULL);
    else if (held->hashed)
        ocs_lanes_feed(streams->lanes, lane, held->buffer, size);
}

static void read_on(struct ocs_streams *streams, unsigned lane, bool wait)
{
    struct held *held = &streams->held[lane];
    struct ocs_error err = {0};
    ssize_t n = read_some(streams, held, wait);
    if (n >= 0) {
        take_bytes(streams, lane, (size_t)n);
    } else if (n != WOULD_WAIT) {
        ocs_error_errno(&err, "read");
        let_go(streams, held, OCS_STREAM_UNREADABLE, NULL, &err);
    }
}

/* ---- all of them ---- */

static bool are_enough(const struct ocs_streams *streams)
{
    return streams->count - streams->parked >= (streams->cold ? COLD_CROWD : CROWD);
}

/* A free lane takes the next file, unless there are enough; a hungry one reads on.
 * False: there is no next file now. */
static bool tend(struct ocs_streams *streams, unsigned lane, bool more)
{
    struct held *held = &streams->held[lane];
    if (held->stream && held->ended && ocs_lanes_hungry(streams->lanes, lane))
        finish(streams, lane);
    while (!held->stream && more && !are_enough(streams) && has_buffer(held)) {
        struct ocs_stream *stream = streams->visitor->next(streams->visitor->data, true);
        if (stream)
            begin(streams, lane, stream);
        more = stream != NULL;
    }
    if (held->stream && !held->ended && ocs_lanes_hungry(streams->lanes, lane))
        read_on(streams, lane, false);
    return more;
}

/* There is nothing to hash: everything that is held waits for the disk, or has
 * just ended. */
static bool all_wait(const struct ocs_streams *streams)
{
    for (unsigned i = 0; i < OCS_STREAMS_MAX; i++) {
        if (streams->held[i].stream && !streams->held[i].waiting)
            return false;
    }
    return true;
}

/* In turn, since what was asked for first comes first. */
static void wait_for_one(struct ocs_streams *streams)
{
    for (unsigned i = 0; i < OCS_STREAMS_MAX; i++) {
        unsigned lane = (streams->patience + i) % OCS_STREAMS_MAX;
        if (streams->held[lane].stream) {
            streams->patience = lane + 1;
            read_on(streams, lane, true);
            return;
        }
    }
}

static void fail_all(struct ocs_streams *streams, int result, const struct ocs_error *err)
{
    for (unsigned i = 0; i < OCS_STREAMS_MAX; i++) {
        if (streams->held[i].stream)
            let_go(streams, &streams->held[i], result, NULL, err);
    }
}

/* Everything that is held comes on by a piece. */
static void go_on(struct ocs_streams *streams)
{
    struct ocs_error err = {0};
    bool more = true;
    for (unsigned lane = 0; lane < streams->capacity; lane++)
        more = tend(streams, lane, more);
    if (all_wait(streams))
        wait_for_one(streams);
    int result = ocs_lanes_advance(streams->lanes, &err);
    if (result < 0)
        fail_all(streams, result, &err);
}

void ocs_streams_run(struct ocs_streams *streams, const struct ocs_streams_visitor *visitor)
{
    struct ocs_stream *first;
    streams->visitor = visitor;
    while ((first = visitor->next(visitor->data, false))) {
        begin(streams, 0, first);
        while (streams->count > 0)
            go_on(streams);
    }
}

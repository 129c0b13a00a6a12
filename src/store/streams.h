/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_STREAMS_H
#define OCS_STORE_STREAMS_H

/* Reads several files at once, in one thread, and computes their digests.
 *
 * What the page cache has is read and hashed.  What it does not have is asked for
 * and come back to, so that as many reads are under way as files are held. */

#include "digest.h"

/* Files that are held at a time, at most: that many small ones when they wait for the
 * disk, an eighth of it when larger ones do, a quarter otherwise. */
#define OCS_STREAMS_MAX 64

/* A file on its way, embedded in what the caller knows of it. */
struct ocs_stream {
    int fd;                       /* the caller's, from `next` to `on_end`; read by offset */
    enum ocs_algorithm algorithm; /* one that is not verifiable is read and not hashed */
    uint64_t size;                /* so many bytes are read, or as many as there are */
    uint64_t done;                /* bytes read */
};

/* The file could not be read: the error says why. */
#define OCS_STREAM_UNREADABLE 1

struct ocs_streams_visitor {
    void *data;
    /* The next file, opened, `done` 0; NULL: there is none now.  Without `hold` no file
     * is held, and it may wait for one. */
    struct ocs_stream *(*next)(void *data, bool hold);
    /* Bytes that come next in the file; they stay until the next ones come or on_end
     * has returned.  Another result than 0 ends the stream. */
    int (*on_bytes)(void *data, struct ocs_stream *stream, const void *bytes, size_t size);
    /* 0: `digest` is that of the bytes (NULL when they were not hashed).  Otherwise
     * what on_bytes gave, OCS_STREAM_UNREADABLE, or negative and described in *err. */
    void (*on_end)(void *data, struct ocs_stream *stream, int result,
                   const struct ocs_digest *digest, const struct ocs_error *err);
};

struct ocs_streams_options {
    bool portable;    /* hash by libcrypto alone */
    bool leave_cache; /* what was not in the page cache is not left there */
    /* So that all threads together take no more than a third of the files that the
     * process may have open (RLIMIT_NOFILE); 0 is 1. */
    unsigned threads;     /* that do this at the same time */
    unsigned descriptors; /* that a file takes */
};

struct ocs_streams; /* one per thread: 1 MiB, 4 where it is cold */

int ocs_streams_new(const struct ocs_streams_options *options, struct ocs_streams **out,
                    struct ocs_error *err);
void ocs_streams_free(struct ocs_streams *streams);

/* Until `next` has none left and every stream has ended. */
void ocs_streams_run(struct ocs_streams *streams, const struct ocs_streams_visitor *visitor);

#endif

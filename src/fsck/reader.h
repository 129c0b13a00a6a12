/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_READER_H
#define OCS_FSCK_READER_H

/* Looks at blobs in workers: what lies under the name, its first bytes, and
 * where these begin a document the whole of it, verified, parsed and checked. */

#include "run.h"

#include "store/document_check.h"
#include "store/workers.h"

enum ocs_verdict {
    OCS_VERDICT_NONE, /* not hashed */
    OCS_VERDICT_GOOD,
    OCS_VERDICT_BAD, /* twice, read anew */
};

struct ocs_kept_problem {
    const char *id;
    enum ocs_severity severity;
    char *text; /* "layers[3].digest is no digest" */
};

/* One blob on its way: filled before, in a worker, and read on the calling thread. */
struct ocs_reading {
    struct ocs_work work;
    uint32_t blob;
    struct ocs_digest digest;
    const char *declared;  /* the media type that a descriptor gave, or NULL */
    bool verify;           /* also what is no document, when it is read whole anyway */
    uint64_t opaque_stamp; /* with this stamp it is known to be no document: not read */

    enum ocs_blob_presence presence;
    struct ocs_stamp stamp;
    mode_t mode;
    bool settled;
    bool unstable; /* wrong at the first reading, right at the second, and nobody wrote it */
    bool in_flux;  /* somebody wrote it between the two readings */
    enum ocs_verdict verdict;
    bool is_document;
    bool too_big;           /* a document that was not read: see `kind` of the reader */
    uint64_t counted_bytes; /* the reader's */
    struct ocs_bytes bytes; /* of a document */
    struct ocs_document document;
    struct ocs_kept_problem *problems;
    size_t problem_count, problem_capacity;
    int result; /* negative: fatal, in `err`; for UNREADABLE `err` says why */
    struct ocs_error err;
};

struct ocs_reader {
    struct ocs_fsck_run *run;
    const char *phase;
    /* Unless it is `big` many readings are under way, so they hold small documents
     * only; the others and those for which there is no room now come back as `too_big`,
     * and are given to a reader that is `big`. */
    enum {
        OCS_READER_DOCUMENTS, /* most are some */
        OCS_READER_OPAQUE,    /* hardly one is a document */
        OCS_READER_BIG,
    } kind;
    void *data;
    /* The next blob to look at; false when there is none now. `reading` has blob
     * and declared to be filled; what is to be verified is decided by the reader. */
    bool (*next)(void *data, struct ocs_reading *reading);
    int (*on_read)(void *data, struct ocs_reading *reading, struct ocs_error *err);
};

/* Until next has none left and all were given back. OCS_INTERRUPTED. */
int ocs_reader_run(const struct ocs_reader *reader, struct ocs_error *err);

#endif

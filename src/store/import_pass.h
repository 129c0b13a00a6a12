/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_IMPORT_PASS_H
#define OCS_STORE_IMPORT_PASS_H

/* Private to the import_*.c files: one pass over one copy of a blob, which a worker
 * reads among others (streams.h).
 *
 *     look (the store's copy), or stage (a source's) -> take... -> end
 *
 * What is staged is copied while it is hashed, or cloned first and the clone hashed:
 * either way what is verified is what will be published, whatever becomes of the
 * source meanwhile. */

#include "import.h"
#include "streams.h"

struct ocs_import_pass {
    struct ocs_stream stream; /* first, so that it tells the pass */
    struct ocs_import *import;
    struct ocs_import_item *item;
    struct ocs_digest digest;
    int to;               /* the staged file; -1: it is only looked at */
    bool cloned;          /* `to` has the bytes already, and they are read from there */
    bool keeps;           /* the bytes may be a document's: item->reading gets them */
    size_t capacity;      /* of what is kept */
    uint64_t written_out; /* bytes that the disk was asked to take */
    int failed;           /* negative: what ended the pass is ours, and `err` tells */
    struct ocs_error err;
};

#define OCS_IMPORT_UNREADABLE 20 /* beside OCS_IO_ABSENT and the like: *err says why */

/* Of all that was set, `import`, `item` and `digest` remain. */

/* Opens the store's copy.  Positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR. */
int ocs_import_pass_look(struct ocs_import_pass *pass, struct ocs_error *err);
/* Opens a source's copy and the file that it is staged in.  Positive: OCS_IO_ABSENT,
 * OCS_IO_NOT_REGULAR, OCS_IMPORT_UNREADABLE: nothing is staged. */
int ocs_import_pass_stage(struct ocs_import_pass *pass, const struct ocs_source *source,
                          struct ocs_error *err);
/* For on_bytes. */
int ocs_import_pass_take(struct ocs_import_pass *pass, struct ocs_workers *workers,
                         const void *bytes, size_t size);
/* For on_end: closes what was opened. 0: the copy is right, and staged when it was to
 * be.  Positive: OCS_BLOB_BAD, OCS_IMPORT_UNREADABLE: nothing is staged. */
int ocs_import_pass_end(struct ocs_import_pass *pass, int result, const struct ocs_digest *actual,
                        struct ocs_error *err);

#endif

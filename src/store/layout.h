/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_LAYOUT_H
#define OCS_STORE_LAYOUT_H

/* One OCI image layout (image-layout.md): read its index.json stably, edit it
 * atomically.  Other tools write it in place, without locks: it can be empty or
 * half written when we look. */

#include "document.h"
#include "io.h"

#include <string.h>

struct ocs_index {
    struct ocs_bytes bytes;       /* exactly as read */
    struct ocs_document document; /* its descriptors are the entries; state STRICT or AMBIGUOUS */
    struct ocs_stamp stamp;
};

/* In place of the bytes, where they are only compared. */
struct ocs_index_sum {
    uint64_t size;
    unsigned char sha256[32];
};
int ocs_index_sum(const struct ocs_bytes *bytes, struct ocs_index_sum *out, struct ocs_error *err);
static inline bool ocs_index_sum_equal(const struct ocs_index_sum *a, const struct ocs_index_sum *b)
{
    return a->size == b->size && memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0;
}

void ocs_index_clear(struct ocs_index *index);
#define auto_index __attribute__((cleanup(ocs_index_clear)))

#define OCS_INDEX_ABSENT     1
#define OCS_INDEX_UNREADABLE 2 /* not regular, not to be opened, an I/O error */
#define OCS_INDEX_INVALID    3 /* read, but not an index; empty or partial after the retries */
#define OCS_INDEX_CHANGED    4 /* exchange.h: somebody else wrote in between */

struct ocs_index_wait {
    int64_t patience_ms; /* how long an empty or partial document is read again; 5000 */
    const struct ocs_hooks *hooks;
    bool any_entries; /* for those who judge the entries themselves: without ocs_index_known */
};

/* fstat, read, fstat equal, strict parse.  An index with schemaVersion 2 and
 * "manifests": null is empty; anything else that is no index is INVALID, also no
 * entries with another schemaVersion, and so is one that is not ocs_index_known.
 * `dir` is the layout's folder, `label` names it.  A positive result describes
 * itself in *err as well. */
int ocs_index_read(int dir, const char *label, const struct ocs_index_wait *wait,
                   struct ocs_index *out, struct ocs_error *err);
/* For who waits by himself: a short pause, counted in *waited_ms.
 * Positive: OCS_INDEX_PATIENCE_OVER, at once. */
#define OCS_INDEX_PATIENCE_OVER 1
int ocs_index_pause(const struct ocs_index_wait *wait, int64_t *waited_ms, struct ocs_error *err);
/* The bytes of oci-layout.  Positive: OCS_INDEX_INVALID, they are none that mark a layout of
 * version 1.0.0, nor became so while somebody may have been writing them; else as for
 * ocs_io_open_regular. */
int ocs_layout_file_read(int dir, const struct ocs_index_wait *wait, struct ocs_bytes *out,
                         struct ocs_error *err);
/* From bytes that are at hand (roots/<id>.json). Takes `bytes`. */
int ocs_index_parse(struct ocs_bytes *bytes, struct ocs_index *out, struct ocs_error *err);

/* What it needs can be told: each element of `manifests` has a digest, of whatever
 * algorithm.  Where names are ambiguous, any of an element's strings may be it.
 * Positive: OCS_INDEX_INVALID, described in *err. */
int ocs_index_known(const struct ocs_index *index, struct ocs_error *err);

const char *ocs_index_ref(const struct ocs_index *index, size_t entry); /* NULL: nameless */
/* The entry's own JSON text. */
const char *ocs_index_entry_text(const struct ocs_index *index, size_t entry, size_t *size);

/* The same text with another org.opencontainers.image.ref.name; free it. */
int ocs_index_retag(const struct ocs_index *index, size_t entry, const char *ref, char **out,
                    struct ocs_error *err);

/* What an edit wants: `keep[i]` for each old entry, and JSON texts to append.
 * Every other byte of the document stays. */
struct ocs_index_edit {
    bool *keep; /* one for each entry */
    char **add; /* descriptors as JSON text */
    size_t add_count;
};
int ocs_index_apply(const struct ocs_index *index, const struct ocs_index_edit *edit,
                    struct ocs_bytes *out, struct ocs_error *err);

/* A new index with no entries. */
extern const char OCS_INDEX_EMPTY[];
/* {"imageLayoutVersion":"1.0.0"} */
extern const char OCS_LAYOUT_FILE[];

#endif

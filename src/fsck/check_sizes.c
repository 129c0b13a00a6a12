/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * Descriptors and files that do not agree about a size.  Where the right one is known, by
 * another descriptor or since the blob is a document whose digest is right, the documents
 * that say otherwise are named; they are read once more for it, since no edge keeps its size.
 */

#include "check_sizes.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- what is said of a blob ---- */

static int blame_size(struct ocs_fsck_run *run, const char *id, uint32_t blob, int64_t expected,
                      int64_t actual, struct ocs_error *err)
{
    char first[24], second[24];
    snprintf(first, sizeof(first), "%" PRId64, expected);
    snprintf(second, sizeof(second), "%" PRId64, actual);
    struct ocs_finding_note note = {
        .id = id,
        .severity = ocs_fsck_damage_severity(run, blob),
        .blob = blob,
        .expected = first,
        .actual = second,
    };
    return ocs_findings_add(&run->findings, &note, err);
}

/* The place of the blob's further declarations, which are sorted by blob. */
static size_t first_declaration(const struct ocs_inventory *inventory, uint32_t blob)
{
    size_t low = 0, high = inventory->declaration_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (inventory->declarations[middle].blob < blob)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct sizes { /* that descriptors give */
    int64_t low, high;
    bool matched; /* one of them is the file's */
};

static struct sizes look_at_sizes(const struct ocs_inventory *inventory, uint32_t blob)
{
    const struct ocs_blob_state *state = &inventory->blobs[blob];
    struct sizes sizes = {
        .low = state->declared,
        .high = state->declared,
        .matched = state->declared == (int64_t)state->size,
    };
    if (!(state->flags & OCS_BLOB_SIZES))
        return sizes;
    for (size_t i = first_declaration(inventory, blob);
         i < inventory->declaration_count && inventory->declarations[i].blob == blob; i++) {
        int64_t size = inventory->declarations[i].size;
        if (size < 0)
            continue;
        sizes.low = size < sizes.low ? size : sizes.low;
        sizes.high = size > sizes.high ? size : sizes.high;
        sizes.matched |= size == (int64_t)state->size;
    }
    return sizes;
}

/* ---- who says it ---- */

struct asking {
    struct ocs_fsck_run *run;
    uint8_t *blobs; /* by blob: ASKED, until some document was found wrong: TOLD */
    size_t count;
};
#define ASKED 1
#define TOLD  2

static bool is_right(const struct ocs_blob_state *state, const struct sizes *sizes)
{
    bool read = state->document && !(state->flags & (OCS_BLOB_DAMAGED | OCS_BLOB_MISREAD));
    return sizes->matched || read;
}

static int blame_document(struct asking *asking, uint32_t document, uint32_t blob, int64_t said,
                          struct ocs_error *err)
{
    const struct ocs_inventory *inventory = &asking->run->inventory;
    char name[OCS_DIGEST_BUF], text[OCS_DIGEST_BUF + 96], expected[24], actual[24];
    struct ocs_digest digest;
    ocs_inventory_digest(inventory, blob, &digest);
    int64_t size = (int64_t)inventory->blobs[blob].size;
    snprintf(expected, sizeof(expected), "%" PRId64, said);
    snprintf(actual, sizeof(actual), "%" PRId64, size);
    snprintf(text, sizeof(text), "says that %s has %" PRId64 " bytes, and it has %" PRId64,
             ocs_digest_format(&digest, name), said, size);
    struct ocs_finding_note note = {
        .id = "descriptor-size-conflict",
        .severity = ocs_fsck_damage_severity(asking->run, document),
        .blob = document,
        .expected = expected,
        .actual = actual,
        .message = text,
    };
    asking->blobs[blob] = TOLD;
    return ocs_findings_add(&asking->run->findings, &note, err);
}

static bool names_asked(const struct asking *asking, const struct ocs_read_document *document)
{
    const struct ocs_inventory *inventory = &asking->run->inventory;
    for (uint32_t e = document->first; e < document->first + document->count; e++) {
        if (asking->blobs[inventory->children[e]])
            return true;
    }
    return false;
}

static int ask_descriptor(struct asking *asking, uint32_t document,
                          const struct ocs_descriptor *descriptor, struct ocs_error *err)
{
    const struct ocs_inventory *inventory = &asking->run->inventory;
    uint32_t blob;
    if (descriptor->size < 0 || !ocs_digest_set_find(inventory->set, &descriptor->digest, &blob) ||
        !asking->blobs[blob] || descriptor->size == (int64_t)inventory->blobs[blob].size)
        return 0;
    return blame_document(asking, document, blob, descriptor->size, err);
}

static int ask_document(struct asking *asking, const struct ocs_read_document *read,
                        struct ocs_error *err)
{
    auto_bytes struct ocs_bytes bytes = {0};
    auto_document struct ocs_document document = {0};
    struct ocs_digest digest;
    if (!read->sure || !names_asked(asking, read))
        return 0;
    ocs_inventory_digest(&asking->run->inventory, read->blob, &digest);
    if (ocs_blobs_read(asking->run->blobs, &digest, OCS_DOCUMENT_BYTES_MAX, &bytes, NULL, NULL) !=
        0)
        return 0; /* it was there a moment ago */
    int r = ocs_document_read(bytes.data, bytes.size, OCS_JSON_DOCUMENT_LIMITS, &document, err);
    for (size_t i = 0; r == 0 && i < document.count; i++)
        r = ask_descriptor(asking, read->blob, &document.descriptors[i], err);
    return r;
}

/* ---- the whole ---- */

static int blame_blob(struct ocs_fsck_run *run, uint32_t blob, bool here, const struct sizes *sizes,
                      struct ocs_error *err)
{
    int r = 0;
    int64_t size = (int64_t)run->inventory.blobs[blob].size;
    if (sizes->low != sizes->high)
        r = blame_size(run, "descriptor-size-conflict", blob, sizes->low, sizes->high, err);
    if (r == 0 && here && !sizes->matched)
        r = blame_size(run, "blob-size-mismatch", blob, sizes->low, size, err);
    return r;
}

static int check_blob(struct asking *asking, uint32_t blob, bool asked, struct ocs_error *err)
{
    const struct ocs_blob_state *state = &asking->run->inventory.blobs[blob];
    if (state->declared < 0)
        return 0;
    struct sizes sizes = look_at_sizes(&asking->run->inventory, blob);
    bool here = state->presence == OCS_PRESENCE_HERE &&
                !(state->flags & (OCS_BLOB_EMPTY | OCS_BLOB_IN_FLUX));
    if (sizes.low == sizes.high && (sizes.matched || !here))
        return 0;
    if (asked || !here || !is_right(state, &sizes))
        return blame_blob(asking->run, blob, here, &sizes, err);
    asking->blobs[blob] = ASKED;
    asking->count++;
    return 0;
}

static int ask_all(struct asking *asking, struct ocs_error *err)
{
    const struct ocs_inventory *inventory = &asking->run->inventory;
    uint32_t count = ocs_inventory_count(inventory);
    int r = 0;
    for (size_t i = 0; r == 0 && asking->count && i < inventory->document_count; i++)
        r = ask_document(asking, &inventory->documents[i], err);
    for (uint32_t blob = 0; r == 0 && asking->count && blob < count; blob++) {
        if (asking->blobs[blob] == ASKED)
            r = check_blob(asking, blob, true, err);
    }
    return r;
}

int ocs_check_sizes(struct ocs_fsck_run *run, struct ocs_error *err)
{
    uint32_t count = ocs_inventory_count(&run->inventory);
    auto_free uint8_t *blobs = calloc(count + 1u, 1);
    struct asking asking = {.run = run, .blobs = blobs};
    if (!blobs)
        return ocs_error_memory(err);
    int r = 0;
    for (uint32_t blob = 0; r == 0 && blob < count; blob++)
        r = check_blob(&asking, blob, false, err);
    return r == 0 ? ask_all(&asking, err) : r;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_SAVED_H
#define OCS_GC_SAVED_H

/* manifest.json, which `docker save` leaves in a layout's own folder: the blobs
 * that its Config and Layers paths name are roots, whatever index.json says. */

#include "store/census.h"

struct ocs_saved {
    uint32_t *ids;     /* that the graph knows; may repeat */
    uint32_t *layouts; /* for each of them, whose manifest.json names it; in their order */
    size_t count;
    struct ocs_stamp *stamps; /* by layout of the census; zeros: it has no manifest.json */
};

/* Positive: OCS_GRAPH_CORRUPT.  Negative when one is there and cannot be read:
 * then what it needs is not known. */
int ocs_saved_read(struct ocs_store *store, const struct ocs_census *census, struct ocs_saved *out,
                   struct ocs_error *err);
void ocs_saved_clear(struct ocs_saved *saved);

/* The stamp of the manifest.json in `layout_dir`; zeros when there is none. */
int ocs_saved_stamp(int layout_dir, struct ocs_stamp *out, struct ocs_error *err);

/* Every SHA-256 and SHA-512 in hex that stands in the bytes, with no hex digit
 * before or after it. */
int ocs_saved_each_digest(const char *bytes, size_t size, void *data,
                          int (*on_digest)(void *data, const struct ocs_digest *digest,
                                           struct ocs_error *err),
                          struct ocs_error *err);

#endif

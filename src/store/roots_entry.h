/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_ROOTS_ENTRY_H
#define OCS_STORE_ROOTS_ENTRY_H

/* The file of one layout, roots/<id>.json: a line of JSON, and behind it the bytes of
 * the last good index.json (doc/store-format.md). */

#include "roots.h"

#define OCS_ROOTS_HEADER_MAX 65536u

struct ocs_roots_entry {
    struct ocs_json *json;
    struct ocs_bytes header;
    const char *name, *path;
    const char *given, *sha256; /* may be NULL */
    bool attached;
    bool unreadable; /* damaged or not: its bytes did not come */
    int64_t index_size;
};

/* Positive: OCS_IO_ABSENT, OCS_ROOTS_DAMAGED.  `out` is zeros before, and is cleared by
 * the caller whatever the result. */
int ocs_roots_entry_open(const struct ocs_roots_place *place, const char *id, int *fd,
                         struct ocs_roots_entry *out, struct ocs_error *err);
void ocs_roots_entry_clear(struct ocs_roots_entry *entry);
#define auto_roots_entry __attribute__((cleanup(ocs_roots_entry_clear)))

/* What it registers, in the entry's memory.  `last` is zeros where the sum is not as we
 * write it: nobody has such an index. */
struct ocs_root ocs_roots_entry_root(const struct ocs_roots_entry *entry);
/* The index itself.  Positive: OCS_ROOTS_DAMAGED. */
int ocs_roots_entry_index(const struct ocs_roots_entry *entry, int fd, struct ocs_bytes *out,
                          struct ocs_error *err);

/* The bytes of a whole file. */
int ocs_roots_entry_encode(const struct ocs_root *root, const struct ocs_bytes *index,
                           struct ocs_json_writer *w, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_SOURCE_H
#define OCS_STORE_SOURCE_H

/* What `import` brings in: one layout folder, whole or one tag of it. */

#include "blob.h"
#include "layout.h"

struct ocs_source {
    const char *text; /* as it was given */
    char *path;       /* of the layout's folder */
    char *tag;        /* NULL: every entry */
    char *layout;     /* name of the layout it goes to */
    int dir;
    struct ocs_blobs *blobs; /* NULL: it has none of its own */
    struct ocs_index index;
    uint32_t *entries; /* chosen, by place among the index document's descriptors */
    size_t count;
};

struct ocs_source_options {
    const char *name;         /* instead of the default layout name, or NULL */
    const char *shared_blobs; /* or NULL */
    const struct ocs_hooks *hooks;
};

/* Takes the text apart and looks that there is a layout: OCS_USAGE when not.
 * Reads nothing yet. */
int ocs_source_open(const char *text, const struct ocs_source_options *options,
                    struct ocs_source *out, struct ocs_error *err);
/* Reads index.json and chooses the entries.  OCS_USAGE: no such tag.
 * OCS_REFUSED: an index that is damaged or that import does not accept. */
int ocs_source_read(struct ocs_source *source, const struct ocs_source_options *options,
                    struct ocs_error *err);
void ocs_source_close(struct ocs_source *source);

#endif

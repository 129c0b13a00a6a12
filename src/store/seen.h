/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_SEEN_H
#define OCS_STORE_SEEN_H

/* The layouts that can be seen in a store's folder: every folder below layouts/
 * with an index.json or an oci-layout, and the store itself when it has one. */

#include "ocistore.h"

#include <limits.h>

#define OCS_LAYOUT_NAME_MAX 255

struct ocs_seen_visitor {
    void *data;
    int (*on_layout)(void *data, const char *name, const char *path, struct ocs_error *err);
    /* Something that may be a layout and cannot be followed: gc must not go on. */
    void (*on_trouble)(void *data, const char *path, const char *text, const char *help);
    /* The same of a folder that cannot be read.  When it is known to be a layout, whoever
     * reads that will say so. */
    void (*on_closed)(void *data, const char *path, const char *text);
};

/* Whether the store is one in place: its folder is a layout itself. */
bool ocs_seen_in_place(int store_dir);
/* Whether a folder is in `layouts`, `blobs` or the state of a store, or one of these; `store`
 * is that store's path then. */
bool ocs_seen_inside(const char *path, char store[PATH_MAX]);
int ocs_seen_layouts(int store_dir, const struct ocs_seen_visitor *visitor, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_JSON_NAMES_H
#define OCS_STORE_JSON_NAMES_H

/* The names of the objects that the scanner has open: what makes a document
 * ambiguous (ocs_json_ambiguity).  Private to the scanner. */

#include "json_types.h"
#include "ocistore.h"

struct ocs_json_name; /* one member name of an open object */

struct ocs_json_names {
    const char *bytes;          /* the document */
    struct ocs_json_name *list; /* of all open objects, the innermost last */
    size_t count;
    size_t capacity;
    bool ambiguous;
    struct ocs_json_flaw flaw; /* the first one that came to light */
};

/* Where a container stands in the document, as far as a reader of OCI documents
 * would look. */
enum ocs_json_place {
    OCS_JSON_PLACE_OTHER = 0,
    OCS_JSON_PLACE_ROOT = 1,       /* the document itself */
    OCS_JSON_PLACE_DESCRIPTOR = 2, /* config, subject; in layers[], manifests[], ... */
    OCS_JSON_PLACE_LIST = 4,       /* layers[], manifests[], ... */
};

/* One open object or array. */
struct ocs_json_scope {
    enum ocs_json_place place;
    size_t first;      /* its first name in the list */
    int known;         /* the member that was named last: a place in the table, or -1 */
    bool exact;        /* that member has its name exactly */
    uint32_t name;     /* where that name begins */
    bool edge;         /* a member was seen that makes an edge */
    bool odd;          /* a member's name is only fold-equal to a known one */
    uint32_t odd_name; /* where that name begins */
};

void ocs_json_names_clear(struct ocs_json_names *names);

/* A container opens in `parent`; NULL: it is the whole document. */
struct ocs_json_scope ocs_json_scope_open(const struct ocs_json_names *names,
                                          const struct ocs_json_scope *parent,
                                          enum ocs_json_type type);

/* The next member's name: valid JSON string content that begins at `start`. */
int ocs_json_scope_name(struct ocs_json_names *names, struct ocs_json_scope *scope, uint32_t start,
                        struct ocs_error *err);

/* The value of the member that was named last. */
void ocs_json_scope_value(struct ocs_json_scope *scope, enum ocs_json_type type);

/* The object ends: its names are judged and forgotten. */
void ocs_json_scope_close(struct ocs_json_names *names, const struct ocs_json_scope *scope);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_DOCUMENT_CHECK_H
#define OCS_STORE_DOCUMENT_CHECK_H

/* What the specifications ask of a document (image-spec: descriptor.md,
 * image-index.md, manifest.md, config.md, image-layout.md).  Pure: no I/O. */

#include "document.h"

struct ocs_problem {
    const char *id; /* finding id (doc/fsck.md): "document-invalid", ... */
    enum ocs_severity severity;
    bool refuse;        /* import refuses a document that has this */
    const char *member; /* "layers[3].digest"; "" for the document as a whole */
    const char *text;
};

typedef int ocs_problem_fn(void *data, const struct ocs_problem *problem, struct ocs_error *err);

/* An index.json of a layout, or any document that some descriptor points at with
 * `declared` as media type (NULL: unknown).  Stops when `on_problem` returns
 * other than 0 and returns that. */
int ocs_document_check(const struct ocs_document *document, const char *declared, void *data,
                       ocs_problem_fn *on_problem, struct ocs_error *err);

/* The index.json of a layout: ocs_document_check and what holds for roots alone. */
int ocs_index_check(const struct ocs_document *document, void *data, ocs_problem_fn *on_problem,
                    struct ocs_error *err);

/* The `oci-layout` file. */
int ocs_layout_file_check(const char *bytes, size_t size, void *data, ocs_problem_fn *on_problem,
                          struct ocs_error *err);

#endif

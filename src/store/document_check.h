/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_DOCUMENT_CHECK_H
#define OCS_STORE_DOCUMENT_CHECK_H

/* What the specifications ask of a document (image-spec: descriptor.md,
 * image-index.md, manifest.md, config.md, image-layout.md).  Pure: no I/O. */

#include "document.h"
#include "problem.h"

/* An index.json of a layout, or any document that some descriptor points at with
 * `declared` as media type (NULL: unknown).  What is neither declared to be a
 * document nor looks like one has no problems.  Stops when `on_problem` returns
 * other than 0 and returns that. */
int ocs_document_check(const struct ocs_document *document, const char *declared, void *data,
                       ocs_problem_fn *on_problem, struct ocs_error *err);

/* What a descriptor calls a document has to be one; anything else is checked when it
 * looks like one. */
bool ocs_document_is_due(const struct ocs_document *document, const char *declared);
/* `document-too-large`: the words for so many bytes where `most` are allowed; NULL: it is not. */
const char *ocs_document_too_large(uint64_t size, uint64_t most);

/* The index.json of a layout: ocs_document_check and what holds for roots alone. */
int ocs_index_check(const struct ocs_document *document, void *data, ocs_problem_fn *on_problem,
                    struct ocs_error *err);

/* A blob can have several media types, each by another descriptor: the kinds
 * (1u << enum ocs_media) under which import refuses this one. */
int ocs_document_refused(const struct ocs_document *document, unsigned *out, struct ocs_error *err);

/* The `oci-layout` file. */
int ocs_layout_file_check(const char *bytes, size_t size, void *data, ocs_problem_fn *on_problem,
                          struct ocs_error *err);

/* A document that is one descriptor and nothing else. */
int ocs_descriptor_check(const struct ocs_document *document, void *data,
                         ocs_problem_fn *on_problem, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_DOCUMENT_H
#define OCS_STORE_DOCUMENT_H

/* OCI and Docker documents -> the descriptors that are edges.  Pure: no I/O.
 *
 * Edges are a function of the bytes alone (doc/documents.md): every blob up to
 * the size limit whose first non-blank byte is `{` is read, whatever a
 * descriptor calls it, and the edges are the union of what any kind of document
 * would have: manifests[], config, layers[], blobs[], fsLayers[].blobSum,
 * subject.  A member counts when it is an object with a well-formed `digest`. */

#include "json.h"

/* Goes up whenever the same bytes could give other edges. */
#define OCS_EDGE_RULES 3

enum ocs_role {
    OCS_ROLE_MANIFEST = 1, /* manifests[] of an index */
    OCS_ROLE_CONFIG = 2,
    OCS_ROLE_LAYER = 3,
    OCS_ROLE_BLOB = 4,    /* blobs[] of an artifact manifest */
    OCS_ROLE_FSLAYER = 5, /* fsLayers[] of schema 1 */
    OCS_ROLE_SUBJECT = 6, /* kept forward when present; backward it makes the referrer live */
    OCS_ROLE_LOOSE = 7,   /* some digest in a document that cannot be read surely */
};

const char *ocs_role_name(enum ocs_role role); /* "manifest", ... */

/* What the members look like; several bits when the document is several things. */
enum ocs_shape {
    OCS_SHAPE_INDEX = 1,    /* `manifests` */
    OCS_SHAPE_MANIFEST = 2, /* `layers`, or `config` that is a descriptor */
    OCS_SHAPE_ARTIFACT = 4, /* `blobs` */
    OCS_SHAPE_SCHEMA1 = 8,  /* `fsLayers` */
};

enum ocs_document_state {
    OCS_DOCUMENT_OPAQUE,    /* does not begin with `{`: no document */
    OCS_DOCUMENT_STRICT,    /* read surely */
    OCS_DOCUMENT_AMBIGUOUS, /* ocs_json_ambiguity: edges are loose */
    OCS_DOCUMENT_INVALID,   /* the scanner rejects it: edges are loose */
    OCS_DOCUMENT_TOO_LARGE, /* over a limit: edges are loose */
};

struct ocs_descriptor {
    enum ocs_role role;
    struct ocs_digest digest;
    int64_t size;                       /* -1: absent or no usable integer */
    const char *media_type;             /* NULL: absent; lives in the document */
    const char *artifact_type;          /* NULL: absent */
    const struct ocs_json_value *value; /* the descriptor; NULL for loose edges */
};

struct ocs_document {
    enum ocs_document_state state;
    unsigned shape;         /* enum ocs_shape bits */
    const char *media_type; /* its own `mediaType`, or NULL */
    const char *artifact_type;
    struct ocs_descriptor *descriptors; /* edges, in document order, duplicates kept */
    size_t count;
    struct ocs_json *json;     /* NULL unless STRICT or AMBIGUOUS */
    struct ocs_json_flaw flaw; /* for AMBIGUOUS, INVALID and TOO_LARGE */
};

/* `bytes` is borrowed until ocs_document_clear.  Fails for lack of memory only.
 * `size` may be more than the limits: then the edges are loose. */
int ocs_document_read(const char *bytes, size_t size, struct ocs_json_limits limits,
                      struct ocs_document *out, struct ocs_error *err);
void ocs_document_clear(struct ocs_document *document);
#define auto_document __attribute__((cleanup(ocs_document_clear)))

/* A document of more than OCS_DOCUMENT_BYTES_MAX, piece by piece: what comes out is
 * TOO_LARGE, and every digest in it is an edge; OPAQUE when `{` does not come first.
 * Positive: OCS_DOCUMENT_TOO_MANY, more of them than are held in memory: nothing is known
 * of the edges then. */
#define OCS_DOCUMENT_SCAN_MAX (1u << 20)
#define OCS_DOCUMENT_TOO_MANY 5
struct ocs_document_scan;
int ocs_document_scan_new(struct ocs_document_scan **out, struct ocs_error *err);
int ocs_document_scan_feed(struct ocs_document_scan *scan, const char *bytes, size_t size,
                           struct ocs_error *err);
int ocs_document_scan_end(struct ocs_document_scan *scan, struct ocs_document *out,
                          struct ocs_error *err);
void ocs_document_scan_free(struct ocs_document_scan *scan);

/* The first non-blank byte of `bytes` is `{`. */
bool ocs_document_looks_like(const char *bytes, size_t size);

/* Media types (media-types.md; Docker's of distribution-spec's compatibility). */
enum ocs_media {
    OCS_MEDIA_OTHER,
    OCS_MEDIA_INDEX,
    OCS_MEDIA_MANIFEST,
    OCS_MEDIA_ARTIFACT,
    OCS_MEDIA_SCHEMA1,
    OCS_MEDIA_CONFIG,        /* the OCI or Docker image config */
    OCS_MEDIA_LAYER,         /* tar, any compression */
    OCS_MEDIA_LAYER_FOREIGN, /* non-distributable: may be absent */
    OCS_MEDIA_EMPTY,         /* application/vnd.oci.empty.v1+json */
};
enum ocs_media ocs_media_of(const char *media_type); /* NULL: OTHER */

/* The value of the annotation org.opencontainers.image.ref.name, or NULL. */
const char *ocs_descriptor_ref_name(const struct ocs_document *document,
                                    const struct ocs_descriptor *descriptor);

/* The decoded `data` member, verified.  Positive: OCS_DOCUMENT_NO_DATA there is none,
 * or none that can be verified (algorithm), OCS_DOCUMENT_BAD_DATA no padded standard
 * Base64, OCS_DOCUMENT_OTHER_DATA not of the right size and digest. */
#define OCS_DOCUMENT_NO_DATA    1
#define OCS_DOCUMENT_BAD_DATA   2
#define OCS_DOCUMENT_OTHER_DATA 3
int ocs_descriptor_data(const struct ocs_document *document,
                        const struct ocs_descriptor *descriptor, struct ocs_bytes *out,
                        struct ocs_error *err);

#endif

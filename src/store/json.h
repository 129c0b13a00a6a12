/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_JSON_H
#define OCS_STORE_JSON_H

/* JSON as the OCI documents need it (doc/documents.md): a strict scanner over
 * the exact bytes runs first (RFC 8259, UTF-8, no lone surrogates, no BOM,
 * nothing after the document, limits), then cJSON builds the tree.  The scanner
 * keeps one token for each value, so that integers are exact to 64 bits, strings
 * with an embedded NUL are known, and every value's own bytes can be had. */

#include "digest.h"
#include "io.h"
#include "json_types.h"

struct ocs_json;       /* a document */
struct ocs_json_value; /* one value in it; lives as long as the document */

/* Scan and parse.  `bytes` is borrowed until ocs_json_free.
 * Positive: OCS_JSON_INVALID or OCS_JSON_TOO_LARGE with *flaw (may be NULL).
 * Negative: no memory. */
int ocs_json_parse(const char *bytes, size_t size, struct ocs_json_limits limits,
                   struct ocs_json **out, struct ocs_json_flaw *flaw, struct ocs_error *err);
void ocs_json_free(struct ocs_json *json);

static inline void ocs_cleanup_json(struct ocs_json **json)
{
    ocs_json_free(*json);
}
#define auto_json __attribute__((cleanup(ocs_cleanup_json)))

/* The scanner alone: 0, OCS_JSON_INVALID or OCS_JSON_TOO_LARGE. */
int ocs_json_scan(const char *bytes, size_t size, struct ocs_json_limits limits,
                  struct ocs_json_flaw *flaw, struct ocs_error *err);

/* A reader that folds names (Go's encoding/json), or that takes the other
 * duplicate, or that ends names at a NUL, would see another document:
 * - anywhere, two members of one object with the same name, or U+0000 in a name;
 * - in the document's own object and in its descriptors (config, subject, each of
 *   manifests[], layers[], blobs[], fsLayers[]), a member whose name equals one
 *   that the specification defines there only under Unicode simple case folding
 *   (`Layers`, `layer\u017f`), alone or beside the right one, and whose value
 *   has the type that is due or is null.  It does not count in an object that has
 *   nothing to name others by (no manifests, config, layers, blobs, subject,
 *   fsLayers; in a descriptor no digest, blobSum).
 * So reports, vocabularies and Docker's own files, where names that differ in
 * case are honest, are not ambiguous, and maps with free keys (annotations,
 * Labels) are held to exact duplicates.
 * NULL when there is none. */
const struct ocs_json_flaw *ocs_json_ambiguity(const struct ocs_json *json);

const struct ocs_json_value *ocs_json_root(const struct ocs_json *json);
enum ocs_json_type ocs_json_type(const struct ocs_json_value *value);

/* Exact name; the last one where it is repeated (as Go takes it). NULL: none.
 * NULL for a NULL or a value that is no object, so that look-ups chain. */
const struct ocs_json_value *ocs_json_member(const struct ocs_json_value *object, const char *name);
/* Children of an array or object, in order. */
const struct ocs_json_value *ocs_json_first(const struct ocs_json_value *container);
const struct ocs_json_value *ocs_json_next(const struct ocs_json_value *value);
/* The name under which a member stands in its object. */
const char *ocs_json_name(const struct ocs_json_value *member);

/* NULL unless it is a string without an embedded NUL. NULL-safe. */
const char *ocs_json_string(const struct ocs_json *json, const struct ocs_json_value *value);
bool ocs_json_bool(const struct ocs_json_value *value); /* true only for true */

/* Written as `0` or `-?[1-9][0-9]*` and within int64: 0 and *out. NULL-safe.
 * Positive OCS_JSON_INVALID: no number, or not written as an integer;
 * OCS_JSON_TOO_LARGE: an integer beyond int64. */
int ocs_json_integer(const struct ocs_json *json, const struct ocs_json_value *value, int64_t *out);

/* The bytes that the value occupies in the document. NULL for a NULL. */
const char *ocs_json_span(const struct ocs_json *json, const struct ocs_json_value *value,
                          size_t *size);

/* The lenient scan: every well-formed digest that is a whole string in any
 * JSON-like bytes, escapes decoded, whatever the grammar says; and those of
 * registered algorithms that are part of one ("name@sha256:...").  For documents
 * the scanner rejects.  Repeated digests are reported each time.  Stops when
 * `on_digest` returns other than 0 and returns that. */
int ocs_json_each_digest(const char *bytes, size_t size, void *data,
                         int (*on_digest)(void *data, const struct ocs_digest *digest,
                                          struct ocs_error *err),
                         struct ocs_error *err);
/* The same piece by piece; all but the first two members begin with zeros. */
struct ocs_json_digests {
    void *data;
    int (*on_digest)(void *data, const struct ocs_digest *digest, struct ocs_error *err);
    char run[OCS_DIGEST_TEXT_MAX]; /* characters of digests; the last ones in a row */
    size_t run_size;
    bool quoted;    /* a quote came directly before them */
    char escape[6]; /* that has begun */
    size_t escape_size;
};
int ocs_json_digests_feed(struct ocs_json_digests *scan, const char *bytes, size_t size,
                          struct ocs_error *err);
int ocs_json_digests_end(struct ocs_json_digests *scan, struct ocs_error *err);

/* Append to a growing text; used for all JSON that we write ourselves.  Sizes
 * are printed as integers (cJSON would round them).  Begin with zeros.  Strings
 * may hold any byte: what is not UTF-8 becomes U+FFFD, and what a terminal
 * would act on is escaped.  `text` is NULL until something was written. */
struct ocs_json_writer {
    struct ocs_bytes text;
    size_t capacity;
    bool failed; /* out of memory; later calls do nothing */
    bool comma;
};

void ocs_json_write_raw(struct ocs_json_writer *w, const char *bytes, size_t size);
void ocs_json_write_open(struct ocs_json_writer *w, const char *name, char bracket);
void ocs_json_write_close(struct ocs_json_writer *w, char bracket);
/* `name` NULL inside arrays. */
void ocs_json_write_string(struct ocs_json_writer *w, const char *name, const char *text,
                           size_t size);
void ocs_json_write_integer(struct ocs_json_writer *w, const char *name, int64_t number);
void ocs_json_write_value(struct ocs_json_writer *w, const char *name, const char *raw,
                          size_t size); /* already JSON */
void ocs_json_writer_clear(struct ocs_json_writer *w);

#endif

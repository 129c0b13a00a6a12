/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_INFLATE_H
#define OCS_STORE_INFLATE_H

/* The plain bytes of a gzip, zstd or plain stream, piece by piece.
 *
 * A gzip stream is one member after the other (RFC 1952, 2.2): behind a member
 * the input ends or another one begins; zeros or garbage there are errors.  A
 * zstd stream is frames, of which skippable ones are skipped (RFC 8878). */

#include "gunzip.h"

enum ocs_compression {
    OCS_COMPRESSION_PLAIN,
    OCS_COMPRESSION_GZIP,
    OCS_COMPRESSION_ZSTD,
    OCS_COMPRESSION_OTHER, /* bzip2, xz: known when seen, not to be read here */
};

const char *ocs_compression_name(enum ocs_compression compression);
/* What the first bytes of a file say; PLAIN when they say nothing.  Six are enough. */
enum ocs_compression ocs_compression_sniff(const void *bytes, size_t size);

/* What may come out: bombs end here.  0: no limit. */
struct ocs_inflate_limits {
    uint64_t bytes;
    uint64_t ratio; /* plain bytes for each byte that went in, beyond the first MiB */
};

struct ocs_inflater; /* reusable; one per thread */

/* gzip with ISA-L where it was built in, else with zlib; or with a given engine. */
int ocs_inflater_new(struct ocs_inflater **out, struct ocs_error *err);
int ocs_inflater_new_with(const struct ocs_gunzip_engine *engine, struct ocs_inflater **out,
                          struct ocs_error *err);
void ocs_inflater_free(struct ocs_inflater *inflater);

/* `compression` is not OTHER. */
int ocs_inflater_begin(struct ocs_inflater *inflater, enum ocs_compression compression,
                       struct ocs_inflate_limits limits, struct ocs_error *err);

/* Takes plain bytes; other than 0 stops and is returned. */
typedef int ocs_plain_fn(void *data, const void *bytes, size_t size, struct ocs_error *err);

/* Positive results describe themselves in *why (a fixed string, may be NULL). */
#define OCS_INFLATE_INVALID  1
#define OCS_INFLATE_TOO_MUCH 2 /* over the limits */
int ocs_inflater_feed(struct ocs_inflater *inflater, const void *bytes, size_t size,
                      ocs_plain_fn *on_plain, void *data, const char **why, struct ocs_error *err);
/* The input is at its end. Positive: OCS_INFLATE_INVALID when the stream is not. */
int ocs_inflater_end(struct ocs_inflater *inflater, const char **why);

#endif

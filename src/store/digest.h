/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_DIGEST_H
#define OCS_STORE_DIGEST_H

/* Digests: parse, format, compare; the binary form (image-spec, descriptor.md,
 * "Digests").  Grammar, over the whole string:
 * ^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$ */

#include "ocistore.h"

enum ocs_algorithm {
    OCS_ALGORITHM_OTHER = 0, /* passes the grammar; cannot be verified */
    OCS_ALGORITHM_SHA256 = 1,
    OCS_ALGORITHM_SHA512 = 2,
    OCS_ALGORITHM_BLAKE3 = 3, /* registered; length and case are checked, bytes cannot be */
    OCS_ALGORITHM_COUNT,
};

#define OCS_DIGEST_KEY_MAX  256 /* algorithm byte and at most 255 bytes */
#define OCS_DIGEST_TEXT_MAX 255
#define OCS_DIGEST_BUF      (OCS_DIGEST_TEXT_MAX + 1)

/* Binary form: one algorithm byte, then the raw digest; for OTHER the text.
 * It is the key of the graph's `ids` table, and memcmp order is digest order. */
struct ocs_digest {
    uint16_t size; /* of key, in bytes */
    unsigned char key[OCS_DIGEST_KEY_MAX];
};

/* 0, or positive OCS_DIGEST_INVALID.  `size` is the length in bytes: an embedded
 * NUL is invalid.  Upper-case hex of a registered algorithm is invalid.  *out is
 * undefined then. */
#define OCS_DIGEST_INVALID 1
int ocs_digest_parse(const char *text, size_t size, struct ocs_digest *out);

/* The part after the colon, for an algorithm that is not OTHER. */
int ocs_digest_parse_encoded(enum ocs_algorithm algorithm, const char *text, size_t size,
                             struct ocs_digest *out);

/* From a binary key; OCS_DIGEST_INVALID when it is none. */
int ocs_digest_from_key(const void *key, size_t size, struct ocs_digest *out);
bool ocs_digest_key_valid(const void *key, size_t size);
/* From an algorithm that is not OTHER and its raw bytes. */
void ocs_digest_from_raw(enum ocs_algorithm algorithm, const unsigned char *raw,
                         struct ocs_digest *out);

/* "alg:encoded", NUL-terminated. Returns `out`. */
const char *ocs_digest_format(const struct ocs_digest *digest, char out[OCS_DIGEST_BUF]);

/* "alg/encoded": the path beneath blobs/ (image-layout.md). Safe by the grammar. */
const char *ocs_digest_path(const struct ocs_digest *digest, char out[OCS_DIGEST_BUF]);

enum ocs_algorithm ocs_digest_algorithm(const struct ocs_digest *digest);
const unsigned char *ocs_digest_raw(const struct ocs_digest *digest);

/* "sha256" ...; NULL for OTHER.  By name: OTHER when unknown. */
const char *ocs_algorithm_name(enum ocs_algorithm algorithm);
enum ocs_algorithm ocs_algorithm_by_name(const char *name, size_t size);
/* Raw bytes of a digest: 32, 64, 32; 0 for OTHER. */
size_t ocs_algorithm_size(enum ocs_algorithm algorithm);
/* We can hash it: SHA-256 and SHA-512. */
bool ocs_algorithm_verifiable(enum ocs_algorithm algorithm);

int ocs_digest_compare(const struct ocs_digest *a, const struct ocs_digest *b);
bool ocs_digest_equal(const struct ocs_digest *a, const struct ocs_digest *b);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "hash.h"

#include "cleanup.h"
#include "error.h"
#include "io.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>

#define READ_SIZE (256u << 10)

/* Fetching an algorithm and making a context cost more than hashing a small
 * blob: both are done once for a hasher. */
struct ocs_hasher {
    EVP_MD_CTX *context;
    EVP_MD *sha256;
    EVP_MD *sha512;
    enum ocs_algorithm algorithm; /* of the digest that is being made */
};

static void cleanup_hasher(struct ocs_hasher **hasher)
{
    ocs_hasher_free(*hasher);
}
#define auto_hasher __attribute__((cleanup(cleanup_hasher)))

static int library_failed(struct ocs_error *err)
{
    return ocs_error_raise(err, OCS_FAILED, "libcrypto cannot compute the digest");
}

int ocs_hasher_new(struct ocs_hasher **out, struct ocs_error *err)
{
    auto_hasher struct ocs_hasher *hasher = calloc(1, sizeof(*hasher));
    if (!hasher)
        return ocs_error_memory(err);
    hasher->context = EVP_MD_CTX_new();
    if (!hasher->context)
        return ocs_error_memory(err);
    hasher->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hasher->sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
    if (!hasher->sha256 || !hasher->sha512)
        return library_failed(err);
    *out = TAKE_PTR(hasher);
    return 0;
}

void ocs_hasher_free(struct ocs_hasher *hasher)
{
    if (!hasher)
        return;
    EVP_MD_free(hasher->sha512);
    EVP_MD_free(hasher->sha256);
    EVP_MD_CTX_free(hasher->context);
    free(hasher);
}

int ocs_hasher_begin(struct ocs_hasher *hasher, enum ocs_algorithm algorithm, struct ocs_error *err)
{
    assert(ocs_algorithm_verifiable(algorithm));
    const EVP_MD *md = algorithm == OCS_ALGORITHM_SHA512 ? hasher->sha512 : hasher->sha256;
    hasher->algorithm = algorithm;
    return EVP_DigestInit_ex2(hasher->context, md, NULL) == 1 ? 0 : library_failed(err);
}

int ocs_hasher_update(struct ocs_hasher *hasher, const void *bytes, size_t size,
                      struct ocs_error *err)
{
    return EVP_DigestUpdate(hasher->context, bytes, size) == 1 ? 0 : library_failed(err);
}

int ocs_hasher_end(struct ocs_hasher *hasher, struct ocs_digest *out, struct ocs_error *err)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    if (EVP_DigestFinal_ex(hasher->context, raw, NULL) != 1)
        return library_failed(err);
    ocs_digest_from_raw(hasher->algorithm, raw, out);
    return 0;
}

int ocs_hash_file(int fd, enum ocs_algorithm algorithm, struct ocs_digest *out, const char *what,
                  struct ocs_error *err)
{
    auto_hasher struct ocs_hasher *hasher = NULL;
    auto_free unsigned char *buffer = malloc(READ_SIZE);
    if (!buffer)
        return ocs_error_memory(err);
    int result = ocs_hasher_new(&hasher, err);
    if (result == 0)
        result = ocs_hasher_begin(hasher, algorithm, err);
    ssize_t n = 0;
    while (result == 0 && (n = ocs_io_read(fd, buffer, READ_SIZE)) > 0)
        result = ocs_hasher_update(hasher, buffer, (size_t)n, err);
    if (n < 0) {
        bool lost = errno == EIO;
        result = ocs_error_errno(err, "%s", what);
        return lost ? OCS_HASH_UNREADABLE : result;
    }
    return result ? result : ocs_hasher_end(hasher, out, err);
}

int ocs_hash_bytes(enum ocs_algorithm algorithm, const void *bytes, size_t size,
                   struct ocs_digest *out, struct ocs_error *err)
{
    auto_hasher struct ocs_hasher *hasher = NULL;
    int result = ocs_hasher_new(&hasher, err);
    if (result < 0)
        return result;
    result = ocs_hasher_begin(hasher, algorithm, err);
    if (result < 0)
        return result;
    result = ocs_hasher_update(hasher, bytes, size, err);
    if (result < 0)
        return result;
    return ocs_hasher_end(hasher, out, err);
}

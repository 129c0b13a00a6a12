/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "verify.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/hash.h"

#define CHUNK (1u << 20)

bool ocs_verify_known(const struct ocs_store *store, const struct ocs_node *node)
{
    struct stat st;
    if (node->result != OCS_RESULT_GOOD ||
        ocs_blobs_stat(store->blobs, &node->digest, &st, NULL) != 0)
        return false;
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    return ocs_stamp_equal(&stamp, &node->stamp);
}

static int hash_all(const struct ocs_store *store, int fd, struct ocs_hasher *hasher,
                    struct ocs_error *err)
{
    auto_free char *buffer = malloc(CHUNK);
    if (!buffer)
        return ocs_error_memory(err);
    for (;;) {
        if (ocs_store_cancelled(store))
            return ocs_error_interrupted(err);
        ssize_t size = ocs_io_read(fd, buffer, CHUNK);
        if (size < 0)
            return ocs_error_errno(err, "read a blob");
        if (size == 0)
            return 0;
        int result = ocs_hasher_update(hasher, buffer, (size_t)size, err);
        if (result)
            return result;
    }
}

int ocs_verify_file(const struct ocs_store *store, const struct ocs_digest *digest, struct stat *st,
                    struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct ocs_hasher *hasher;
    struct ocs_digest actual;
    int result = ocs_blobs_open_blob(store->blobs, digest, &fd, st, err);
    if (result == 0)
        result = ocs_hasher_new(&hasher, err);
    if (result)
        return result;
    result = ocs_hasher_begin(hasher, ocs_digest_algorithm(digest), err);
    if (result == 0)
        result = hash_all(store, fd, hasher, err);
    if (result == 0)
        result = ocs_hasher_end(hasher, &actual, err);
    ocs_hasher_free(hasher);
    if (result)
        return result;
    return ocs_digest_equal(&actual, digest) ? 0 : OCS_BLOB_BAD;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "import_pass.h"

#include "cleanup.h"
#include "error.h"
#include "hash.h"
#include "learn.h"

#include <stdio.h>
#include <string.h>

/* Below, a clone would cost more than a copy. */
#define CLONE_FROM ((off_t)128 << 10)
/* The disk is asked to take pieces of this size, and the end of a file when it is not
 * smaller than this; the rest is left to syncfs. */
#define WRITE_OUT_BYTES ((uint64_t)8 << 20)
#define WRITE_OUT_LEAST ((uint64_t)1 << 20)

#define ENDED 2 /* of on_bytes: pass->failed says by what */

void ocs_import_staged_name(const struct ocs_import_item *item, char out[16])
{
    snprintf(out, 16, "%08x", item->place);
}

/* ---- begin ---- */

static void begin(struct ocs_import_pass *pass, int fd, const struct stat *st)
{
    ocs_import_reading_clear(pass->item->reading);
    pass->stream = (struct ocs_stream){
        .fd = fd,
        .algorithm = ocs_digest_algorithm(&pass->digest),
        .size = (uint64_t)st->st_size,
    };
    pass->keeps = true;
    pass->capacity = 0;
    pass->written_out = 0;
    pass->failed = 0;
}

int ocs_import_pass_look(struct ocs_import_pass *pass, struct ocs_error *err)
{
    int fd = -1;
    struct stat st;
    int result = ocs_blobs_open_blob(pass->import->store->blobs, &pass->digest, &fd, &st, err);
    if (result != 0)
        return result;
    pass->to = -1;
    pass->cloned = false;
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    if (!ocs_stamp_equal(&stamp, &pass->item->stamp))
        pass->item->trusted = false; /* it is another file by now */
    pass->item->stamp = stamp;
    pass->item->settled = ocs_stamp_settled(&stamp);
    begin(pass, fd, &st);
    return 0;
}

static int for_want_of_room(int result, struct ocs_error *err)
{
    if (result >= 0 || !ocs_io_no_space())
        return result;
    return ocs_error_hint(err, result,
                          "make room (ocistore gc --now), then import again: what is in the store "
                          "by now is not copied again");
}

/* From now on what is staged is read. */
static int read_staged(struct ocs_import_pass *pass, const char *name, int *from, struct stat *st,
                       struct ocs_error *err)
{
    int fd = -1;
    int result = ocs_io_open_regular(pass->import->staging.dir, name, &fd, st, name, err);
    if (result > 0)
        return ocs_error_raise(err, OCS_FAILED, "%s: the staged file is gone", name);
    if (result < 0)
        return result;
    close(*from);
    *from = fd;
    return 0;
}

static int share(struct ocs_import_pass *pass, const char *name, int *from, struct stat *st,
                 struct ocs_error *err)
{
    enum ocs_link link = pass->import->options->link;
    pass->cloned = false;
    if (link == OCS_LINK_COPY || (link == OCS_LINK_AUTO && st->st_size < CLONE_FROM))
        return 0;
    int result = ocs_io_clone(*from, pass->to, name, err);
    if (result == OCS_IO_CANNOT_CLONE && link == OCS_LINK_AUTO)
        return 0;
    if (result == OCS_IO_CANNOT_CLONE)
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_USAGE,
                                              "the file system of the store cannot share the "
                                              "source's bytes"),
                              "--link auto copies what cannot be shared");
    if (result < 0)
        return result;
    pass->cloned = true;
    return read_staged(pass, name, from, st, err);
}

/* Nothing is left of it; the first error is the one that is told. */
static int unstage(struct ocs_import_pass *pass, int result, struct ocs_error *err)
{
    char name[16];
    ocs_import_staged_name(pass->item, name);
    int closed = ocs_io_close(pass->to, name, result < 0 ? NULL : err);
    if (closed < 0 && result >= 0)
        result = closed;
    int removed = ocs_io_unlink(pass->import->staging.dir, name, 0, name, result < 0 ? NULL : err);
    return removed < 0 && result >= 0 ? removed : result;
}

int ocs_import_pass_stage(struct ocs_import_pass *pass, const struct ocs_source *source,
                          struct ocs_error *err)
{
    auto_fd int from = -1;
    struct stat st;
    char name[16], text[OCS_DIGEST_BUF];
    int result = ocs_blobs_open_blob(source->blobs, &pass->digest, &from, &st, err);
    if (result != 0)
        return result < 0 ? OCS_IMPORT_UNREADABLE : result;
    ocs_import_staged_name(pass->item, name);
    result = ocs_io_create(pass->import->staging.dir, name, OCS_MODE_BLOB, &pass->to,
                           ocs_digest_format(&pass->digest, text), err);
    if (result < 0)
        return for_want_of_room(result, err);
    result = share(pass, name, &from, &st, err);
    if (result < 0)
        return unstage(pass, result, err);
    begin(pass, TAKE_FD(from), &st);
    return 0;
}

int ocs_import_verify_present(struct ocs_import *import, struct ocs_import_item *item,
                              struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat st;
    struct ocs_digest digest, actual;
    ocs_digest_from_key(item->key, item->key_size, &digest);
    int result = ocs_blobs_open_blob(import->store->blobs, &digest, &fd, &st, err);
    if (result != 0)
        return result;
    item->stamp = ocs_stamp_of(&st);
    item->settled = ocs_stamp_settled(&item->stamp);
    item->size = item->stamp.size;
    actual = digest; /* what cannot be verified is taken as it is */
    enum ocs_algorithm algorithm = ocs_digest_algorithm(&digest);
    if (ocs_algorithm_verifiable(algorithm))
        result = ocs_hash_file(fd, algorithm, &actual, "the store's copy", err);
    if (result != 0)
        return result < 0 ? result : -OCS_FAILED;
    if (!ocs_digest_equal(&actual, &digest))
        return OCS_BLOB_BAD;
    return ocs_io_fsync(fd, "the store's copy",
                        err); /* ours was flushed, this one came after that */
}

/* ---- bytes ---- */

static int append(struct ocs_import_pass *pass, const void *bytes, size_t size,
                  struct ocs_error *err)
{
    struct ocs_bytes *keep = &pass->item->reading->bytes;
    if (keep->size + size + 1 > pass->capacity) {
        size_t grown = (pass->capacity + size + 1) * 2;
        char *data = realloc(keep->data, grown);
        if (!data)
            return ocs_error_memory(err);
        keep->data = data;
        pass->capacity = grown;
    }
    memcpy(keep->data + keep->size, bytes, size);
    keep->size += size;
    keep->data[keep->size] = '\0';
    return 0;
}

/* Too large to be read: what was kept is looked through, and then what comes. */
static int scan(struct ocs_import_pass *pass, const void *bytes, size_t size, struct ocs_error *err)
{
    struct ocs_import_reading *reading = pass->item->reading;
    int result = 0;
    if (!reading->scan) {
        result = ocs_document_scan_new(&reading->scan, err);
        if (result == 0)
            result = ocs_document_scan_feed(reading->scan, reading->bytes.data, reading->bytes.size,
                                            err);
        ocs_bytes_clear(&reading->bytes);
    }
    if (result == 0)
        result = ocs_document_scan_feed(reading->scan, bytes, size, err);
    if (result != OCS_DOCUMENT_TOO_MANY)
        return result;
    reading->too_many = true;
    pass->keeps = false;
    return 0;
}

static int keep(struct ocs_import_pass *pass, const void *bytes, size_t size, struct ocs_error *err)
{
    if (pass->stream.done == size && !ocs_learn_may_be_document(bytes, size))
        pass->keeps = false;
    if (!pass->keeps)
        return 0;
    return pass->stream.done > OCS_DOCUMENT_BYTES_MAX ? scan(pass, bytes, size, err)
                                                      : append(pass, bytes, size, err);
}

/* The disk is at work while the next bytes are hashed, and little is left for syncfs. */
static void write_out(struct ocs_import_pass *pass, uint64_t least)
{
    uint64_t waiting = pass->stream.done - pass->written_out;
    if (waiting < least)
        return;
    ocs_io_write_out(pass->to, pass->written_out, waiting);
    pass->written_out = pass->stream.done;
}

static int copy(struct ocs_import_pass *pass, const void *bytes, size_t size, struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF];
    if (pass->to < 0 || pass->cloned)
        return 0;
    int result = ocs_io_write(pass->to, bytes, size, ocs_digest_format(&pass->digest, text), err);
    if (result == 0)
        write_out(pass, WRITE_OUT_BYTES);
    return for_want_of_room(result, err);
}

int ocs_import_pass_take(struct ocs_import_pass *pass, struct ocs_workers *workers,
                         const void *bytes, size_t size)
{
    ocs_workers_progress(workers, size);
    if (ocs_workers_cancelled(workers))
        pass->failed = ocs_error_interrupted(&pass->err);
    if (pass->failed == 0)
        pass->failed = copy(pass, bytes, size, &pass->err);
    if (pass->failed == 0)
        pass->failed = keep(pass, bytes, size, &pass->err);
    return pass->failed == 0 ? 0 : ENDED;
}

/* ---- end ---- */

static int unreadable(const struct ocs_import_pass *pass, const struct ocs_error *why,
                      struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF];
    ocs_error_raise(err, OCS_FAILED, "%s: %s", ocs_digest_format(&pass->digest, text),
                    why->message);
    return OCS_IMPORT_UNREADABLE;
}

/* What is there by now, by libcrypto: our own kernels are not believed alone when they
 * call a blob wrong. */
static int look_again(const struct ocs_import_pass *pass, struct ocs_error *err)
{
    char name[16];
    auto_fd int staged = -1;
    struct ocs_digest actual;
    struct ocs_error why;
    ocs_import_staged_name(pass->item, name);
    int result = pass->to < 0 ? 0
                              : ocs_io_open_regular(pass->import->staging.dir, name, &staged, NULL,
                                                    name, err);
    if (result != 0)
        return result < 0 ? result : OCS_BLOB_BAD;
    result = ocs_hash_file(pass->to < 0 ? pass->stream.fd : staged, pass->stream.algorithm, &actual,
                           "read", &why);
    if (result == OCS_HASH_UNREADABLE)
        return unreadable(pass, &why, err);
    if (result < 0 && err)
        *err = why;
    if (result < 0)
        return result;
    return ocs_digest_equal(&actual, &pass->digest) ? 0 : OCS_BLOB_BAD;
}

static int verdict(const struct ocs_import_pass *pass, int result, const struct ocs_digest *actual,
                   struct ocs_error *err)
{
    if (result == OCS_STREAM_UNREADABLE) {
        struct ocs_error why = *err;
        return unreadable(pass, &why, err);
    }
    if (result != 0 || !actual || ocs_digest_equal(actual, &pass->digest))
        return result;
    return look_again(pass, err);
}

int ocs_import_pass_end(struct ocs_import_pass *pass, int result, const struct ocs_digest *actual,
                        struct ocs_error *err)
{
    char name[16];
    if (result == ENDED) {
        result = pass->failed;
        *err = pass->err;
    } else {
        result = verdict(pass, result, actual, err);
    }
    close(pass->stream.fd);
    pass->item->size = pass->stream.done;
    if (pass->to < 0)
        return result;
    if (result != 0)
        return unstage(pass, result, err);
    if (!pass->cloned)
        write_out(pass, WRITE_OUT_LEAST);
    ocs_import_staged_name(pass->item, name);
    return ocs_io_close(pass->to, name, err);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "exchange.h"

#include "cleanup.h"
#include "error.h"
#include "in_use.h"

#include <stdio.h>

#define ROUNDS 100 /* somebody writes again and again in the blink between two calls */

static int stage(int dir, const char *name, const struct ocs_bytes *bytes, struct ocs_error *err)
{
    int fd = -1;
    int result = ocs_io_create(dir, name, OCS_MODE_FILE, &fd, "index.json", err);
    if (result < 0)
        return result;
    result = ocs_io_write(fd, bytes->data, bytes->size, "index.json", err);
    if (result == 0)
        result = ocs_io_fsync(fd, "index.json", err);
    int closed = ocs_io_close(fd, "index.json", result == 0 ? err : NULL);
    return result < 0 ? result : closed;
}

/* *out is what the file holds.
 * 0 when that is `expected` and nobody has it open for writing, else OCS_INDEX_CHANGED. */
static int look(int dir, const char *name, const struct ocs_bytes *expected, struct ocs_bytes *out,
                struct ocs_error *err)
{
    auto_fd int fd = -1;
    *out = (struct ocs_bytes){0};
    int result = ocs_io_open_regular(dir, name, &fd, NULL, "index.json", err);
    if (result > 0)
        return ocs_error_raise(err, OCS_REFUSED, "index.json is no regular file any more");
    if (result < 0)
        return result;
    /* asked first: what is written and closed after that shows in the bytes */
    bool written = ocs_use_of(fd) == OCS_USE_WRITTEN;
    result = ocs_io_read_all(fd, OCS_JSON_INDEX_BYTES, out, "index.json", err);
    if (result < 0)
        return result;
    bool same = out->size == expected->size && memcmp(out->data, expected->data, out->size) == 0;
    return same && !written ? 0 : OCS_INDEX_CHANGED;
}

/* `name` goes in, what was in place comes out. Positive: OCS_IO_ABSENT, nothing was in
 * place, and nothing came out. */
static int put(int dir, const char *name, struct ocs_error *err)
{
    for (;;) {
        int result = ocs_io_exchange(dir, name, dir, "index.json", "index.json", err);
        if (result != OCS_IO_ABSENT)
            return result;
        result = ocs_io_rename_noreplace(dir, name, dir, "index.json", "index.json", err);
        if (result != OCS_IO_EXISTS)
            return result == 0 ? OCS_IO_ABSENT : result;
    }
}

/* Somebody's version that is out of its place. */
struct settling {
    const struct ocs_exchange *order;
    struct ocs_bytes placed; /* what went in last; no data: ours */
    struct ocs_bytes held;   /* what came out last */
};

static int give_way(const struct settling *settling, struct ocs_error *err)
{
    const struct ocs_exchange *order = settling->order;
    if (!settling->placed.data)
        return 0;
    return order->on_given_way(order->data, &settling->placed, err);
}

/* Puts the version that is held in place.  When what comes out is not what went in last,
 * it is somebody's newer one, to be put in its turn: OCS_INDEX_CHANGED. */
static int settle_once(struct settling *settling, const char *name, struct ocs_error *err)
{
    auto_bytes struct ocs_bytes out = {0};
    int dir = settling->order->dir;
    int result = put(dir, name, err);
    if (result == OCS_IO_ABSENT)
        return 0;
    if (result == 0)
        result = look(dir, name, settling->placed.data ? &settling->placed : settling->order->bytes,
                      &out, err);
    if (result != OCS_INDEX_CHANGED)
        return result;
    int given = give_way(settling, err);
    if (given < 0)
        return given;
    ocs_bytes_clear(&settling->placed);
    settling->placed = settling->held;
    settling->held = out;
    out = (struct ocs_bytes){0};
    return OCS_INDEX_CHANGED;
}

/* What came out is not what was read.  It goes back before anything else; when somebody
 * wrote over ours meanwhile, theirs is the newer one, and so on.
 * In the end `name` is what may go. Takes `out`. */
static int settle(const struct ocs_exchange *order, const char *name, struct ocs_bytes *out,
                  struct ocs_error *err)
{
    struct settling settling = {.order = order, .held = *out};
    *out = (struct ocs_bytes){0};
    int result = OCS_INDEX_CHANGED;
    for (int round = 0; result == OCS_INDEX_CHANGED && round < ROUNDS; round++)
        result = settle_once(&settling, name, err);
    if (result >= 0) {
        int given = give_way(&settling, err);
        result = given < 0 ? given : result;
    }
    if (result == OCS_INDEX_CHANGED)
        result = ocs_error_raise(err, OCS_BUSY, "index.json: somebody else keeps writing it");
    ocs_bytes_clear(&settling.placed);
    ocs_bytes_clear(&settling.held);
    return result;
}

/* 0, OCS_INDEX_CHANGED with nothing of anybody's in `name`, or an error with *unknown
 * set when there may be. */
static int swap(const struct ocs_exchange *order, const char *name, bool *unknown,
                struct ocs_error *err)
{
    auto_bytes struct ocs_bytes out = {0};
    int result = ocs_io_exchange(order->dir, name, order->dir, "index.json", "index.json", err);
    if (result != 0)
        return result < 0 ? result : OCS_INDEX_CHANGED;
    result = look(order->dir, name, order->expected, &out, err);
    if (result == 0)
        return 0;
    if (result < 0) { /* whose it is cannot be told: back with it */
        *unknown = put(order->dir, name, NULL) != 0 ||
                   look(order->dir, name, order->bytes, &out, NULL) != 0;
        return result;
    }
    result = settle(order, name, &out, err);
    *unknown = result < 0;
    return result < 0 ? result : OCS_INDEX_CHANGED;
}

static int place(const struct ocs_exchange *order, const char *name, bool *unknown,
                 struct ocs_error *err)
{
    if (!order->expected) {
        int result =
            ocs_io_rename_noreplace(order->dir, name, order->dir, "index.json", "index.json", err);
        return result == OCS_IO_EXISTS ? OCS_INDEX_CHANGED : result;
    }
    int result = swap(order, name, unknown, err);
    if (result == 0)
        result = ocs_io_sync_dir(order->dir, ".", "layout folder", err);
    if (result == 0 && order->old_dir >= 0)
        return ocs_io_rename(order->dir, name, order->old_dir, order->old_name, "old index.json",
                             err);
    return result;
}

int ocs_exchange_index(const struct ocs_exchange *order, struct ocs_error *err)
{
    char random[17];
    char name[48];
    bool unknown = false;
    ocs_io_random_name(random);
    snprintf(name, sizeof(name), "index.json.%s.tmp", random);
    int result = stage(order->dir, name, order->bytes, err);
    if (result == 0)
        result = place(order, name, &unknown, err);
    if (unknown)
        return ocs_error_context(err, result, "what was in its place may be %s now", name);
    bool moved = result == 0 && (!order->expected || order->old_dir >= 0);
    if (!moved) {
        int removed = ocs_io_unlink(order->dir, name, 0, "index.json", result == 0 ? err : NULL);
        result = result == 0 ? removed : result;
    }
    if (result == 0)
        result = ocs_io_sync_dir(order->dir, ".", "layout folder", err);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "hash_pipe.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define SLOTS      3
#define SLOT_BYTES (1u << 20) /* less would wake the threads too often */

/*
 *   put ->  [being filled][free]...[full][full]  -> thread
 *
 * Each side knows where it is in the ring; the semaphores count what it may use.
 * A slot without bytes ends it.
 */
struct slot {
    size_t size;
    unsigned char bytes[SLOT_BYTES];
};

struct ocs_hash_pipe {
    struct ocs_hasher *hasher;
    uv_thread_t thread;
    uv_sem_t full;
    uv_sem_t free;
    unsigned next; /* being filled */
    int result;    /* of the thread */
    struct ocs_error err;
    struct slot slots[SLOTS];
};

static void hash_on(void *arg)
{
    struct ocs_hash_pipe *pipe = arg;
    for (unsigned at = 0;; at = (at + 1) % SLOTS) {
        uv_sem_wait(&pipe->full);
        const struct slot *slot = &pipe->slots[at];
        if (slot->size == 0)
            return;
        if (pipe->result == 0)
            pipe->result = ocs_hasher_update(pipe->hasher, slot->bytes, slot->size, &pipe->err);
        uv_sem_post(&pipe->free);
    }
}

static int open_pipe(struct ocs_hash_pipe *pipe)
{
    if (uv_sem_init(&pipe->full, 0) != 0)
        return -1;
    if (uv_sem_init(&pipe->free, SLOTS - 1) != 0) /* one is being filled */
        goto no_free;
    if (uv_thread_create(&pipe->thread, hash_on, pipe) != 0)
        goto no_thread;
    return 0;

no_thread:
    uv_sem_destroy(&pipe->free);
no_free:
    uv_sem_destroy(&pipe->full);
    return -1;
}

struct ocs_hash_pipe *ocs_hash_pipe_open(struct ocs_hasher *hasher)
{
    struct ocs_hash_pipe *pipe = malloc(sizeof(*pipe));
    if (!pipe)
        return NULL;
    pipe->hasher = hasher;
    pipe->next = 0;
    pipe->slots[0].size = 0;
    pipe->result = 0;
    if (open_pipe(pipe) == 0)
        return pipe;
    free(pipe);
    return NULL;
}

/* The slot is full, or the last one. */
static void pass_on(struct ocs_hash_pipe *pipe)
{
    uv_sem_post(&pipe->full);
    pipe->next = (pipe->next + 1) % SLOTS;
    uv_sem_wait(&pipe->free);
    pipe->slots[pipe->next].size = 0;
}

void ocs_hash_pipe_put(struct ocs_hash_pipe *pipe, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        struct slot *slot = &pipe->slots[pipe->next];
        size_t room = SLOT_BYTES - slot->size;
        size_t piece = size < room ? size : room;
        memcpy(slot->bytes + slot->size, at, piece);
        slot->size += piece;
        at += piece;
        size -= piece;
        if (slot->size == SLOT_BYTES)
            pass_on(pipe);
    }
}

int ocs_hash_pipe_close(struct ocs_hash_pipe *pipe, struct ocs_error *err)
{
    if (pipe->slots[pipe->next].size > 0)
        pass_on(pipe);
    uv_sem_post(&pipe->full);
    uv_thread_join(&pipe->thread);
    uv_sem_destroy(&pipe->free);
    uv_sem_destroy(&pipe->full);
    int result = pipe->result;
    if (result < 0 && err)
        *err = pipe->err;
    free(pipe);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "workers.h"

#include "cleanup.h"
#include "error.h"

#include <assert.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>
#include <uv.h>

#define TICK_MS     100
#define GIVE_BATCH  64
#define GIVE_NS     5000000 /* a result is under way to the caller after this long */
#define DONE_MAX    1024    /* results that may wait for the calling thread */
#define TICK_STRIDE 64      /* results between two looks at the clock */

struct list {
    struct ocs_work *first;
    struct ocs_work *last;
    uint64_t count;
};

/* What the threads share. */
struct pool {
    const struct ocs_workers_options *options;
    const struct ocs_hooks *hooks;

    uv_mutex_t mutex; /* for the next seven */
    uv_cond_t wake;
    uv_cond_t drained; /* the calling thread took what was done */
    struct list ready;
    struct list done;
    uint64_t open; /* items whose on_done has not returned: ready, under way, done */
    unsigned waiting;
    unsigned running; /* threads whose work function has not returned */
    unsigned wanted;  /* threads that were started or are about to be */

    atomic_bool stopped;
    _Atomic uint64_t bytes_done;

    uv_loop_t loop;
    uv_async_t woken;
    uv_timer_t timer;
    struct ocs_workers *workers;
    unsigned started;

    /* The calling thread alone uses what follows. */
    struct ocs_progress progress;
    uint64_t ticked_ns;
    bool shown;
    int result;
    struct ocs_error *err;
};

/* One thread's view of the pool; [0] is the calling thread's. */
struct ocs_workers {
    struct pool *pool;
    uv_thread_t thread;
    struct list given; /* or, for the calling thread, added; not handed over yet */
    uint64_t handed_ns;
    atomic_uint held;     /* items, by its own thread */
    atomic_bool returned; /* its work function */
};

static void list_push(struct list *list, struct ocs_work *item)
{
    item->next = NULL;
    if (list->last)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
    list->count++;
}

static struct ocs_work *list_pop(struct list *list)
{
    struct ocs_work *item = list->first;
    if (!item)
        return NULL;
    list->first = item->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    item->next = NULL;
    return item;
}

/* Moves everything; `from` is empty afterwards. */
static void list_append(struct list *to, struct list *from)
{
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    to->count += from->count;
    *from = (struct list){0};
}

unsigned ocs_processors(void)
{
    return uv_available_parallelism();
}

/* ---- on the worker threads ---- */

/* From any thread. */
static void stop(struct pool *pool)
{
    uv_mutex_lock(&pool->mutex);
    atomic_store(&pool->stopped, true);
    uv_cond_broadcast(&pool->wake);
    uv_cond_broadcast(&pool->drained);
    uv_mutex_unlock(&pool->mutex);
    uv_async_send(&pool->woken);
}

/* With the mutex held; true when the calling thread has to be woken. */
static bool hand_over_locked(struct ocs_workers *self)
{
    struct pool *pool = self->pool;
    bool was_empty = !pool->done.first;
    bool any = self->given.first;
    list_append(&pool->done, &self->given);
    return any && was_empty;
}

/* Waits while too much is done already: results cost memory. */
static void hand_over(struct ocs_workers *self)
{
    struct pool *pool = self->pool;
    self->handed_ns = uv_hrtime();
    uv_mutex_lock(&pool->mutex);
    if (hand_over_locked(self))
        uv_async_send(&pool->woken);
    while (pool->done.count > DONE_MAX && !atomic_load(&pool->stopped))
        uv_cond_wait(&pool->drained, &pool->mutex);
    uv_mutex_unlock(&pool->mutex);
}

static void hand_over_if_due(struct ocs_workers *self)
{
    if (!self->given.first)
        return;
    if (self->given.count >= GIVE_BATCH || uv_hrtime() - self->handed_ns >= GIVE_NS)
        hand_over(self);
}

/* Waits with the mutex held until there is an item, the end or a stop. */
static void wait_for_work(struct ocs_workers *self)
{
    struct pool *pool = self->pool;
    while (!pool->ready.first && pool->open > 0 && !atomic_load(&pool->stopped)) {
        if (hand_over_locked(self))
            uv_async_send(&pool->woken);
        pool->waiting++;
        uv_cond_wait(&pool->wake, &pool->mutex);
        pool->waiting--;
    }
}

/* Items are dealt in turn, more or less, also to a thread that has yet to begin:
 * whoever comes first must not take all the large ones.  With the mutex held. */
static bool is_my_turn(const struct ocs_workers *self)
{
    const struct pool *pool = self->pool;
    unsigned mine = atomic_load(&self->held);
    for (unsigned i = 1; i <= pool->wanted; i++) {
        const struct ocs_workers *other = &pool->workers[i];
        if (!atomic_load(&other->returned) && atomic_load(&other->held) * 2 < mine)
            return false;
    }
    return true;
}

struct ocs_work *ocs_workers_take(struct ocs_workers *self, bool hold)
{
    struct pool *pool = self->pool;
    assert(hold || atomic_load(&self->held) == 0);
    if (atomic_load_explicit(&pool->stopped, memory_order_relaxed))
        return NULL;
    uv_mutex_lock(&pool->mutex);
    if (!hold)
        wait_for_work(self);
    bool may = !atomic_load(&pool->stopped) && (!hold || is_my_turn(self));
    bool none = !pool->ready.first;
    struct ocs_work *item = may ? list_pop(&pool->ready) : NULL;
    uv_mutex_unlock(&pool->mutex);
    if (item)
        atomic_fetch_add(&self->held, 1);
    else if (none && self->given.first)
        hand_over(self); /* what it brings may be what is missing */
    return item;
}

void ocs_workers_give(struct ocs_workers *self, struct ocs_work *item)
{
    assert(atomic_load(&self->held) > 0);
    atomic_fetch_sub(&self->held, 1);
    list_push(&self->given, item);
    hand_over_if_due(self);
}

bool ocs_workers_cancelled(struct ocs_workers *self)
{
    struct pool *pool = self->pool;
    if (atomic_load_explicit(&pool->stopped, memory_order_relaxed))
        return true;
    if (!pool->hooks->cancelled || !pool->hooks->cancelled(pool->hooks->data))
        return false;
    stop(pool);
    return true;
}

void ocs_workers_progress(struct ocs_workers *self, uint64_t bytes)
{
    atomic_fetch_add_explicit(&self->pool->bytes_done, bytes, memory_order_relaxed);
    hand_over_if_due(self);
}

static void thread_main(void *arg)
{
    struct ocs_workers *self = arg;
    struct pool *pool = self->pool;
    pool->options->work(self, pool->options->data);
    uv_mutex_lock(&pool->mutex);
    hand_over_locked(self);
    atomic_store(&self->returned, true);
    pool->running--;
    uv_mutex_unlock(&pool->mutex);
    uv_async_send(&pool->woken);
}

/* ---- on the calling thread ---- */

void ocs_workers_add(struct ocs_workers *self, struct ocs_work *item, uint64_t bytes)
{
    list_push(&self->given, item);
    self->pool->progress.blobs_total++;
    self->pool->progress.bytes_total += bytes;
}

void ocs_workers_error(struct ocs_workers *self)
{
    self->pool->progress.errors++;
}

static void tick(struct pool *pool)
{
    const struct ocs_hooks *hooks = pool->hooks;
    pool->ticked_ns = uv_hrtime();
    if (hooks->progress) {
        pool->shown = true;
        pool->progress.bytes_done = atomic_load(&pool->bytes_done);
        hooks->progress(hooks->data, &pool->progress);
    }
    if (hooks->cancelled && hooks->cancelled(hooks->data))
        stop(pool);
}

static void on_timer(uv_timer_t *timer)
{
    tick(timer->data);
}

/* Calls on_done until one fails; the rest of a run that failed is not shown. */
static void deliver(struct pool *pool, struct list *done)
{
    const struct ocs_workers_options *options = pool->options;
    struct ocs_work *item;
    while ((item = list_pop(done))) {
        if (pool->result)
            continue;
        uint64_t n = ++pool->progress.blobs_done;
        pool->result = options->on_done(&pool->workers[0], options->data, item, pool->err);
        if (pool->result)
            stop(pool);
        if (n % TICK_STRIDE == 0 && uv_hrtime() - pool->ticked_ns >= TICK_MS * 1000000)
            tick(pool);
    }
}

/* New work in, finished work off the count. */
static void settle(struct pool *pool, uint64_t finished)
{
    struct list *added = &pool->workers[0].given;
    uv_mutex_lock(&pool->mutex);
    bool news = added->first;
    pool->open += added->count;
    pool->open -= finished;
    list_append(&pool->ready, added);
    if (pool->waiting && (news || pool->open == 0))
        uv_cond_broadcast(&pool->wake);
    uv_mutex_unlock(&pool->mutex);
}

/* False when no thread is left that could finish anything more. */
static bool collect(struct pool *pool)
{
    struct list done = {0};
    uv_mutex_lock(&pool->mutex);
    list_append(&done, &pool->done);
    uv_cond_broadcast(&pool->drained);
    bool alive = pool->running > 0;
    uv_mutex_unlock(&pool->mutex);
    uint64_t finished = done.count;
    deliver(pool, &done);
    settle(pool, finished);
    return alive;
}

static void on_woken(uv_async_t *woken)
{
    struct pool *pool = woken->data;
    bool alive = collect(pool);
    if (!alive || pool->open == 0 || atomic_load(&pool->stopped))
        uv_stop(&pool->loop);
}

/* ---- beginning and end ---- */

static bool start_thread(struct ocs_workers *worker)
{
    struct pool *pool = worker->pool;
    uv_mutex_lock(&pool->mutex);
    bool started = uv_thread_create(&worker->thread, thread_main, worker) == 0;
    pool->running += started;
    uv_mutex_unlock(&pool->mutex);
    return started;
}

static void start_threads(struct pool *pool, unsigned wanted)
{
    while (pool->started < wanted && start_thread(&pool->workers[pool->started + 1]))
        pool->started++;
    uv_mutex_lock(&pool->mutex);
    pool->wanted = pool->started;
    uv_mutex_unlock(&pool->mutex);
}

static void join_threads(struct pool *pool)
{
    for (unsigned i = 1; i <= pool->started; i++)
        uv_thread_join(&pool->workers[i].thread);
}

static int uv_failed(int code, struct ocs_error *err)
{
    return ocs_error_raise(err, OCS_FAILED, "worker threads: %s", uv_strerror(code));
}

/* libuv aborts the process when the first loop gets its epoll, and then no pipe. */
static int may_open_more(struct ocs_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return ocs_error_errno(err, "worker threads");
    int third = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
    int result = third < 0 ? ocs_error_errno(err, "worker threads") : 0;
    if (third >= 0)
        close(third);
    close(ends[0]);
    close(ends[1]);
    return result;
}

static int open_loop(struct pool *pool, struct ocs_error *err)
{
    int result = may_open_more(err);
    if (result < 0)
        return result;
    int code = uv_loop_init(&pool->loop);
    if (code < 0)
        return uv_failed(code, err);
    code = uv_async_init(&pool->loop, &pool->woken, on_woken);
    if (code < 0) {
        uv_loop_close(&pool->loop);
        return uv_failed(code, err);
    }
    uv_timer_init(&pool->loop, &pool->timer);
    pool->woken.data = pool->timer.data = pool;
    uv_timer_start(&pool->timer, on_timer, TICK_MS, TICK_MS);
    return 0;
}

/* Only when no thread is left that could wake the loop. */
static void close_loop(struct pool *pool)
{
    uv_close((uv_handle_t *)&pool->woken, NULL);
    uv_close((uv_handle_t *)&pool->timer, NULL);
    uv_run(&pool->loop, UV_RUN_DEFAULT);
    uv_loop_close(&pool->loop);
}

static int outcome(const struct pool *pool, struct ocs_error *err)
{
    if (pool->started == 0)
        return ocs_error_raise(err, OCS_FAILED, "not one worker thread could be started");
    if (pool->result)
        return pool->result;
    if (atomic_load(&pool->stopped)) /* items that were given back may be half done */
        return ocs_error_interrupted(err);
    if (pool->open == 0)
        return 0;
    return ocs_error_raise(err, OCS_FAILED, "the worker threads gave up: out of memory");
}

static int run_pool(struct pool *pool, unsigned threads, struct ocs_error *err)
{
    int result = open_loop(pool, err);
    if (result < 0)
        return result;
    start_threads(pool, threads);
    if (pool->started)
        uv_run(&pool->loop, UV_RUN_DEFAULT);
    join_threads(pool);
    collect(pool); /* what the threads finished after a stop */
    if (pool->shown)
        tick(pool);
    close_loop(pool);
    return outcome(pool, err);
}

static int open_pool(struct pool *pool, unsigned threads, struct ocs_error *err)
{
    pool->workers = calloc(threads + 1, sizeof(*pool->workers));
    if (!pool->workers)
        return ocs_error_memory(err);
    for (unsigned i = 0; i <= threads; i++)
        pool->workers[i].pool = pool;
    if (uv_mutex_init(&pool->mutex) != 0)
        goto no_mutex;
    if (uv_cond_init(&pool->wake) != 0)
        goto no_wake;
    if (uv_cond_init(&pool->drained) != 0)
        goto no_drained;
    return 0;

no_drained:
    uv_cond_destroy(&pool->wake);
no_wake:
    uv_mutex_destroy(&pool->mutex);
no_mutex:
    free(pool->workers);
    return ocs_error_memory(err);
}

static void close_pool(struct pool *pool)
{
    uv_cond_destroy(&pool->wake);
    uv_cond_destroy(&pool->drained);
    uv_mutex_destroy(&pool->mutex);
    free(pool->workers);
}

static struct list list_of(struct ocs_work *items)
{
    struct list list = {.first = items};
    for (; items; items = items->next) {
        list.last = items;
        list.count++;
    }
    return list;
}

int ocs_workers_run(const struct ocs_workers_options *options, struct ocs_work *items,
                    struct ocs_error *err)
{
    static const struct ocs_hooks NO_HOOKS;
    struct pool pool = {
        .options = options,
        .hooks = options->hooks ? options->hooks : &NO_HOOKS,
        .ready = list_of(items),
        .progress = {.phase = options->phase,
                     .blobs_total = options->blobs_total,
                     .bytes_total = options->bytes_total},
        .ticked_ns = uv_hrtime(),
        .err = err,
    };
    unsigned threads = options->threads ? options->threads : ocs_processors();
    pool.open = pool.ready.count;
    pool.wanted = threads;
    if (!items)
        return 0;
    int result = open_pool(&pool, threads, err);
    if (result < 0)
        return result;
    result = run_pool(&pool, threads, err);
    close_pool(&pool);
    return result;
}

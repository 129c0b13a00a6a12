/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/workers.h"
#include "store/error.h"

#include "place.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>

struct item {
    struct ocs_work work; /* first */
    unsigned id;
    unsigned result;
    unsigned given_back;
};

struct job {
    struct item *items;
    unsigned count;
    unsigned added;   /* items of the array that are queued */
    unsigned done;    /* given back */
    unsigned stop_at; /* on_done fails at this many; 0: never */
    int stop_with;
    unsigned lanes; /* how many a worker holds at a time */
    atomic_uint taken;
    atomic_uint cancel; /* the hook says yes */
    uint64_t shown_blobs, shown_bytes, shown_total;
};

static struct job job_of(unsigned count, unsigned first)
{
    struct job job = {.count = count, .added = first, .lanes = 1};
    job.items = calloc(count, sizeof(*job.items));
    assert_non_null(job.items);
    for (unsigned i = 0; i < count; i++) {
        job.items[i].id = i;
        if (i + 1 < first)
            job.items[i].work.next = &job.items[i + 1].work;
    }
    return job;
}

static void work_one(struct ocs_workers *workers, struct job *job, struct ocs_work *work)
{
    struct item *item = (struct item *)work;
    atomic_fetch_add(&job->taken, 1);
    item->result = item->id * 3 + 1;
    ocs_workers_progress(workers, 10);
    ocs_workers_give(workers, work);
}

static void work(struct ocs_workers *workers, void *data)
{
    struct ocs_work *item;
    while ((item = ocs_workers_take(workers, false)))
        work_one(workers, data, item);
}

/* As the hashing with several lanes does it: fill up, then finish the oldest. */
static void work_in_lanes(struct ocs_workers *workers, void *data)
{
    struct job *job = data;
    struct ocs_work *held[8];
    unsigned count = 0;
    for (;;) {
        struct ocs_work *item = count < job->lanes ? ocs_workers_take(workers, count > 0) : NULL;
        if (item)
            held[count++] = item;
        else if (count > 0)
            work_one(workers, job, held[--count]);
        else
            return;
    }
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *work,
                   struct ocs_error *err)
{
    struct job *job = data;
    struct item *item = (struct item *)work;
    assert_int_equal(item->result, item->id * 3 + 1);
    item->given_back++;
    job->done++;
    if (job->stop_at && job->done == job->stop_at)
        return job->stop_with < 0
                   ? ocs_error_raise(err, (enum ocs_status) - job->stop_with, "enough")
                   : job->stop_with;
    for (unsigned i = 0; i < 3 && job->added < job->count; i++)
        ocs_workers_add(workers, &job->items[job->added++].work, 100);
    return 0;
}

static void check_all_once(const struct job *job)
{
    assert_int_equal(job->done, job->count);
    for (unsigned i = 0; i < job->count; i++)
        assert_int_equal(job->items[i].given_back, 1);
}

static int run(struct job *job, unsigned threads, const struct ocs_hooks *hooks,
               struct ocs_error *err)
{
    const struct ocs_workers_options options = {
        .threads = threads,
        .phase = "test",
        .blobs_total = job->added,
        .bytes_total = 100ull * job->added,
        .hooks = hooks,
        .data = job,
        .work = job->lanes > 1 ? work_in_lanes : work,
        .on_done = on_done,
    };
    return ocs_workers_run(&options, &job->items[0].work, err);
}

static void test_every_item_comes_back_once(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads <= 8; threads++) {
        struct job job = job_of(20000, 20000);
        assert_int_equal(run(&job, threads, NULL, NULL), 0);
        check_all_once(&job);
        free(job.items);
    }
}

static void test_added_items_are_worked_off(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 8; threads++) {
        struct job job = job_of(20000, 1);
        assert_int_equal(run(&job, threads, NULL, NULL), 0);
        check_all_once(&job);
        free(job.items);
    }
}

static void test_holding_several_items(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads++) {
        for (unsigned first = 1; first < 20000; first += 19998) {
            struct job job = job_of(20000, first);
            job.lanes = 3;
            assert_int_equal(run(&job, threads, NULL, NULL), 0);
            check_all_once(&job);
            free(job.items);
        }
    }
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    const struct ocs_workers_options options = {.work = work, .on_done = on_done};
    assert_int_equal(ocs_workers_run(&options, NULL, NULL), 0);
}

static void test_failing_on_done_ends_the_run(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 8; threads++) {
        struct job job = job_of(20000, 10000);
        struct ocs_error err;
        job.stop_at = 5000;
        job.stop_with = -OCS_REFUSED;
        assert_int_equal(run(&job, threads, NULL, &err), -OCS_REFUSED);
        assert_string_equal(err.message, "enough");
        assert_int_equal(job.done, 5000);
        free(job.items);

        job = job_of(100, 100);
        job.stop_at = 100; /* even if it was the last */
        job.stop_with = 7;
        assert_int_equal(run(&job, threads, NULL, &err), 7);
        free(job.items);
    }
}

/* ---- hooks ---- */

static bool cancelled(void *data)
{
    struct job *job = data;
    return atomic_load(&job->cancel) && atomic_load(&job->taken) >= atomic_load(&job->cancel);
}

static void progress(void *data, const struct ocs_progress *progress)
{
    struct job *job = data;
    assert_string_equal(progress->phase, "test");
    assert_true(progress->blobs_done >= job->shown_blobs);
    assert_true(progress->bytes_done >= job->shown_bytes);
    job->shown_blobs = progress->blobs_done;
    job->shown_bytes = progress->bytes_done;
    job->shown_total = progress->bytes_total;
}

/* A worker that works until it is cancelled. */
static void work_forever(struct ocs_workers *workers, void *data)
{
    struct ocs_work *item;
    while ((item = ocs_workers_take(workers, false))) {
        while (!ocs_workers_cancelled(workers))
            ;
        work_one(workers, data, item);
    }
}

static void test_cancel_from_a_worker(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 8; threads++) {
        struct job job = job_of(100, 100);
        const struct ocs_hooks hooks = {&job, cancelled, progress, NULL};
        const struct ocs_workers_options options = {.threads = threads,
                                                    .phase = "test",
                                                    .hooks = &hooks,
                                                    .data = &job,
                                                    .work = work_forever,
                                                    .on_done = on_done};
        atomic_store(&job.cancel, 0);
        atomic_store(&job.taken, 1);
        atomic_store(&job.cancel, 1); /* at once */
        struct ocs_error err;
        assert_int_equal(ocs_workers_run(&options, &job.items[0].work, &err), -OCS_INTERRUPTED);
        assert_true(job.done <= threads);
        assert_int_equal(job.done, atomic_load(&job.taken) - 1); /* what was taken came back */
        free(job.items);
    }
}

/* The workers never ask: the timer of the calling thread does. */
static bool cancel_once_taken(void *data)
{
    struct job *job = data;
    if (atomic_load(&job->taken) == 0)
        return false;
    atomic_store(&job->cancel, 1);
    return true;
}

static void work_until_the_hook_said_yes(struct ocs_workers *workers, void *data)
{
    struct job *job = data;
    struct ocs_work *item = ocs_workers_take(workers, false);
    if (!item)
        return;
    atomic_fetch_add(&job->taken, 1);
    while (!atomic_load(&job->cancel))
        ;
    ((struct item *)item)->result = ((struct item *)item)->id * 3 + 1;
    ocs_workers_give(workers, item);
}

static void test_cancel_by_the_calling_thread(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct job job = job_of(100, 100);
        const struct ocs_hooks hooks = {&job, cancel_once_taken, NULL, NULL};
        const struct ocs_workers_options options = {.threads = threads,
                                                    .hooks = &hooks,
                                                    .data = &job,
                                                    .work = work_until_the_hook_said_yes,
                                                    .on_done = on_done};
        assert_int_equal(ocs_workers_run(&options, &job.items[0].work, NULL), -OCS_INTERRUPTED);
        assert_int_equal(job.done, atomic_load(&job.taken));
        free(job.items);
    }
}

/* A worker that goes on when it has been seen to work. */
static void work_until_seen(struct ocs_workers *workers, void *data)
{
    struct job *job = data;
    struct ocs_work *item;
    while ((item = ocs_workers_take(workers, false))) {
        while (!atomic_load(&job->cancel))
            ;
        work_one(workers, job, item);
    }
}

static void progress_is_seen(void *data, const struct ocs_progress *shown)
{
    progress(data, shown);
    atomic_store(&((struct job *)data)->cancel, 1);
}

static void test_progress_is_shown_while_work_goes_on(void **state)
{
    (void)state;
    struct job job = job_of(200, 200);
    const struct ocs_hooks hooks = {&job, NULL, progress_is_seen, NULL};
    const struct ocs_workers_options options = {.threads = 2,
                                                .phase = "test",
                                                .blobs_total = 200,
                                                .bytes_total = 2000,
                                                .hooks = &hooks,
                                                .data = &job,
                                                .work = work_until_seen,
                                                .on_done = on_done};
    assert_int_equal(ocs_workers_run(&options, &job.items[0].work, NULL), 0);
    assert_int_equal(job.shown_blobs, 200); /* the last one shows everything */
    assert_int_equal(job.shown_bytes, 2000);
    free(job.items);
}

static void test_progress_ends_with_everything(void **state)
{
    (void)state;
    struct job job = job_of(300000, 1);
    const struct ocs_hooks hooks = {&job, cancelled, progress, NULL};
    assert_int_equal(run(&job, 2, &hooks, NULL), 0);
    if (job.shown_total) { /* it may have been too quick for a tick */
        assert_int_equal(job.shown_blobs, job.count);
        assert_int_equal(job.shown_bytes, 10ull * job.count);
        assert_int_equal(job.shown_total, 100ull * job.count);
    }
    free(job.items);
}

/* ---- threads that are not to be had ---- */

static void give_up(struct ocs_workers *workers, void *data)
{
    (void)workers;
    (void)data;
}

static void test_threads_that_give_up(void **state)
{
    (void)state;
    struct job job = job_of(10, 10);
    const struct ocs_workers_options options = {
        .threads = 3, .data = &job, .work = give_up, .on_done = on_done};
    struct ocs_error err;
    assert_int_equal(ocs_workers_run(&options, &job.items[0].work, &err), -OCS_FAILED);
    assert_int_equal(job.done, 0);
    free(job.items);
}

/* With stacks larger than the address space no thread can be started. */
static void test_no_thread_at_all(void **state)
{
    (void)state;
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_STACK, &old), 0);
    const struct rlimit huge = {(rlim_t)1 << 47, old.rlim_max};
    if (setrlimit(RLIMIT_STACK, &huge) < 0)
        skip();
    struct job job = job_of(10, 10);
    struct ocs_error err;
    int result = run(&job, 2, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_STACK, &old), 0);
    assert_int_equal(result, -OCS_FAILED);
    assert_int_equal(job.done, 0);
    free(job.items);
}

static void count_error(struct ocs_workers *workers, void *data)
{
    work(workers, data);
}

static int error_on_done(struct ocs_workers *workers, void *data, struct ocs_work *work,
                         struct ocs_error *err)
{
    ocs_workers_error(workers);
    return on_done(workers, data, work, err);
}

static void test_errors_are_counted(void **state)
{
    (void)state;
    struct job job = job_of(10, 10);
    const struct ocs_workers_options options = {
        .threads = 2, .data = &job, .work = count_error, .on_done = error_on_done};
    assert_int_equal(ocs_workers_run(&options, &job.items[0].work, NULL), 0);
    check_all_once(&job);
    assert_true(ocs_processors() >= 1);
    free(job.items);
}

/* ---- dealing ---- */

struct dealing {
    atomic_uint arrived;
    atomic_bool first_waited; /* it got no second one before the other had a first */
    atomic_uint done;
};

/* The second thread begins when the first has asked for two. */
static void work_in_turn(struct ocs_workers *workers, void *data)
{
    struct dealing *dealing = data;
    bool first = atomic_fetch_add(&dealing->arrived, 1) == 0;
    while (!first && !atomic_load(&dealing->first_waited))
        sched_yield();
    struct ocs_work *item;
    while ((item = ocs_workers_take(workers, false))) {
        struct ocs_work *second = ocs_workers_take(workers, true);
        if (first && !atomic_load(&dealing->first_waited))
            atomic_store(&dealing->first_waited, second == NULL);
        ocs_workers_give(workers, item);
        if (second)
            ocs_workers_give(workers, second);
    }
}

static int count_done(struct ocs_workers *workers, void *data, struct ocs_work *work,
                      struct ocs_error *err)
{
    struct dealing *dealing = data;
    (void)workers;
    (void)work;
    (void)err;
    atomic_fetch_add(&dealing->done, 1);
    return 0;
}

static void test_items_are_dealt_in_turn(void **state)
{
    (void)state;
    struct dealing dealing = {0};
    struct ocs_work items[100] = {{NULL}};
    for (unsigned i = 0; i + 1 < 100; i++)
        items[i].next = &items[i + 1];
    struct ocs_workers_options options = {.threads = 2,
                                          .phase = "test",
                                          .data = &dealing,
                                          .work = work_in_turn,
                                          .on_done = count_done};
    assert_int_equal(ocs_workers_run(&options, items, NULL), 0);
    assert_true(atomic_load(&dealing.first_waited));
    assert_int_equal(atomic_load(&dealing.done), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_item_comes_back_once),
        cmocka_unit_test(test_added_items_are_worked_off),
        cmocka_unit_test(test_holding_several_items),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_failing_on_done_ends_the_run),
        cmocka_unit_test(test_cancel_from_a_worker),
        cmocka_unit_test(test_cancel_by_the_calling_thread),
        cmocka_unit_test(test_progress_is_shown_while_work_goes_on),
        cmocka_unit_test(test_progress_ends_with_everything),
        cmocka_unit_test(test_threads_that_give_up),
        cmocka_unit_test(test_no_thread_at_all),
        cmocka_unit_test(test_errors_are_counted),
        cmocka_unit_test(test_items_are_dealt_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

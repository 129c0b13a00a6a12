/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Runs that are boxed, and runs that look at a part. */

#include "damage/images.h"

#include "store/store.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

/* The time of day stands still, however slow the machine is, but for whoever sleeps: he
 * finds it that much later at once. */
static atomic_llong began_ns, slept_ns;

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int r = (int)syscall(SYS_clock_gettime, clock, out);
    if (r == 0 && clock == CLOCK_REALTIME) {
        long long unset = 0, ns = out->tv_sec * 1000000000LL + out->tv_nsec;
        atomic_compare_exchange_strong(&began_ns, &unset, ns);
        ns = atomic_load(&began_ns) + atomic_load(&slept_ns);
        out->tv_sec = ns / 1000000000;
        out->tv_nsec = ns % 1000000000;
    }
    return r;
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)left;
    atomic_fetch_add(&slept_ns, time->tv_sec * 1000000000LL + time->tv_nsec);
    return 0;
}

/* Files made just now get no stamp, so the tests give them one. */
static void stamp_all(struct images *images, int64_t verified_at, enum ocs_node_result result)
{
    struct ocs_store *store = NULL;
    struct ocs_graph *graph = NULL;
    struct ocs_graph_batch *batch = NULL;
    assert_int_equal(ocs_store_open(place_path(images->place, "store"), NULL, &store, NULL), 0);
    assert_int_equal(ocs_store_graph(store, &graph, NULL), 0);
    assert_int_equal(ocs_graph_batch_new(&batch, NULL), 0);
    for (size_t i = 0; i < images->count; i++) {
        struct ocs_digest digest;
        struct stat st;
        const char *text = images->blobs[i].digest;
        assert_int_equal(ocs_digest_parse(text, strlen(text), &digest), 0);
        assert_int_equal(ocs_blobs_stat(store->blobs, &digest, &st, NULL), 0);
        struct ocs_stamp stamp = ocs_stamp_of(&st);
        assert_int_equal(
            ocs_graph_batch_verified(batch, &digest, &stamp, result, verified_at, NULL), 0);
    }
    assert_int_equal(ocs_graph_batch_flush(batch, graph, NULL), 0);
    ocs_graph_batch_free(batch);
    ocs_store_close(store);
}

static struct ocs_fsck_report run(struct images *images, struct ocs_fsck_options options)
{
    struct verdict verdict;
    assert_int_equal(images_fsck(images, options, NULL, &verdict), 0);
    assert_int_equal(verdict.report.status, OCS_OK);
    return verdict.report;
}

static void make_stamped_store(struct images *images, struct place *place, int64_t verified_at)
{
    images_make_store(images, place);
    run(images, (struct ocs_fsck_options){0});
    stamp_all(images, verified_at, OCS_RESULT_GOOD);
}

static void what_was_verified_lately_is_skipped(void **state)
{
    struct images images;
    int64_t then = ocs_now_s() - 1000;
    make_stamped_store(&images, *state, then);
    struct ocs_fsck_report report = run(&images, (struct ocs_fsck_options){.max_age_s = 3600});
    assert_int_equal(report.blobs_checked, 0);
    assert_int_equal(report.blobs_total, images.count);
    assert_int_equal(report.oldest_verified, then);
    report = run(&images, (struct ocs_fsck_options){.max_age_s = 500});
    assert_int_equal(report.blobs_checked, images.count);
}

static void a_blob_that_changed_is_not_skipped(void **state)
{
    struct images images;
    make_stamped_store(&images, *state, ocs_now_s() - 1000);
    images_flip(&images, "base", 3);
    images_expect(&images, (struct ocs_fsck_options){.max_age_s = 3600},
                  "error blob-digest-mismatch base (shop:one, shop:two, shop:multi)\n",
                  OCS_REFUSED);
}

static void only_what_is_recorded_as_bad_is_looked_at(void **state)
{
    struct images images;
    make_stamped_store(&images, *state, ocs_now_s() - 1000);
    struct ocs_fsck_report report = run(&images, (struct ocs_fsck_options){.only_bad = true});
    assert_int_equal(report.blobs_checked, 0);
    stamp_all(&images, ocs_now_s() - 1000, OCS_RESULT_BAD);
    report = run(&images, (struct ocs_fsck_options){.only_bad = true});
    assert_int_equal(report.blobs_checked, images.count);
}

static void a_budget_of_bytes_is_kept_and_the_rest_counted(void **state)
{
    struct images images;
    images_make_store(&images, *state);
    struct ocs_fsck_report report = run(&images, (struct ocs_fsck_options){.max_bytes = 1});
    assert_int_equal(report.blobs_checked, 1);
    assert_int_equal(report.blobs_left, images.count - 1);
    assert_int_equal(report.oldest_verified, 0);
    report = run(&images, (struct ocs_fsck_options){.max_bytes = 1 << 20});
    assert_int_equal(report.blobs_checked, images.count);
    assert_int_equal(report.blobs_left, 0);
    assert_int_equal(report.bytes_checked, report.bytes_total);
}

/* Ten bytes a second take as long as that, whatever the number of threads, and are all
 * hashed: nobody sleeps here, the clock goes on where one would. */
static void a_rate_changes_nothing_but_the_time(void **state)
{
    struct images images;
    images_make_store(&images, *state);
    for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
        atomic_store(&slept_ns, 0);
        struct ocs_fsck_report report =
            run(&images, (struct ocs_fsck_options){.rate = 10, .jobs = jobs});
        assert_int_equal(report.blobs_checked, images.count);
        assert_int_equal(report.bytes_checked, report.bytes_total);
        double due = (double)report.bytes_total / 10;
        double slept = (double)atomic_load(&slept_ns) / 1e9;
        assert_true(slept >= due - 1 && slept < due + 1);
    }
}

/* With a rate, too, no blob is begun after the time is over: what is left is counted. */
static void a_rate_and_a_time_box_together(void **state)
{
    struct images images;
    images_make_store(&images, *state);
    atomic_store(&slept_ns, 0);
    struct ocs_fsck_report report =
        run(&images, (struct ocs_fsck_options){.rate = 10, .jobs = 1, .max_time_s = 60});
    assert_in_range(report.blobs_checked, 1, images.count - 1);
    assert_int_equal(report.blobs_left, images.count - report.blobs_checked);
    double due = (double)report.bytes_checked / 10;
    double slept = (double)atomic_load(&slept_ns) / 1e9;
    assert_true(slept >= due - 1 && slept < due + 1);
    assert_true(slept >= 60); /* the last one was begun before */
}

/* The stamp of a layer tells of its bytes, not that somebody unpacked them. */
static void what_was_verified_lately_is_unpacked_all_the_same(void **state)
{
    struct images images;
    struct verdict first, second;
    images_make_store(&images, *state);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){.deep = true}, NULL, &first),
                     0);
    assert_true(first.report.errors > 0); /* the layers are no archives */
    stamp_all(&images, ocs_now_s() - 10, OCS_RESULT_GOOD);
    struct ocs_fsck_options lately = {.deep = true, .max_age_s = 3600};
    assert_int_equal(images_fsck(&images, lately, NULL, &second), 0);
    assert_int_equal(second.report.errors, first.report.errors);
    assert_int_equal(second.report.status, OCS_REFUSED);
}

/* Documents are read whatever the budget: what is wrong with one is told, also when what is
 * recorded as bad, and is right by now, uses the budget up. */
static void a_damaged_document_is_told_whatever_the_budget(void **state)
{
    static const char finding[] = "error blob-digest-mismatch config-b (shop:two)\n";
    struct images images;
    make_stamped_store(&images, *state, ocs_now_s() - 1000);
    stamp_all(&images, ocs_now_s() - 1000, OCS_RESULT_BAD);
    images_flip(&images, "config-b", 3);
    images_expect(&images, (struct ocs_fsck_options){.max_bytes = 1}, finding, OCS_REFUSED);
    stamp_all(&images, ocs_now_s() - 1000, OCS_RESULT_BAD);
    atomic_store(&slept_ns, 0);
    images_expect(&images, (struct ocs_fsck_options){.rate = 1, .jobs = 1, .max_time_s = 1},
                  finding, OCS_REFUSED);
}

/* Many are under way when the time is over: one of them is read to its end, at most. */
static void a_time_box_drops_what_is_under_way(void **state)
{
    enum { COUNT = 20, SIZE = 1 << 20 };
    struct images images;
    char name[16], *bytes = malloc(SIZE);
    assert_non_null(bytes);
    images_make_store(&images, *state);
    for (int i = 0; i < COUNT; i++) {
        memset(bytes, 'a' + i, SIZE);
        snprintf(name, sizeof(name), "large-%d", i);
        images_add_bytes(&images, name, OCS_ALGORITHM_SHA256, bytes, SIZE);
    }
    free(bytes);
    atomic_store(&slept_ns, 0);
    struct ocs_fsck_report report =
        run(&images, (struct ocs_fsck_options){.rate = SIZE, .jobs = 1, .max_time_s = 5});
    assert_in_range(report.blobs_checked, 1, 2);
    assert_int_equal(report.blobs_left, images.count - report.blobs_checked);
    double slept = (double)atomic_load(&slept_ns) / 1e9;
    assert_true(slept >= 5 && slept < 7);
}

static void one_image_is_checked_alone(void **state)
{
    static const char *const names[] = {"shop:one", NULL};
    struct images images;
    images_make_store(&images, *state);
    images_flip(&images, "base", 3);
    images_flip(&images, "layer-b", 3);
    images_drop(&images, "config-c");
    images_add(&images, "orphan", "nobody asks for this one");
    images_expect(&images, (struct ocs_fsck_options){.image = names[0]},
                  "error blob-digest-mismatch base (shop:one)\n", OCS_REFUSED);
    char by_digest[300];
    snprintf(by_digest, sizeof(by_digest), "shop@%s", images_digest(&images, "manifest-b"));
    struct verdict verdict;
    assert_int_equal(
        images_fsck(&images, (struct ocs_fsck_options){.image = by_digest}, NULL, &verdict), 0);
    assert_int_equal(verdict.report.errors, 2);
    assert_int_equal(verdict.report.images, 1);
    assert_int_equal(
        images_fsck(&images, (struct ocs_fsck_options){.image = "shop"}, NULL, &verdict), 0);
    assert_int_equal(verdict.report.errors, 3);
}

static void an_image_that_is_not_there_is_wrong_usage(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_store(&images, *state);
    static const char *const names[] = {"shop:three", "shopping", "other:one", "shop@one", "one"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(
            images_fsck(&images, (struct ocs_fsck_options){.image = names[i]}, NULL, &verdict),
            -OCS_USAGE);
}

static void a_plain_layout_keeps_no_record(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_layout(&images, *state);
    assert_int_equal(
        images_fsck(&images, (struct ocs_fsck_options){.max_age_s = 1}, NULL, &verdict),
        -OCS_USAGE);
    assert_int_equal(
        images_fsck(&images, (struct ocs_fsck_options){.only_bad = true}, NULL, &verdict),
        -OCS_USAGE);
    assert_int_equal(
        images_fsck(&images, (struct ocs_fsck_options){.image = "two"}, NULL, &verdict), 0);
    assert_int_equal(verdict.report.blobs_checked, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(what_was_verified_lately_is_skipped),
        PLACE_TEST(a_blob_that_changed_is_not_skipped),
        PLACE_TEST(only_what_is_recorded_as_bad_is_looked_at),
        PLACE_TEST(a_budget_of_bytes_is_kept_and_the_rest_counted),
        PLACE_TEST(a_rate_changes_nothing_but_the_time),
        PLACE_TEST(a_rate_and_a_time_box_together),
        PLACE_TEST(what_was_verified_lately_is_unpacked_all_the_same),
        PLACE_TEST(a_damaged_document_is_told_whatever_the_budget),
        PLACE_TEST(a_time_box_drops_what_is_under_way),
        PLACE_TEST(one_image_is_checked_alone),
        PLACE_TEST(an_image_that_is_not_there_is_wrong_usage),
        PLACE_TEST(a_plain_layout_keeps_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

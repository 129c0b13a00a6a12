/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Runs that are cut short at any reading of any file, by a signal's flag or by
 * kill -9, and go on: everything is verified, and nothing twice. */

#include "damage/clock.h"
#include "damage/images.h"
#include "damage/reads.h"

#include "store/history.h"
#include "store/store.h"

#include <signal.h>
#include <sys/wait.h>

#define BIG        4
#define BIG_BYTES  (600u << 10)
#define BIG_AT     (100u << 10) /* where they differ */
#define WEEK       (7 * 86400)
#define HOUR       3600
#define RUNS_MAX   200
#define FAR_BEHIND 100000

/* ---- a store ---- */

/* Twenty-odd blobs, some of them of several readings. */
static void make_store(struct images *images, struct place *place)
{
    const char *layers[BIG];
    char names[BIG][8];
    char *bytes = malloc(BIG_BYTES);
    images_make_store(images, place);
    for (size_t i = 0; i < BIG_BYTES; i++)
        bytes[i] = (char)(i * 7 + i / 999);
    for (int i = 0; i < BIG; i++) {
        snprintf(names[i], sizeof(names[i]), "big-%d", i);
        layers[i] = names[i];
        memcpy(bytes + BIG_AT, names[i], strlen(names[i]));
        images_add_bytes(images, names[i], OCS_ALGORITHM_SHA256, bytes, BIG_BYTES);
    }
    images_add_image(images, "big", layers, BIG);
    char *big = images_entry(images, MEDIA_MANIFEST, "manifest-big", "big");
    char *two = images_entry(images, MEDIA_MANIFEST, "manifest-b", "two");
    char *multi = images_entry(images, MEDIA_INDEX, "index", "multi");
    char text[4096];
    snprintf(text, sizeof(text), "%s,%s,%s", two, multi, big);
    images_write_index(images, text);
    free(big);
    free(two);
    free(multi);
    free(bytes);
}

static int count_verified(void *data, const unsigned char *key, size_t size, uint32_t id,
                          struct ocs_error *err)
{
    void *const *parts = data;
    struct ocs_node node;
    (void)key;
    (void)size;
    int r = ocs_graph_get_node(parts[0], id, &node, err);
    if (r == 0 && node.verified_at > 0 && node.result == OCS_RESULT_GOOD)
        ++*(uint64_t *)parts[1];
    return r;
}

/* Stamps that a process to come will find. */
static uint64_t stamps(struct images *images)
{
    struct ocs_store *store = NULL;
    struct ocs_graph *graph = NULL;
    struct ocs_graph_txn *txn = NULL;
    uint64_t count = 0;
    assert_int_equal(ocs_store_open(place_path(images->place, "store"), NULL, &store, NULL), 0);
    assert_int_equal(ocs_store_graph(store, &graph, NULL), 0);
    assert_int_equal(ocs_graph_begin(graph, false, &txn, NULL), 0);
    void *parts[] = {txn, &count};
    assert_int_equal(ocs_graph_each_id(txn, parts, count_verified, NULL), 0);
    ocs_graph_abort(txn);
    ocs_store_close(store);
    return count;
}

/* ---- cut short ---- */

struct cut {
    unsigned long at; /* the reading that is the last */
    bool kill;
    bool hurry; /* a reading takes half a minute */
    atomic_bool asked;
};

static ssize_t cut_at(void *data, unsigned long nth, char *bytes, ssize_t size)
{
    struct cut *cut = data;
    (void)bytes;
    if (cut->hurry)
        atomic_fetch_add(&clock_ahead, 31);
    if (nth >= cut->at && cut->kill)
        syscall(SYS_kill, getpid(), SIGKILL);
    if (nth >= cut->at)
        atomic_store(&cut->asked, true);
    return size;
}

static bool is_asked(void *data)
{
    return atomic_load(&((struct cut *)data)->asked);
}

static struct ocs_fsck_report run_until(struct images *images, struct cut *cut, unsigned jobs)
{
    struct verdict verdict;
    struct reads reads = {0, cut, cut_at};
    struct ocs_hooks hooks = {.data = cut, .cancelled = is_asked};
    struct ocs_fsck_options options = {.jobs = jobs, .max_age_s = WEEK};
    atomic_store(&cut->asked, false);
    reads_begin(&reads);
    int r = images_fsck(images, options, &hooks, &verdict);
    reads_end();
    assert_int_equal(r, 0);
    assert_int_equal(verdict.report.errors + verdict.report.warnings, 0);
    return verdict.report;
}

static struct ocs_fsck_report run_to_the_end(struct images *images, unsigned jobs)
{
    struct cut never = {.at = FAR_BEHIND};
    struct ocs_fsck_report report = run_until(images, &never, jobs);
    assert_int_equal(report.status, OCS_OK);
    assert_int_equal(report.blobs_left, 0);
    assert_true(report.oldest_verified > 0);
    return report;
}

static void expect_nothing_left(struct images *images)
{
    assert_int_equal(stamps(images), images->count);
    assert_int_equal(run_to_the_end(images, 2).blobs_checked, 0);
}

/* Every run gets so many readings; what each verified is what the last stamps say. */
static void interrupt_again_and_again(struct place *place, unsigned long readings, unsigned jobs)
{
    struct images images;
    uint64_t checked = 0;
    enum ocs_status status = OCS_INTERRUPTED;
    place_mkdirs(place, "store");
    make_store(&images, place);
    for (int run = 0; status == OCS_INTERRUPTED && run < RUNS_MAX; run++) {
        struct cut cut = {.at = readings + (unsigned long)run}; /* it ends some day */
        struct ocs_fsck_report report = run_until(&images, &cut, jobs);
        checked += report.blobs_checked;
        status = report.status;
        assert_int_equal(stamps(&images), checked);
        assert_true(checked <= images.count);
    }
    assert_int_equal(status, OCS_OK);
    assert_int_equal(checked, images.count);
    expect_nothing_left(&images);
    assert_int_equal(ocs_io_remove_tree(place->fd, "store", "store", NULL), 0);
}

static void an_interrupted_run_is_continued(void **state)
{
    for (unsigned long readings = 1; readings < 50; readings += 15) {
        interrupt_again_and_again(*state, readings, 1);
        interrupt_again_and_again(*state, readings, 3);
    }
}

/* Nothing is flushed at the end of this one. */
/* `status` does not say of it that every blob was rehashed. */
static void an_interrupted_run_is_a_part(void **state)
{
    struct images images;
    struct verdict verdict;
    struct ocs_store *store = NULL;
    struct ocs_graph *graph = NULL;
    struct ocs_history history;
    struct cut cut = {.at = 20};
    struct reads reads = {0, &cut, cut_at};
    struct ocs_hooks hooks = {.data = &cut, .cancelled = is_asked};
    place_mkdirs(*state, "store");
    make_store(&images, *state);
    reads_begin(&reads);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){.jobs = 1}, &hooks, &verdict),
                     0);
    reads_end();
    assert_int_equal(verdict.report.status, OCS_INTERRUPTED);
    assert_int_equal(ocs_store_open(place_path(images.place, "store"), NULL, &store, NULL), 0);
    assert_int_equal(ocs_store_graph(store, &graph, NULL), 0);
    assert_int_equal(ocs_history_read(store, OCS_HISTORY_FSCK, &history, NULL), 0);
    ocs_store_close(store);
    assert_int_equal(history.status, OCS_INTERRUPTED);
    assert_int_equal(history.extent, OCS_FSCK_EXTENT_PART);
}

static void run_killed(struct images *images, struct cut *cut, bool *killed)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct reads reads = {0, cut, cut_at};
        struct verdict verdict;
        reads_begin(&reads);
        int r = images_fsck(images, (struct ocs_fsck_options){.jobs = 1, .max_age_s = WEEK}, NULL,
                            &verdict);
        _exit(r == 0 && verdict.report.status == OCS_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    *killed = WIFSIGNALED(status);
    assert_int_equal(*killed ? WTERMSIG(status) : status, *killed ? SIGKILL : 0);
}

static void a_killed_run_is_continued(void **state)
{
    struct place *place = *state;
    uint64_t before = 0, most = 0;
    bool killed = true;
    for (unsigned long at = 1; killed; at += 17) {
        struct images images;
        struct cut cut = {.at = at, .kill = true, .hurry = true};
        place_mkdirs(place, "store");
        make_store(&images, place);
        run_killed(&images, &cut, &killed);
        atomic_fetch_add(&clock_ahead, 10 * HOUR); /* what the child's clock did */
        uint64_t kept = stamps(&images);
        assert_int_equal(run_to_the_end(&images, 2).blobs_checked, images.count - kept);
        expect_nothing_left(&images);
        most = killed && kept > most ? kept : most;
        before = killed ? images.count : before;
        assert_int_equal(ocs_io_remove_tree(place->fd, "store", "store", NULL), 0);
    }
    assert_true(most > before / 2); /* flushed while it was running */
}

/* ---- boxed ---- */

static void boxed_runs_come_round(void **state)
{
    struct images images;
    uint64_t checked = 0;
    int runs = 0;
    make_store(&images, *state);
    struct ocs_fsck_options options = {.jobs = 2, .max_age_s = WEEK, .max_bytes = BIG_BYTES + 5000};
    struct verdict verdict;
    do {
        assert_int_equal(images_fsck(&images, options, NULL, &verdict), 0);
        assert_int_equal(verdict.report.status, OCS_OK);
        checked += verdict.report.blobs_checked;
        assert_int_equal(stamps(&images), checked);
        assert_true(verdict.report.bytes_checked <= options.max_bytes);
        assert_int_equal(verdict.report.blobs_left, images.count - checked);
    } while (verdict.report.blobs_left && ++runs < RUNS_MAX);
    assert_int_equal(checked, images.count);
    assert_int_equal(runs, BIG - 1);
    expect_nothing_left(&images);
    atomic_fetch_add(&clock_ahead, WEEK);
    assert_int_equal(run_to_the_end(&images, 2).blobs_checked, images.count);
}

/* Looking at what there is takes longer than the run may: one blob is verified. */
static void a_run_without_time_comes_on(void **state)
{
    struct images images;
    struct verdict verdict;
    struct cut slow = {.at = FAR_BEHIND, .hurry = true};
    struct reads reads = {0, &slow, cut_at};
    make_store(&images, *state);
    for (uint64_t run = 1; run <= images.count; run++) {
        struct ocs_fsck_options options = {.jobs = 1, .max_age_s = WEEK, .max_time_s = 60};
        reads_begin(&reads);
        assert_int_equal(images_fsck(&images, options, NULL, &verdict), 0);
        reads_end();
        assert_int_equal(verdict.report.blobs_checked, 1);
        assert_int_equal(verdict.report.blobs_left, images.count - run);
        assert_int_equal(stamps(&images), run);
    }
    expect_nothing_left(&images);
}

int main(void)
{
    atomic_store(&clock_ahead, HOUR); /* no file has just been written */
    const struct CMUnitTest tests[] = {
        PLACE_TEST(an_interrupted_run_is_continued), PLACE_TEST(an_interrupted_run_is_a_part),
        PLACE_TEST(a_killed_run_is_continued),       PLACE_TEST(boxed_runs_come_round),
        PLACE_TEST(a_run_without_time_comes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

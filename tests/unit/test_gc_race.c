/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Other programs, and the end of the world, at each moment of a run. */

#include "shelf.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

/* What happens at one moment of the next run. */
struct event {
    struct shelf *shelf;
    enum ocs_gc_point point;
    unsigned after; /* not before it was reached so often */
    void (*happen)(struct event *event);
    struct image image;
    struct blob blob;
    int seen;
};

static void at(void *data, enum ocs_gc_point point)
{
    struct event *event = data;
    if (point != event->point)
        return;
    if (event->after > 0)
        event->after--;
    else if (event->happen)
        event->happen(event);
}

/* An old image that nothing lists, and a layout. */
static struct event begin(struct shelf *shelf, enum ocs_gc_point point,
                          void (*happen)(struct event *event))
{
    struct event event = {.shelf = shelf, .point = point, .happen = happen};
    shelf->play.now += 3 * SHELF_HOUR; /* after the last run, if there was one */
    event.image = shelf_image(shelf, "image");
    shelf_layout(shelf, "one", LIST(NULL));
    shelf->options.grace_s = SHELF_HOUR;
    shelf->options.max_delete_percent = 100;
    shelf_must_gc(shelf, 0);
    assert_int_equal(shelf->report.waiting, 3);
    return event;
}

static int run(struct event *event, int64_t hours)
{
    event->shelf->play.data = event;
    event->shelf->play.at = at;
    int result = shelf_gc(event->shelf, hours);
    event->shelf->play.at = NULL;
    return result;
}

/* So that the time of a folder tells whether something happens in it. */
static void let_the_clock_tick(void)
{
    struct timespec tick = {.tv_nsec = 60000000};
    nanosleep(&tick, NULL);
}

/* ---- listed while gc is at work ---- */

static void list_it(struct event *event)
{
    shelf_layout(event->shelf, "one", LIST(&event->image.manifest));
}

static void listed_before_the_second_look(void **state)
{
    static const enum ocs_gc_point points[] = {OCS_GC_SURVEYED, OCS_GC_LOCKED};
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_LOCKED, list_it);
    let_the_clock_tick();
    for (size_t i = 0; i < 2; i++) {
        int64_t hours = 2 + 2 * (int64_t)i;
        event.point = points[i];
        assert_int_equal(run(&event, hours), 0);
        assert_int_equal(shelf->report.candidates, 3);
        assert_int_equal(shelf->report.trashed, 0);
        assert_int_equal(shelf->report.rescued, 3);
        assert_true(shelf_has_image(shelf, &event.image));
        shelf_layout(shelf, "one", LIST(NULL));
        shelf_must_gc(shelf, hours);
    }
}

static void damage_it(struct event *event)
{
    place_write(event->shelf->place, "layouts/one/index.json",
                "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256;\",\"size\":2}]}");
}

/* What was an index when the run began, and says no more what it needs. */
static void an_index_loses_a_digest(void **state)
{
    static const enum ocs_gc_point points[] = {OCS_GC_SURVEYED, OCS_GC_LOCKED};
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_LOCKED, damage_it);
    let_the_clock_tick();
    for (size_t i = 0; i < 2; i++) {
        int64_t hours = 2 + 2 * (int64_t)i;
        event.point = points[i];
        assert_int_equal(run(&event, hours), -OCS_REFUSED);
        assert_int_equal(shelf->report.trashed, 0);
        assert_non_null(strstr(shelf->err.message, "manifests[0] has no valid digest"));
        assert_true(shelf_has_image(shelf, &event.image));
        shelf_layout(shelf, "one", LIST(NULL));
    }
}

static void listed_while_it_is_swept(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_RENAMED, list_it);
    event.after = 1;
    assert_int_equal(run(&event, 2), 0);
    assert_int_equal(shelf->report.trashed, 3);
    assert_int_equal(shelf->report.rescued, 3);
    assert_true(shelf_has_image(shelf, &event.image));
}

static void listed_between_two_batches(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_SWEPT, list_it);
    shelf->play.batch = 1;
    assert_int_equal(run(&event, 2), 0);
    assert_int_equal(shelf->report.trashed, 1);
    assert_int_equal(shelf->report.rescued, 3);
    assert_true(shelf_has_image(shelf, &event.image));
}

static void listed_before_now_unlinks(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_SWEPT, list_it);
    shelf->options.now = true;
    assert_int_equal(run(&event, 2), 0);
    assert_int_equal(shelf->report.trashed, 3);
    assert_int_equal(shelf->report.purged, 0);
    assert_true(shelf_has_image(shelf, &event.image));
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 0);
}

static void listed_by_a_new_layout(struct event *event)
{
    shelf_layout(event->shelf, "team/new", LIST(&event->image.manifest));
}

static void a_new_layout_appears(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_LOCKED, listed_by_a_new_layout);
    let_the_clock_tick();
    assert_int_equal(run(&event, 2), 0);
    assert_int_equal(shelf->report.trashed, 0);
    assert_true(shelf_has_image(shelf, &event.image));
}

static void save_it(struct event *event)
{
    place_write(event->shelf->place, "layouts/one/manifest.json", event->image.layer.path);
}

static void docker_save_appears(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_LOCKED, save_it);
    let_the_clock_tick();
    assert_int_equal(run(&event, 2), 0);
    assert_int_equal(shelf->report.trashed, 2);
    assert_true(shelf_has(shelf, &event.image.layer));
}

static void spoil_the_index(struct event *event)
{
    place_write(event->shelf->place, "layouts/one/index.json", "{}");
    shelf_age(event->shelf, "layouts/one/index.json", 60);
}

static void an_index_is_spoilt(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_LOCKED, spoil_the_index);
    let_the_clock_tick();
    assert_int_equal(run(&event, 2), -OCS_REFUSED);
    assert_non_null(strstr(shelf->report.refused, "layout 'one'"));
    assert_true(shelf_has_image(shelf, &event.image));
}

/* ---- removed while gc is at work ---- */

static void rm_the_layout(struct event *event)
{
    const char *names[] = {"two"};
    struct ocs_remove_report report;
    assert_int_equal(ocs_remove(event->shelf->store, names, 1, NULL, NULL, &report, NULL), 0);
    assert_int_equal(report.freed_blobs, 3);
}

/* What gc remembers of it does not take back that it was a command of ours. */
static void removed_after_the_mark(void **state)
{
    struct shelf *shelf = *state;
    struct image kept = shelf_image(shelf, "kept"), image = shelf_image(shelf, "image");
    shelf_layout(shelf, "one", LIST(&kept.manifest));
    shelf_layout(shelf, "two", LIST(&image.manifest));
    struct event event = {.shelf = shelf, .point = OCS_GC_SURVEYED, .happen = rm_the_layout};
    shelf->options.grace_s = 0;
    shelf->options.max_delete_percent = 0;
    assert_int_equal(run(&event, 0), 0);
    shelf_must_gc(shelf, 1);
    assert_int_equal(shelf->report.trashed, 3);
    assert_non_null(strstr(shelf->shown, "the image was removed"));
}

/* ---- the graph goes away ---- */

static void remove_the_graph(struct event *event)
{
    assert_int_equal(unlinkat(event->shelf->place->fd, ".ocistore/graph/data.mdb", 0), 0);
}

/* The breaker asks it for what the last good index.json listed, and is gone. */
static void the_graph_goes_after_the_mark(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_SURVEYED, remove_the_graph);
    struct image other = shelf_image(shelf, "other");
    shelf_layout(shelf, "one", LIST(&other.manifest));
    shelf_must_gc(shelf, 0);
    shelf_layout(shelf, "one", LIST(NULL));
    assert_int_equal(unlinkat(shelf->place->fd, other.manifest.path, 0), 0);
    assert_int_equal(run(&event, 2), -OCS_FAILED);
    assert_true(shelf_has_image(shelf, &event.image));
    shelf_must_gc(shelf, 2);
    shelf_must_gc(shelf, 4);
    assert_int_equal(shelf->report.trashed, 5);
}

/* ---- documents that are on their way ---- */

/* A tool copies an image whose layer was here: the layer is not written again,
 * the manifest is, and the index comes last. */
static void write_a_manifest(struct event *event)
{
    struct shelf *shelf = event->shelf;
    struct blob config = shelf_blob(shelf, CONFIG, "{\"os\":\"another\"}");
    event->blob = shelf_manifest(shelf, &config, LIST(&event->image.layer), NULL);
    shelf_age(shelf, event->blob.path, 0);
}

static void a_manifest_that_is_not_listed_yet(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_LOCKED, write_a_manifest);
    let_the_clock_tick();
    assert_int_equal(run(&event, 1), 0);
    assert_int_equal(shelf->report.trashed, 2);
    assert_int_equal(shelf->report.rescued, 1);
    assert_true(shelf_has(shelf, &event.image.layer));
    assert_true(shelf_has(shelf, &event.blob));
}

static void complete_the_manifest(struct event *event)
{
    char text[SHELF_TEXT];
    shelf_manifest_text(text, &event->image.config, LIST(&event->image.layer),
                        &event->image.manifest);
    place_write(event->shelf->place, event->blob.path, text);
}

static void a_manifest_that_is_half_written(void **state)
{
    struct shelf *shelf = *state;
    char text[SHELF_TEXT];
    struct event event = begin(shelf, OCS_GC_LOCKED, complete_the_manifest);
    shelf_manifest_text(text, &event.image.config, LIST(&event.image.layer), &event.image.manifest);
    event.blob = shelf_name(MANIFEST, text);
    text[strlen(text) / 2] = '\0';
    place_write(shelf->place, event.blob.path, text);
    let_the_clock_tick();
    assert_int_equal(run(&event, 2), 0);
    assert_int_equal(shelf->report.candidates, 3);
    assert_int_equal(shelf->report.trashed, 0);
    assert_int_equal(shelf->report.rescued, 3);
    assert_true(shelf_has_image(shelf, &event.image));
}

/* ---- files that change ---- */

static void write_in_place(struct event *event)
{
    place_write(event->shelf->place, event->image.layer.path, "somebody writes here");
}

static void a_blob_that_is_written_stays(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_LOCKED, write_in_place);
    let_the_clock_tick();
    assert_int_equal(run(&event, 2), 0);
    assert_int_equal(shelf->report.trashed, 2);
    assert_int_equal(shelf->report.rescued, 1);
    assert_true(shelf_has(shelf, &event.image.layer));
}

static void remove_it(struct event *event)
{
    assert_int_equal(unlinkat(event->shelf->place->fd, event->image.layer.path, 0), 0);
}

static void a_blob_that_is_gone_is_no_failure(void **state)
{
    static const enum ocs_gc_point points[] = {OCS_GC_SURVEYED, OCS_GC_LOCKED};
    struct shelf *shelf = *state;
    for (size_t i = 0; i < 2; i++) {
        struct event event = begin(shelf, points[i], remove_it);
        assert_int_equal(run(&event, 2), 0);
        assert_int_equal(shelf->report.trashed, 2);
    }
}

/* ---- locks ---- */

static void run_another(struct event *event)
{
    struct ocs_gc_report report;
    struct ocs_store *store;
    struct ocs_error err;
    assert_int_equal(ocs_store_open(event->shelf->place->path, NULL, &store, &err), 0);
    event->seen = ocs_gc(store, &event->shelf->options, &report, &err);
    ocs_store_close(store);
}

/* In a child: no LMDB environment may be opened twice in a process. */
static void another_gc_ends_at_once(void **state)
{
    struct shelf *shelf = *state;
    ocs_store_close(shelf->store);
    shelf->store = NULL;
    struct ocs_store *other;
    assert_int_equal(ocs_store_open(shelf->place->path, NULL, &other, &shelf->err), 0);
    struct ocs_lock_wait wait = {0};
    assert_int_equal(ocs_lock_take(other->locks, OCS_LOCK_GC, true, &wait, &shelf->err), 0);
    struct event event = {.shelf = shelf};
    run_another(&event);
    assert_int_equal(event.seen, -OCS_BUSY);
    ocs_lock_release(other->locks, OCS_LOCK_GC);
    run_another(&event);
    assert_int_equal(event.seen, 0);
    ocs_store_close(other);
}

static void try_to_write(struct event *event)
{
    struct ocs_locks *locks;
    struct ocs_lock_wait wait = {0};
    assert_int_equal(ocs_locks_open(event->shelf->store->state, &locks, NULL), 0);
    event->seen = ocs_lock_writer(locks, &wait, NULL);
    ocs_locks_close(locks);
}

static void writers_wait_for_a_batch_alone(void **state)
{
    static const struct {
        enum ocs_gc_point point;
        int result;
    } moments[] = {{OCS_GC_SURVEYED, 0},
                   {OCS_GC_LOCKED, -OCS_BUSY},
                   {OCS_GC_RENAMED, -OCS_BUSY},
                   {OCS_GC_SWEPT, 0},
                   {OCS_GC_PURGING, 0}};
    struct shelf *shelf = *state;
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        struct event event = begin(shelf, moments[i].point, try_to_write);
        event.seen = 1;
        assert_int_equal(run(&event, 2), 0);
        assert_int_equal(event.seen, moments[i].result);
        shelf->options.grace_s = 0;
    }
}

/* ---- ends ---- */

static bool cancelled(void *data)
{
    return *(bool *)data;
}

static void cancel_it(struct event *event)
{
    *(bool *)event->shelf->store->hooks.data = true;
}

static void an_interrupted_run_is_taken_up_by_the_next(void **state)
{
    static const enum ocs_gc_point points[] = {OCS_GC_SURVEYED, OCS_GC_SWEPT, OCS_GC_PURGING};
    struct shelf *shelf = *state;
    for (size_t i = 0; i < 3; i++) {
        bool cancel = false;
        struct event event = begin(shelf, points[i], cancel_it);
        shelf->store->hooks = (struct ocs_hooks){.data = &cancel, .cancelled = cancelled};
        shelf->play.batch = 1;
        int result = run(&event, 2);
        assert_true(result == -OCS_INTERRUPTED || (points[i] == OCS_GC_PURGING && result == 0));
        cancel = false;
        shelf_must_gc(shelf, 2);
        assert_int_equal(shelf_count(shelf, "blobs/sha256"), 0);
        shelf->store->hooks = (struct ocs_hooks){0};
    }
}

static void die(struct event *event)
{
    (void)event;
    _exit(42);
}

/* Each rename in turn is the last thing that a run does. */
static void killed_after_a_rename(void **state)
{
    struct shelf *shelf = *state;
    struct image live = shelf_image(shelf, "live");
    shelf_layout(shelf, "two", LIST(&live.manifest));
    for (unsigned after = 0; after < 3; after++) {
        struct event event = begin(shelf, OCS_GC_RENAMED, die);
        event.after = after;
        ocs_store_close(shelf->store);
        shelf->store = NULL;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            shelf_reopen(shelf);
            run(&event, 2);
            _exit(1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WEXITSTATUS(status), 42);
        shelf_reopen(shelf);
        assert_int_equal(shelf_count(shelf, "blobs/sha256"), 3 + 2 - after);
        assert_true(shelf_has_image(shelf, &live));
        shelf_must_gc(shelf, 2);
        assert_int_equal(shelf->report.trashed, 2 - after);
        assert_int_equal(shelf_count(shelf, "blobs/sha256"), 3);
        shelf_layout(shelf, "one", LIST(&event.image.manifest)); /* and it all comes back */
        shelf_must_gc(shelf, 2);
        assert_int_equal(shelf->report.healed, 3);
        assert_true(shelf_has_image(shelf, &event.image));
    }
}

static void batches_add_up(void **state)
{
    struct shelf *shelf = *state;
    struct event event = begin(shelf, OCS_GC_SWEPT, NULL);
    for (int i = 0; i < 8; i++) {
        char text[32];
        snprintf(text, sizeof(text), "garbage %d", i);
        shelf_layer(shelf, text);
    }
    shelf->options.grace_s = 0;
    shelf->play.batch = 4;
    assert_int_equal(run(&event, 2), 0);
    assert_int_equal(shelf->report.trashed, 11);
    assert_int_equal(shelf->report.rescued, 0);
    assert_int_equal(shelf->report.trashed_bytes, shelf->report.candidate_bytes);
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 1);
    assert_int_equal(shelf_count(shelf, ".ocistore/journal"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(listed_before_the_second_look),
        SHELF_TEST(an_index_loses_a_digest),
        SHELF_TEST(listed_while_it_is_swept),
        SHELF_TEST(listed_between_two_batches),
        SHELF_TEST(listed_before_now_unlinks),
        SHELF_TEST(a_new_layout_appears),
        SHELF_TEST(docker_save_appears),
        SHELF_TEST(an_index_is_spoilt),
        SHELF_TEST(removed_after_the_mark),
        SHELF_TEST(the_graph_goes_after_the_mark),
        SHELF_TEST(a_manifest_that_is_not_listed_yet),
        SHELF_TEST(a_manifest_that_is_half_written),
        SHELF_TEST(a_blob_that_is_written_stays),
        SHELF_TEST(a_blob_that_is_gone_is_no_failure),
        SHELF_TEST(another_gc_ends_at_once),
        SHELF_TEST(writers_wait_for_a_batch_alone),
        SHELF_TEST(an_interrupted_run_is_taken_up_by_the_next),
        SHELF_TEST(killed_after_a_rename),
        SHELF_TEST(batches_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/lock.h"

#include "leap.h"
#include "place.h"

#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

static const struct ocs_lock_wait AT_ONCE = {.timeout_ms = 0};
static const struct ocs_lock_wait PATIENTLY = {.timeout_ms = -1};

/* Another process that has a lock from child_start to child_end. */
struct child {
    pid_t pid;
    int to, from;
};

enum role { WRITER, SWEEP, GATE_SHARED, GC, LAYOUT };

static int take_as(struct ocs_locks *locks, enum role role, const struct ocs_lock_wait *wait,
                   struct ocs_error *err)
{
    int fd;
    switch (role) {
    case WRITER:
        return ocs_lock_writer(locks, wait, err);
    case SWEEP:
        return ocs_lock_sweep(locks, wait, err);
    case GATE_SHARED:
        return ocs_lock_take(locks, OCS_LOCK_GATE, false, wait, err);
    case GC:
        return ocs_lock_take(locks, OCS_LOCK_GC, true, wait, err);
    case LAYOUT:
        return ocs_lock_layout(locks, "0123456789abcdef", wait, &fd, err);
    }
    return -1;
}

static void child_main(int dir, enum role role, int from, int to)
{
    struct ocs_locks *locks = NULL;
    char byte = '+';
    if (ocs_locks_open(dir, &locks, NULL) < 0 || take_as(locks, role, &PATIENTLY, NULL) < 0)
        byte = '-';
    if (write(to, &byte, 1) == 1 && read(from, &byte, 1) >= 0)
        _exit(0); /* and the locks go with it */
    _exit(1);
}

static struct child child_fork(struct place *place, enum role role)
{
    int down[2], up[2];
    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    struct child child = {.pid = fork(), .to = down[1], .from = up[0]};
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        close(down[1]);
        close(up[0]);
        child_main(place->fd, role, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    return child;
}

static void child_wait_ready(const struct child *child)
{
    char byte = 0;
    assert_int_equal(read(child->from, &byte, 1), 1);
    assert_int_equal(byte, '+');
}

static struct child child_start(struct place *place, enum role role)
{
    struct child child = child_fork(place, role);
    child_wait_ready(&child);
    return child;
}

static bool child_is_ready(const struct child *child)
{
    struct pollfd poll_fd = {.fd = child->from, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static void child_end(struct child *child)
{
    int status;
    /* not by closing: children started later have the pipe too */
    assert_int_equal(write(child->to, ".", 1), 1);
    close(child->to);
    close(child->from);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    assert_int_equal(status, 0);
}

static struct ocs_locks *open_locks(struct place *place)
{
    struct ocs_locks *locks = NULL;
    struct ocs_error err;
    assert_int_equal(ocs_locks_open(place->fd, &locks, &err), 0);
    return locks;
}

/* ---- files ---- */

static void test_open_makes_the_files(void **state)
{
    struct place *place = *state;
    struct ocs_locks *locks = open_locks(place);
    assert_true(place_has(place, "locks/gate.lock"));
    assert_true(place_has(place, "locks/store.lock"));
    assert_true(place_has(place, "locks/gc.lock"));
    assert_true(place_has(place, "locks/fsck.lock"));
    assert_true(place_has(place, "locks/graph.lock"));
    assert_true(ocs_locks_fd(locks, OCS_LOCK_GRAPH) >= 0);
    ocs_locks_close(locks);
    ocs_locks_close(open_locks(place));
}

static void test_open_refuses_links(void **state)
{
    struct place *place = *state;
    struct ocs_locks *locks;
    assert_int_equal(symlinkat("elsewhere", place->fd, "locks"), 0);
    assert_int_equal(ocs_locks_open(place->fd, &locks, NULL), -OCS_FAILED);
    assert_int_equal(unlinkat(place->fd, "locks", 0), 0);
    place_mkdirs(place, "locks");
    assert_int_equal(symlinkat("elsewhere", place->fd, "locks/gc.lock"), 0);
    assert_int_equal(ocs_locks_open(place->fd, &locks, NULL), -OCS_FAILED);
}

/* ---- who excludes whom ---- */

struct pair {
    enum role other, ours;
    int expected;
};

static void test_exclusion(void **state)
{
    static const struct pair PAIRS[] = {
        {WRITER, WRITER, 0},        {WRITER, SWEEP, -OCS_BUSY},
        {SWEEP, WRITER, -OCS_BUSY}, {SWEEP, SWEEP, -OCS_BUSY},
        {GATE_SHARED, WRITER, 0},   {GATE_SHARED, SWEEP, -OCS_BUSY},
        {GC, GC, -OCS_BUSY},        {GC, WRITER, 0},
        {LAYOUT, WRITER, 0},        {LAYOUT, LAYOUT, -OCS_BUSY},
    };
    struct place *place = *state;
    for (size_t i = 0; i < sizeof(PAIRS) / sizeof(PAIRS[0]); i++) {
        struct child child = child_start(place, PAIRS[i].other);
        struct ocs_locks *locks = open_locks(place);
        struct ocs_error err;
        int fd = -1;
        int result = PAIRS[i].ours == LAYOUT
                         ? ocs_lock_layout(locks, "0123456789abcdef", &AT_ONCE, &fd, &err)
                         : take_as(locks, PAIRS[i].ours, &AT_ONCE, &err);
        assert_int_equal(result, PAIRS[i].expected);
        if (fd >= 0)
            close(fd);
        child_end(&child);
        ocs_locks_close(locks);
    }
}

/* Nothing has to be cleaned up after a kill. */
static void test_locks_die_with_their_process(void **state)
{
    static const enum role ROLES[] = {WRITER, SWEEP, GC};
    struct place *place = *state;
    struct ocs_locks *locks = open_locks(place);
    for (size_t i = 0; i < sizeof(ROLES) / sizeof(ROLES[0]); i++) {
        struct child child = child_start(place, ROLES[i]);
        enum role ours = ROLES[i] == GC ? GC : SWEEP;
        assert_int_equal(take_as(locks, ours, &AT_ONCE, NULL), -OCS_BUSY);
        assert_int_equal(kill(child.pid, SIGKILL), 0);
        assert_int_equal(waitpid(child.pid, NULL, 0), child.pid);
        assert_int_equal(take_as(locks, ours, &AT_ONCE, NULL), 0);
        if (ours == SWEEP)
            ocs_lock_sweep_end(locks);
        close(child.to);
        close(child.from);
    }
    ocs_locks_close(locks);
}

static void test_busy_names_the_holder(void **state)
{
    struct place *place = *state;
    struct child child = child_start(place, GC);
    struct ocs_locks *locks = open_locks(place);
    struct ocs_error err;
    char expected[64];
    assert_int_equal(ocs_lock_take(locks, OCS_LOCK_GC, true, &AT_ONCE, &err), -OCS_BUSY);
    snprintf(expected, sizeof(expected), "process %d ", child.pid);
    assert_true(strstr(err.message, expected) || strstr(err.message, "another process"));
    assert_non_null(strstr(err.message, "gc lock"));
    assert_non_null(strstr(err.hint, "--lock-timeout"));
    child_end(&child);
    assert_int_equal(ocs_lock_take(locks, OCS_LOCK_GC, true, &AT_ONCE, &err), 0);
    ocs_lock_release(locks, OCS_LOCK_GC);
    ocs_locks_close(locks);
}

static void test_a_writer_gives_the_gate_back(void **state)
{
    struct place *place = *state;
    struct ocs_locks *locks = open_locks(place);
    assert_int_equal(ocs_lock_writer(locks, &AT_ONCE, NULL), 0);
    struct ocs_locks *other = open_locks(place);
    assert_int_equal(ocs_lock_take(other, OCS_LOCK_GATE, true, &AT_ONCE, NULL), 0);
    assert_int_equal(ocs_lock_take(other, OCS_LOCK_STORE, true, &AT_ONCE, NULL), -OCS_BUSY);
    ocs_lock_release(locks, OCS_LOCK_STORE);
    assert_int_equal(ocs_lock_take(other, OCS_LOCK_STORE, true, &AT_ONCE, NULL), 0);
    ocs_lock_sweep_end(other);
    ocs_locks_close(other);
    ocs_locks_close(locks);
}

static void test_a_sweep_that_fails_gives_the_gate_back(void **state)
{
    struct place *place = *state;
    struct child child = child_start(place, WRITER);
    struct ocs_locks *locks = open_locks(place);
    assert_int_equal(ocs_lock_sweep(locks, &AT_ONCE, NULL), -OCS_BUSY);
    struct ocs_locks *other = open_locks(place);
    assert_int_equal(ocs_lock_writer(other, &AT_ONCE, NULL), 0);
    ocs_locks_close(other);
    child_end(&child);
    assert_int_equal(ocs_lock_sweep(locks, &AT_ONCE, NULL), 0);
    ocs_lock_sweep_end(locks);
    assert_int_equal(ocs_lock_sweep(locks, &AT_ONCE, NULL), 0);
    ocs_lock_sweep_end(locks);
    ocs_locks_close(locks);
}

/* ---- waiting ---- */

/* Ends the child that is in our way once the notice says that we wait for it. */
struct waiting {
    struct child child;
    unsigned notices;
    char text[256];
};

static void end_child_on_notice(void *data, const char *text)
{
    struct waiting *waiting = data;
    snprintf(waiting->text, sizeof(waiting->text), "%s", text);
    if (waiting->notices++ == 0)
        child_end(&waiting->child);
}

static void test_a_writer_waits_and_says_so(void **state)
{
    struct place *place = *state;
    struct waiting waiting = {.child = child_start(place, SWEEP)};
    const struct ocs_hooks hooks = {.data = &waiting, .notice = end_child_on_notice};
    const struct ocs_lock_wait wait = {.timeout_ms = -1, .hooks = &hooks, .notice_ms = 1};
    struct ocs_locks *locks = open_locks(place);
    assert_int_equal(ocs_lock_writer(locks, &wait, NULL), 0);
    assert_int_equal(waiting.notices, 1);
    assert_non_null(strstr(waiting.text, "waiting for the gate of the store, held by "));
    ocs_locks_close(locks);
}

static void test_a_timeout_ends_the_wait(void **state)
{
    struct place *place = *state;
    struct child child = child_start(place, SWEEP);
    const struct ocs_lock_wait wait = {.timeout_ms = 20};
    struct ocs_locks *locks = open_locks(place);
    assert_int_equal(ocs_lock_writer(locks, &wait, NULL), -OCS_BUSY);
    assert_int_equal(ocs_lock_sweep(locks, &wait, NULL), -OCS_BUSY);
    child_end(&child);
    ocs_locks_close(locks);
}

static bool third_time(void *data)
{
    return ++*(unsigned *)data == 3;
}

static void test_cancel_ends_the_wait(void **state)
{
    struct place *place = *state;
    struct child child = child_start(place, SWEEP);
    unsigned asked = 0;
    const struct ocs_hooks hooks = {.data = &asked, .cancelled = third_time};
    const struct ocs_lock_wait wait = {.timeout_ms = -1, .hooks = &hooks};
    struct ocs_locks *locks = open_locks(place);
    assert_int_equal(ocs_lock_writer(locks, &wait, NULL), -OCS_INTERRUPTED);
    asked = 0;
    assert_int_equal(ocs_lock_sweep(locks, &wait, NULL), -OCS_INTERRUPTED);
    child_end(&child);
    ocs_locks_close(locks);
}

/* A long writer has the store and the sweep waits for it with the gate shut: a
 * second writer has to get through between two spells. */
struct spells {
    struct place *place;
    struct child first, second;
    enum { ALONE, SECOND_WAITS, OVER } stage;
};

static bool drive_writers(void *data)
{
    struct spells *spells = data;
    if (spells->stage == ALONE) {
        spells->second = child_fork(spells->place, WRITER);
        spells->stage = SECOND_WAITS;
    } else if (spells->stage == SECOND_WAITS && child_is_ready(&spells->second)) {
        child_wait_ready(&spells->second);
        child_end(&spells->first);
        child_end(&spells->second);
        spells->stage = OVER;
    }
    return false;
}

static void test_the_gate_is_opened_between_spells(void **state)
{
    struct place *place = *state;
    struct spells spells = {.place = place, .first = child_start(place, WRITER)};
    struct ocs_locks *locks = open_locks(place);
    const struct ocs_hooks hooks = {.data = &spells, .cancelled = drive_writers};
    const struct ocs_lock_wait wait = {.timeout_ms = -1, .hooks = &hooks, .spell_ms = 10};
    assert_int_equal(ocs_lock_sweep(locks, &wait, NULL), 0);
    assert_int_equal(spells.stage, OVER);
    ocs_lock_sweep_end(locks);
    ocs_locks_close(locks);
}

static void count_notice(void *data, const char *text)
{
    (void)text;
    ++*(unsigned *)data;
}

/* Ten minutes, however long it was told to wait; the gate is open afterwards. */
static void test_a_sweep_gives_up(void **state)
{
    static const int64_t timeouts[] = {-1, 24 * 3600 * 1000};
    struct place *place = *state;
    struct child child = child_start(place, WRITER);
    struct ocs_locks *locks = open_locks(place);
    struct ocs_locks *other = open_locks(place);
    for (size_t i = 0; i < 2; i++) {
        unsigned notices = 0;
        const struct ocs_hooks hooks = {.data = &notices, .notice = count_notice};
        const struct ocs_lock_wait wait = {.timeout_ms = timeouts[i], .hooks = &hooks};
        int64_t begin = leap_ms();
        leaping = true;
        assert_int_equal(ocs_lock_sweep(locks, &wait, NULL), -OCS_BUSY);
        leaping = false;
        int64_t waited = leap_ms() - begin;
        assert_true(waited >= 600000 && waited < 660000);
        assert_in_range(notices, 9, 10); /* one for each spell of a minute */
        assert_int_equal(ocs_lock_writer(other, &AT_ONCE, NULL), 0);
        ocs_lock_release(other, OCS_LOCK_STORE);
    }
    child_end(&child);
    ocs_locks_close(other);
    ocs_locks_close(locks);
}

/* ---- below hold ---- */

static void test_below_hold_the_gate_is_skipped(void **state)
{
    struct place *place = *state;
    unsetenv(OCS_LOCK_HELD_VARIABLE);
    assert_false(ocs_lock_is_held(place->fd));
    char *value = ocs_lock_held_value(place->fd);
    assert_non_null(value);

    struct ocs_locks *holder = open_locks(place);
    assert_int_equal(ocs_lock_writer(holder, &AT_ONCE, NULL), 0);
    struct ocs_locks *sweep = open_locks(place); /* waits with the gate shut */
    assert_int_equal(ocs_lock_take(sweep, OCS_LOCK_GATE, true, &AT_ONCE, NULL), 0);

    assert_int_equal(setenv(OCS_LOCK_HELD_VARIABLE, value, 1), 0);
    assert_true(ocs_lock_is_held(place->fd));
    struct ocs_locks *below = open_locks(place);
    assert_int_equal(ocs_lock_writer(below, &AT_ONCE, NULL), 0);
    ocs_lock_release(below, OCS_LOCK_STORE);
    ocs_lock_release(sweep, OCS_LOCK_GATE);
    ocs_lock_release(holder, OCS_LOCK_STORE);
    assert_int_equal(ocs_lock_sweep(below, &PATIENTLY, NULL), -OCS_BUSY);

    unsetenv(OCS_LOCK_HELD_VARIABLE);
    free(value);
    ocs_locks_close(below);
    ocs_locks_close(sweep);
    ocs_locks_close(holder);
}

static void test_held_values_add_up(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "other");
    int other = openat(place->fd, "other", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unsetenv(OCS_LOCK_HELD_VARIABLE);
    char *one = ocs_lock_held_value(place->fd);
    assert_int_equal(setenv(OCS_LOCK_HELD_VARIABLE, one, 1), 0);
    assert_false(ocs_lock_is_held(other));
    char *both = ocs_lock_held_value(other);
    assert_int_equal(setenv(OCS_LOCK_HELD_VARIABLE, both, 1), 0);
    assert_true(ocs_lock_is_held(other));
    assert_true(ocs_lock_is_held(place->fd));
    one[strlen(one) - 1] = '\0';
    assert_int_equal(setenv(OCS_LOCK_HELD_VARIABLE, one, 1), 0);
    assert_false(ocs_lock_is_held(place->fd));
    unsetenv(OCS_LOCK_HELD_VARIABLE);
    assert_null(ocs_lock_held_value(-1));
    free(one);
    free(both);
    close(other);
}

static void test_layout_locks(void **state)
{
    struct place *place = *state;
    struct ocs_locks *locks = open_locks(place);
    int a = -1, b = -1, again = -1;
    assert_int_equal(ocs_lock_layout(locks, "a", &AT_ONCE, &a, NULL), 0);
    assert_int_equal(ocs_lock_layout(locks, "b", &AT_ONCE, &b, NULL), 0);
    assert_int_equal(ocs_lock_layout(locks, "a", &AT_ONCE, &again, NULL), -OCS_BUSY);
    ocs_unlock_file(a);
    assert_int_equal(ocs_lock_layout(locks, "a", &AT_ONCE, &again, NULL), 0);
    close(a);
    close(b);
    close(again);
    assert_true(place_has(place, "locks/layouts/a.lock"));
    ocs_locks_close(locks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_open_makes_the_files),
        PLACE_TEST(test_open_refuses_links),
        PLACE_TEST(test_exclusion),
        PLACE_TEST(test_locks_die_with_their_process),
        PLACE_TEST(test_busy_names_the_holder),
        PLACE_TEST(test_a_writer_gives_the_gate_back),
        PLACE_TEST(test_a_sweep_that_fails_gives_the_gate_back),
        PLACE_TEST(test_a_writer_waits_and_says_so),
        PLACE_TEST(test_a_timeout_ends_the_wait),
        PLACE_TEST(test_cancel_ends_the_wait),
        PLACE_TEST(test_the_gate_is_opened_between_spells),
        PLACE_TEST(test_a_sweep_gives_up),
        PLACE_TEST(test_below_hold_the_gate_is_skipped),
        PLACE_TEST(test_held_values_add_up),
        PLACE_TEST(test_layout_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

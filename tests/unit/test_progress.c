/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli/progress.h"
#include "cli/signals.h"

#include "place.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

/* The clock of the program under test: it stands still until a test moves it. */
static long clock_ms = 5000;

int clock_gettime(clockid_t clock, struct timespec *out)
{
    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, out);
    *out = (struct timespec){.tv_sec = clock_ms / 1000, .tv_nsec = clock_ms % 1000 * 1000000};
    return 0;
}

static const struct ocs_progress half = {
    .phase = "verify",
    .blobs_done = 3,
    .blobs_total = 6,
    .bytes_done = 2048,
    .bytes_total = 4096,
};

/* Tells of it at every tenth of a second, and gives what stands on stderr then. */
static char *update_for(struct place *place, struct ocs_progress_bar *bar, long ms)
{
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    int fd = openat(place->fd, "err", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && kept >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    for (long end = clock_ms + ms; clock_ms < end; clock_ms += 100)
        ocs_progress_update(bar, &half);
    fflush(stderr);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    close(fd);
    return place_read(place, "err");
}

static size_t lines_in(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void expect_lines(struct place *place, struct ocs_progress_bar *bar, long ms, size_t lines)
{
    char *text = update_for(place, bar, ms);
    assert_int_equal(lines_in(text), lines);
    free(text);
}

static void a_line_every_minute_without_a_terminal(void **state)
{
    struct ocs_progress_bar bar;
    ocs_progress_init(&bar, false);
    bar.terminal = false;
    expect_lines(*state, &bar, 60000, 0);
    char *text = update_for(*state, &bar, 100);
    assert_string_equal(text,
                        "ocistore: verify  50%  2.0/4.0 KiB  3/6 blobs  34 B/s  1 min 0 s left\n");
    free(text);
    expect_lines(*state, &bar, 59900, 0);
    expect_lines(*state, &bar, 100, 1);
    expect_lines(*state, &bar, 600000, 10);
}

static void nothing_when_quiet(void **state)
{
    struct ocs_progress_bar bar;
    ocs_progress_init(&bar, true);
    bar.terminal = false;
    expect_lines(*state, &bar, 600000, 0);
    bar.terminal = true;
    expect_lines(*state, &bar, 600000, 0);
}

static void a_line_now_when_asked_for(void **state)
{
    struct ocs_progress_bar bar;
    ocs_signals_install();
    for (int quiet = 0; quiet < 2; quiet++) {
        ocs_progress_init(&bar, quiet);
        bar.terminal = false;
        raise(SIGUSR1);
        expect_lines(*state, &bar, 1000, 1);
    }
    ocs_progress_init(&bar, false);
    bar.terminal = false;
    expect_lines(*state, &bar, 50000, 0);
    raise(SIGUSR1);
    expect_lines(*state, &bar, 60000, 1); /* the minute begins anew with it */
    expect_lines(*state, &bar, 100, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_line_every_minute_without_a_terminal),
        PLACE_TEST(nothing_when_quiet),
        PLACE_TEST(a_line_now_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* How long a plan takes: bench_gc STORE [ROUNDS].  A dry run each; the first one
 * may have to learn the blobs.  And how long `gc --now` keeps everybody else out:
 * bench_gc --sweep STORE, which removes the garbage. */

#include "gc/gc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Memory of our own when the plan is complete; what is mapped of the graph is the
 * kernel's to take back. */
static void look_at_memory(void *data, const struct ocs_gc_candidate *candidate)
{
    long *anonymous = data;
    char line[256];
    (void)candidate;
    if (*anonymous)
        return;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status)) {
        if (strncmp(line, "RssAnon:", 8) == 0)
            *anonymous = strtol(line + 8, NULL, 10) / 1024;
    }
    if (status)
        fclose(status);
}

static int round_of(const char *path, int number)
{
    struct ocs_gc_options options = OCS_GC_OPTIONS_INIT;
    struct ocs_gc_report report;
    struct ocs_error err = {0};
    struct ocs_store *store;
    long anonymous = 0;
    options.dry_run = true;
    options.data = &anonymous;
    options.on_candidate = look_at_memory;
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    int result = ocs_store_open(path, NULL, &store, &err);
    if (result == 0) {
        result = ocs_gc(store, &options, &report, &err);
        ocs_store_close(store);
    }
    if (result != 0) {
        fprintf(stderr, "bench_gc: %s\n", err.message);
        return result;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("plan %d: %.2f s, %.2f s of processor, %ld MiB (%ld MiB with the graph's map, at most); "
           "live %llu, due %llu, waiting %llu\n",
           number, seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu,
           anonymous, usage.ru_maxrss / 1024, (unsigned long long)report.live_blobs,
           (unsigned long long)report.candidates, (unsigned long long)report.waiting);
    return 0;
}

/* ---- the exclusive lock ---- */

struct watch {
    double since; /* the lock was taken */
    double all, longest;
    unsigned batches;
};

static void watch_lock(void *data, enum ocs_gc_point point)
{
    struct watch *watch = data;
    double now = seconds(CLOCK_MONOTONIC), held = now - watch->since;
    if (point == OCS_GC_LOCKED)
        watch->since = now;
    if (point != OCS_GC_SWEPT)
        return;
    watch->batches++;
    watch->all += held;
    if (held > watch->longest)
        watch->longest = held;
}

static int sweep(const char *path)
{
    struct ocs_gc_options options = OCS_GC_OPTIONS_INIT;
    struct ocs_gc_report report;
    struct ocs_error err = {0};
    struct ocs_store *store;
    struct watch watch = {0};
    struct ocs_gc_play play = {.data = &watch, .at = watch_lock};
    options.now = true;
    double begin = seconds(CLOCK_MONOTONIC);
    int result = ocs_store_open(path, NULL, &store, &err);
    if (result == 0) {
        result = ocs_gc_run(store, &options, &play, &report, &err);
        ocs_store_close(store);
    }
    if (result != 0) {
        fprintf(stderr, "bench_gc: %s\n", err.message);
        return result;
    }
    printf("gc: %.2f s for %llu blobs, the store locked for %.3f s in %u batches, %.3f s at most\n",
           seconds(CLOCK_MONOTONIC) - begin, (unsigned long long)report.trashed, watch.all,
           watch.batches, watch.longest);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--sweep") == 0)
        return -sweep(argv[2]);
    int rounds = argc > 2 ? atoi(argv[2]) : 3;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_gc STORE [ROUNDS] | bench_gc --sweep STORE\n");
        return OCS_USAGE;
    }
    for (int i = 1; i <= rounds; i++) {
        int result = round_of(argv[1], i);
        if (result)
            return -result;
    }
    return 0;
}

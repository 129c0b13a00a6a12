/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "lock.h"

#include "cleanup.h"
#include "error.h"
#include "io.h"
#include "lock_holder.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define NOTICE_MS    5000
#define SLEEP_MAX_MS 50  /* between two tries */
#define OPEN_GATE_MS 100 /* long enough for everybody who waits to try it */
#define PATIENCE_MS  2000
#define SPELL_MS     60000
#define SWEEP_MAX_MS 600000

struct ocs_locks {
    int dir; /* .ocistore/locks */
    int fds[OCS_LOCK_KINDS];
    bool held[OCS_LOCK_KINDS];
    bool below_hold;
    int64_t swept_ms; /* when the last sweep of this process ended; 0: none yet */
};

static const struct {
    const char *file;
    const char *what;
} KINDS[OCS_LOCK_KINDS] = {
    [OCS_LOCK_GC] = {"gc.lock", "the gc lock"},
    [OCS_LOCK_FSCK] = {"fsck.lock", "the fsck lock"},
    [OCS_LOCK_GATE] = {"gate.lock", "the gate of the store"},
    [OCS_LOCK_STORE] = {"store.lock", "the store lock"},
    [OCS_LOCK_GRAPH] = {"graph.lock", OCS_LOCK_GRAPH_WHAT},
};

/* ---- waiting ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A signal ends it early: then the cancel hook is asked sooner. */
static void sleep_ms(int64_t ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static bool is_cancelled(const struct ocs_lock_wait *wait)
{
    const struct ocs_hooks *hooks = wait->hooks;
    return hooks && hooks->cancelled && hooks->cancelled(hooks->data);
}

static void give_notice(int fd, const char *what, const struct ocs_lock_wait *wait)
{
    const struct ocs_hooks *hooks = wait->hooks;
    char holder[128];
    char text[256];
    if (!hooks || !hooks->notice)
        return;
    snprintf(text, sizeof(text), "waiting for %s, held by %s", what,
             ocs_lock_holder(fd, holder, sizeof(holder)));
    hooks->notice(hooks->data, text);
}

static int busy(int fd, const char *what, struct ocs_error *err)
{
    char holder[128];
    int result = ocs_error_raise(err, OCS_BUSY, "%s is held by %s", what,
                                 ocs_lock_holder(fd, holder, sizeof(holder)));
    return ocs_error_hint(err, result, "wait for it with --lock-timeout");
}

/* 0, or 1 when somebody else has it. */
static int try_lock(int fd, bool exclusive, const char *what, struct ocs_error *err)
{
    if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK || errno == EINTR ? 1 : ocs_error_errno(err, "%s", what);
}

/* Nobody is turned away before `patience_ms` are over. */
static int lock_patiently(int fd, bool exclusive, const char *what,
                          const struct ocs_lock_wait *wait, int64_t patience_ms,
                          struct ocs_error *err)
{
    const int64_t begin = now_ms();
    const int64_t notice_ms = wait->notice_ms ? wait->notice_ms : NOTICE_MS;
    bool told = false;
    for (int64_t pause = 1;; pause = pause * 2 < SLEEP_MAX_MS ? pause * 2 : SLEEP_MAX_MS) {
        int result = try_lock(fd, exclusive, what, err);
        if (result <= 0)
            return result;
        int64_t waited = now_ms() - begin;
        bool patient = waited < patience_ms;
        if (!patient && wait->timeout_ms >= 0 && waited >= wait->timeout_ms)
            return busy(fd, what, err);
        if (!patient && is_cancelled(wait))
            return ocs_error_interrupted(err);
        if (!told && waited >= notice_ms) {
            give_notice(fd, what, wait);
            told = true;
        }
        sleep_ms(pause);
    }
}

int ocs_lock_file(int fd, bool exclusive, const char *what, const struct ocs_lock_wait *wait,
                  struct ocs_error *err)
{
    return lock_patiently(fd, exclusive, what, wait, 0, err);
}

int ocs_lock_briefly(int fd, bool exclusive, const char *what, const struct ocs_lock_wait *wait,
                     struct ocs_error *err)
{
    static const struct ocs_lock_wait forever = {.timeout_ms = -1};
    return lock_patiently(fd, exclusive, what, wait ? wait : &forever, PATIENCE_MS, err);
}

void ocs_unlock_file(int fd)
{
    flock(fd, LOCK_UN);
}

/* ---- below hold ---- */

/* "<device>.<inode>" of .ocistore: good for as long as `hold` runs, and the same
 * through every bind mount. */
static bool mark_of(int state_dir, char mark[64])
{
    struct stat st;
    if (fstat(state_dir, &st) < 0)
        return false;
    snprintf(mark, 64, "%llx.%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    return true;
}

char *ocs_lock_held_value(int state_dir)
{
    char mark[64];
    char *value = NULL;
    const char *outer = getenv(OCS_LOCK_HELD_VARIABLE);
    if (!mark_of(state_dir, mark))
        return NULL;
    int size =
        outer && *outer ? asprintf(&value, "%s,%s", outer, mark) : asprintf(&value, "%s", mark);
    return size < 0 ? NULL : value;
}

bool ocs_lock_is_held(int state_dir)
{
    char mark[64];
    const char *at = getenv(OCS_LOCK_HELD_VARIABLE);
    if (!at || !mark_of(state_dir, mark))
        return false;
    const size_t size = strlen(mark);
    while (*at) {
        size_t length = strcspn(at, ",");
        if (length == size && memcmp(at, mark, size) == 0)
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

/* ---- the files ---- */

static int open_files(int state_dir, struct ocs_locks *locks, struct ocs_error *err)
{
    int result = ocs_io_open_dir(state_dir, "locks", &locks->dir, ".ocistore/locks", err);
    if (result == OCS_IO_ABSENT) {
        result = ocs_io_mkdir(state_dir, "locks", OCS_MODE_FOLDER, ".ocistore/locks", err);
        if (result == 0)
            result = ocs_io_open_dir(state_dir, "locks", &locks->dir, ".ocistore/locks", err);
    }
    if (result > 0)
        return ocs_error_hint(
            err, ocs_error_raise(err, OCS_FAILED, ".ocistore/locks is a link or no folder"),
            "move it away: a folder is made when it is wanted");
    for (size_t i = 0; result == 0 && i < OCS_LOCK_KINDS; i++)
        result = ocs_io_open_or_create(locks->dir, KINDS[i].file, OCS_MODE_FILE, &locks->fds[i],
                                       KINDS[i].what, err);
    return result;
}

int ocs_locks_open(int state_dir, struct ocs_locks **out, struct ocs_error *err)
{
    struct ocs_locks *locks = calloc(1, sizeof(*locks));
    if (!locks)
        return ocs_error_memory(err);
    locks->dir = -1;
    for (size_t i = 0; i < OCS_LOCK_KINDS; i++)
        locks->fds[i] = -1;
    int result = open_files(state_dir, locks, err);
    if (result < 0) {
        ocs_locks_close(locks);
        return result;
    }
    locks->below_hold = ocs_lock_is_held(state_dir);
    *out = locks;
    return 0;
}

void ocs_locks_close(struct ocs_locks *locks)
{
    if (!locks)
        return;
    for (size_t i = 0; i < OCS_LOCK_KINDS; i++)
        ocs_cleanup_fd(&locks->fds[i]);
    ocs_cleanup_fd(&locks->dir);
    free(locks);
}

int ocs_locks_fd(const struct ocs_locks *locks, enum ocs_lock_kind kind)
{
    return locks->fds[kind];
}

/* ---- taking ---- */

/* Nobody waits for a lock that comes earlier in the order than one he has. */
__attribute__((unused)) static bool in_order(const struct ocs_locks *locks, enum ocs_lock_kind kind)
{
    for (size_t i = kind; i < OCS_LOCK_KINDS; i++)
        if (locks->held[i])
            return false;
    return true;
}

int ocs_lock_take(struct ocs_locks *locks, enum ocs_lock_kind kind, bool exclusive,
                  const struct ocs_lock_wait *wait, struct ocs_error *err)
{
    assert(in_order(locks, kind));
    int fd = locks->fds[kind];
    const char *what = KINDS[kind].what;
    int result = kind == OCS_LOCK_GRAPH ? ocs_lock_briefly(fd, exclusive, what, wait, err)
                                        : ocs_lock_file(fd, exclusive, what, wait, err);
    locks->held[kind] = result == 0;
    return result;
}

void ocs_lock_release(struct ocs_locks *locks, enum ocs_lock_kind kind)
{
    ocs_unlock_file(locks->fds[kind]);
    locks->held[kind] = false;
}

/* What is left of the time that `wait` gives. */
static struct ocs_lock_wait rest_of(const struct ocs_lock_wait *wait, int64_t begin)
{
    struct ocs_lock_wait rest = *wait;
    if (rest.timeout_ms > 0) {
        rest.timeout_ms -= now_ms() - begin;
        if (rest.timeout_ms < 0)
            rest.timeout_ms = 0;
    }
    return rest;
}

int ocs_lock_writer(struct ocs_locks *locks, const struct ocs_lock_wait *wait,
                    struct ocs_error *err)
{
    if (locks->below_hold)
        return ocs_lock_take(locks, OCS_LOCK_STORE, false, wait, err);
    const int64_t begin = now_ms();
    int result = ocs_lock_take(locks, OCS_LOCK_GATE, false, wait, err);
    if (result < 0)
        return result;
    struct ocs_lock_wait rest = rest_of(wait, begin);
    result = ocs_lock_take(locks, OCS_LOCK_STORE, false, &rest, err);
    ocs_lock_release(locks, OCS_LOCK_GATE);
    return result;
}

/* One spell with the gate shut; OCS_BUSY when the store was not to be had. */
static int sweep_spell(struct ocs_locks *locks, const struct ocs_lock_wait *wait,
                       struct ocs_error *err)
{
    const int64_t begin = now_ms();
    const int64_t spell_ms = wait->spell_ms ? wait->spell_ms : SPELL_MS;
    int result = ocs_lock_take(locks, OCS_LOCK_GATE, true, wait, err);
    if (result < 0)
        return result;
    struct ocs_lock_wait rest = rest_of(wait, begin);
    if (rest.timeout_ms > spell_ms)
        rest.timeout_ms = spell_ms;
    result = ocs_lock_take(locks, OCS_LOCK_STORE, true, &rest, err);
    if (result < 0)
        ocs_lock_release(locks, OCS_LOCK_GATE);
    return result;
}

int ocs_lock_sweep(struct ocs_locks *locks, const struct ocs_lock_wait *wait, struct ocs_error *err)
{
    if (locks->below_hold)
        return ocs_error_raise(err, OCS_BUSY, "the store is held by 'ocistore hold' above this");
    struct ocs_lock_wait bounded = *wait;
    if (bounded.timeout_ms < 0 || bounded.timeout_ms > SWEEP_MAX_MS)
        bounded.timeout_ms = SWEEP_MAX_MS;
    const int64_t begin = now_ms();
    if (locks->swept_ms && begin - locks->swept_ms < OPEN_GATE_MS)
        sleep_ms(OPEN_GATE_MS - (begin - locks->swept_ms));
    for (;;) {
        struct ocs_lock_wait rest = rest_of(&bounded, begin);
        int result = sweep_spell(locks, &rest, err);
        if (result != -OCS_BUSY || now_ms() - begin >= bounded.timeout_ms)
            return result;
        sleep_ms(OPEN_GATE_MS);
    }
}

void ocs_lock_sweep_end(struct ocs_locks *locks)
{
    ocs_lock_release(locks, OCS_LOCK_STORE);
    ocs_lock_release(locks, OCS_LOCK_GATE);
    locks->swept_ms = now_ms();
}

/* ---- one layout ---- */

int ocs_lock_layout(struct ocs_locks *locks, const char *id, const struct ocs_lock_wait *wait,
                    int *fd, struct ocs_error *err)
{
    char path[128];
    char what[128];
    snprintf(what, sizeof(what), "the lock of layout %.64s", id);
    if (snprintf(path, sizeof(path), "layouts/%s.lock", id) >= (int)sizeof(path))
        return ocs_error_raise(err, OCS_FAILED, "%s: name too long", what);
    assert(!locks->held[OCS_LOCK_GRAPH]);
    int result =
        ocs_io_mkdir(locks->dir, "layouts", OCS_MODE_FOLDER, ".ocistore/locks/layouts", err);
    auto_fd int opened = -1;
    if (result == 0)
        result = ocs_io_open_or_create(locks->dir, path, OCS_MODE_FILE, &opened, what, err);
    if (result == 0)
        result = ocs_lock_file(opened, true, what, wait, err);
    if (result == 0)
        *fd = TAKE_FD(opened);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_blob.h"
#include "check_documents.h"
#include "check_graph.h"
#include "check_layer.h"
#include "check_orphans.h"
#include "check_presence.h"
#include "check_sizes.h"
#include "check_roots.h"
#include "check_store.h"
#include "layers.h"
#include "recheck.h"
#include "repair.h"
#include "report.h"
#include "results.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/history.h"
#include "store/shell_word.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Of a repair: an index.json, its indexes, their manifests, what these name. */
#define ROUNDS_MAX 16

/*
 * The phases of doc/fsck.md, in the order in which they can be done:
 *
 *   0 store folder   1 graph            2 roots
 *   3 documents  ->  5 disk walk    ->  4 content  ->  presence, orphans  ->  6 graph
 *
 * What is on the disk is listed before it is hashed, and what is missing is
 * said last, so that a file that went meanwhile is told from one that is lost.
 */

/* ---- the phases ---- */

static int check_content(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct ocs_schedule schedule = {0};
    int r = ocs_schedule_make(run, &schedule, err);
    if (r == 0)
        r = ocs_check_content(run, &schedule, err);
    ocs_schedule_clear(&schedule);
    return r == 0 ? ocs_check_layers(run, err) : r;
}

/* What is missing, once everything that is reachable was looked at. */
static int check_references(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = ocs_recheck(run, err);
    if (r == 0)
        r = ocs_check_presence(run, err);
    if (r == 0)
        r = ocs_check_sizes(run, err);
    if (r == 0)
        r = ocs_layers_check_counts(run, err);
    if (r == 0)
        r = ocs_check_state(run, err);
    return r == 0 && !run->options->image ? ocs_check_orphans(run, err) : r;
}

static int check_everything(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = ocs_check_store(run, err);
    if (r == OCS_CHECK_STORE_NONE)
        return 0;
    if (r == 0)
        r = ocs_check_graph_open(run, err);
    if (r == 0)
        r = ocs_check_roots(run, err);
    if (r == 0)
        r = ocs_check_documents(run, err);
    if (r == 0 && !run->options->image)
        r = ocs_check_disk(run, err);
    if (r == 0)
        r = ocs_check_other_types(run, err);
    if (r < 0)
        return r;
    int content = check_content(run, err);
    if (content < 0 && content != -OCS_INTERRUPTED)
        return content;
    r = check_references(run, content < 0 ? NULL : err);
    if (r == 0 && content == 0)
        r = ocs_check_graph(run, err);
    return content < 0 ? content : r;
}

/* What was verified is kept and what was found is told, however the run ended. */
static int run_phases(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = ocs_fsck_run_init(run, err);
    if (r < 0)
        return r;
    r = check_everything(run, err);
    bool interrupted = r == -OCS_INTERRUPTED;
    bool failed = r < 0 && !interrupted;
    int flushed = ocs_results_flush(run, failed ? NULL : err);
    if (!failed && flushed == 0)
        flushed = ocs_report_findings(run, run->options->repair && !interrupted, err);
    if (!failed && flushed == -OCS_INTERRUPTED)
        interrupted = true; /* in the middle of a repair */
    else if (!failed)
        r = flushed;
    ocs_results_close(run);
    ocs_report_coverage(run);
    run->report->status = interrupted ? OCS_INTERRUPTED : ocs_report_status(run);
    run->report->seconds = (double)(ocs_now_ns() - run->began_ns) / 1e9;
    return interrupted ? 0 : r;
}

static int open_folder(const char *path, int *fd, struct ocs_error *err)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd >= 0)
        return 0;
    bool theirs = errno == ENOENT || errno == ENOTDIR;
    int r = ocs_error_errno(err, "%s", path);
    if (theirs && err)
        err->status = OCS_USAGE;
    return theirs ? -OCS_USAGE : r;
}

static int refuse(struct ocs_error *err, const char *why)
{
    return ocs_error_raise(err, OCS_USAGE, "%s", why);
}

static int refuse_options(const struct ocs_fsck_options *options, bool plain, struct ocs_error *err)
{
    if (plain && (options->only_bad || options->max_age_s > 0))
        return refuse(err, "a plain layout keeps no record of what was verified when");
    if (plain && options->repair)
        return refuse(err, "only a store can be repaired: import the layout");
    if (!options->repair && (options->dry_run || options->from_count))
        return refuse(err, "a dry run, and where to copy from, are for a repair");
    if (options->deep && options->quick)
        return refuse(err, "--quick and --deep contradict each other");
    return 0;
}

struct sight {
    unsigned folders, closed;
};

/* Folders of blobs at `path`, and those of them that may not be read. */
static void look_for_blobs(int dir, const char *path, struct sight *sight)
{
    for (int i = OCS_ALGORITHM_SHA256; ocs_algorithm_name((enum ocs_algorithm)i); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s/%s", path, ocs_algorithm_name((enum ocs_algorithm)i));
        bool open = faccessat(dir, name, R_OK | X_OK, AT_EACCESS) == 0;
        sight->folders += open || errno == EACCES;
        sight->closed += !open && errno == EACCES;
    }
}

static void tell_source(struct ocs_store *store, int dir, const char *path)
{
    struct sight sight = {0};
    look_for_blobs(dir, "blobs", &sight);
    look_for_blobs(dir, ".", &sight);
    if (sight.closed)
        ocs_store_notice(store, "--from %s: its blobs cannot be read: %s", path, strerror(EACCES));
    else if (sight.folders == 0)
        ocs_store_notice(
            store, "--from %s: no blobs are there: a layout was expected, or its folder blobs",
            path);
}

/* A word that leads nowhere is said before the store is read, not after. */
static int look_at_sources(struct ocs_store *store, const struct ocs_fsck_options *options,
                           struct ocs_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < options->from_count; i++) {
        auto_fd int fd = -1;
        r = open_folder(options->from[i], &fd, err);
        if (r == 0)
            tell_source(store, fd, options->from[i]);
    }
    return r;
}

/* ---- a store ---- */

/* A run that rehashes nothing does not know better. */
static void tell_recorded(const struct ocs_fsck_run *run)
{
    uint64_t bad = 0;
    uint32_t count = ocs_inventory_count(&run->inventory);
    for (uint32_t i = 0; i < count; i++) {
        const struct ocs_blob_state *state = &run->inventory.blobs[i];
        bad += state->known_result == OCS_RESULT_BAD && state->known_stamp == state->stamp &&
               state->presence == OCS_PRESENCE_HERE && !(state->flags & OCS_BLOB_VERIFIED);
    }
    if (bad > 0)
        ocs_store_notice(run->store,
                         "%" PRIu64 " blob%s damaged when last rehashed: ocistore fsck --only-bad "
                         "looks at what is recorded so",
                         bad, bad == 1 ? " was" : "s were");
}

/* *others: there are more that the disk does not give. */
static bool some_denied(const struct ocs_fsck_run *run, bool *others)
{
    bool denied = false;
    uint32_t count = ocs_inventory_count(&run->inventory);
    *others = false;
    for (uint32_t i = 0; i < count; i++) {
        if (run->inventory.blobs[i].presence != OCS_PRESENCE_UNREADABLE)
            continue;
        bool now = ocs_repair_denied(run, i);
        denied |= now;
        *others |= !now;
    }
    return denied;
}

static void tell_repair(const struct ocs_fsck_run *run)
{
    const struct ocs_fsck_report *report = run->report;
    bool others;
    bool denied = some_denied(run, &others);
    size_t i = 0;
    while (i < report->ids &&
           (!ocs_repair_may_help(report->by_id[i].id) ||
            (denied && !others && strcmp(report->by_id[i].id, "blob-read-error") == 0)))
        i++;
    if (denied)
        ocs_store_notice(run->store, "what may not be read: chmod or chown the file, or run this "
                                     "as the user who owns it");
    if (report->errors > 0 && i < report->ids)
        ocs_store_notice(run->store, "to mend this: ocistore fsck --repair (--from DIR: a layout "
                                     "with good copies), or import the image again");
}

static int check_store(struct ocs_store *store, const struct ocs_fsck_options *options,
                       struct ocs_fsck_report *report, struct ocs_tally *tally,
                       struct ocs_error *err)
{
    struct ocs_fsck_run run = {
        .options = options,
        .hooks = &store->hooks,
        .report = report,
        .tally = tally,
        .store = store,
        .layout_dir = -1,
        .blobs = store->blobs,
    };
    int r = run_phases(&run, err);
    if (r == 0 && options->quick && !options->repair)
        tell_recorded(&run);
    if (r == 0 && !options->repair)
        tell_repair(&run);
    ocs_fsck_run_clear(&run);
    return r;
}

/* What came back may want more: a manifest its layers, an index.json its images. */
static int check_rounds(struct ocs_store *store, const struct ocs_fsck_options *options,
                        struct ocs_fsck_report *report, struct ocs_error *err)
{
    struct ocs_tally tally = {.report = report};
    struct ocs_fsck_options later = *options;
    later.quick = true;
    later.deep = false;
    int r = check_store(store, options, report, &tally, err);
    uint64_t before = 0;
    for (int round = 1; r == 0 && round < ROUNDS_MAX && report->corrected > before &&
                        report->status != OCS_INTERRUPTED;
         round++) {
        struct ocs_fsck_report scratch = {0};
        before = report->corrected;
        ocs_report_next_round(&tally);
        r = check_store(store, &later, &scratch, &tally, err);
        report->status = scratch.status;
        report->seconds += scratch.seconds;
    }
    free(tally.told);
    return r;
}

static enum ocs_fsck_extent extent_of(const struct ocs_fsck_options *options,
                                      const struct ocs_fsck_report *report)
{
    bool limited =
        options->only_bad || options->max_age_s || options->max_time_s || options->max_bytes;
    bool part = (limited && report->blobs_checked < report->blobs_total) ||
                report->status == OCS_INTERRUPTED;
    if (options->image)
        return OCS_FSCK_EXTENT_IMAGE;
    if (options->quick)
        return OCS_FSCK_EXTENT_QUICK;
    return part ? OCS_FSCK_EXTENT_PART : OCS_FSCK_EXTENT_FULL;
}

/* Wrong usage says nothing about the store.  A damaged graph is left for a repair. */
static void note_end(struct ocs_store *store, const struct ocs_fsck_options *options,
                     const struct ocs_fsck_report *report, int r)
{
    struct ocs_history history = {
        .ended = ocs_now_s(),
        .status = r < 0 ? (enum ocs_status) - r : report->status,
        .extent = extent_of(options, report),
    };
    if (history.status != OCS_USAGE && ocs_store_graph_is_open(store))
        ocs_history_write(store, OCS_HISTORY_FSCK, &history);
}

int ocs_fsck(struct ocs_store *store, const struct ocs_fsck_options *options,
             struct ocs_fsck_report *report, struct ocs_error *err)
{
    *report = (struct ocs_fsck_report){0};
    int r = refuse_options(options, false, err);
    if (r == 0)
        r = look_at_sources(store, options, err);
    if (r < 0)
        return r;
    struct ocs_lock_wait wait = store->wait;
    if (!store->lock_timeout_given)
        wait.timeout_ms = 0;
    r = ocs_lock_take(store->locks, OCS_LOCK_FSCK, true, &wait, err);
    if (r < 0)
        return ocs_error_context(err, r, "fsck");
    r = check_rounds(store, options, report, err);
    note_end(store, options, report, r);
    ocs_lock_release(store->locks, OCS_LOCK_FSCK);
    return ocs_error_context(err, r, "fsck");
}

/* ---- a plain layout ---- */

static char *name_of(const char *path)
{
    auto_free char *whole = realpath(path, NULL);
    if (!whole)
        return NULL;
    const char *slash = strrchr(whole, '/');
    return strdup(slash && slash[1] ? slash + 1 : whole);
}

static bool has_entry(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* By itself such a layout has no blobs. */
static void tell_store(const struct ocs_fsck_run *run, const char *path)
{
    char store[PATH_MAX], text[3 * PATH_MAX];
    if (!run->hooks || !run->hooks->notice || !ocs_seen_inside(path, store))
        return;
    snprintf(text, sizeof(text),
             "%s lies in the store %s, and so do its blobs: ocistore fsck %s; "
             "the layout alone: ocistore fsck --shared-blobs %s/blobs %s",
             path, store, ocs_shell_word(store).text, ocs_shell_word(store).text,
             ocs_shell_word(path).text);
    run->hooks->notice(run->hooks->data, text);
}

static int open_blobs(struct ocs_fsck_run *run, const char *path, struct ocs_error *err)
{
    const char *shared = run->options->shared_blobs;
    auto_fd int root = -1;
    if (!shared)
        tell_store(run, path);
    if (shared) {
        int r = open_folder(shared, &root, err);
        if (r < 0)
            return r;
    }
    char label[PATH_MAX];
    snprintf(label, sizeof(label), "%s%s", shared ? shared : path, shared ? "" : "/blobs");
    int r = ocs_blobs_open(shared ? root : run->layout_dir, shared ? "." : "blobs",
                           OCS_BLOBS_FOLLOW, label, &run->blobs, err);
    run->owns_blobs = r == 0;
    return r < 0 ? r : 0;
}

static int open_layout(struct ocs_fsck_run *run, const char *path, struct ocs_error *err)
{
    int r = open_folder(path, &run->layout_dir, err);
    if (r < 0)
        return r;
    if (!has_entry(run->layout_dir, "oci-layout") && !has_entry(run->layout_dir, "index.json"))
        return ocs_error_raise(
            err, OCS_USAGE, "%s: no OCI layout: neither oci-layout nor index.json is there", path);
    run->layout_name = name_of(path);
    if (!run->layout_name)
        return ocs_error_memory(err);
    return open_blobs(run, path, err);
}

int ocs_fsck_layout(const char *path, const struct ocs_hooks *hooks,
                    const struct ocs_fsck_options *options, struct ocs_fsck_report *report,
                    struct ocs_error *err)
{
    *report = (struct ocs_fsck_report){0};
    struct ocs_tally tally = {.report = report};
    struct ocs_fsck_run run = {
        .options = options,
        .hooks = hooks,
        .report = report,
        .tally = &tally,
        .layout_dir = -1,
    };
    int r = refuse_options(options, true, err);
    if (r == 0)
        r = open_layout(&run, path, err);
    if (r == 0)
        r = run_phases(&run, err);
    ocs_fsck_run_clear(&run);
    return ocs_error_context(err, r, "fsck");
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "affects.h"
#include "check_blob.h"
#include "check_documents.h"
#include "check_graph.h"
#include "check_layer.h"
#include "check_orphans.h"
#include "check_presence.h"
#include "check_roots.h"
#include "check_store.h"
#include "layers.h"
#include "recheck.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/*
 * The phases of doc/fsck.md, in the order in which they can be done:
 *
 *   0 store folder   1 graph            2 roots
 *   3 documents  ->  5 disk walk    ->  4 content  ->  presence, orphans  ->  6 graph
 *
 * What is on the disk is listed before it is hashed, and what is missing is
 * said last, so that a file that went meanwhile is told from one that is lost.
 */

/* ---- the report ---- */

static void count_id(struct ocs_fsck_report *report, const char *id)
{
    for (size_t i = 0; i < report->ids; i++) {
        if (strcmp(report->by_id[i].id, id) == 0) {
            report->by_id[i].count++;
            return;
        }
    }
    if (report->ids == OCS_FSCK_FINDING_IDS_MAX)
        return;
    report->by_id[report->ids].id = id;
    report->by_id[report->ids++].count = 1;
}

static void count_severity(struct ocs_fsck_report *report, enum ocs_severity severity)
{
    uint64_t *const counters[] = {
        [OCS_SEVERITY_INFO] = &report->infos,       [OCS_SEVERITY_NOTICE] = &report->notices,
        [OCS_SEVERITY_WARNING] = &report->warnings, [OCS_SEVERITY_ERROR] = &report->errors,
        [OCS_SEVERITY_FATAL] = &report->fatal,
    };
    (*counters[severity])++;
}

struct telling {
    struct ocs_fsck_run *run;
    struct ocs_affects *affects; /* made when a finding asks */
};

static int list_affected(struct telling *telling, uint32_t blob, struct ocs_finding *finding,
                         struct ocs_affected out[OCS_AFFECTS_LISTED],
                         char digests[OCS_AFFECTS_LISTED][OCS_DIGEST_BUF], struct ocs_error *err)
{
    const struct ocs_fsck_run *run = telling->run;
    if (!(run->inventory.blobs[blob].flags & OCS_BLOB_REACHABLE))
        return 0;
    int r = telling->affects ? 0 : ocs_affects_new(&run->inventory, &telling->affects, err);
    if (r < 0)
        return r;
    struct ocs_affects_list list;
    ocs_affects_of(telling->affects, blob, &list);
    for (size_t i = 0; i < list.count; i++) {
        const struct ocs_root_entry *entry = &run->inventory.roots[list.roots[i]];
        struct ocs_digest digest;
        ocs_inventory_digest(&run->inventory, entry->blob, &digest);
        out[i] = (struct ocs_affected){
            .layout = run->places[entry->layout].name,
            .ref = ocs_text_pool_get(&run->inventory.texts, entry->ref),
            .digest = ocs_digest_format(&digest, digests[i]),
        };
    }
    finding->affects = out;
    finding->affects_count = list.count;
    finding->affects_total = list.total;
    return 0;
}

static int tell(struct telling *telling, size_t index, struct ocs_error *err)
{
    struct ocs_fsck_run *run = telling->run;
    struct ocs_finding finding = ocs_findings_get(&run->findings, index);
    struct ocs_affected affected[OCS_AFFECTS_LISTED];
    char digests[OCS_AFFECTS_LISTED][OCS_DIGEST_BUF];
    char text[OCS_DIGEST_BUF], path[sizeof("blobs/") + OCS_DIGEST_BUF] = "blobs/";
    count_id(run->report, finding.id);
    count_severity(run->report, finding.severity);
    if (!run->options->on_finding)
        return 0;
    uint32_t blob = run->findings.items[index].blob;
    if (blob != OCS_NO_BLOB) {
        struct ocs_digest digest;
        ocs_inventory_digest(&run->inventory, blob, &digest);
        finding.digest = ocs_digest_format(&digest, text);
        ocs_digest_path(&digest, path + strlen("blobs/"));
        finding.path = finding.path ? finding.path : path;
        int r = list_affected(telling, blob, &finding, affected, digests, err);
        if (r < 0)
            return r;
    }
    run->options->on_finding(run->options->data, &finding);
    return 0;
}

static int tell_all(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct telling telling = {.run = run};
    int r = 0;
    ocs_findings_sort(&run->findings);
    for (size_t i = 0; r == 0 && i < run->findings.count; i++)
        r = tell(&telling, i, err);
    ocs_affects_free(telling.affects);
    return r;
}

static enum ocs_status judge(const struct ocs_fsck_run *run, bool interrupted)
{
    const struct ocs_fsck_report *report = run->report;
    if (interrupted)
        return OCS_INTERRUPTED;
    if (report->fatal)
        return OCS_FAILED;
    if (report->errors || (run->options->strict && report->warnings))
        return OCS_REFUSED;
    return OCS_OK;
}

static void count_coverage(struct ocs_fsck_run *run)
{
    int64_t oldest = ocs_now_s();
    uint32_t count = ocs_inventory_count(&run->inventory);
    for (uint32_t blob = 0; blob < count; blob++) {
        const struct ocs_blob_state *state = &run->inventory.blobs[blob];
        if (state->presence != OCS_PRESENCE_HERE)
            continue;
        run->report->blobs_total++;
        run->report->bytes_total += state->size;
        if (state->flags & OCS_BLOB_VERIFIED)
            continue;
        int64_t verified = state->known_stamp == state->stamp ? (int64_t)state->verified_at : 0;
        oldest = verified < oldest ? verified : oldest;
    }
    run->report->oldest_verified = oldest;
}

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
        r = ocs_layers_check_counts(run, err);
    if (r == 0)
        r = ocs_check_state(run, err);
    return r == 0 && !run->options->image ? ocs_check_orphans(run, err) : r;
}

static int check_everything(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = ocs_check_store(run, err);
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
    if (r == 0)
        r = check_everything(run, err);
    bool interrupted = r == -OCS_INTERRUPTED;
    bool failed = r < 0 && !interrupted;
    int flushed = ocs_fsck_flush(run, failed ? NULL : err);
    if (!failed)
        r = flushed < 0 ? flushed : tell_all(run, err);
    count_coverage(run);
    run->report->status = judge(run, interrupted);
    run->report->seconds = (double)(ocs_now_ns() - run->began_ns) / 1e9;
    return r;
}

static int refuse_options(const struct ocs_fsck_options *options, bool plain, struct ocs_error *err)
{
    if (plain && (options->only_bad || options->max_age_s > 0))
        return ocs_error_raise(err, OCS_USAGE,
                               "a plain layout keeps no record of what was verified when");
    if (options->deep && options->quick)
        return ocs_error_raise(err, OCS_USAGE, "--quick and --deep contradict each other");
    return 0;
}

/* ---- a store ---- */

int ocs_fsck(struct ocs_store *store, const struct ocs_fsck_options *options,
             struct ocs_fsck_report *report, struct ocs_error *err)
{
    *report = (struct ocs_fsck_report){0};
    int r = refuse_options(options, false, err);
    if (r < 0)
        return r;
    struct ocs_lock_wait wait = store->wait;
    if (!store->lock_timeout_given)
        wait.timeout_ms = 0;
    r = ocs_lock_take(store->locks, OCS_LOCK_FSCK, true, &wait, err);
    if (r < 0)
        return ocs_error_context(err, r, "fsck");
    struct ocs_fsck_run run = {
        .options = options,
        .hooks = &store->hooks,
        .report = report,
        .store = store,
        .layout_dir = -1,
        .blobs = store->blobs,
    };
    r = run_phases(&run, err);
    ocs_fsck_run_clear(&run);
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

static int open_blobs(struct ocs_fsck_run *run, const char *path, struct ocs_error *err)
{
    const char *shared = run->options->shared_blobs;
    auto_fd int root = -1;
    if (shared) {
        int r = open_folder(shared, &root, err);
        if (r < 0)
            return r;
    }
    int r = ocs_blobs_open(shared ? root : run->layout_dir, shared ? "." : "blobs",
                           OCS_BLOBS_FOLLOW, shared ? shared : path, &run->blobs, err);
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
    struct ocs_fsck_run run = {
        .options = options,
        .hooks = hooks,
        .report = report,
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

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "report.h"

#include "affects.h"
#include "array.h"
#include "repair.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- counting ---- */

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

/* ---- what was told in an earlier round of a repair ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; text && *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

/* A blob that could not be helped is told once, whatever it is called later. */
static uint64_t key_of(const struct ocs_finding *finding)
{
    uint64_t hash = 0xcbf29ce484222325u;
    if (finding->digest)
        return hash_text(hash, finding->digest);
    return hash_text(hash_text(hash, finding->id), finding->path);
}

static int compare_keys(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

void ocs_report_next_round(struct ocs_tally *tally)
{
    tally->again = true;
    tally->untold = tally->index_mended;
    tally->index_mended = false;
    tally->told_before = tally->told_count;
    if (tally->told_count)
        qsort(tally->told, tally->told_count, sizeof(*tally->told), compare_keys);
}

/* An index.json that comes back may list it. */
static bool is_unlisted(const struct ocs_finding *finding)
{
    return strcmp(finding->id, "manifest-dangling") == 0 || strcmp(finding->id, "orphan-blob") == 0;
}

static bool was_told(const struct ocs_tally *tally, const struct ocs_finding *finding)
{
    if (is_unlisted(finding) && (tally->index_mended || tally->untold))
        return tally->index_mended;
    if (!tally->again)
        return false;
    uint64_t key = key_of(finding);
    return finding->severity < OCS_SEVERITY_WARNING ||
           (tally->told_before &&
            bsearch(&key, tally->told, tally->told_before, sizeof(*tally->told), compare_keys));
}

static int remember(struct ocs_tally *tally, const struct ocs_finding *finding,
                    struct ocs_error *err)
{
    int r = ocs_array_reserve(&tally->told, &tally->told_capacity, tally->told_count + 1,
                              sizeof(*tally->told), err);
    if (r == 0)
        tally->told[tally->told_count++] = key_of(finding);
    return r;
}

/* ---- telling ---- */

static bool ends_with(const char *text, size_t size, const char *end, size_t end_size)
{
    return size >= end_size && memcmp(text + size - end_size, end, end_size) == 0;
}

/* An error of a call begins with the file, which the finding names already. */
static const char *without_path(const char *message, const char *path)
{
    const char *colon = message && path ? strstr(message, ": ") : NULL;
    size_t size = colon ? (size_t)(colon - message) : 0;
    size_t path_size = colon ? strlen(path) : 0;
    bool told = size > 0 && (ends_with(message, size, path, path_size) ||
                             ends_with(path, path_size, message, size));
    return told ? colon + 2 : message;
}

struct telling {
    struct ocs_fsck_run *run;
    struct ocs_affects *affects; /* made when a finding asks */
};

static int want_affects(struct telling *telling, struct ocs_error *err)
{
    return telling->affects ? 0 : ocs_affects_new(&telling->run->inventory, &telling->affects, err);
}

static int list_affected(struct telling *telling, uint32_t blob, struct ocs_finding *finding,
                         struct ocs_affected out[OCS_AFFECTS_LISTED],
                         char digests[OCS_AFFECTS_LISTED][OCS_DIGEST_BUF], struct ocs_error *err)
{
    const struct ocs_fsck_run *run = telling->run;
    if (!(run->inventory.blobs[blob].flags & OCS_BLOB_REACHABLE))
        return 0;
    int r = want_affects(telling, err);
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

static int count(struct ocs_fsck_run *run, const struct ocs_finding *finding, struct ocs_error *err)
{
    struct ocs_tally *tally = run->tally;
    bool error = finding->severity == OCS_SEVERITY_ERROR;
    count_id(tally->report, finding->id);
    count_severity(tally->report, finding->severity);
    if (finding->corrected) {
        tally->report->corrected++;
        tally->fixed_errors += error;
        tally->fixed_warnings += !error;
        return 0;
    }
    bool repeats = run->options->repair && finding->severity >= OCS_SEVERITY_WARNING;
    return repeats ? remember(tally, finding, err) : 0;
}

static int tell(struct telling *telling, size_t index, struct ocs_error *err)
{
    struct ocs_fsck_run *run = telling->run;
    const struct ocs_kept_finding *kept = &run->findings.items[index];
    struct ocs_finding finding = ocs_findings_get(&run->findings, index);
    struct ocs_affected affected[OCS_AFFECTS_LISTED];
    char digests[OCS_AFFECTS_LISTED][OCS_DIGEST_BUF];
    char text[OCS_DIGEST_BUF], path[sizeof("blobs/") + OCS_DIGEST_BUF] = "blobs/";
    if (kept->blob != OCS_NO_BLOB) {
        struct ocs_digest digest;
        ocs_inventory_digest(&run->inventory, kept->blob, &digest);
        finding.digest = ocs_digest_format(&digest, text);
        ocs_digest_path(&digest, path + strlen("blobs/"));
        finding.path = finding.path ? finding.path : path;
    }
    finding.message = without_path(finding.message, finding.path);
    if (was_told(run->tally, &finding))
        return 0;
    finding.corrected = kept->fixed && !run->options->dry_run;
    int r = count(run, &finding, err);
    if (r < 0 || !run->options->on_finding)
        return r;
    affected[0] = (struct ocs_affected){.layout = ocs_findings_layout(&run->findings, index)};
    finding.affects = affected;
    finding.affects_count = finding.affects_total = affected[0].layout ? 1 : 0;
    if (kept->blob != OCS_NO_BLOB)
        r = list_affected(telling, kept->blob, &finding, affected, digests, err);
    if (r == 0)
        run->options->on_finding(run->options->data, &finding);
    return r;
}

/* After an index.json was rolled back: was it all that was lost? */
static int blame_unlisted(struct ocs_fsck_run *run, struct ocs_error *err)
{
    uint64_t images = 0;
    char message[96], text[OCS_DIGEST_BUF], help[OCS_DIGEST_BUF + 96];
    struct ocs_digest digest;
    for (size_t i = 0; i < run->findings.count; i++) {
        if (strcmp(run->findings.items[i].id, "manifest-dangling") != 0)
            continue;
        if (images++ == 0)
            ocs_inventory_digest(&run->inventory, run->findings.items[i].blob, &digest);
    }
    if (images == 0)
        return 0;
    snprintf(help, sizeof(help), "ocistore adopt %s %s lists %s again; gc takes what is left",
             ocs_digest_format(&digest, text),
             ocs_seen_in_place(run->store->dir) ? "." : OCS_ROOT_FOUND_NAME,
             images == 1 ? "it" : "one");
    snprintf(message, sizeof(message),
             images == 1 ? "%" PRIu64 " complete image is in no index.json: see manifest-dangling"
                         : "%" PRIu64
                           " complete images are in no index.json: see manifest-dangling",
             images);
    struct ocs_finding_note note = {
        .id = "images-unlisted",
        .severity = OCS_SEVERITY_ERROR,
        .blob = OCS_NO_BLOB,
        .message = message,
        .action = help,
    };
    return ocs_findings_add(&run->findings, &note, err);
}

int ocs_report_findings(struct ocs_fsck_run *run, bool repair, struct ocs_error *err)
{
    struct telling telling = {.run = run};
    int repaired = 0;
    int r = run->tally->rolled_back ? blame_unlisted(run, err) : 0;
    if (r < 0)
        return r;
    ocs_findings_sort(&run->findings);
    if (repair && run->findings.count) {
        r = want_affects(&telling, err);
        if (r == 0)
            repaired = ocs_repair(run, telling.affects, err);
    }
    for (size_t i = 0; r == 0 && i < run->findings.count; i++)
        r = tell(&telling, i, repaired < 0 ? NULL : err);
    ocs_affects_free(telling.affects);
    return repaired < 0 ? repaired : r;
}

enum ocs_status ocs_report_status(const struct ocs_fsck_run *run)
{
    const struct ocs_tally *tally = run->tally;
    const struct ocs_fsck_report *report = tally->report;
    bool errors = report->errors > tally->fixed_errors;
    bool warnings = report->warnings > tally->fixed_warnings;
    if (report->fatal)
        return OCS_FAILED;
    if (errors || tally->undone || (run->options->strict && warnings))
        return OCS_REFUSED;
    return report->corrected ? OCS_CORRECTED : OCS_OK;
}

static bool is_verifiable(const struct ocs_fsck_run *run, uint32_t blob)
{
    struct ocs_digest digest;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    return ocs_algorithm_verifiable(ocs_digest_algorithm(&digest));
}

void ocs_report_coverage(struct ocs_fsck_run *run)
{
    int64_t oldest = ocs_now_s();
    uint32_t count = ocs_inventory_count(&run->inventory);
    for (uint32_t blob = 0; blob < count; blob++) {
        const struct ocs_blob_state *state = &run->inventory.blobs[blob];
        bool verified_now = state->flags & OCS_BLOB_VERIFIED;
        bool lies_here =
            state->presence == OCS_PRESENCE_HERE || state->presence == OCS_PRESENCE_UNREADABLE;
        if (!lies_here || (!verified_now && !is_verifiable(run, blob)))
            continue;
        run->report->blobs_total++;
        run->report->bytes_total += state->size;
        if (verified_now)
            continue;
        int64_t verified = state->known_stamp == state->stamp ? (int64_t)state->verified_at : 0;
        oldest = verified < oldest ? verified : oldest;
    }
    run->report->oldest_verified = oldest;
}

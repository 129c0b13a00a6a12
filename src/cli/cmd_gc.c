/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct gc_values {
    bool dry_run, now, allow_empty;
    int64_t grace_s, trash_for_s; /* negative: not given */
    unsigned max_delete_percent;
    const char *metrics;
};

#define VALUE(member) offsetof(struct gc_values, member)

static const struct ocs_option options[] = {
    {.letter = 'n',
     .name = "dry-run",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(dry_run),
     .help = "print the plan and change nothing\n"},
    {.name = "grace",
     .kind = OCS_OPTION_SECONDS,
     .offset = VALUE(grace_s),
     .value = "T",
     .help = "how long a blob must have been unreferenced, and a temporary\n"
             "file of another tool unchanged (default: 23h)\n"},
    {.name = "trash-for",
     .kind = OCS_OPTION_SECONDS,
     .offset = VALUE(trash_for_s),
     .value = "T",
     .help = "how long a run stays in the trash (default: 3d)\n"},
    {.name = "now",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(now),
     .help = "no grace, and empty the trash: the space is free at once; like\n"
             "--grace 0 it destroys copies under way outside of 'hold'\n"},
    {.name = "max-delete",
     .kind = OCS_OPTION_PERCENT,
     .offset = VALUE(max_delete_percent),
     .value = "P%",
     .help = "refuse when more than this share of what was live would go,\n"
             "and no command of ours removed it (default: 50%)\n"},
    {.name = "allow-empty",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(allow_empty),
     .help = "go on although no layout is registered\n"},
    {.name = "metrics",
     .kind = OCS_OPTION_TEXT,
     .offset = VALUE(metrics),
     .value = "FILE",
     .help = "write the numbers of the run for Prometheus' textfile collector\n"},
    {0},
};

struct listing {
    struct ocs_cli *cli;
    bool each; /* in text form, too */
};

static void print_candidate_json(struct ocs_output *out, const struct ocs_gc_candidate *candidate)
{
    ocs_output_open(out, "candidate");
    ocs_output_string(out, "digest", candidate->digest);
    ocs_output_integer(out, "size", candidate->size);
    ocs_output_integer(out, "bytes", candidate->bytes);
    ocs_output_integer(out, "links", candidate->links);
    ocs_output_time(out, "mtime", candidate->mtime);
    ocs_output_string(out, "reason", candidate->reason);
    ocs_output_string(out, "action", candidate->action);
    ocs_output_time(out, "due", candidate->due);
    ocs_output_close(out);
}

/* Rows are printed as they come, there may be millions: fixed columns. */
static void on_candidate(void *data, const struct ocs_gc_candidate *candidate)
{
    struct listing *listing = data;
    struct ocs_output *out = &listing->cli->out;
    if (out->json) {
        print_candidate_json(out, candidate);
        return;
    }
    if (!listing->each)
        return;
    bool waits = strcmp(candidate->action, "wait") == 0;
    ocs_output_put(out, waits ? OCS_STYLE_DIM : OCS_STYLE_WARNING, "%-6s", candidate->action);
    ocs_output_line(out, "%s  %11s  %s%s%s", candidate->digest, ocs_text_size(candidate->size).text,
                    candidate->reason, waits ? ", until " : "",
                    waits ? ocs_text_time(candidate->due).text : "");
}

static void print_temporary_json(struct ocs_output *out, const struct ocs_gc_temporary *temporary)
{
    ocs_output_open(out, "temporary");
    ocs_output_string(out, "path", temporary->path);
    ocs_output_integer(out, "size", temporary->size);
    ocs_output_time(out, "mtime", temporary->mtime);
    ocs_output_string(out, "reason", temporary->reason);
    ocs_output_string(out, "action", temporary->action);
    ocs_output_time(out, "due", temporary->due);
    ocs_output_close(out);
}

static void on_temporary(void *data, const struct ocs_gc_temporary *temporary)
{
    struct listing *listing = data;
    struct ocs_output *out = &listing->cli->out;
    if (out->json) {
        print_temporary_json(out, temporary);
        return;
    }
    if (!listing->each)
        return;
    bool waits = strcmp(temporary->action, "wait") == 0;
    bool dated = waits && temporary->due > time(NULL); /* and not until its tool has ended */
    ocs_output_put(out, waits ? OCS_STYLE_DIM : OCS_STYLE_WARNING, "%-6s", temporary->action);
    ocs_output_line(out, "%-71s  %11s  %s%s%s", temporary->path,
                    ocs_text_size(temporary->size).text, temporary->reason, dated ? ", until " : "",
                    dated ? ocs_text_time(temporary->due).text : "");
}

static void on_purge(void *data, const struct ocs_gc_purge *purge)
{
    struct listing *listing = data;
    struct ocs_output *out = &listing->cli->out;
    if (out->json) {
        ocs_output_open(out, "purge");
        ocs_output_string(out, "digest", purge->digest);
        ocs_output_string(out, "run", purge->run);
        ocs_output_integer(out, "bytes", purge->bytes);
        ocs_output_close(out);
    } else if (listing->each) {
        ocs_output_put(out, OCS_STYLE_WARNING, "%-6s", "purge");
        ocs_output_line(out, "%-71s  %11s  in the trash since %s", purge->digest,
                        ocs_text_size(purge->bytes).text, purge->run);
    }
}

/* Also with --quiet: it says what is about to be lost. */
static void on_unlisted(void *data, const struct ocs_gc_unlisted *unlisted)
{
    const struct listing *listing = data;
    char *text =
        ocs_text_format("gc: taking %s that no layout lists (of a layout that is not attached, or "
                        "of a tag that moved?):",
                        ocs_text_count(unlisted->images, "complete image").text);
    for (size_t i = 0; i < OCS_GC_UNLISTED_TOLD && unlisted->digests[i]; i++) {
        char *longer = ocs_text_format("%s%s %s", text, i > 0 ? "," : "", unlisted->digests[i]);
        free(text);
        text = longer;
    }
    char *whole =
        ocs_text_format("%s%s", text, unlisted->images > OCS_GC_UNLISTED_TOLD ? " and others" : "");
    ocs_output_warning(&listing->cli->out, whole);
    free(whole);
    free(text);
}

static void print_summary_json(struct ocs_output *out, bool dry_run,
                               const struct ocs_gc_report *report)
{
    ocs_output_summary(out);
    ocs_output_bool(out, "dry_run", dry_run);
    ocs_output_integer(out, "layouts", report->layouts);
    ocs_output_integer(out, "live_blobs", report->live_blobs);
    ocs_output_integer(out, "live_bytes", report->live_bytes);
    ocs_output_integer(out, "candidates", report->candidates);
    ocs_output_integer(out, "candidate_bytes", report->candidate_bytes);
    ocs_output_integer(out, "candidate_size", report->candidate_size);
    ocs_output_integer(out, "waiting", report->waiting);
    ocs_output_integer(out, "waiting_bytes", report->waiting_bytes);
    ocs_output_integer(out, "waiting_size", report->waiting_size);
    ocs_output_integer(out, "linked", report->linked);
    ocs_output_integer(out, "linked_size", report->linked_size);
    ocs_output_integer(out, "holes", report->holes);
    if (report->reflinks_told)
        ocs_output_integer(out, "reflinked_bytes", report->reflinked_bytes);
    else
        ocs_output_string(out, "reflinked_bytes", NULL);
    ocs_output_integer(out, "trashed", report->trashed);
    ocs_output_integer(out, "trashed_bytes", report->trashed_bytes);
    ocs_output_integer(out, "temporaries", report->temporaries);
    ocs_output_integer(out, "temporaries_bytes", report->temporaries_bytes);
    ocs_output_integer(out, "temporaries_waiting", report->temporaries_waiting);
    ocs_output_integer(out, "temporaries_waiting_bytes", report->temporaries_waiting_bytes);
    ocs_output_integer(out, "temporaries_trashed", report->temporaries_trashed);
    ocs_output_integer(out, "temporaries_trashed_bytes", report->temporaries_trashed_bytes);
    ocs_output_integer(out, "purges", report->purges);
    ocs_output_integer(out, "purge_bytes", report->purge_bytes);
    ocs_output_integer(out, "purged", report->purged);
    ocs_output_integer(out, "purged_bytes", report->purged_bytes);
    ocs_output_integer(out, "rescued", report->rescued);
    ocs_output_integer(out, "healed", report->healed);
    ocs_output_integer(out, "left_alone", report->left_alone);
    ocs_output_integer(out, "unlisted_images", report->unlisted_images);
    ocs_output_integer(out, "unlisted_due", report->unlisted_due);
    ocs_output_string(out, "refused", report->refused[0] ? report->refused : NULL);
}

static void print_amount(struct ocs_output *out, const char *title, uint64_t count, uint64_t bytes,
                         const char *remark)
{
    ocs_output_put(out, OCS_STYLE_BOLD, "%-11s", title);
    ocs_output_line(out, "%8" PRIu64 "  %11s%s%s", count, ocs_text_size(bytes).text,
                    remark[0] ? "  " : "", remark);
}

/* Why the space that goes free is not the size of the files. */
static void print_space(struct ocs_output *out, const struct ocs_gc_report *report)
{
    if (report->linked)
        ocs_output_line(out, "%s (%s) with other hard links: no space goes free with them",
                        ocs_text_count(report->linked, "blob").text,
                        ocs_text_size(report->linked_size).text);
    if (report->holes)
        ocs_output_line(out, "%s of the size of sparse or compressed files takes no space",
                        ocs_text_size(report->holes).text);
    if (report->reflinked_bytes)
        ocs_output_line(out, "%s are reflinks: free when the other files are gone, too",
                        ocs_text_size(report->reflinked_bytes).text);
    if (!report->reflinks_told && report->candidates)
        ocs_output_line(out, "whether other files share the space (reflinks) cannot be told here");
}

static void print_unlisted(struct ocs_output *out, const struct gc_values *values,
                           const struct ocs_gc_report *report)
{
    uint64_t due = report->unlisted_due;
    uint64_t kept = report->unlisted_images - due;
    if (kept)
        ocs_output_line(out, "%s listed in no layout: attach their layout, or adopt them",
                        ocs_text_count(kept, "complete image").text);
    if (due)
        ocs_output_line(out, "%s listed in no layout %s%s",
                        ocs_text_count(due, "complete image").text,
                        values->dry_run ? "would go" : "went",
                        values->now       ? ""
                        : values->dry_run ? ": attach their layout, or adopt them"
                                          : " to the trash: ocistore adopt brings them back");
}

static void print_remarks(struct ocs_output *out, const struct ocs_gc_report *report)
{
    if (report->healed)
        ocs_output_line(out, "%s came back from the trash or the quarantine: referenced again",
                        ocs_text_count(report->healed, "blob").text);
    if (report->rescued)
        ocs_output_line(out, "%s stayed: referenced again while the run went on",
                        ocs_text_count(report->rescued, "blob").text);
    if (report->left_alone)
        ocs_output_line(out, "%s in blobs/ with a strange name or algorithm left alone",
                        ocs_text_count(report->left_alone, "file").text);
}

static void print_temporaries(struct ocs_output *out, bool dry_run,
                              const struct ocs_gc_report *report)
{
    uint64_t count = dry_run ? report->temporaries : report->temporaries_trashed;
    uint64_t bytes = dry_run ? report->temporaries_bytes : report->temporaries_trashed_bytes;
    if (count)
        print_amount(out, dry_run ? "would go" : "trashed", count, bytes,
                     "temporary files that other tools left");
    if (report->temporaries_waiting)
        print_amount(out, "waiting", report->temporaries_waiting, report->temporaries_waiting_bytes,
                     "temporary files of other tools, in use or in their grace");
}

static void print_summary_text(struct ocs_output *out, const struct gc_values *values,
                               const struct ocs_gc_report *report)
{
    bool dry_run = values->dry_run;
    char layouts[64];
    snprintf(layouts, sizeof(layouts), "blobs in %s, by size",
             ocs_text_count(report->layouts, "layout").text);
    print_amount(out, "live", report->live_blobs, report->live_bytes, layouts);
    if (dry_run)
        print_amount(out, "would go", report->candidates, report->candidate_bytes,
                     "blobs that nothing needs");
    else
        print_amount(out, "trashed", report->trashed, report->trashed_bytes,
                     "blobs that nothing needs");
    if (report->waiting)
        print_amount(out, "waiting", report->waiting, report->waiting_bytes,
                     values->now || values->grace_s == 0
                         ? "blobs that nothing needs, but of a time in the future (touch them)"
                         : "blobs that nothing needs, still in their grace");
    print_temporaries(out, dry_run, report);
    if (dry_run && report->purges)
        print_amount(out, "would purge", report->purges, report->purge_bytes,
                     "old files in the trash");
    if (report->purged)
        print_amount(out, "purged", report->purged, report->purged_bytes, "old files of the trash");
    print_space(out, report);
    print_remarks(out, report);
    print_unlisted(out, values, report);
    if (dry_run)
        ocs_output_line(out, "nothing was changed: this was a dry run");
}

/* What it did until then stays done. */
static void print_interrupted(struct ocs_output *out, const struct ocs_gc_report *report)
{
    print_amount(out, "trashed", report->trashed, report->trashed_bytes,
                 "blobs that nothing needs");
    if (report->purged)
        print_amount(out, "purged", report->purged, report->purged_bytes, "old files of the trash");
    ocs_output_line(out, "interrupted, so not everything was collected");
}

/* ---- metrics ---- */

/* Amounts of a run that came to its end; of another one they are not known. */
static void add_amounts(struct ocs_metrics *metrics, const struct ocs_gc_report *report)
{
    ocs_metrics_add(metrics, "layouts", "Registered layouts.", (double)report->layouts);
    ocs_metrics_add(metrics, "live_blobs", "Blobs that some layout needs.",
                    (double)report->live_blobs);
    ocs_metrics_add(metrics, "live_bytes", "Their sizes.", (double)report->live_bytes);
    ocs_metrics_add(metrics, "waiting_blobs", "Unreferenced blobs in their grace.",
                    (double)report->waiting);
    ocs_metrics_add(metrics, "waiting_bytes", "What they will free.",
                    (double)report->waiting_bytes);
    ocs_metrics_add(metrics, "trashed_blobs", "Blobs that the run moved to the trash.",
                    (double)report->trashed);
    ocs_metrics_add(metrics, "trashed_bytes", "What they will free.",
                    (double)report->trashed_bytes);
    ocs_metrics_add(metrics, "freed_bytes", "Space that the run gave back.",
                    (double)report->purged_bytes);
    ocs_metrics_add(metrics, "trash_files", "Files in the trash.", (double)report->trash_files);
    ocs_metrics_add(metrics, "trash_bytes", "Space that they take.", (double)report->trash_bytes);
    ocs_metrics_add(metrics, "unlisted_images", "Complete images that no layout lists.",
                    (double)report->unlisted_images);
}

static int write_metrics(struct ocs_cli *cli, const char *file, const struct ocs_gc_report *report,
                         double seconds, int status)
{
    struct ocs_metrics metrics;
    ocs_metrics_begin(&metrics, cli, NULL);
    ocs_metrics_add_run(&metrics, seconds, status);
    if (status == OCS_OK)
        add_amounts(&metrics, report);
    return ocs_metrics_write(&metrics, cli, file, status);
}

/* ---- the command ---- */

static int collect(struct ocs_cli *cli, const struct gc_values *values,
                   struct ocs_gc_report *report)
{
    struct ocs_store *store;
    int result = ocs_cli_open(cli, &store);
    if (result < 0)
        return ocs_cli_status(cli, result);
    struct listing listing = {.cli = cli,
                              .each = !cli->out.quiet && (values->dry_run || cli->global.verbose)};
    struct ocs_gc_options gc = OCS_GC_OPTIONS_INIT;
    gc.measure_trash = values->metrics != NULL;
    gc.dry_run = values->dry_run;
    gc.now = values->now;
    gc.allow_empty = values->allow_empty;
    gc.max_delete_percent = values->max_delete_percent;
    if (values->grace_s >= 0)
        gc.grace_s = values->grace_s;
    if (values->trash_for_s >= 0)
        gc.trash_for_s = values->trash_for_s;
    gc.data = &listing;
    gc.on_candidate = on_candidate;
    gc.on_temporary = on_temporary;
    gc.on_purge = on_purge;
    gc.on_unlisted = on_unlisted;
    result = ocs_gc(store, &gc, report, &cli->err);
    ocs_store_close(store);
    return ocs_cli_status(cli, result);
}

static int collect_and_tell(struct ocs_cli *cli, const struct gc_values *values)
{
    struct ocs_gc_report report = {0};
    double began = ocs_metrics_clock();
    int status = collect(cli, values, &report);
    if (values->metrics)
        status = write_metrics(cli, values->metrics, &report, ocs_metrics_clock() - began, status);
    if (cli->out.json)
        print_summary_json(&cli->out, values->dry_run, &report);
    else if (status == OCS_OK && !cli->out.quiet)
        print_summary_text(&cli->out, values, &report);
    else if (status == OCS_INTERRUPTED && !cli->out.quiet)
        print_interrupted(&cli->out, &report);
    return status;
}

static int run(struct ocs_cli *cli)
{
    const struct ocs_gc_options defaults = OCS_GC_OPTIONS_INIT;
    struct gc_values values = {
        .grace_s = -1, .trash_for_s = -1, .max_delete_percent = defaults.max_delete_percent};
    int result = ocs_cli_parse(cli, &values);
    if (result == 0 && values.now && (values.grace_s > 0 || values.trash_for_s > 0))
        result = ocs_cli_usage(cli, "--now means no grace and no trash: it contradicts %s",
                               values.grace_s > 0 ? "--grace" : "--trash-for");
    if (result == 0 && values.metrics && values.dry_run)
        result = ocs_cli_usage(cli, "--metrics is about runs that do something: it contradicts "
                                    "--dry-run");
    return result == 0 ? collect_and_tell(cli, &values) : ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_GC = {
    .name = "gc",
    .words = "",
    .summary = "remove what no layout needs any more",
    .details =
        "Marks from every layout's index.json, read afresh, and moves what nothing reaches\n"
        "to the trash, where it stays for a while. When it cannot know what is needed - a\n"
        "layout is missing, an index.json cannot be read - it deletes nothing and ends with\n"
        "4. The plan of --dry-run is what the run then does.\n",
    .examples = "  ocistore gc --dry-run\n"
                "  ocistore gc --grace 7d --trash-for 30d\n",
    .options = options,
    .changes_store = true,
    .run = run,
};

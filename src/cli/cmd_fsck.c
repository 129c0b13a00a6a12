/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "finding.h"
#include "metrics.h"
#include "store_path.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct fsck_values {
    bool quick, deep, strict, only_bad, repair, dry_run, direct;
    struct ocs_texts from;
    const char *shared_blobs, *image;
    unsigned jobs;
    int64_t max_age_s, max_time_s;
    uint64_t max_bytes, rate, max_document;
    const char *metrics;
};

#define VALUE(member) offsetof(struct fsck_values, member)

static const struct ocs_option options[] = {
    {.name = "quick",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(quick),
     .help = "do not rehash: documents, existence and sizes only\n"},
    {.name = "deep",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(deep),
     .help = "also decompress the layers and check their diff_ids\n"},
    {.name = "strict",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(strict),
     .help = "let warnings count as errors for the exit status\n"},
    {.name = "image",
     .kind = OCS_OPTION_TEXT,
     .offset = VALUE(image),
     .value = "NAME:TAG",
     .help = "only what this image needs\n"},
    {.name = "only-bad",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(only_bad),
     .help = "rehash only what was damaged when it was last verified\n"},
    {.name = "max-age",
     .kind = OCS_OPTION_SECONDS,
     .offset = VALUE(max_age_s),
     .value = "T",
     .help = "do not rehash what was verified in the last T\n"},
    {.name = "max-time",
     .kind = OCS_OPTION_SECONDS,
     .offset = VALUE(max_time_s),
     .value = "T",
     .help = "begin with no further blob after T, drop those under way but one (0: no limit)\n"},
    {.name = "max-bytes",
     .kind = OCS_OPTION_SIZE,
     .offset = VALUE(max_bytes),
     .value = "SIZE",
     .help = "rehash no more than SIZE; the next run goes on (0: no limit)\n"},
    {.name = "max-document",
     .kind = OCS_OPTION_SIZE,
     .offset = VALUE(max_document),
     .value = "SIZE",
     .help = "how large a document may be (default: 4M, as registries have\n"
             "to take them; at most 32M)\n"},
    {.name = "rate",
     .kind = OCS_OPTION_SIZE,
     .offset = VALUE(rate),
     .value = "SIZE",
     .help = "rehash no more than SIZE a second (0: no limit)\n"},
    {.name = "direct",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(direct),
     .help = "leave the page cache as it was found\n"},
    {.name = "repair",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(repair),
     .help = "put right what can be: back from the trash or the quarantine, copied\n"
             "from elsewhere; what is damaged and not to be had goes to the quarantine\n"},
    {.name = "from",
     .kind = OCS_OPTION_TEXTS,
     .offset = VALUE(from),
     .value = "DIR",
     .help = "with --repair: a layout or a folder of blobs to copy from; repeatable\n"},
    {.letter = 'n',
     .name = "dry-run",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(dry_run),
     .help = "with --repair: only say what would be done\n"},
    {.name = "shared-blobs",
     .kind = OCS_OPTION_TEXT,
     .offset = VALUE(shared_blobs),
     .value = "DIR",
     .help = "where a plain layout keeps its blobs (default: PATH/blobs)\n"},
    {.letter = 'j',
     .name = "jobs",
     .kind = OCS_OPTION_JOBS,
     .offset = VALUE(jobs),
     .value = "N",
     .help = "threads (default: the processors available)\n"},
    {.name = "metrics",
     .kind = OCS_OPTION_TEXT,
     .offset = VALUE(metrics),
     .value = "FILE",
     .help = "write the numbers of the run for Prometheus' textfile collector\n"},
    {0},
};

/* ---- the summary ---- */

static bool has_begun(const struct ocs_fsck_report *report)
{
    return report->seconds > 0;
}

static double coverage(const struct ocs_fsck_report *report)
{
    if (report->blobs_total == 0)
        return has_begun(report);
    return (double)report->blobs_checked / (double)report->blobs_total;
}

/* How many runs like this one come round to every blob. */
static uint64_t cycle_runs(const struct ocs_fsck_report *report)
{
    return (report->bytes_total + report->bytes_checked - 1) / report->bytes_checked;
}

static void print_summary_json(struct ocs_output *out, const struct ocs_fsck_report *report,
                               bool interrupted)
{
    ocs_output_summary(out);
    ocs_output_integer(out, "images", report->images);
    ocs_output_integer(out, "blobs_checked", report->blobs_checked);
    ocs_output_integer(out, "bytes_checked", report->bytes_checked);
    ocs_output_begin(out, "findings", '{');
    for (size_t i = 0; i < report->ids; i++)
        ocs_output_integer(out, report->by_id[i].id, report->by_id[i].count);
    ocs_output_end(out, '}');
    ocs_output_integer(out, "fatal", report->fatal);
    ocs_output_integer(out, "errors", report->errors);
    ocs_output_integer(out, "warnings", report->warnings);
    ocs_output_integer(out, "notices", report->notices);
    ocs_output_integer(out, "infos", report->infos);
    ocs_output_integer(out, "corrected", report->corrected);
    ocs_output_integer(out, "blobs_total", report->blobs_total);
    ocs_output_integer(out, "bytes_total", report->bytes_total);
    ocs_output_integer(out, "blobs_left", report->blobs_left);
    ocs_output_number(out, "coverage", coverage(report));
    if (report->blobs_left > 0 && report->bytes_checked > 0)
        ocs_output_integer(out, "cycle_runs", cycle_runs(report));
    else
        ocs_output_string(out, "cycle_runs", NULL);
    if (report->oldest_verified > 0)
        ocs_output_time(out, "oldest_verified", report->oldest_verified);
    else
        ocs_output_string(out, "oldest_verified", NULL);
    ocs_output_bool(out, "interrupted", interrupted);
    ocs_output_number(out, "seconds", report->seconds);
}

static void print_by_id(struct ocs_output *out, const struct ocs_fsck_report *report)
{
    if (report->ids == 0)
        return;
    ocs_output_put(out, OCS_STYLE_PLAIN, "found ");
    for (size_t i = 0; i < report->ids; i++)
        ocs_output_put(out, OCS_STYLE_PLAIN, "%s%" PRIu64 " %s", i ? ", " : "",
                       report->by_id[i].count, report->by_id[i].id);
    ocs_output_end_line(out);
}

/* What was not rehashed, and how long it takes to come round at this pace. */
static void print_rest(struct ocs_output *out, const struct ocs_fsck_report *report)
{
    if (report->blobs_checked >= report->blobs_total)
        return;
    ocs_output_put(out, OCS_STYLE_PLAIN, "not rehashed: %s",
                   ocs_text_count(report->blobs_total - report->blobs_checked, "blob").text);
    if (report->blobs_left > 0)
        ocs_output_put(out, OCS_STYLE_PLAIN, ", %" PRIu64 " of them left for another run",
                       report->blobs_left);
    if (report->blobs_left > 0 && report->bytes_checked > 0)
        ocs_output_put(out, OCS_STYLE_PLAIN, "; at this pace everything takes %s",
                       ocs_text_count(cycle_runs(report), "run").text);
    ocs_output_end_line(out);
    if (report->oldest_verified > 0)
        ocs_output_line(out, "oldest verification: %s",
                        ocs_text_time(report->oldest_verified).text);
    else
        ocs_output_line(out, "oldest verification: some blobs never were verified");
}

static void print_verdict(struct ocs_output *out, const struct ocs_fsck_report *report,
                          bool interrupted)
{
    uint64_t errors = report->fatal + report->errors;
    if (interrupted)
        ocs_output_put(out, OCS_STYLE_WARNING, "interrupted, so not everything was checked%s",
                       errors + report->warnings > 0 ? "; so far: " : "");
    if (errors > 0)
        ocs_output_put(out, OCS_STYLE_ERROR, "%s", ocs_text_count(errors, "error").text);
    else if (!interrupted)
        ocs_output_put(out, OCS_STYLE_GOOD, "no errors");
    if (report->warnings > 0)
        ocs_output_put(out, OCS_STYLE_WARNING, "%s%s", errors > 0 || !interrupted ? ", " : "",
                       ocs_text_count(report->warnings, "warning").text);
    if (report->corrected > 0)
        ocs_output_put(out, OCS_STYLE_GOOD, ", %" PRIu64 " of them corrected", report->corrected);
    ocs_output_end_line(out);
}

static void print_summary_text(struct ocs_output *out, const struct ocs_fsck_report *report,
                               bool interrupted)
{
    if (out->quiet)
        return;
    ocs_output_line(
        out, "checked %" PRIu64 " of %s, %s, of %s in %s", report->blobs_checked,
        ocs_text_count(report->blobs_total, "blob").text, ocs_text_size(report->bytes_checked).text,
        ocs_text_count(report->images, "image").text, ocs_text_span(report->seconds).text);
    print_rest(out, report);
    print_by_id(out, report);
    print_verdict(out, report, interrupted);
}

/* ---- metrics ---- */

static void add_findings(struct ocs_metrics *metrics, const struct ocs_fsck_report *report)
{
    ocs_metrics_add(metrics, "fatal_findings", "Findings that kept it from going on.",
                    (double)report->fatal);
    ocs_metrics_add(metrics, "error_findings", "Damage that was found.", (double)report->errors);
    ocs_metrics_add(metrics, "warning_findings", "What looks wrong and loses nothing.",
                    (double)report->warnings);
    for (size_t i = 0; i < report->ids; i++) {
        if (i == 0)
            ocs_metrics_add(metrics, "findings", "Findings in all, and by id.",
                            (double)(report->fatal + report->errors + report->warnings +
                                     report->notices + report->infos));
        ocs_metrics_add_labelled(metrics, "findings", "id", report->by_id[i].id,
                                 (double)report->by_id[i].count);
    }
}

static void add_coverage(struct ocs_metrics *metrics, const struct ocs_fsck_report *report)
{
    ocs_metrics_add(metrics, "images", "Images that were looked at.", (double)report->images);
    ocs_metrics_add(metrics, "blobs", "Blobs that could have been rehashed.",
                    (double)report->blobs_total);
    ocs_metrics_add(metrics, "bytes", "Their sizes.", (double)report->bytes_total);
    ocs_metrics_add(metrics, "checked_blobs", "Blobs that were rehashed.",
                    (double)report->blobs_checked);
    ocs_metrics_add(metrics, "checked_bytes", "Their sizes.", (double)report->bytes_checked);
    ocs_metrics_add(metrics, "oldest_verification_timestamp_seconds",
                    "When the blob was verified that was not for longest; 0: some never was.",
                    (double)report->oldest_verified);
}

static int write_metrics(struct ocs_cli *cli, const char *file,
                         const struct ocs_fsck_report *report, double seconds, int status)
{
    struct ocs_metrics metrics;
    ocs_metrics_begin(&metrics, cli, ocs_cli_word(cli, 0));
    ocs_metrics_add_run(&metrics, seconds, status);
    if (has_begun(report)) {
        add_findings(&metrics, report);
        add_coverage(&metrics, report);
    }
    return ocs_metrics_write(&metrics, cli, file, status);
}

/* ---- the command ---- */

static int verify(struct ocs_cli *cli, const char *path, const struct ocs_fsck_options *fsck,
                  struct ocs_fsck_report *report)
{
    if (path && !ocs_store_path_is_store(path))
        return ocs_fsck_layout(path, &cli->hooks, fsck, report, &cli->err);
    if (fsck->shared_blobs)
        return ocs_cli_usage(cli, "--shared-blobs is for a plain layout, and this is a store");
    struct ocs_store *store;
    int result = path ? ocs_cli_open_at(cli, path, &store) : ocs_cli_open(cli, &store);
    if (result < 0)
        return result;
    result = ocs_fsck(store, fsck, report, &cli->err);
    ocs_store_close(store);
    return result;
}

static bool rehashes_some(const struct fsck_values *values)
{
    return values->only_bad || values->max_age_s || values->max_time_s || values->max_bytes ||
           values->rate;
}

/* The library counts these as results; for the program they are errors like any other. */
static int judge(struct ocs_cli *cli, const struct ocs_fsck_report *report)
{
    if (report->status == OCS_INTERRUPTED)
        cli->err = (struct ocs_error){.status = OCS_INTERRUPTED, .message = "interrupted"};
    else if (report->status == OCS_FAILED)
        cli->err = (struct ocs_error){.status = OCS_FAILED,
                                      .message = "the store cannot be worked with as it is"};
    else
        return 0;
    return -(int)report->status;
}

/* For comparisons: what the vector units are good for. */
static bool wants_one_lane(void)
{
    const char *lanes = getenv("OCISTORE_LANES");
    return lanes && strcmp(lanes, "1") == 0;
}

static int refuse(struct ocs_cli *cli, const struct fsck_values *values)
{
    if (values->quick && values->deep)
        return ocs_cli_usage(cli, "--quick and --deep contradict each other");
    if (values->quick && rehashes_some(values))
        return ocs_cli_usage(cli, "--quick rehashes nothing: it contradicts --only-bad, "
                                  "--max-age, --max-time, --max-bytes and --rate");
    if (values->max_document > OCS_DOCUMENT_BYTES_MAX)
        return ocs_cli_usage(cli, "--max-document: nobody reads documents of more than 32M");
    if (!values->repair && (values->dry_run || values->from.count))
        return ocs_cli_usage(cli, "--dry-run and --from are for --repair");
    return 0;
}

static int run(struct ocs_cli *cli)
{
    struct fsck_values values = {0};
    int result = ocs_cli_parse(cli, &values);
    if (result == 0)
        result = refuse(cli, &values);
    if (result != 0)
        return ocs_cli_status(cli, result);
    struct ocs_fsck_options fsck = {
        .quick = values.quick,
        .deep = values.deep,
        .strict = values.strict,
        .shared_blobs = values.shared_blobs,
        .jobs = values.jobs,
        .only_bad = values.only_bad,
        .max_age_s = values.max_age_s,
        .max_time_s = values.max_time_s,
        .max_bytes = values.max_bytes,
        .max_document = values.max_document,
        .rate = values.rate,
        .direct = values.direct,
        .portable_hash = wants_one_lane(),
        .image = values.image,
        .repair = values.repair,
        .dry_run = values.dry_run,
        .from = values.from.items,
        .from_count = values.from.count,
        .data = cli,
        .on_finding = ocs_cli_print_finding,
    };
    struct ocs_fsck_report report = {0};
    double began = ocs_metrics_clock();
    result = verify(cli, ocs_cli_word(cli, 0), &fsck, &report);
    if (result == 0)
        result = judge(cli, &report);
    int status = result < 0 ? ocs_cli_status(cli, result) : (int)report.status;
    bool interrupted = status == OCS_INTERRUPTED;
    if (values.metrics)
        status = write_metrics(cli, values.metrics, &report, ocs_metrics_clock() - began, status);
    if (cli->out.json)
        print_summary_json(&cli->out, &report, interrupted);
    else if (result == 0 || interrupted || report.fatal)
        print_summary_text(&cli->out, &report, interrupted);
    return status;
}

const struct ocs_command OCS_CMD_FSCK = {
    .name = "fsck",
    .words = "[PATH]",
    .summary = "verify everything: documents, references, every byte of every blob",
    .details =
        "PATH is a store, or a plain OCI layout that is none: then nothing is written\n"
        "anywhere. Each finding has a stable name and says which images it hurts. Information\n"
        "is only counted, unless --verbose is given.\n",
    .examples = "  ocistore fsck\n"
                "  ocistore fsck --quick\n"
                "  ocistore fsck --max-time 2h --max-age 30d\n"
                "  ocistore fsck --repair --from /backup/shop --dry-run\n"
                "  ocistore fsck ./some-layout\n",
    .options = options,
    .most_words = 1,
    .judges_store = true,
    .changes_store = true,
    .run = run,
};

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

#include <inttypes.h>
#include <time.h>

struct why_values {
    int64_t grace_s;
    unsigned paths;
};

static const struct ocs_option options[] = {
    {.name = "paths",
     .kind = OCS_OPTION_COUNT,
     .offset = offsetof(struct why_values, paths),
     .value = "N",
     .help = "print at most N ways and count the others (default: 100)\n"},
    {.name = "grace",
     .kind = OCS_OPTION_SECONDS,
     .offset = offsetof(struct why_values, grace_s),
     .value = "T",
     .help = "the grace that gc runs with (default: 23h)\n"},
    {0},
};

/* ---- one way ---- */

static void print_path_json(struct ocs_output *out, const struct ocs_why_path *path)
{
    ocs_output_open(out, "path");
    ocs_output_string(out, "layout", path->layout);
    ocs_output_string(out, "ref", path->ref);
    ocs_output_begin(out, "steps", '[');
    for (size_t i = 0; i < path->count; i++) {
        ocs_output_begin(out, NULL, '{');
        ocs_output_string(out, "digest", path->steps[i].digest);
        ocs_output_string(out, "role", path->steps[i].role);
        ocs_output_end(out, '}');
    }
    ocs_output_end(out, ']');
    ocs_output_close(out);
}

static void print_path_text(struct ocs_cli *cli, const struct ocs_why_path *path)
{
    struct ocs_output *out = &cli->out;
    ocs_cli_put_image_name(cli, path->layout, path->ref, path->steps[0].digest);
    ocs_output_end_line(out);
    for (size_t i = 0; i < path->count; i++)
        ocs_output_line(out, "    %-8s  %s", path->steps[i].role, path->steps[i].digest);
}

static void on_path(void *data, const struct ocs_why_path *path)
{
    struct ocs_cli *cli = data;
    if (cli->out.json)
        print_path_json(&cli->out, path);
    else
        print_path_text(cli, path);
}

/* ---- garbage ---- */

static void put_time_or_null(struct ocs_output *out, const char *name, int64_t when)
{
    ocs_output_string(out, name, when ? ocs_text_rfc3339(when).text : NULL);
}

static void print_garbage_json(struct ocs_output *out, const struct ocs_why_garbage *garbage)
{
    ocs_output_open(out, "garbage");
    ocs_output_string(out, "digest", garbage->digest);
    ocs_output_integer(out, "size", garbage->size);
    put_time_or_null(out, "since", garbage->since);
    put_time_or_null(out, "due", garbage->due);
    ocs_output_string(out, "reason", garbage->reason);
    ocs_output_begin(out, "once", '[');
    for (size_t i = 0; i < garbage->once_count; i++)
        ocs_output_string(out, NULL, garbage->once[i]);
    ocs_output_end(out, ']');
    ocs_output_close(out);
}

static void print_garbage_text(struct ocs_output *out, const struct ocs_why_garbage *garbage)
{
    ocs_output_line(out, "%s: %s", garbage->digest, garbage->reason);
    if (garbage->since)
        ocs_output_line(out, "not needed since %s", ocs_text_time(garbage->since).text);
    else
        ocs_output_line(out, "no gc has seen that yet");
    for (size_t i = 0; i < garbage->once_count; i++)
        ocs_output_line(out, "was needed by %s, which some layout listed once", garbage->once[i]);
    if (!garbage->due)
        ocs_output_line(out, "gc leaves it alone");
    else if (garbage->due <= (int64_t)time(NULL))
        ocs_output_line(out, "the next gc takes it");
    else
        ocs_output_line(out, "gc takes it after %s", ocs_text_time(garbage->due).text);
}

static void on_garbage(void *data, const struct ocs_why_garbage *garbage)
{
    struct ocs_cli *cli = data;
    if (cli->out.json)
        print_garbage_json(&cli->out, garbage);
    else
        print_garbage_text(&cli->out, garbage);
}

/* ---- the end ---- */

static void print_summary_json(struct ocs_output *out, const struct ocs_why_report *report)
{
    ocs_output_summary(out);
    ocs_output_bool(out, "live", report->live);
    ocs_output_integer(out, "paths", report->paths);
    ocs_output_bool(out, "more_paths", report->more_paths);
    ocs_output_integer(out, "images", report->images);
    ocs_output_integer(out, "layouts", report->layouts);
    ocs_output_integer(out, "once", report->once);
}

static void print_summary_text(struct ocs_output *out, const struct ocs_why_report *report,
                               unsigned told)
{
    if (!report->live)
        return;
    ocs_output_put(out, OCS_STYLE_PLAIN, "needed by %s in %s, in ",
                   ocs_text_count(report->images, "image").text,
                   ocs_text_count(report->layouts, "layout").text);
    ocs_output_put(out, OCS_STYLE_PLAIN, "%s%s", report->more_paths ? "more than " : "",
                   ocs_text_count(report->paths, "way").text);
    if (report->paths > told)
        ocs_output_put(out, OCS_STYLE_PLAIN, "; %" PRIu64 " of them not shown",
                       report->paths - told);
    ocs_output_end_line(out);
}

static int explain(struct ocs_cli *cli, const struct why_values *values)
{
    struct ocs_store *store;
    int result = ocs_cli_open(cli, &store);
    if (result < 0)
        return ocs_cli_status(cli, result);
    struct ocs_why_options why = {
        .grace_s = values->grace_s,
        .most_paths = values->paths,
        .data = cli,
        .on_path = on_path,
        .on_garbage = on_garbage,
    };
    struct ocs_why_report report;
    result = ocs_why(store, ocs_cli_word(cli, 0), &why, &report, &cli->err);
    ocs_store_close(store);
    int status = ocs_cli_status(cli, result);
    if (status == OCS_OK && cli->out.json)
        print_summary_json(&cli->out, &report);
    else if (status == OCS_OK && !cli->out.quiet)
        print_summary_text(&cli->out, &report, values->paths);
    return status;
}

static int run(struct ocs_cli *cli)
{
    const struct ocs_why_options defaults = OCS_WHY_OPTIONS_INIT;
    struct why_values values = {.grace_s = defaults.grace_s,
                                .paths = (unsigned)defaults.most_paths};
    int result = ocs_cli_parse(cli, &values);
    return result == 0 ? explain(cli, &values) : ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_WHY = {
    .name = "why",
    .words = "DIGEST",
    .summary = "explain what keeps a blob, or when gc takes it",
    .details = "Every way from a layout to the blob: the image, and what leads on from there. For\n"
               "a blob that nothing needs: since when, what it was once a part of, and when gc\n"
               "takes it. 16 for a digest that the store does not have.\n",
    .examples = "  ocistore why sha256:4f5e...\n",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};

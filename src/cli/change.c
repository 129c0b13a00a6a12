/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

#include <string.h>

/* The verb as people read it after the fact. */
static const char *past_of(const char *action)
{
    static const char *const verbs[][2] = {
        {"remove", "removed"},
        {"tag", "tagged"},
        {"move", "moved to"},
        {"attach", "attached"},
        {"forget", "forgot"},
        {"adopt", "adopted"},
        {"restore", "restored"},
        {"prune", "dropped"},
        {"restore-incomplete", "brought back index.json, but not all blobs, of"},
    };
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(action, verbs[i][0]) == 0)
            return verbs[i][1];
    }
    return action;
}

void ocs_cli_print_json_change(struct ocs_output *out, const struct ocs_change *change)
{
    ocs_output_open(out, "change");
    ocs_output_string(out, "action", change->action);
    ocs_output_string(out, "layout", change->layout);
    ocs_output_string(out, "ref", change->ref);
    ocs_output_string(out, "digest", change->digest);
    ocs_output_close(out);
}

static void print_change(struct ocs_cli *cli, const char *verb, const struct ocs_change *change)
{
    struct ocs_output *out = &cli->out;
    if (out->json) {
        ocs_cli_print_json_change(out, change);
    } else if (!out->quiet && change->digest && !change->layout) {
        ocs_output_line(out, "%s %s", verb, change->digest);
    } else if (!out->quiet && change->digest) {
        ocs_output_put(out, OCS_STYLE_PLAIN, "%s ", verb);
        ocs_cli_put_image_name(cli, change->layout, change->ref, change->digest);
        ocs_output_end_line(out);
    } else if (!out->quiet) {
        ocs_output_line(out, "%s the layout %s", verb, change->layout);
    }
}

void ocs_cli_print_change(void *data, const struct ocs_change *change)
{
    print_change(data, past_of(change->action), change);
}

void ocs_cli_print_drop(void *data, const struct ocs_change *change)
{
    print_change(data, "would drop", change);
}

static void print_summary(struct ocs_output *out, const struct ocs_remove_report *report,
                          bool planned)
{
    if (out->json) {
        ocs_output_summary(out);
        if (!report)
            return;
        ocs_output_integer(out, "images", report->images);
        ocs_output_bool(out, "freed_unknown", report->freed_unknown);
        ocs_output_integer(out, "freed_blobs", report->freed_blobs);
        ocs_output_integer(out, "freed_bytes", report->freed_bytes);
    } else if (report && report->freed_unknown && report->freed_blobs == 0 && !out->quiet) {
        ocs_output_line(out,
                        "what the next gc takes is not known: an index.json was not to be read");
    } else if (report && report->freed_blobs == 0 && !out->quiet) {
        ocs_output_line(out, "no blob %s free by this: others need them, or they are not there",
                        planned ? "would become" : "becomes");
    } else if (report && !out->quiet) {
        const struct ocs_gc_options gc = OCS_GC_OPTIONS_INIT;
        ocs_output_put(out, OCS_STYLE_PLAIN, "the next gc %s %s, %s, once their grace is over",
                       planned ? "would take" : "takes",
                       ocs_text_count(report->freed_blobs, "blob").text,
                       ocs_text_size(report->freed_bytes).text);
        ocs_output_line(out, "; free after %s in the trash, at once with gc --now",
                        ocs_text_count((uint64_t)gc.trash_for_s / 86400, "day").text);
        if (report->freed_unknown)
            ocs_output_line(out, "it may be more: an index.json was not to be read, only the last "
                                 "good one");
    }
}

static int end(struct ocs_cli *cli, int result, const struct ocs_remove_report *report,
               bool planned)
{
    int status = ocs_cli_status(cli, result);
    if (status == OCS_OK || cli->out.json)
        print_summary(&cli->out, report, planned);
    return status;
}

int ocs_cli_changed(struct ocs_cli *cli, int result, const struct ocs_remove_report *report)
{
    return end(cli, result, report, false);
}

int ocs_cli_would_change(struct ocs_cli *cli, int result, const struct ocs_remove_report *report)
{
    int status = end(cli, result, report, true);
    if (status == OCS_OK && !cli->out.json && !cli->out.quiet)
        ocs_output_line(&cli->out, "nothing was changed: this was a dry run");
    return status;
}

int ocs_cli_run_change(struct ocs_cli *cli, void *values,
                       int (*make)(struct ocs_cli *cli, struct ocs_store *store, const void *values,
                                   struct ocs_remove_report *report),
                       bool frees)
{
    struct ocs_store *store;
    struct ocs_remove_report report = {0};
    int result = ocs_cli_parse(cli, values);
    if (result == 0)
        result = ocs_cli_open(cli, &store);
    if (result != 0)
        return ocs_cli_status(cli, result);
    result = make(cli, store, values, &report);
    ocs_store_close(store);
    return ocs_cli_changed(cli, result, frees ? &report : NULL);
}

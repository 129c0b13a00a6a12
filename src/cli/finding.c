/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "finding.h"

#include <inttypes.h>
#include <string.h>

static const char *severity_name(enum ocs_severity severity)
{
    static const char *const names[] = {"info", "notice", "warning", "error", "fatal"};
    return (size_t)severity < sizeof(names) / sizeof(names[0]) ? names[severity] : "error";
}

static enum ocs_style severity_style(enum ocs_severity severity)
{
    switch (severity) {
    case OCS_SEVERITY_INFO:
        return OCS_STYLE_DIM;
    case OCS_SEVERITY_NOTICE:
        return OCS_STYLE_BOLD;
    case OCS_SEVERITY_WARNING:
        return OCS_STYLE_WARNING;
    default:
        return OCS_STYLE_ERROR;
    }
}

static void print_finding_json(struct ocs_output *out, const struct ocs_finding *finding)
{
    ocs_output_open(out, "finding");
    ocs_output_string(out, "id", finding->id);
    ocs_output_string(out, "severity", severity_name(finding->severity));
    ocs_output_string(out, "digest", finding->digest);
    ocs_output_string(out, "path", finding->path);
    ocs_output_string(out, "expected", finding->expected);
    ocs_output_string(out, "actual", finding->actual);
    ocs_output_string(out, "message", finding->message);
    ocs_output_begin(out, "affects", '[');
    for (size_t i = 0; i < finding->affects_count; i++) {
        ocs_output_begin(out, NULL, '{');
        ocs_output_string(out, "layout", finding->affects[i].layout);
        ocs_output_string(out, "ref", finding->affects[i].ref);
        ocs_output_string(out, "digest", finding->affects[i].digest);
        ocs_output_end(out, '}');
    }
    ocs_output_end(out, ']');
    ocs_output_integer(out, "affects_total", finding->affects_total);
    ocs_output_string(out, "action", finding->action);
    ocs_output_bool(out, "corrected", finding->corrected);
    ocs_output_close(out);
}

/* "got X instead of Y", and what else there is to say. */
static void put_details(struct ocs_output *out, const struct ocs_finding *finding)
{
    if (finding->actual)
        ocs_output_put(out, OCS_STYLE_PLAIN, ": got %s", finding->actual);
    bool told = finding->digest && finding->expected &&
                strcmp(finding->expected, finding->digest) == 0; /* it stands in front */
    if (finding->expected && !told)
        ocs_output_put(out, OCS_STYLE_PLAIN, "%s %s",
                       finding->actual ? " instead of" : ": expected", finding->expected);
    if (finding->message)
        ocs_output_put(out, OCS_STYLE_PLAIN, ": %s", finding->message);
}

static void put_affected(struct ocs_cli *cli, const struct ocs_finding *finding)
{
    struct ocs_output *out = &cli->out;
    if (finding->affects_count == 0)
        return;
    if (!finding->affects[0].digest) {
        ocs_output_put(out, OCS_STYLE_PLAIN, " (layout %s)", finding->affects[0].layout);
        return;
    }
    ocs_output_put(out, OCS_STYLE_PLAIN, " (used by ");
    for (size_t i = 0; i < finding->affects_count; i++) {
        const struct ocs_affected *affected = &finding->affects[i];
        if (i > 0)
            ocs_output_put(out, OCS_STYLE_PLAIN, ", ");
        ocs_cli_put_image_name(cli, affected->layout, affected->ref, affected->digest);
    }
    uint64_t more = finding->affects_total > finding->affects_count
                        ? finding->affects_total - finding->affects_count
                        : 0;
    if (more > 0)
        ocs_output_put(out, OCS_STYLE_PLAIN, " and %" PRIu64 " more", more);
    ocs_output_put(out, OCS_STYLE_PLAIN, ")");
}

static void print_finding_text(struct ocs_cli *cli, const struct ocs_finding *finding)
{
    struct ocs_output *out = &cli->out;
    ocs_output_put(out, severity_style(finding->severity), "%s:", severity_name(finding->severity));
    ocs_output_put(out, OCS_STYLE_PLAIN, " %s", finding->id);
    if (finding->digest)
        ocs_output_put(out, OCS_STYLE_PLAIN, ": %s", finding->digest);
    else if (finding->path)
        ocs_output_put(out, OCS_STYLE_PLAIN, ": %s", finding->path);
    put_details(out, finding);
    put_affected(cli, finding);
    ocs_output_end_line(out);
    if (finding->action)
        ocs_output_line(out, "  %s", finding->action);
}

void ocs_cli_print_finding(void *data, const struct ocs_finding *finding)
{
    struct ocs_cli *cli = data;
    enum ocs_severity quiet = cli->out.quiet ? OCS_SEVERITY_NOTICE : OCS_SEVERITY_INFO;
    if (cli->out.json)
        print_finding_json(&cli->out, finding);
    else if (finding->severity > quiet || cli->global.verbose)
        print_finding_text(cli, finding);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

struct prune_values {
    bool untagged, dry_run;
    int64_t older_than_s; /* negative: not given */
    unsigned keep_last;
};

#define VALUE(member) offsetof(struct prune_values, member)

static const struct ocs_option options[] = {
    {.name = "untagged",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(untagged),
     .help = "nameless images, where others of the layout have names: retagging\n"
             "leaves them\n"},
    {.name = "older-than",
     .kind = OCS_OPTION_SECONDS,
     .offset = VALUE(older_than_s),
     .value = "T",
     .help = "images whose manifest came into the store longer ago (by its mtime)\n"},
    {.name = "keep-last",
     .kind = OCS_OPTION_COUNT,
     .offset = VALUE(keep_last),
     .value = "N",
     .help = "all but the N youngest of each layout; with --older-than: keep at\n"
             "least these (one with several tags is one)\n"},
    {.letter = 'n',
     .name = "dry-run",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(dry_run),
     .help = "print what would be dropped and change nothing\n"},
    {0},
};

static int drop(struct ocs_cli *cli, const struct prune_values *values)
{
    struct ocs_store *store;
    int result = ocs_cli_open(cli, &store);
    if (result < 0)
        return ocs_cli_status(cli, result);
    struct ocs_prune_options prune = {
        .untagged = values->untagged,
        .older_than_s = values->older_than_s,
        .keep_last = values->keep_last,
        .dry_run = values->dry_run,
        .data = cli,
        .on_change = values->dry_run ? ocs_cli_print_drop : ocs_cli_print_change,
    };
    struct ocs_remove_report report = {0};
    size_t count;
    const char *const *names = ocs_cli_words(cli, &count);
    result = ocs_prune(store, names, count, &prune, &report, &cli->err);
    ocs_store_close(store);
    if (result == 0 && report.images == 0 && !cli->out.json) {
        if (!cli->out.quiet)
            ocs_output_line(&cli->out, "no image is one to drop");
        return OCS_OK;
    }
    return values->dry_run ? ocs_cli_would_change(cli, result, &report)
                           : ocs_cli_changed(cli, result, &report);
}

static int run(struct ocs_cli *cli)
{
    struct prune_values values = {.older_than_s = -1};
    int result = ocs_cli_parse(cli, &values);
    return result == 0 ? drop(cli, &values) : ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_PRUNE = {
    .name = "prune",
    .words = "[NAME...]",
    .summary = "drop images by rule; gc then frees their blobs",
    .details =
        "At least one rule must be given; without NAME it holds for every layout but attached\n"
        "ones. An image goes when --untagged says so, or when it is older than --older-than\n"
        "and not among the --keep-last youngest. Signatures and other referrers are judged by\n"
        "no rule: they go with the image that they belong to. The old index.json goes to the\n"
        "trash.\n",
    .examples = "  ocistore prune --untagged --dry-run\n"
                "  ocistore prune --older-than 30d --keep-last 5 ci/app\n",
    .options = options,
    .most_words = -1,
    .changes_store = true,
    .run = run,
};

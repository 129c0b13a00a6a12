/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

struct init_values {
    const char *graph_dir;
    bool unsafe_network;
};

static const struct ocs_option options[] = {
    {.name = "graph-dir",
     .kind = OCS_OPTION_TEXT,
     .offset = offsetof(struct init_values, graph_dir),
     .value = "DIR",
     .help = "keep the reference graph there (default: .ocistore/graph); the folder\n"
             "is for this store alone, and a store that is there already moves to it\n"},
    {.name = "unsafe-network",
     .kind = OCS_OPTION_FLAG,
     .offset = offsetof(struct init_values, unsafe_network),
     .help = "allow a network file system, where locks may not hold; with\n"
             "--graph-dir on a local one\n"},
    {0},
};

/* DIR, --store, $OCISTORE, the current folder. */
static const char *choose_folder(const struct ocs_cli *cli)
{
    const char *given = ocs_cli_word(cli, 0);
    if (!given)
        given = cli->global.store;
    if (!given)
        given = getenv("OCISTORE");
    return given && *given ? given : ".";
}

/* gc takes what no layout names, and layouts that live elsewhere are not known (any more). */
static void print_blobs(struct ocs_cli *cli, const char *dir, const struct ocs_init_report *report)
{
    struct ocs_output *out = &cli->out;
    if (report->layouts > 0)
        ocs_output_line(out, "%s is a store now, with the %s that lay there, and %s", dir,
                        ocs_text_count(report->layouts, "layout").text,
                        ocs_text_count(report->blobs, "blob").text);
    else
        ocs_output_line(out, "%s is a store now; %s in it, which no layout here names", dir,
                        ocs_text_count(report->blobs, "blob").text);
    ocs_output_line(out, "attach every layout elsewhere that uses them before the first gc: "
                         "ocistore attach DIR");
}

static void print_text(struct ocs_cli *cli, const char *dir, const struct ocs_init_report *report)
{
    if (cli->out.quiet)
        return;
    if (report->graph_moved)
        ocs_output_line(&cli->out,
                        "%s is a store already; its graph is kept in the other folder now, where "
                        "it is made anew",
                        dir);
    else if (report->existed)
        ocs_output_line(&cli->out, "%s is a store already; nothing in it was changed", dir);
    else if (report->in_place)
        ocs_output_line(&cli->out, "%s is a store now; its layout is registered as '.'", dir);
    else if (report->blobs > 0)
        print_blobs(cli, dir, report);
    else if (report->layouts > 0)
        ocs_output_line(&cli->out, "%s is a store now, with the %s that lay there", dir,
                        ocs_text_count(report->layouts, "layout").text);
    else
        ocs_output_line(&cli->out, "%s is a store now, and empty", dir);
}

static void print_json(struct ocs_cli *cli, const char *dir, const struct ocs_init_report *report)
{
    ocs_output_open(&cli->out, "store");
    ocs_output_string(&cli->out, "path", dir);
    ocs_output_string(&cli->out, "uuid", report->uuid);
    ocs_output_bool(&cli->out, "in_place", report->in_place);
    ocs_output_bool(&cli->out, "existed", report->existed);
    ocs_output_integer(&cli->out, "layouts", report->layouts);
    ocs_output_integer(&cli->out, "blobs", report->blobs);
    ocs_output_close(&cli->out);
}

static int run(struct ocs_cli *cli)
{
    struct init_values values = {0};
    int result = ocs_cli_parse(cli, &values);
    const char *word = result == 0 ? ocs_cli_word(cli, 0) : NULL;
    if (word && cli->global.store && strcmp(word, cli->global.store) != 0)
        result = ocs_cli_usage(cli, "'%s' and --store '%s' contradict each other", word,
                               cli->global.store);
    if (word && !*word)
        result = ocs_cli_usage(cli, "DIR is empty");
    if (result == 0 && values.unsafe_network && !values.graph_dir)
        result = ocs_cli_usage(cli, "--unsafe-network needs --graph-dir: the graph must be local");
    if (result != 0)
        return ocs_cli_status(cli, result);
    const char *dir = choose_folder(cli);
    struct ocs_init_options init = {.graph_dir = values.graph_dir,
                                    .unsafe_network = values.unsafe_network,
                                    .hooks = &cli->hooks};
    struct ocs_init_report report = {0};
    result = ocs_store_init(dir, &init, &report, &cli->err);
    if (result < 0)
        return ocs_cli_status(cli, result);
    if (cli->out.json)
        print_json(cli, dir, &report);
    else
        print_text(cli, dir, &report);
    return OCS_OK;
}

const struct ocs_command OCS_CMD_INIT = {
    .name = "init",
    .words = "[DIR]",
    .summary = "make a store, or make an OCI layout one in place",
    .details = "DIR is made when it is not there; without DIR it is --store, $OCISTORE or the\n"
               "current folder. A folder that already holds an OCI layout keeps every byte and\n"
               "becomes a store with that one layout, named '.'. Repeating it completes what an\n"
               "interrupted run left out.\n",
    .examples = "  ocistore init /srv/oci\n",
    .options = options,
    .most_words = 1,
    .changes_store = true,
    .run = run,
};

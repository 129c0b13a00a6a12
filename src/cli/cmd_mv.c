/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

static int make(struct ocs_cli *cli, struct ocs_store *store, const void *values,
                struct ocs_remove_report *report)
{
    (void)values;
    (void)report;
    return ocs_rename_layout(store, ocs_cli_word(cli, 0), ocs_cli_word(cli, 1), cli,
                             ocs_cli_print_change, &cli->err);
}

static int run(struct ocs_cli *cli)
{
    return ocs_cli_run_change(cli, NULL, make, false);
}

const struct ocs_command OCS_CMD_MV = {
    .name = "mv",
    .words = "NAME NEW",
    .summary = "rename a layout",
    .details = "An attached layout keeps its folder; one of the store moves to layouts/NEW.\n",
    .examples = "  ocistore mv nginx mirror/nginx\n",
    .least_words = 2,
    .most_words = 2,
    .changes_store = true,
    .run = run,
};

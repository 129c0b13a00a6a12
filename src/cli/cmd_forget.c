/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

static int make(struct ocs_cli *cli, struct ocs_store *store, const void *values,
                struct ocs_remove_report *report)
{
    (void)values;
    return ocs_forget(store, ocs_cli_word(cli, 0), cli, ocs_cli_print_change, report, &cli->err);
}

static int run(struct ocs_cli *cli)
{
    return ocs_cli_run_change(cli, NULL, make, true);
}

const struct ocs_command OCS_CMD_FORGET = {
    .name = "forget",
    .words = "NAME",
    .summary = "no longer watch over an attached layout",
    .details = "Its folder is not touched. What it alone kept alive goes with a later gc.\n",
    .examples = "  ocistore forget app\n",
    .least_words = 1,
    .most_words = 1,
    .changes_store = true,
    .run = run,
};

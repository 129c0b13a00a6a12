/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

static int run(struct ocs_cli *cli)
{
    struct ocs_store *store;
    struct ocs_remove_report report = {0};
    int result = ocs_cli_parse(cli, NULL);
    if (result == 0)
        result = ocs_cli_open(cli, &store);
    if (result != 0)
        return ocs_cli_status(cli, result);
    result = ocs_forget(store, ocs_cli_word(cli, 0), cli, ocs_cli_print_change, &report, &cli->err);
    ocs_store_close(store);
    return ocs_cli_changed(cli, result, &report);
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

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

static int run(struct ocs_cli *cli)
{
    struct ocs_store *store;
    int result = ocs_cli_parse(cli, NULL);
    if (result == 0)
        result = ocs_cli_open(cli, &store);
    if (result != 0)
        return ocs_cli_status(cli, result);
    result = ocs_rename_layout(store, ocs_cli_word(cli, 0), ocs_cli_word(cli, 1), cli,
                               ocs_cli_print_change, &cli->err);
    ocs_store_close(store);
    return ocs_cli_changed(cli, result, NULL);
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

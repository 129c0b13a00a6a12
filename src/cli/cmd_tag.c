/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

static int make(struct ocs_cli *cli, struct ocs_store *store, const void *values,
                struct ocs_remove_report *report)
{
    (void)values;
    (void)report;
    return ocs_tag(store, ocs_cli_word(cli, 0), ocs_cli_word(cli, 1), cli, ocs_cli_print_change,
                   &cli->err);
}

static int run(struct ocs_cli *cli)
{
    return ocs_cli_run_change(cli, NULL, make, false);
}

const struct ocs_command OCS_CMD_TAG = {
    .name = "tag",
    .words = "NAME:OLD|NAME@DIGEST NEW",
    .summary = "give an image one more tag",
    .details = "The old tag stays. A tag that the layout already has moves to this image, and its\n"
               "old entry goes.\n",
    .examples = "  ocistore tag nginx:1.27.3 stable\n",
    .least_words = 2,
    .most_words = 2,
    .changes_store = true,
    .run = run,
};

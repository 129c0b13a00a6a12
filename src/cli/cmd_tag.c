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
    result = ocs_tag(store, ocs_cli_word(cli, 0), ocs_cli_word(cli, 1), cli, ocs_cli_print_change,
                     &cli->err);
    ocs_store_close(store);
    return ocs_cli_changed(cli, result, NULL);
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

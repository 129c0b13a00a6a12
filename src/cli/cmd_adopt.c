/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

static int make(struct ocs_cli *cli, struct ocs_store *store, const void *values,
                struct ocs_remove_report *report)
{
    (void)values;
    (void)report;
    return ocs_adopt(store, ocs_cli_word(cli, 0), ocs_cli_word(cli, 1), cli, ocs_cli_print_change,
                     &cli->err);
}

static int run(struct ocs_cli *cli)
{
    return ocs_cli_run_change(cli, NULL, make, false);
}

const struct ocs_command OCS_CMD_ADOPT = {
    .name = "adopt",
    .words = "DIGEST NAME[:TAG]",
    .summary = "list a manifest again that no layout lists",
    .details =
        "Copies that race can lose each other's entries in index.json: the blobs are there,\n"
        "and nothing leads to them. fsck names such manifests (manifest-dangling).\n",
    .examples = "  ocistore adopt sha256:4f5e... nginx:1.27.3\n",
    .least_words = 2,
    .most_words = 2,
    .changes_store = true,
    .run = run,
};

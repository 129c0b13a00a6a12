/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

static int make(struct ocs_cli *cli, struct ocs_store *store, const void *values,
                struct ocs_remove_report *report)
{
    size_t count;
    const char *const *images = ocs_cli_words(cli, &count);
    (void)values;
    return ocs_remove(store, images, count, cli, ocs_cli_print_change, report, &cli->err);
}

static int run(struct ocs_cli *cli)
{
    return ocs_cli_run_change(cli, NULL, make, true);
}

const struct ocs_command OCS_CMD_RM = {
    .name = "rm",
    .words = "NAME[:TAG|@DIGEST]...",
    .summary = "drop images or whole layouts; gc then frees their blobs",
    .details = "Every name is looked up before anything is changed. Only index.json is edited;\n"
               "what the next gc will free is said, and the old index.json goes to the trash.\n",
    .examples = "  ocistore rm nginx:1.24\n"
                "  ocistore rm old-project\n",
    .least_words = 1,
    .most_words = -1,
    .changes_store = true,
    .run = run,
};

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

#include <stddef.h>

struct attach_values {
    const char *name;
};

static const struct ocs_option options[] = {
    {.name = "name",
     .kind = OCS_OPTION_TEXT,
     .offset = offsetof(struct attach_values, name),
     .value = "NAME",
     .help = "what the layout is called here (default: its folder's name)\n"},
    {0},
};

static int make(struct ocs_cli *cli, struct ocs_store *store, const void *values,
                struct ocs_remove_report *report)
{
    const struct attach_values *attach = values;
    (void)report;
    return ocs_attach(store, ocs_cli_word(cli, 0), attach->name, cli, ocs_cli_print_change,
                      &cli->err);
}

static int run(struct ocs_cli *cli)
{
    struct attach_values values = {0};
    return ocs_cli_run_change(cli, &values, make, false);
}

const struct ocs_command OCS_CMD_ATTACH = {
    .name = "attach",
    .words = "DIR",
    .summary = "watch over a layout that lives elsewhere and keeps its blobs here",
    .details =
        "For layouts that skopeo copy --dest-shared-blob-dir STORE/blobs writes outside the\n"
        "store: from now on gc reads their index.json and spares what they reach, and it\n"
        "refuses to run while they cannot be read, or when a link in DIR leads elsewhere\n"
        "later: attach DIR again then, which keeps both folders.\n",
    .examples = "  skopeo copy --dest-shared-blob-dir STORE/blobs docker://app oci:/srv/app:v1\n"
                "  ocistore attach --name app /srv/app\n",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .changes_store = true,
    .run = run,
};

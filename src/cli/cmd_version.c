/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

int ocs_cmd_version_print(struct ocs_cli *cli)
{
    if (!cli->out.json) {
        ocs_output_line(&cli->out, "ocistore %s", ocs_version());
        return OCS_OK;
    }
    ocs_output_open(&cli->out, "version");
    ocs_output_string(&cli->out, "version", ocs_version());
    ocs_output_close(&cli->out);
    return OCS_OK;
}

static int run(struct ocs_cli *cli)
{
    int result = ocs_cli_parse(cli, NULL);
    if (result != 0)
        return ocs_cli_status(cli, result);
    return ocs_cmd_version_print(cli);
}

const struct ocs_command OCS_CMD_VERSION = {
    .name = "version",
    .words = "",
    .summary = "print the version",
    .details = "",
    .run = run,
};

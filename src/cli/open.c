/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

#include "store_path.h"

#include <stdlib.h>

int ocs_cli_open_at(struct ocs_cli *cli, const char *path, struct ocs_store **out)
{
    struct ocs_open_options options = {
        .hooks = &cli->hooks,
        .lock_timeout_ms = cli->global.lock_timeout_ms,
        .lock_timeout_given = cli->global.lock_timeout_ms >= 0,
        .for_fsck = cli->command->judges_store,
    };
    return ocs_store_open(path, &options, out, &cli->err);
}

int ocs_cli_open(struct ocs_cli *cli, struct ocs_store **out)
{
    char *path = NULL;
    int result = ocs_store_path_find(cli->global.store, &path, &cli->err);
    if (result == 0)
        result = ocs_cli_open_at(cli, path, out);
    free(path);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

#include <unistd.h>

static int run(struct ocs_cli *cli)
{
    int result = ocs_cli_parse(cli, NULL);
    if (result == 0 && cli->out.json)
        result = ocs_cli_usage(cli, "the bytes themselves are no JSON lines: --json does not fit");
    struct ocs_store *store;
    if (result == 0)
        result = ocs_cli_open(cli, &store);
    if (result != 0)
        return ocs_cli_status(cli, result);
    result = ocs_cat(store, ocs_cli_word(cli, 0), STDOUT_FILENO, &cli->err);
    ocs_store_close(store);
    return ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_CAT = {
    .name = "cat",
    .words = "DIGEST|NAME:TAG",
    .summary = "print the bytes of a blob, verified",
    .details = "The bytes of a blob, or of the document that an image name stands for. They are\n"
               "hashed while they go out; when they are not what the digest says, the exit status\n"
               "is 4 and what was printed is not to be used.\n",
    .examples = "  ocistore cat nginx:latest | jq .layers\n"
                "  ocistore cat sha256:4f5e... | tar tzf -\n",
    .least_words = 1,
    .most_words = 1,
    .run = run,
};

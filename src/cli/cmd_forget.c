/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"

#include <inttypes.h>
#include <stddef.h>

struct forget_values {
    bool lost;
};

static const struct ocs_option options[] = {
    {.name = "lost",
     .kind = OCS_OPTION_FLAG,
     .offset = offsetof(struct forget_values, lost),
     .help = "accept that entries of .ocistore/roots are lost: what only those layouts\n"
             "listed becomes garbage. Attach what lives elsewhere again first.\n"},
    {0},
};

static int forget_one(struct ocs_cli *cli, struct ocs_store *store)
{
    struct ocs_remove_report report = {0};
    int result =
        ocs_forget(store, ocs_cli_word(cli, 0), cli, ocs_cli_print_change, &report, &cli->err);
    return ocs_cli_changed(cli, result, &report);
}

static void tell_lost(struct ocs_output *out, uint64_t lost)
{
    if (out->json) {
        struct ocs_change change = {.action = "forget-lost"};
        if (lost > 0)
            ocs_cli_print_json_change(out, &change);
        ocs_output_summary(out);
        ocs_output_integer(out, "lost", lost);
    } else if (lost == 0 && !out->quiet) {
        ocs_output_line(out, "no entry of .ocistore/roots is lost");
    } else if (!out->quiet) {
        ocs_output_line(out, "forgot %" PRIu64 " lost %s of .ocistore/roots", lost,
                        lost == 1 ? "entry" : "entries");
        ocs_output_line(out, "layouts in the store have theirs anew; what only one that lives "
                             "elsewhere, and is not attached again, lists becomes garbage");
    }
}

static int forget_lost(struct ocs_cli *cli, struct ocs_store *store)
{
    uint64_t lost;
    int status = ocs_cli_status(cli, ocs_forget_lost(store, &lost, &cli->err));
    if (status == OCS_OK)
        tell_lost(&cli->out, lost);
    return status;
}

static int check_words(struct ocs_cli *cli, bool lost)
{
    const char *name = ocs_cli_word(cli, 0);
    if (lost && name)
        return ocs_cli_usage(cli, "--lost takes no NAME: what is lost has none");
    if (!lost && !name)
        return ocs_cli_usage(cli, "NAME is missing");
    return 0;
}

static int run(struct ocs_cli *cli)
{
    struct forget_values values = {0};
    struct ocs_store *store;
    int result = ocs_cli_parse(cli, &values);
    if (result == 0)
        result = check_words(cli, values.lost);
    if (result == 0)
        result = ocs_cli_open(cli, &store);
    if (result != 0)
        return ocs_cli_status(cli, result);
    int status = values.lost ? forget_lost(cli, store) : forget_one(cli, store);
    ocs_store_close(store);
    return status;
}

const struct ocs_command OCS_CMD_FORGET = {
    .name = "forget",
    .words = "NAME|--lost",
    .summary = "no longer watch over an attached layout",
    .details = "Its folder is not touched. What it alone kept alive goes with a later gc.\n",
    .examples = "  ocistore forget app\n"
                "  ocistore forget --lost\n",
    .options = options,
    .most_words = 1,
    .changes_store = true,
    .run = run,
};

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * ocistore, the program.  Map of this folder, in the order in which a run meets it:
 *
 *   main.c        the table of commands; finds the one that is meant and runs it
 *   cli.{h,c}     what a command is and gets: its arguments, hooks, its end
 *   args.{h,c}    options from tables, durations, suggestions
 *   signals.{h,c} SIGINT, SIGTERM, SIGUSR1 as flags that the library's hooks read
 *   store_path    which store is meant
 *   open.c        opens it
 *   cmd_NAME.c    one command each: parse into a local struct, one library call,
 *                 print, exit status
 *   change.{h,c}  how a change is told
 *   finding.{h,c} how a finding of fsck is told
 *   output.{h,c}  JSON lines, text and errors, everything escaped
 *   table.{h,c}   aligned columns
 *   pretty.{h,c}  JSON documents, indented
 *   dot.{h,c}     the graph of an image for Graphviz
 *   metrics.{h,c} the numbers of a run for Prometheus
 *   progress      the bar on a terminal
 *   text.{h,c}    escaping, sizes, times
 *
 * The program knows include/ocistore.h and nothing else of the library.
 */

#include "cli.h"
#include "signals.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* In the order of the help. */
static const struct ocs_command *const commands[] = {
    &OCS_CMD_INIT,   &OCS_CMD_IMPORT,  &OCS_CMD_LS,   &OCS_CMD_TREE,  &OCS_CMD_INSPECT,
    &OCS_CMD_CAT,    &OCS_CMD_RM,      &OCS_CMD_TAG,  &OCS_CMD_MV,    &OCS_CMD_ATTACH,
    &OCS_CMD_FORGET, &OCS_CMD_ADOPT,   &OCS_CMD_HOLD, &OCS_CMD_TRASH, &OCS_CMD_FSCK,
    &OCS_CMD_GC,     &OCS_CMD_WHY,     &OCS_CMD_DU,   &OCS_CMD_PRUNE, &OCS_CMD_STATUS,
    &OCS_CMD_HELP,   &OCS_CMD_VERSION, NULL,
};

static int no_command(struct ocs_cli *cli)
{
    ocs_args_error(&cli->err, "no command was given");
    snprintf(cli->err.hint, sizeof(cli->err.hint), "see what there is: ocistore help");
    return ocs_cli_status(cli, -OCS_USAGE);
}

/* Or what follows --help, unless that is an option as well. */
static const char *command_name(const struct ocs_cli *cli)
{
    const struct ocs_args *args = &cli->args;
    if (args->word_count > 0)
        return args->words[0];
    const char *next = cli->global.help && args->at < args->argc ? args->argv[args->at] : NULL;
    return next && next[0] != '-' ? next : NULL;
}

static int dispatch(struct ocs_cli *cli)
{
    struct ocs_option_table table = {OCS_CLI_GLOBAL_OPTIONS, &cli->global};
    int result = ocs_args_parse(&cli->args, &table, 1, true, &cli->err);
    if (result < 0)
        return ocs_cli_status(cli, result);
    if (cli->global.version)
        return ocs_cmd_version_print(cli);
    const char *name = command_name(cli);
    if (!name)
        return cli->global.help ? ocs_cmd_help_print(cli, NULL) : no_command(cli);
    const struct ocs_command *command = ocs_cli_find_command(cli, name);
    if (!command)
        return ocs_cli_status(cli, ocs_cli_unknown_command(cli, name));
    cli->command = command;
    if (cli->global.help)
        return ocs_cmd_help_print(cli, command);
    if (command->changes_store)
        ocs_signals_outlive_pipes();
    return command->run(cli);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, ""); /* how wide a character is; nothing else of the locale */
    ocs_signals_install();
    struct ocs_cli cli;
    ocs_cli_init(&cli, commands, argc, argv);
    int status = dispatch(&cli);
    ocs_cli_clear(&cli);
    return ocs_output_finish(&cli.out, status, cli.command && cli.command->changes_store);
}

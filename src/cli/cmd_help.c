/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 26

/* "  -j N, --jobs N" */
static void label_option(const struct ocs_option *option, char *out, size_t size)
{
    const char *value = option->value ? option->value : "";
    const char *space = option->value ? " " : "";
    if (!option->name)
        snprintf(out, size, "  -%c%s%s", option->letter, space, value);
    else if (option->letter)
        snprintf(out, size, "  -%c, --%s%s%s", option->letter, option->name, space, value);
    else
        snprintf(out, size, "      --%s%s%s", option->name, space, value);
}

/* The lines of `text`, each below the first one's column. */
static void put_beside(FILE *to, const char *label, const char *text)
{
    fprintf(to, "%-*s", HELP_COLUMN, label);
    if (strlen(label) > HELP_COLUMN - 2)
        fprintf(to, "\n%*s", HELP_COLUMN, "");
    for (const char *at = text; *at; at++) {
        fputc(*at, to);
        if (*at == '\n' && at[1])
            fprintf(to, "%*s", HELP_COLUMN, "");
    }
}

static void put_options(FILE *to, const char *title, const struct ocs_option *options)
{
    fprintf(to, "\n%s\n", title);
    for (const struct ocs_option *o = options; o->name || o->letter; o++) {
        char label[64];
        label_option(o, label, sizeof(label));
        put_beside(to, label, o->help);
    }
}

static void put_exit_statuses(FILE *to)
{
    fputs("\nExit status\n"
          "   0  done; fsck: nothing wrong\n"
          "   1  fsck: everything that was found was corrected\n"
          "   4  damage is left, or refused for safety; nothing was lost\n"
          "   8  could not do it: input and output, memory, graph\n"
          "  16  wrong usage: also no store, no such layout or tag\n"
          "  32  interrupted\n"
          "  75  a lock was not to be had in time: try again\n",
          to);
}

static void put_overview(FILE *to, const struct ocs_cli *cli)
{
    fputs("Usage: ocistore [OPTION]... COMMAND [OPTION]... [ARGUMENT]...\n\n"
          "Keeps many OCI image layouts in one store with shared blobs: brings them in,\n"
          "proves that every byte is right, and removes what nothing needs any more.\n"
          "\nCommands\n",
          to);
    for (size_t i = 0; cli->commands[i]; i++) {
        const struct ocs_command *command = cli->commands[i];
        fprintf(to, "  %-*s%s\n", HELP_COLUMN - 2, command->name, command->summary);
    }
    put_options(to, "Options, before or after the command", OCS_CLI_GLOBAL_OPTIONS);
    fputs("\nImages are named NAME, NAME:TAG or NAME@DIGEST, where NAME is a layout.\n"
          "Sizes are written 4M or 10GiB, durations 90s, 24h or 7d.\n",
          to);
    put_exit_statuses(to);
    fputs("\nMore about one command: ocistore help COMMAND\n", to);
}

static void put_command(FILE *to, const struct ocs_command *command)
{
    fprintf(to, "Usage: ocistore [OPTION]... %s%s%s%s\n", command->name,
            command->options ? " [OPTION]..." : "", command->words[0] ? " " : "", command->words);
    fprintf(to, "\n%c%s.\n", toupper((unsigned char)command->summary[0]), command->summary + 1);
    if (command->details[0])
        fprintf(to, "\n%s", command->details);
    if (command->options)
        put_options(to, "Options", command->options);
    put_options(to, "Options of every command", OCS_CLI_GLOBAL_OPTIONS);
    if (command->examples)
        fprintf(to, "\nExamples\n%s", command->examples);
}

int ocs_cmd_help_print(struct ocs_cli *cli, const struct ocs_command *command)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return OCS_FAILED;
    if (command)
        put_command(to, command);
    else
        put_overview(to, cli);
    fclose(to);
    if (cli->out.json) {
        ocs_output_open(&cli->out, "help");
        ocs_output_string(&cli->out, "command", command ? command->name : NULL);
        ocs_output_string(&cli->out, "text", text);
        ocs_output_close(&cli->out);
    } else {
        fputs(text, stdout); /* our own words: nothing to escape */
    }
    free(text);
    return OCS_OK;
}

static int run(struct ocs_cli *cli)
{
    int result = ocs_cli_parse(cli, NULL);
    const char *name = ocs_cli_word(cli, 0);
    if (result != 0)
        return ocs_cli_status(cli, result);
    if (!name)
        return ocs_cmd_help_print(cli, NULL);
    const struct ocs_command *command = ocs_cli_find_command(cli, name);
    if (!command)
        return ocs_cli_status(cli, ocs_cli_unknown_command(cli, name));
    return ocs_cmd_help_print(cli, command);
}

const struct ocs_command OCS_CMD_HELP = {
    .name = "help",
    .words = "[COMMAND]",
    .summary = "explain a command, or list them",
    .details = "",
    .examples = "  ocistore help gc\n",
    .most_words = 1,
    .run = run,
};

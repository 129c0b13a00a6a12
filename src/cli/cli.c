/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

#include "signals.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const color_choices[] = {"auto", "always", "never", NULL};

#define GLOBAL(member) offsetof(struct ocs_global_options, member)

const struct ocs_option OCS_CLI_GLOBAL_OPTIONS[] = {
    {.name = "store",
     .kind = OCS_OPTION_TEXT,
     .offset = GLOBAL(store),
     .value = "DIR",
     .help = "the store; else $OCISTORE, else this folder or one above it that\n"
             "holds .ocistore/, else $XDG_DATA_HOME/ocistore (root:\n"
             "/var/lib/ocistore)\n"},
    {.name = "json",
     .kind = OCS_OPTION_FLAG,
     .offset = GLOBAL(json),
     .help = "one JSON object per line, the last one of type \"summary\"\n"},
    {.name = "quiet",
     .letter = 'q',
     .kind = OCS_OPTION_FLAG,
     .offset = GLOBAL(quiet),
     .help = "no progress, and no words about what went well\n"},
    {.name = "verbose",
     .letter = 'v',
     .kind = OCS_OPTION_FLAG,
     .offset = GLOBAL(verbose),
     .help = "more details\n"},
    {.name = "color",
     .kind = OCS_OPTION_CHOICE,
     .offset = GLOBAL(color),
     .value = "WHEN",
     .choices = color_choices,
     .help = "auto (default), always or never\n"},
    {.name = "lock-timeout",
     .kind = OCS_OPTION_MILLISECONDS,
     .offset = GLOBAL(lock_timeout_ms),
     .value = "T",
     .help = "how long to wait for others that work on the store (default: as\n"
             "long as it takes; gc and fsck do not wait for another of their\n"
             "kind)\n"},
    {.name = "help",
     .letter = 'h',
     .kind = OCS_OPTION_STOP,
     .offset = GLOBAL(help),
     .help = "this text\n"},
    {.name = "version",
     .kind = OCS_OPTION_STOP,
     .offset = GLOBAL(version),
     .help = "the version\n"},
    {0},
};

/* ---- hooks ---- */

static bool on_cancelled(void *data)
{
    (void)data;
    return ocs_signals_cancelled();
}

static void on_progress(void *data, const struct ocs_progress *progress)
{
    struct ocs_cli *cli = data;
    ocs_progress_update(&cli->out.bar, progress);
}

static void on_notice(void *data, const char *text)
{
    struct ocs_cli *cli = data;
    ocs_output_notice(&cli->out, text);
}

/* ---- beginning and end ---- */

void ocs_cli_init(struct ocs_cli *cli, const struct ocs_command *const *commands, int argc,
                  char **argv)
{
    *cli = (struct ocs_cli){
        .commands = commands,
        .global = {.lock_timeout_ms = -1},
        .hooks = {.data = cli,
                  .cancelled = on_cancelled,
                  .progress = on_progress,
                  .notice = on_notice},
    };
    ocs_args_init(&cli->args, argc, argv, ocs_text_grow(NULL, (size_t)argc * sizeof(char *) + 1));
    /* also a wrong command line is answered in JSON, if that is what was asked for */
    ocs_output_init(&cli->out, ocs_args_has(argc, argv, "--json"), false, OCS_COLOR_AUTO);
}

void ocs_cli_clear(struct ocs_cli *cli)
{
    free(cli->args.words);
}

int ocs_cli_status(struct ocs_cli *cli, int result)
{
    if (result >= 0)
        return OCS_OK;
    ocs_output_error(&cli->out, cli->command ? cli->command->name : NULL, &cli->err);
    return -result;
}

int ocs_cli_usage(struct ocs_cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(cli->err.message, sizeof(cli->err.message), format, args);
    va_end(args);
    cli->err.status = OCS_USAGE;
    snprintf(cli->err.hint, sizeof(cli->err.hint), "see: ocistore help %s", cli->command->name);
    return -OCS_USAGE;
}

void ocs_cli_put_image_name(struct ocs_cli *cli, const char *layout, const char *ref,
                            const char *digest)
{
    ocs_output_put(&cli->out, OCS_STYLE_PLAIN, "%s%c%s", layout, ref ? ':' : '@',
                   ref ? ref : digest);
}

/* ---- commands and their words ---- */

const struct ocs_command *ocs_cli_find_command(const struct ocs_cli *cli, const char *name)
{
    for (size_t i = 0; cli->commands[i]; i++)
        if (strcmp(cli->commands[i]->name, name) == 0)
            return cli->commands[i];
    return NULL;
}

int ocs_cli_unknown_command(struct ocs_cli *cli, const char *name)
{
    const char *names[64];
    size_t count = 0;
    for (; cli->commands[count] && count < sizeof(names) / sizeof(names[0]) - 1; count++)
        names[count] = cli->commands[count]->name;
    names[count] = NULL;
    const char *similar = ocs_args_similar(name, strlen(name), names);
    int result = ocs_args_error(&cli->err, "unknown command '%s'", name);
    if (similar)
        snprintf(cli->err.hint, sizeof(cli->err.hint), "did you mean '%s'?", similar);
    else
        snprintf(cli->err.hint, sizeof(cli->err.hint), "see what there is: ocistore help");
    return result;
}

static int check_words(struct ocs_cli *cli)
{
    int count = cli->args.word_count - 1;
    if (count < cli->command->least_words)
        return ocs_cli_usage(cli, "%s is missing", cli->command->words);
    if (cli->command->most_words >= 0 && count > cli->command->most_words)
        return ocs_cli_usage(cli, "what is '%s' for?", ocs_cli_word(cli, cli->command->most_words));
    return 0;
}

int ocs_cli_parse(struct ocs_cli *cli, void *values)
{
    static const struct ocs_option none[] = {{0}};
    const struct ocs_option *own = cli->command->options ? cli->command->options : none;
    struct ocs_option_table tables[] = {{own, values}, {OCS_CLI_GLOBAL_OPTIONS, &cli->global}};
    int result = ocs_args_parse(&cli->args, tables, 2, false, &cli->err);
    if (result < 0)
        return result;
    const struct ocs_global_options *global = &cli->global;
    ocs_output_init(&cli->out, global->json, global->quiet, (enum ocs_color)global->color);
    if (global->help || global->version) {
        if (global->help)
            ocs_cmd_help_print(cli, cli->command);
        else
            ocs_cmd_version_print(cli);
        return OCS_CLI_ANSWERED;
    }
    if (global->quiet && global->verbose)
        return ocs_cli_usage(cli, "--quiet and --verbose contradict each other");
    return check_words(cli);
}

const char *ocs_cli_word(const struct ocs_cli *cli, int index)
{
    return index + 1 < cli->args.word_count ? cli->args.words[index + 1] : NULL;
}

const char *const *ocs_cli_words(const struct ocs_cli *cli, size_t *count)
{
    *count = (size_t)cli->args.word_count - 1;
    return (const char *const *)cli->args.words + 1;
}

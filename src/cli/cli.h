/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_CLI_H
#define OCS_CLI_CLI_H

/* What a command gets and what it is: the vocabulary of main.c and the
 * cmd_*.c files. */

#include "args.h"
#include "output.h"
#include "text.h"

struct ocs_global_options {
    const char *store;
    bool json, quiet, verbose, help, version;
    unsigned color;          /* enum ocs_color */
    int64_t lock_timeout_ms; /* negative: not given */
};

struct ocs_cli;

struct ocs_command {
    const char *name;
    const char *words;   /* how the help calls them: "SOURCE..." */
    const char *summary; /* one line, no full stop */
    const char *details; /* paragraphs for `help COMMAND`; lines end with '\n' */
    const char *examples;
    const struct ocs_option *options; /* ends with {0}; NULL: none */
    int least_words, most_words;      /* most_words negative: any number */
    bool judges_store;                /* opens also one that is none any more */
    bool changes_store;               /* goes on when nobody reads its output any more */
    /* Returns the exit status; parses its options with ocs_cli_parse first. */
    int (*run)(struct ocs_cli *cli);
};

struct ocs_cli {
    const struct ocs_command *const *commands; /* ends with NULL */
    const struct ocs_command *command;         /* NULL until it is known */
    struct ocs_args args;
    struct ocs_global_options global;
    struct ocs_output out;
    struct ocs_hooks hooks;
    struct ocs_error err;
};

extern const struct ocs_option OCS_CLI_GLOBAL_OPTIONS[];

void ocs_cli_init(struct ocs_cli *cli, const struct ocs_command *const *commands, int argc,
                  char **argv);
void ocs_cli_clear(struct ocs_cli *cli);

/* NULL: there is none of that name.  Then ocs_cli_unknown_command says so. */
const struct ocs_command *ocs_cli_find_command(const struct ocs_cli *cli, const char *name);
int ocs_cli_unknown_command(struct ocs_cli *cli, const char *name);

/* Parse the rest of the arguments.  `values` belongs to command->options.
 * 0, or OCS_CLI_ANSWERED when --help or --version was asked for (and answered),
 * or a negative status. */
#define OCS_CLI_ANSWERED 1
int ocs_cli_parse(struct ocs_cli *cli, void *values);

/* Word `index` of the command, or NULL. */
const char *ocs_cli_word(const struct ocs_cli *cli, int index);
const char *const *ocs_cli_words(const struct ocs_cli *cli, size_t *count);

/* Open the store that is meant. */
int ocs_cli_open(struct ocs_cli *cli, struct ocs_store **out);
int ocs_cli_open_at(struct ocs_cli *cli, const char *path, struct ocs_store **out);

/* The exit status of a library call; cli->err is printed when it failed. */
int ocs_cli_status(struct ocs_cli *cli, int result);
int ocs_cli_usage(struct ocs_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* NAME:TAG, or NAME@DIGEST for an image without a tag. */
void ocs_cli_put_image_name(struct ocs_cli *cli, const char *layout, const char *ref,
                            const char *digest);

/* cmd_help.c */
int ocs_cmd_help_print(struct ocs_cli *cli, const struct ocs_command *command);
/* cmd_version.c */
int ocs_cmd_version_print(struct ocs_cli *cli);

extern const struct ocs_command OCS_CMD_INIT, OCS_CMD_IMPORT, OCS_CMD_LS, OCS_CMD_TREE,
    OCS_CMD_INSPECT, OCS_CMD_CAT, OCS_CMD_RM, OCS_CMD_FSCK, OCS_CMD_GC, OCS_CMD_HELP,
    OCS_CMD_VERSION, OCS_CMD_TAG, OCS_CMD_MV, OCS_CMD_ATTACH, OCS_CMD_FORGET, OCS_CMD_ADOPT,
    OCS_CMD_HOLD, OCS_CMD_TRASH;
extern const struct ocs_command OCS_CMD_WHY, OCS_CMD_DU, OCS_CMD_PRUNE, OCS_CMD_STATUS;

#endif

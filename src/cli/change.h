/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_CHANGE_H
#define OCS_CLI_CHANGE_H

/* How a change of a layout is told, by every command that makes one. */

#include "cli.h"

/* An ocs_change_fn; `data` is the struct ocs_cli. */
void ocs_cli_print_change(void *data, const struct ocs_change *change);

/* The same of an image that a dry run would drop. */
void ocs_cli_print_drop(void *data, const struct ocs_change *change);

/* Its line with --json. */
void ocs_cli_print_json_change(struct ocs_output *out, const struct ocs_change *change);

/* A command that makes one kind of change: its options are parsed into `values`,
 * the store is opened, `make` calls the library, and the end is told.  `make` fills
 * *report when the command `frees` something. */
int ocs_cli_run_change(struct ocs_cli *cli, void *values,
                       int (*make)(struct ocs_cli *cli, struct ocs_store *store, const void *values,
                                   struct ocs_remove_report *report),
                       bool frees);

/* The end of a command that made changes; with a report (or NULL) of what they
 * free.  Returns the exit status of `result`. */
int ocs_cli_changed(struct ocs_cli *cli, int result, const struct ocs_remove_report *report);
/* The end of a dry run of such a command. */
int ocs_cli_would_change(struct ocs_cli *cli, int result, const struct ocs_remove_report *report);

#endif

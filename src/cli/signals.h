/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_SIGNALS_H
#define OCS_CLI_SIGNALS_H

/* SIGINT and SIGTERM: the first one asks the library to end its work, the second
 * one ends the process at once with OCS_INTERRUPTED.  SIGUSR1 asks for progress. */

#include <stdbool.h>

void ocs_signals_install(void);

/* A reader of our output that goes away ends a command that only looks; one
 * that changes the store goes on to its end. */
void ocs_signals_outlive_pipes(void);

/* From any thread. */
bool ocs_signals_cancelled(void);
/* Whether SIGUSR1 came since this was asked the last time. */
bool ocs_signals_progress_wanted(void);

#endif

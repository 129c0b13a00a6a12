/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_PROGRESS_H
#define OCS_CLI_PROGRESS_H

/* How far it is, on stderr: a bar on a terminal, else a line every 60 s; nothing
 * when quiet.  SIGUSR1 prints a line now, always. */

#include "ocistore.h"

struct ocs_progress_bar {
    bool terminal;
    bool quiet;
    bool shown;           /* a bar stands in the last line of the terminal */
    char phase[32];       /* that the times belong to */
    int64_t started_ms;   /* this phase */
    int64_t last_line_ms; /* or the start of the run */
};

void ocs_progress_init(struct ocs_progress_bar *bar, bool quiet);
/* What the library's progress hook calls. */
void ocs_progress_update(struct ocs_progress_bar *bar, const struct ocs_progress *now);
/* Before anything else is printed, and at the end. */
void ocs_progress_hide(struct ocs_progress_bar *bar);

#endif

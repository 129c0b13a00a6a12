/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_JOURNAL_H
#define OCS_STORE_JOURNAL_H

/* journal/<run>.jsonl: a log of what a gc, rm or repair run did.  For people;
 * nothing is ever replayed from it. */

#include "trash.h"

struct ocs_journal;

int ocs_journal_open(int state_dir, const char *run, struct ocs_journal **out,
                     struct ocs_error *err);
/* One line {"time":..,"action":..,"path"/"digest":..}. */
int ocs_journal_add(struct ocs_journal *journal, const char *action, const char *subject,
                    struct ocs_error *err);
/* Write what is buffered and fsync. */
int ocs_journal_sync(struct ocs_journal *journal, struct ocs_error *err);
void ocs_journal_close(struct ocs_journal *journal);

#endif

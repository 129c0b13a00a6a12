/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_JOURNAL_H
#define OCS_STORE_JOURNAL_H

/* journal/<run>.jsonl: a log of what a gc, rm or repair run did.  For people;
 * nothing is ever replayed from it. */

#include "trash.h"

struct ocs_journal;

/* The file is made with the first line. */
int ocs_journal_open(int state_dir, const char *run, struct ocs_journal **out,
                     struct ocs_error *err);
/* One line {"time":"2024-05-06T07:08:09Z","action":..,"digest" or "path":..};
 * "digest" when the subject is one.  Buffered: that it could not be written is said
 * by the next sync. */
int ocs_journal_add(struct ocs_journal *journal, const char *action, const char *subject,
                    struct ocs_error *err);
/* Write what is buffered and fsync. */
int ocs_journal_sync(struct ocs_journal *journal, struct ocs_error *err);
/* Unlinks the logs of runs that are older than that. */
int ocs_journal_expire(int state_dir, int64_t now, int64_t keep_s, struct ocs_error *err);
/* What was not synced is lost. NULL is fine. */
void ocs_journal_close(struct ocs_journal *journal);

#endif

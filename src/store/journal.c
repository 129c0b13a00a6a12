/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "journal.h"

#include "cleanup.h"
#include "error.h"
#include "json.h"
#include "walk.h"

#include <errno.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FOLDER      "journal"
#define SUFFIX      ".jsonl"
#define BUFFER_SIZE (64u << 10)

struct ocs_journal {
    int state_dir; /* borrowed */
    char path[64];
    int fd; /* -1: no line yet */
    bool written;
    struct ocs_json_writer lines;
    struct ocs_error trouble; /* of lines that are lost; status 0: none */
};

int ocs_journal_open(int state_dir, const char *run, struct ocs_journal **out,
                     struct ocs_error *err)
{
    if (ocs_run_time(run) < 0)
        return ocs_error_raise(err, OCS_FAILED, "'%s' is no name of a run", run);
    struct ocs_journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        return ocs_error_memory(err);
    journal->state_dir = state_dir;
    journal->fd = -1;
    snprintf(journal->path, sizeof(journal->path), FOLDER "/%s" SUFFIX, run);
    *out = journal;
    return 0;
}

static int create(struct ocs_journal *journal, struct ocs_error *err)
{
    int result = ocs_io_mkdir(journal->state_dir, FOLDER, OCS_MODE_FOLDER, FOLDER, err);
    if (result == 0)
        result = ocs_io_create(journal->state_dir, journal->path, OCS_MODE_FILE, &journal->fd,
                               journal->path, err);
    return result ? result : ocs_io_sync_dir(journal->state_dir, FOLDER, FOLDER, err);
}

/* What could not be written is dropped; it may have torn a line, so that the next
 * one begins afresh. */
static int flush(struct ocs_journal *journal, struct ocs_error *err)
{
    struct ocs_bytes *text = &journal->lines.text;
    if (text->size == 0)
        return 0;
    int result = journal->fd < 0 ? create(journal, err) : 0;
    if (result == 0)
        result = ocs_io_write(journal->fd, text->data, text->size, journal->path, err);
    text->size = 0;
    if (result < 0)
        ocs_json_write_raw(&journal->lines, "\n", 1);
    else
        journal->written = true;
    return result;
}

static void format_time(char out[32])
{
    time_t now = (time_t)ocs_now_s();
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int ocs_journal_add(struct ocs_journal *journal, const char *action, const char *subject,
                    struct ocs_error *err)
{
    struct ocs_json_writer *w = &journal->lines;
    struct ocs_digest digest;
    char now[32];
    format_time(now);
    bool is_digest = ocs_digest_parse(subject, strlen(subject), &digest) == 0;
    w->comma = false;
    ocs_json_write_open(w, NULL, '{');
    ocs_json_write_string(w, "time", now, strlen(now));
    ocs_json_write_string(w, "action", action, strlen(action));
    ocs_json_write_string(w, is_digest ? "digest" : "path", subject, strlen(subject));
    ocs_json_write_close(w, '}');
    ocs_json_write_raw(w, "\n", 1);
    if (w->failed)
        return ocs_error_memory(err);
    if (w->text.size >= BUFFER_SIZE)
        flush(journal, &journal->trouble);
    return 0;
}

/* Lines that were lost before. */
static int tell_trouble(struct ocs_journal *journal, struct ocs_error *err)
{
    struct ocs_error trouble = journal->trouble;
    journal->trouble = (struct ocs_error){0};
    if (trouble.status == 0)
        return 0;
    if (err)
        *err = trouble;
    return -(int)trouble.status;
}

int ocs_journal_sync(struct ocs_journal *journal, struct ocs_error *err)
{
    int result = flush(journal, err);
    if (result == 0 && journal->written)
        result = ocs_io_fsync(journal->fd, journal->path, err);
    journal->written = false;
    int lost = tell_trouble(journal, result == 0 ? err : NULL);
    return result ? result : lost;
}

void ocs_journal_close(struct ocs_journal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd); /* every sync was checked */
    ocs_json_writer_clear(&journal->lines);
    free(journal);
}

/* "<run>.jsonl" -> the time of the run; -1: something else. */
static int64_t time_of(const char *name)
{
    char run[OCS_RUN_NAME_SIZE];
    if (strlen(name) != sizeof(run) - 1 + strlen(SUFFIX) ||
        strcmp(name + sizeof(run) - 1, SUFFIX) != 0)
        return -1;
    snprintf(run, sizeof(run), "%s", name);
    return ocs_run_time(run);
}

int ocs_journal_expire(int state_dir, int64_t now, int64_t keep_s, struct ocs_error *err)
{
    auto_dir DIR *dir = NULL;
    int result = ocs_walk_open(state_dir, FOLDER, &dir, err);
    if (result)
        return result < 0 ? result : 0;
    struct dirent *entry;
    while ((entry = ocs_walk_next(dir))) {
        int64_t time = time_of(entry->d_name);
        if (time < 0 || now - time < keep_s)
            continue;
        result = ocs_io_unlink(dirfd(dir), entry->d_name, 0, entry->d_name, err);
        if (result)
            return result;
    }
    return errno ? ocs_error_errno(err, FOLDER) : 0;
}

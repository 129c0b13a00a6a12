/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "metrics.h"

#include "store_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double ocs_metrics_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Label values of the exposition format: \\, \" and \n. */
static char *escape(const char *text)
{
    char *out = ocs_text_grow(NULL, 2 * strlen(text) + 1);
    char *at = out;
    for (; *text; text++) {
        if (strchr("\\\"\n", *text))
            *at++ = '\\';
        *at++ = *text == '\n' ? 'n' : *text;
    }
    *at = '\0';
    return out;
}

static char *find_store(const struct ocs_cli *cli, const char *path)
{
    char *found = NULL;
    struct ocs_error unused;
    if (!path && ocs_store_path_find(cli->global.store, &found, &unused) == 0)
        path = found;
    char *whole = path ? realpath(path, NULL) : NULL;
    char *text = escape(whole ? whole : path ? path : "");
    free(whole);
    free(found);
    return text;
}

void ocs_metrics_begin(struct ocs_metrics *metrics, const struct ocs_cli *cli, const char *path)
{
    *metrics = (struct ocs_metrics){.command = cli->command->name, .store = find_store(cli, path)};
    metrics->to = open_memstream(&metrics->text, &metrics->size);
}

/* %.17g is exact for every count and time that there is. */
void ocs_metrics_add(struct ocs_metrics *metrics, const char *name, const char *help, double value)
{
    if (!metrics->to)
        return;
    fprintf(metrics->to, "# HELP ocistore_%s_%s %s\n# TYPE ocistore_%s_%s gauge\n",
            metrics->command, name, help, metrics->command, name);
    fprintf(metrics->to, "ocistore_%s_%s{store=\"%s\"} %.17g\n", metrics->command, name,
            metrics->store, value);
}

void ocs_metrics_add_labelled(struct ocs_metrics *metrics, const char *name, const char *label,
                              const char *value_of, double value)
{
    if (metrics->to)
        fprintf(metrics->to, "ocistore_%s_%s{store=\"%s\",%s=\"%s\"} %.17g\n", metrics->command,
                name, metrics->store, label, value_of, value);
}

void ocs_metrics_add_run(struct ocs_metrics *metrics, double seconds, int status)
{
    ocs_metrics_add(metrics, "last_run_timestamp_seconds", "When the last run ended.",
                    (double)time(NULL));
    ocs_metrics_add(metrics, "duration_seconds", "How long the last run took.", seconds);
    ocs_metrics_add(metrics, "exit_status", "Exit status of the last run; 0 is success.", status);
}

/* ---- the file ---- */

static bool write_whole(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text += n;
        size -= (size_t)n;
    }
    return fchmod(fd, 0644) == 0;
}

static bool replace(const char *file, const char *text, size_t size)
{
    char *temporary = ocs_text_format("%s.XXXXXX", file); /* no collector reads that name */
    int fd = mkstemp(temporary);
    bool done = fd >= 0 && write_whole(fd, text, size);
    if (fd >= 0 && close(fd) < 0)
        done = false;
    if (done)
        done = rename(temporary, file) == 0;
    struct stat st;
    int error = !done && stat(file, &st) == 0 && S_ISDIR(st.st_mode) ? EISDIR : errno;
    if (!done && fd >= 0)
        unlink(temporary);
    free(temporary);
    errno = error;
    return done;
}

/* A rename would put a file in the place of a device or a pipe. */
static bool is_odd(const char *file)
{
    struct stat st;
    return stat(file, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

int ocs_metrics_write(struct ocs_metrics *metrics, struct ocs_cli *cli, const char *file,
                      int status)
{
    bool whole = metrics->to && fclose(metrics->to) == 0;
    bool odd = is_odd(file);
    bool done = whole && !odd && replace(file, metrics->text, metrics->size);
    free(metrics->text);
    free(metrics->store);
    if (done)
        return status;
    cli->err = (struct ocs_error){.status = OCS_FAILED};
    snprintf(cli->err.message, sizeof(cli->err.message), "--metrics: %s: %s", file,
             odd     ? "is no regular file"
             : whole ? strerror(errno)
                     : "no memory");
    snprintf(cli->err.hint, sizeof(cli->err.hint), "the run itself was done, and ended with %d",
             status);
    int failed = ocs_cli_status(cli, -OCS_FAILED);
    return status == OCS_OK ? failed : status;
}

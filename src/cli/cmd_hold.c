/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_EXECUTABLE 126 /* as a shell says it */
#define NOT_FOUND      127
#define BY_SIGNAL      128

static int exec_command(const char *const *words, size_t count, char *environment)
{
    const char **arguments = ocs_text_grow(NULL, (count + 1) * sizeof(*arguments));
    memcpy(arguments, words, count * sizeof(*arguments));
    arguments[count] = NULL;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    putenv(environment);
    execvp(arguments[0], (char *const *)arguments);
    int error = errno;
    fputs("ocistore: hold: ", stderr);
    ocs_text_put(stderr, words[0]);
    fprintf(stderr, ": %s\n", strerror(error));
    _exit(error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

/* The command's own exit status, or 128 and the signal's number.  Signals of the
 * terminal reach the command by themselves; we outlive it and keep the lock. */
static int wait_for(pid_t child)
{
    int state;
    while (waitpid(child, &state, 0) < 0) {
        if (errno != EINTR)
            return OCS_FAILED;
    }
    return WIFEXITED(state) ? WEXITSTATUS(state) : BY_SIGNAL + WTERMSIG(state);
}

static int spawn(struct ocs_cli *cli, char *environment)
{
    size_t count;
    const char *const *words = ocs_cli_words(cli, &count);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        return exec_command(words, count, environment);
    if (child > 0)
        return wait_for(child);
    cli->err.status = OCS_FAILED;
    snprintf(cli->err.message, sizeof(cli->err.message), "fork: %s", strerror(errno));
    return ocs_cli_status(cli, -OCS_FAILED);
}

static int run(struct ocs_cli *cli)
{
    struct ocs_store *store;
    char *environment = NULL;
    int result = ocs_cli_parse(cli, NULL);
    if (result == -OCS_USAGE && ocs_cli_word(cli, 0)) /* an option behind it is its own, maybe */
        snprintf(cli->err.hint, sizeof(cli->err.hint),
                 "put -- before the command: ocistore hold -- %s ...", ocs_cli_word(cli, 0));
    if (result == 0 && cli->out.json)
        result = ocs_cli_usage(cli, "what the command prints is its own: --json does not fit");
    if (result == 0)
        result = ocs_cli_open(cli, &store);
    if (result != 0)
        return ocs_cli_status(cli, result);
    result = ocs_hold(store, &environment, &cli->err);
    int status = result == 0 ? spawn(cli, environment) : ocs_cli_status(cli, result);
    if (result == 0)
        free(environment);
    ocs_store_close(store);
    return status;
}

const struct ocs_command OCS_CMD_HOLD = {
    .name = "hold",
    .words = "-- COMMAND...",
    .summary = "keep gc from sweeping while a foreign tool writes",
    .details = "Runs COMMAND and keeps the store as an import of ours would: gc waits with its\n"
               "sweep until it has ended. The exit status is the command's. With it not even the\n"
               "moment is left in which a tool that knows no locks reuses a blob that gc is just\n"
               "taking away.\n",
    .examples = "  ocistore hold -- skopeo copy --dest-shared-blob-dir STORE/blobs \\\n"
                "      docker://docker.io/library/nginx oci:STORE/layouts/nginx:latest\n",
    .least_words = 1,
    .most_words = -1,
    .changes_store = true,
    .run = run,
};

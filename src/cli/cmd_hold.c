/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_EXECUTABLE 126 /* as a shell says it */
#define NOT_FOUND      127
#define BY_SIGNAL      128

/* What goes on to the command, and what tells of its end.  What is ignored stays so (nohup). */
static void signals_of_hold(sigset_t *set)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(set, numbers[i]);
    }
}

/* No command without the hold: killed with us when we are, if nothing else is left. */
static void die_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(OCS_FAILED);
}

static int exec_command(const char *const *words, size_t count, char *environment)
{
    const char **arguments = ocs_text_grow(NULL, (count + 1) * sizeof(*arguments));
    memcpy(arguments, words, count * sizeof(*arguments));
    arguments[count] = NULL;
    putenv(environment);
    execvp(arguments[0], (char *const *)arguments);
    int error = errno;
    fputs("ocistore: hold: ", stderr);
    ocs_text_put(stderr, words[0]);
    fprintf(stderr, ": %s\n", strerror(error));
    _exit(error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

/* The command's own exit status, or 128 and the signal's number.  What somebody sends us
 * goes on to it; signals of the terminal (SI_KERNEL) reach it by themselves.  We outlive it
 * and keep the lock. */
static int wait_for(pid_t child, const sigset_t *signals)
{
    int state;
    siginfo_t info;
    pid_t ended;
    while ((ended = waitpid(child, &state, WNOHANG)) == 0) {
        int number = sigwaitinfo(signals, &info);
        if (number > 0 && number != SIGCHLD && info.si_code <= 0)
            kill(child, number);
    }
    if (ended < 0)
        return OCS_FAILED;
    return WIFEXITED(state) ? WEXITSTATUS(state) : BY_SIGNAL + WTERMSIG(state);
}

static int spawn(struct ocs_cli *cli, char *environment)
{
    size_t count;
    sigset_t signals, before;
    const char *const *words = ocs_cli_words(cli, &count);
    const pid_t parent = getpid();
    fflush(NULL);
    signals_of_hold(&signals);
    sigprocmask(SIG_BLOCK, &signals, &before);
    if (ocs_signals_cancelled()) /* before there was a command */
        return OCS_INTERRUPTED;
    pid_t child = fork();
    if (child == 0) {
        die_with(parent);
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        return exec_command(words, count, environment);
    }
    if (child > 0)
        return wait_for(child, &signals);
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
    .details =
        "Runs COMMAND and keeps the store as an import of ours would: gc waits with its\n"
        "sweep until it has ended. The exit status is the command's. Signals go on to it; when\n"
        "hold itself is killed, so is the command. With it not even the moment is left in\n"
        "which a tool that knows no locks reuses a blob that gc is just taking away.\n",
    .examples = "  ocistore hold -- skopeo copy --dest-shared-blob-dir STORE/blobs \\\n"
                "      docker://docker.io/library/nginx oci:STORE/layouts/nginx:latest\n",
    .least_words = 1,
    .most_words = -1,
    .changes_store = true,
    .run = run,
};

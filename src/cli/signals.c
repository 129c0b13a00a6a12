/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "signals.h"

#include "ocistore.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static atomic_int ends_asked;
static atomic_bool progress_wanted;

static void on_end(int number)
{
    (void)number;
    if (atomic_fetch_add(&ends_asked, 1) > 0)
        _exit(OCS_INTERRUPTED);
}

static void on_progress(int number)
{
    (void)number;
    atomic_store(&progress_wanted, true);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void ocs_signals_install(void)
{
    handle(SIGINT, on_end); /* also where a shell ignores it for what runs in the background */
    handle(SIGTERM, on_end);
    handle(SIGUSR1, on_progress);
}

void ocs_signals_outlive_pipes(void)
{
    handle(SIGPIPE, SIG_IGN);
}

bool ocs_signals_cancelled(void)
{
    return atomic_load(&ends_asked) > 0;
}

bool ocs_signals_progress_wanted(void)
{
    return atomic_exchange(&progress_wanted, false);
}

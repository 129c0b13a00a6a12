/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_METRICS_H
#define OCS_CLI_METRICS_H

/* Numbers of a run in a file for the textfile collector of Prometheus' node
 * exporter: gauges ocistore_<command>_<name>{store="PATH"}. */

#include "cli.h"

struct ocs_metrics {
    const char *command; /* "gc" */
    char *store;         /* escaped */
    char *text;
    size_t size;
    FILE *to; /* writes into `text` */
};

/* `path` is the store or layout; NULL: the store that the options mean. */
void ocs_metrics_begin(struct ocs_metrics *metrics, const struct ocs_cli *cli, const char *path);
void ocs_metrics_add(struct ocs_metrics *metrics, const char *name, const char *help, double value);
/* One more gauge of the name that came before, with a label; `value_of` needs no
 * escaping. */
void ocs_metrics_add_labelled(struct ocs_metrics *metrics, const char *name, const char *label,
                              const char *value_of, double value);
/* What every run has: when it ended, how long it took, its exit status. */
void ocs_metrics_add_run(struct ocs_metrics *metrics, double seconds, int status);

/* Puts it in place of `file` at once: a collector sees the old text or the new one.
 * Frees the metrics.  Returns the exit status: `status`, or OCS_FAILED when that was
 * OCS_OK and the file could not be written, which is printed. */
int ocs_metrics_write(struct ocs_metrics *metrics, struct ocs_cli *cli, const char *file,
                      int status);

/* Seconds on a clock that nobody sets. */
double ocs_metrics_clock(void);

#endif

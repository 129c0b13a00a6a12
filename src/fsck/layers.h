/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_LAYERS_H
#define OCS_FSCK_LAYERS_H

/* Which layer has which diff_id: manifests and their configs, side by side. */

#include "run.h"

struct ocs_layer_task {
    uint32_t layer;
    uint32_t diff_id; /* in the inventory's `diffs` */
};

struct ocs_layer_tasks {
    struct ocs_layer_task *items; /* the largest layers first, each pair once */
    size_t count, capacity;
    uint64_t bytes;
};

/* Keeps what the document, a config maybe, says of diff_ids. */
int ocs_layers_keep_config(struct ocs_fsck_run *run, const struct ocs_document *document,
                           struct ocs_error *err);

/* A manifest whose config has another number of diff_ids than it has layers is
 * reported. */
int ocs_layers_check_counts(struct ocs_fsck_run *run, struct ocs_error *err);

int ocs_layers_collect(const struct ocs_fsck_run *run, struct ocs_layer_tasks *out,
                       struct ocs_error *err);
void ocs_layers_clear(struct ocs_layer_tasks *tasks);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_PRIVATE_GRAPH_H
#define OCS_STORE_PRIVATE_GRAPH_H

/* Where the store's graph cannot be written (a read-only file system, no rights,
 * a full disk), a process works on a copy of its own, in a temporary folder: what
 * it learns is good for as long as it runs. */

#include "ocistore.h"

/* Whether nothing can be written to the folder of the graph, or into its file. */
bool ocs_private_graph_needed(const char *graph_path);

/* Then: why not, and what follows, to stand behind "the graph in PATH". */
const char *ocs_private_graph_trouble(const char *graph_path);

/* Negative, described: this user may not write it, whatever room there is. */
int ocs_private_graph_denied(const char *graph_path, struct ocs_error *err);

/* Makes the folder, with a copy of the graph if there is one that can be read
 * (*copied); the caller holds graph.lock shared.  Free *path. */
int ocs_private_graph_make(const char *graph_path, char **path, bool *copied,
                           struct ocs_error *err);
void ocs_private_graph_remove(const char *path);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_DOT_H
#define OCS_CLI_DOT_H

/* The tree of an image as a graph for Graphviz: each blob once, an arrow for each
 * time that something names it. */

#include "output.h"

void ocs_dot_begin(struct ocs_output *out, const char *title);
void ocs_dot_node(struct ocs_output *out, const struct ocs_tree_node *node);
void ocs_dot_end(struct ocs_output *out);

#endif

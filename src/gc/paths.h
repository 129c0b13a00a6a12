/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_PATHS_H
#define OCS_GC_PATHS_H

/* The ways from roots to a node, along what documents name and from a subject to
 * its referrers, none through the same node twice.  Pure: looks at nothing but
 * the census. */

#include "store/census.h"

#define OCS_PATHS_REFERRER 100 /* a step's role: the one before is its subject */

struct ocs_paths_step {
    uint32_t id;
    uint8_t role; /* enum ocs_role: what it is to the one before it; 0: the root */
};

struct ocs_paths_options {
    const uint32_t *roots; /* each place in the list is a root of its own */
    size_t root_count;
    uint64_t most; /* paths to be told; the others are counted */
    void *data;
    void (*on_path)(void *data, size_t root, const struct ocs_paths_step *steps, size_t count);
    void (*on_root)(void *data, size_t root); /* each one that reaches the node; or NULL */
};

struct ocs_paths_report {
    uint64_t paths;
    bool all; /* false: there are more paths than anybody can count */
};

/* Short ones first, by and large; the first is a shortest.  Linear in nodes and edges,
 * and then in the steps of the paths, of which at most some millions are taken. */
int ocs_paths_find(const struct ocs_census *census, uint32_t target,
                   const struct ocs_paths_options *options, struct ocs_paths_report *report,
                   struct ocs_error *err);

#endif

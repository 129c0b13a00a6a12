/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "gc.h"

#include <limits.h>

/* A gc that finds nothing due: what is left of it is to heal, to refuse when the
 * roots cannot be known, and to empty the trash. */
int ocs_trash_empty(struct ocs_store *store, struct ocs_gc_report *report, struct ocs_error *err)
{
    static const int64_t CENTURIES_S = (int64_t)1 << 34;
    struct ocs_gc_report unused = {0};
    struct ocs_gc_options options = OCS_GC_OPTIONS_INIT;
    options.grace_s = CENTURIES_S;
    options.trash_for_s = 0;
    options.max_delete_percent = 100;
    return ocs_gc(store, &options, report ? report : &unused, err);
}

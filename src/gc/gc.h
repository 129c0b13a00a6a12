/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_GC_H
#define OCS_GC_GC_H

/* ocs_gc, as a play for tests.
 *
 *     heal | survey | known | shown | (changed? survey) [lock | look | rename |
 *     sync | unlock] log | graph ... | look once more | purge
 */

#include "play.h"

/* `play` may be NULL. */
int ocs_gc_run(struct ocs_store *store, const struct ocs_gc_options *options,
               const struct ocs_gc_play *play, struct ocs_gc_report *report, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_BESIDE_H
#define OCS_STORE_BESIDE_H

/* One task in a thread of its own, beside what the calling thread does. */

#include "ocistore.h"

struct ocs_beside;

typedef int ocs_beside_task(void *data, struct ocs_error *err);

/* Where no thread can be started, the task is done by _end.  `data` is the task's
 * until then. */
int ocs_beside_begin(ocs_beside_task *task, void *data, struct ocs_beside **out,
                     struct ocs_error *err);
/* Waits for the task; its result. */
int ocs_beside_end(struct ocs_beside *beside, struct ocs_error *err);

#endif

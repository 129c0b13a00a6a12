/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store.h"

#include "error.h"

#include <stdio.h>
#include <stdlib.h>

int ocs_hold(struct ocs_store *store, char **environment, struct ocs_error *err)
{
    char *value = ocs_lock_held_value(store->state);
    if (!value)
        return ocs_error_memory(err);
    int size = asprintf(environment, "%s=%s", OCS_LOCK_HELD_VARIABLE, value);
    free(value);
    if (size < 0)
        return ocs_error_memory(err);
    int result = ocs_store_writer(store, err);
    if (result < 0)
        free(*environment);
    return result;
}

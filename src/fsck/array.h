/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_ARRAY_H
#define OCS_FSCK_ARRAY_H

/* Room in an array that grows: a million blobs are kept in a few of these. */

#include "store/error.h"

#include <stdlib.h>
#include <string.h>

/* Makes room for `need` items of `each` bytes; grows by half.  `items` is the
 * address of the array's pointer. */
static inline int ocs_array_reserve(void *items, size_t *capacity, size_t need, size_t each,
                                    struct ocs_error *err)
{
    if (need <= *capacity)
        return 0;
    size_t wanted = *capacity + *capacity / 2 + 64;
    if (wanted < need)
        wanted = need;
    void *array;
    memcpy(&array, items, sizeof(array));
    array = reallocarray(array, wanted, each);
    if (!array)
        return ocs_error_memory(err);
    memcpy(items, &array, sizeof(array));
    *capacity = wanted;
    return 0;
}

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "text_pool.h"

#include "array.h"

#include <string.h>

int ocs_text_pool_add(struct ocs_text_pool *pool, const char *text, uint32_t *offset,
                      struct ocs_error *err)
{
    *offset = 0;
    if (!text)
        return 0;
    if (pool->size == 0)
        pool->size = 1; /* offset 0 is taken */
    size_t length = strlen(text) + 1;
    if (pool->size + length > UINT32_MAX)
        return ocs_error_memory(err);
    int r = ocs_array_reserve(&pool->bytes, &pool->capacity, pool->size + length, 1, err);
    if (r < 0)
        return r;
    memcpy(pool->bytes + pool->size, text, length);
    *offset = (uint32_t)pool->size;
    pool->size += length;
    return 0;
}

const char *ocs_text_pool_get(const struct ocs_text_pool *pool, uint32_t offset)
{
    return offset ? pool->bytes + offset : NULL;
}

void ocs_text_pool_clear(struct ocs_text_pool *pool)
{
    free(pool->bytes);
    *pool = (struct ocs_text_pool){0};
}

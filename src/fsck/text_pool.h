/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_TEXT_POOL_H
#define OCS_FSCK_TEXT_POOL_H

/* Strings, one behind the other, named by an offset of four bytes. */

#include <stddef.h>
#include <stdint.h>

#include "ocistore.h"

struct ocs_text_pool {
    char *bytes;
    size_t size;
    size_t capacity;
};

/* Keeps a copy; offset 0 stands for NULL. */
int ocs_text_pool_add(struct ocs_text_pool *pool, const char *text, uint32_t *offset,
                      struct ocs_error *err);
/* Lives until the next add. */
const char *ocs_text_pool_get(const struct ocs_text_pool *pool, uint32_t offset);
void ocs_text_pool_clear(struct ocs_text_pool *pool);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_DIGEST_LIST_H
#define OCS_STORE_DIGEST_LIST_H

/* Many digests, sorted: what a folder holds, to be merged with what the graph
 * knows, which is sorted too.  A place is a position in that order, or before they
 * are sorted in the order of arrival.
 * Memory: the key and about 12 bytes a digest; three times that while it is sorted. */

#include "digest.h"

struct ocs_digest_list;

int ocs_digest_list_new(struct ocs_digest_list **out, struct ocs_error *err);
void ocs_digest_list_free(struct ocs_digest_list *list);

/* In any order, with repeats. */
int ocs_digest_list_add(struct ocs_digest_list *list, const struct ocs_digest *digest,
                        struct ocs_error *err);
/* After the last one was added: drops repeats. */
int ocs_digest_list_sort(struct ocs_digest_list *list, struct ocs_error *err);

uint32_t ocs_digest_list_count(const struct ocs_digest_list *list);
void ocs_digest_list_get(const struct ocs_digest_list *list, uint32_t place,
                         struct ocs_digest *out);
/* This and the next one need them sorted. */
bool ocs_digest_list_find(const struct ocs_digest_list *list, const struct ocs_digest *digest,
                          uint32_t *place);

/* For a merge with ascending keys: moves *place (at first 0) to the first digest that
 * is not below `key`, and says whether it is that one. */
bool ocs_digest_list_seek(const struct ocs_digest_list *list, const void *key, size_t size,
                          uint32_t *place);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "last_good.h"

#include "store/cleanup.h"
#include "store/digest_set.h"

#include <fcntl.h>

static bool is_current(int dir, const struct ocs_index *index)
{
    struct stat st;
    if (fstatat(dir, "index.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    struct ocs_stamp now = ocs_stamp_of(&st);
    return ocs_stamp_equal(&now, &index->stamp);
}

static int add_all(struct ocs_digest_set *set, const struct ocs_index *index)
{
    int r = 0;
    uint32_t place;
    for (size_t i = 0; r >= 0 && i < index->document.count; i++)
        r = ocs_digest_set_add(set, &index->document.descriptors[i].digest, &place, NULL);
    return r;
}

static bool lists_all(const struct ocs_index *index, const struct ocs_index *last)
{
    struct ocs_digest_set *set = NULL;
    uint32_t place;
    bool all = ocs_digest_set_new(&set, NULL) == 0 && add_all(set, index) >= 0;
    for (size_t i = 0; all && i < last->document.count; i++)
        all = ocs_digest_set_find(set, &last->document.descriptors[i].digest, &place);
    ocs_digest_set_free(set);
    return all;
}

static bool forgets_nothing(const struct ocs_roots_place *place, const struct ocs_root *root,
                            const struct ocs_index *index)
{
    auto_bytes struct ocs_bytes bytes = {0};
    auto_index struct ocs_index last = {0};
    int r = ocs_roots_last_index(place, root->name, &bytes, NULL);
    if (r == OCS_IO_ABSENT)
        return true;
    return r == 0 && ocs_index_parse(&bytes, &last, NULL) == 0 && lists_all(index, &last);
}

/* Under the locks of one who edits it. */
static void keep(struct ocs_store *store, const struct ocs_root *root, int dir,
                 const struct ocs_index *index)
{
    auto_fd int lock = -1;
    char id[OCS_ROOT_ID_SIZE];
    struct ocs_lock_wait at_once = {.hooks = &store->hooks};
    struct ocs_roots_place place = ocs_store_roots_place(store);
    if (ocs_root_id(root->name, id, NULL) == 0 &&
        ocs_lock_layout(store->locks, id, &at_once, &lock, NULL) == 0 && is_current(dir, index) &&
        forgets_nothing(&place, root, index))
        ocs_roots_remember(&place, root, &index->bytes, NULL);
}

void ocs_last_good_keep(struct ocs_store *store, const struct ocs_root *root, int dir,
                        const struct ocs_index *index)
{
    struct ocs_index_sum sum;
    struct ocs_lock_wait at_once = {.hooks = &store->hooks};
    if (ocs_index_sum(&index->bytes, &sum, NULL) < 0 || ocs_index_sum_equal(&sum, &root->last) ||
        ocs_lock_writer(store->locks, &at_once, NULL) < 0)
        return;
    keep(store, root, dir, index);
    ocs_lock_release(store->locks, OCS_LOCK_STORE);
}

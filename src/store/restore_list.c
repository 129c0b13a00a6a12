/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "restore_list.h"

#include "cleanup.h"
#include "error.h"
#include "heal.h"
#include "trash_layout.h"

int ocs_restore_list(struct ocs_store *store, const char *layout, const struct ocs_index *old,
                     struct ocs_merge_outcome *outcome, struct ocs_error *err)
{
    auto_trash_entries struct ocs_trash_entries entries = {0};
    uint64_t healed = 0;
    int result = ocs_heal_for(store, &old->document, &healed, err);
    if (result == 0)
        result = ocs_trash_entries_fill(old, &entries, err);
    return result < 0
               ? result
               : ocs_merge_missing(store, layout, entries.items, entries.count, outcome, err);
}

/* ---- the last good one ---- */

static int read_last(struct ocs_store *store, const char *layout, struct ocs_index *out,
                     struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(store);
    auto_bytes struct ocs_bytes bytes = {0};
    int result = ocs_roots_last_index(&place, layout, &bytes, err);
    if (result != 0)
        return result < 0 || result == OCS_ROOTS_DAMAGED ? result : OCS_RESTORE_NOTHING;
    result = ocs_index_parse(&bytes, out, err);
    if (result == 0 && out->document.state != OCS_DOCUMENT_STRICT)
        result = OCS_RESTORE_NOTHING;
    return result > 0 ? OCS_RESTORE_NOTHING : result;
}

/* Does the index.json in `dir` lack some of what `last` lists? */
static int lacks_some(const char *layout, int dir, const struct ocs_index *last,
                      struct ocs_error *err)
{
    struct ocs_index_wait wait = {0};
    auto_index struct ocs_index now = {0};
    auto_trash_entries struct ocs_trash_entries entries = {0};
    size_t lacking = 0, first = 0;
    if (ocs_index_read(dir, layout, &wait, &now, NULL) != 0)
        return OCS_RESTORE_NOTHING;
    int result = ocs_trash_entries_fill(last, &entries, err);
    if (result == 0)
        result = ocs_merge_lacks(&now, entries.items, entries.count, &lacking, &first, err);
    return result == 0 && lacking == 0 ? OCS_RESTORE_NOTHING : result;
}

static int find_last(struct ocs_store *store, const struct ocs_root *root, struct ocs_index *out,
                     bool *gone, struct ocs_error *err)
{
    auto_fd int dir = -1;
    int opened = ocs_store_open_layout(store, root, &dir, NULL);
    *gone = (opened == OCS_IO_ABSENT || opened == OCS_IO_NOT_REGULAR) && !root->attached;
    if (!root->registered || (opened != 0 && !*gone))
        return OCS_RESTORE_NOTHING;
    int result = read_last(store, root->name, out, err);
    return result == 0 && !*gone ? lacks_some(root->name, dir, out, err) : result;
}

int ocs_restore_last(struct ocs_store *store, const char *layout, struct ocs_index *out, bool *gone,
                     struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(store);
    struct ocs_root root = {0};
    *gone = false;
    int result = ocs_roots_locate(&place, layout, &root, err);
    if (result == 0)
        result = find_last(store, &root, out, gone, err);
    ocs_root_clear(&root);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "trash_layout.h"

#include "cleanup.h"
#include "trash.h"

/* trash list. */

struct listing {
    struct ocs_store *store;
    void *data;
    void (*on_entry)(void *data, const struct ocs_trash_entry *entry);
};

static int list_entry(void *data, const char *run, const char *path,
                      const struct ocs_digest *digest, const struct stat *st, struct ocs_error *err)
{
    const struct listing *listing = data;
    auto_index struct ocs_index now = {0};
    struct ocs_trash_lack lack = {0};
    char text[OCS_DIGEST_BUF];
    char name[OCS_LAYOUT_NAME_MAX + 1];
    struct ocs_trash_entry entry = {
        .run = run,
        .since = ocs_run_time(run),
        .path = path,
        .digest = digest ? ocs_digest_format(digest, text) : NULL,
        .layout = ocs_trash_layout_of(path, "/index.json", name, sizeof(name)) ? name : NULL,
        .bytes = ocs_blob_frees(st),
    };
    (void)err;
    if (entry.layout && ocs_trash_layout_now(listing->store, name, &now, NULL) == 0)
        ocs_trash_layout_lacks(listing->store, run, name, &now, &lack);
    entry.images = lack.images;
    entry.first = lack.images ? lack.first : NULL;
    listing->on_entry(listing->data, &entry);
    return 0;
}

int ocs_trash_list(struct ocs_store *store, void *data,
                   void (*on_entry)(void *data, const struct ocs_trash_entry *entry),
                   struct ocs_error *err)
{
    struct listing listing = {.store = store, .data = data, .on_entry = on_entry};
    struct ocs_trash_visitor visitor = {.data = &listing, .on_entry = list_entry, .sorted = true};
    return ocs_trash_each(store->state, &visitor, err);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "trash_layout.h"

#include "cleanup.h"
#include "error.h"

#include <stdio.h>
#include <string.h>

bool ocs_trash_layout_of(const char *path, const char *after, char *out, size_t size)
{
    static const char before[] = "layouts/";
    size_t length = strlen(path);
    size_t fixed = strlen(before) + strlen(after);
    if (length == fixed - 1 && strncmp(path, before, strlen(before)) == 0 &&
        strcmp(path + strlen(before), after + 1) == 0) {
        snprintf(out, size, ".");
        return true;
    }
    if (length <= fixed || strncmp(path, before, strlen(before)) != 0 ||
        strcmp(path + length - strlen(after), after) != 0)
        return false;
    snprintf(out, size, "%.*s", (int)(length - fixed), path + strlen(before));
    return true;
}

/* ---- its list ---- */

/* The entry went with the layout, and has the last good one.
 * Positive: there is none, or it is damaged. */
static int read_last_index(struct ocs_store *store, const char *run, const char *layout,
                           struct ocs_index *out, struct ocs_error *err)
{
    char path[64];
    auto_fd int dir = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    snprintf(path, sizeof(path), "trash/%s", run);
    int result = ocs_io_open_dir(store->state, path, &dir, path, err);
    if (result != 0)
        return result;
    struct ocs_roots_place place = {.store_dir = store->dir, .state_dir = dir};
    result = ocs_roots_last_index(&place, layout, &bytes, err);
    return result == 0 ? ocs_index_parse(&bytes, out, err) : result;
}

int ocs_trash_layout_index(struct ocs_store *store, const char *run, const char *layout,
                           struct ocs_index *out, bool *is_last, struct ocs_error *err)
{
    char path[OCS_LAYOUT_NAME_MAX + 64];
    auto_fd int dir = -1;
    struct ocs_index_wait wait = {.patience_ms = 0, .hooks = &store->hooks};
    snprintf(path, sizeof(path), "trash/%s/layouts/%s", run, layout);
    int result = ocs_io_open_dir(store->state, path, &dir, path, err);
    if (result > 0)
        return ocs_error_raise(err, OCS_BUSY, "%s was taken away meanwhile", path);
    if (result == 0)
        result = ocs_index_read(dir, path, &wait, out, err);
    *is_last = result > 0 && read_last_index(store, run, layout, out, NULL) == 0;
    if (*is_last)
        result = 0;
    if (result == 0 && out->document.state != OCS_DOCUMENT_STRICT)
        return ocs_error_raise(err, OCS_REFUSED, "%s/index.json can be read in two ways", path);
    return result > 0 ? -OCS_REFUSED : result;
}

int ocs_trash_layout_now(struct ocs_store *store, const char *layout, struct ocs_index *out,
                         struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(store);
    auto_bytes struct ocs_bytes bytes = {0};
    int result = ocs_roots_last_index(&place, layout, &bytes, err);
    if (result > 0) {
        bytes.size = strlen(OCS_INDEX_EMPTY);
        bytes.data = strdup(OCS_INDEX_EMPTY);
        result = bytes.data ? 0 : ocs_error_memory(err);
    }
    return result == 0 ? ocs_index_parse(&bytes, out, err) : result;
}

/* ---- its entries ---- */

static int fill_entry(const struct ocs_index *index, size_t i, struct ocs_merge_entry *entry,
                      struct ocs_error *err)
{
    size_t size = 0;
    const char *text = ocs_index_entry_text(index, i, &size);
    entry->ref = ocs_index_ref(index, i);
    entry->digest = index->document.descriptors[i].digest;
    entry->text = strndup(text, size);
    return entry->text ? 0 : ocs_error_memory(err);
}

void ocs_trash_entries_clear(struct ocs_trash_entries *entries)
{
    for (size_t i = 0; entries->items && i < entries->count; i++)
        free(entries->items[i].text);
    free(entries->items);
}

int ocs_trash_entries_fill(const struct ocs_index *index, struct ocs_trash_entries *out,
                           struct ocs_error *err)
{
    out->count = index->document.count;
    out->items = calloc(out->count + 1, sizeof(*out->items));
    int result = out->items ? 0 : ocs_error_memory(err);
    for (size_t i = 0; result == 0 && i < out->count; i++)
        result = fill_entry(index, i, &out->items[i], err);
    return result;
}

/* ---- what it could get back ---- */

void ocs_trash_layout_lacks(struct ocs_store *store, const char *run, const char *layout,
                            const struct ocs_index *now, struct ocs_trash_lack *out)
{
    auto_index struct ocs_index old = {0};
    auto_trash_entries struct ocs_trash_entries entries = {0};
    size_t first = 0;
    bool is_last;
    char text[OCS_DIGEST_BUF];
    *out = (struct ocs_trash_lack){0};
    if (ocs_trash_layout_index(store, run, layout, &old, &is_last, NULL) != 0 ||
        ocs_trash_entries_fill(&old, &entries, NULL) != 0 ||
        ocs_merge_lacks(now, entries.items, entries.count, &out->images, &first, NULL) != 0 ||
        out->images == 0)
        return;
    const struct ocs_merge_entry *entry = &entries.items[first];
    snprintf(out->first, sizeof(out->first), "%c%s", entry->ref ? ':' : '@',
             entry->ref ? entry->ref : ocs_digest_format(&entry->digest, text));
}

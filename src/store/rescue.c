/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "rescue.h"

#include "cleanup.h"
#include "error.h"
#include "trash.h"

#include <stdio.h>
#include <string.h>

void ocs_rescue_clear(struct ocs_rescue *rescue)
{
    for (size_t i = 0; i < rescue->count; i++) {
        free(rescue->entries[i].text);
        free(rescue->entries[i].ref);
    }
    free(rescue->entries);
    *rescue = (struct ocs_rescue){0};
}

/* ---- keeping ---- */

static int put_into_trash(struct ocs_store *store, const char *layout,
                          const struct ocs_bytes *version, struct ocs_error *err)
{
    char run[OCS_RUN_NAME_SIZE];
    char folder[OCS_LAYOUT_NAME_MAX + 64], path[OCS_LAYOUT_NAME_MAX + 80];
    ocs_run_name(run);
    snprintf(folder, sizeof(folder), "trash/%s/layouts/%s", run, layout);
    snprintf(path, sizeof(path), "%s/index.json", folder);
    int result = ocs_io_mkdirs(store->state, folder, OCS_MODE_FOLDER, folder, err);
    if (result == 0)
        result = ocs_io_replace(store->state, path, version->data, version->size, OCS_MODE_FILE,
                                path, err);
    if (result == 0)
        ocs_store_notice(store,
                         "layout '%s': index.json was written twice by others while it was "
                         "changed here; what the first of them wrote is kept as .ocistore/%s, "
                         "and what it had added is added again",
                         layout, path);
    return result;
}

static bool same_ref(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool has_entry(const struct ocs_index *index, const char *ref,
                      const struct ocs_digest *digest)
{
    for (size_t i = 0; i < index->document.count; i++) {
        if (ocs_digest_equal(&index->document.descriptors[i].digest, digest) &&
            same_ref(ocs_index_ref(index, i), ref))
            return true;
    }
    return false;
}

static int remember(struct ocs_rescue *rescue, const struct ocs_index *version, size_t entry,
                    struct ocs_error *err)
{
    size_t size = 0;
    const char *text = ocs_index_entry_text(version, entry, &size);
    const char *ref = ocs_index_ref(version, entry);
    struct ocs_rescued *entries =
        realloc(rescue->entries, (rescue->count + 1) * sizeof(*rescue->entries));
    if (!entries)
        return ocs_error_memory(err);
    rescue->entries = entries;
    auto_free char *own_text = strndup(text, size);
    auto_free char *own_ref = ref ? strdup(ref) : NULL;
    if (!own_text || (ref && !own_ref))
        return ocs_error_memory(err);
    entries[rescue->count++] = (struct ocs_rescued){
        .text = TAKE_PTR(own_text),
        .ref = TAKE_PTR(own_ref),
        .digest = version->document.descriptors[entry].digest,
    };
    return 0;
}

static int parse_copy(const struct ocs_bytes *bytes, struct ocs_index *out, struct ocs_error *err)
{
    struct ocs_bytes copy = {.data = malloc(bytes->size + 1), .size = bytes->size};
    if (!copy.data)
        return ocs_error_memory(err);
    memcpy(copy.data, bytes->data, bytes->size);
    copy.data[copy.size] = '\0';
    return ocs_index_parse(&copy, out, err);
}

int ocs_rescue_keep(struct ocs_rescue *rescue, struct ocs_store *store, const char *layout,
                    const struct ocs_bytes *base, const struct ocs_bytes *version,
                    struct ocs_error *err)
{
    auto_index struct ocs_index before = {0};
    auto_index struct ocs_index after = {0};
    int result = put_into_trash(store, layout, version, err);
    if (result == 0)
        result = parse_copy(base, &before, err);
    if (result == 0)
        result = parse_copy(version, &after, err);
    if (result != 0)
        return result < 0 ? result : 0; /* not written to its end: nothing can be added */
    for (size_t i = 0; result == 0 && i < after.document.count; i++) {
        if (!has_entry(&before, ocs_index_ref(&after, i), &after.document.descriptors[i].digest))
            result = remember(rescue, &after, i, err);
    }
    return result;
}

/* ---- adding ---- */

/* Its name is there, or, when it has none, its digest is. */
static bool is_there(const struct ocs_index *index, const struct ocs_rescued *entry)
{
    for (size_t i = 0; entry->ref && i < index->document.count; i++) {
        if (same_ref(ocs_index_ref(index, i), entry->ref))
            return true;
    }
    return !entry->ref && has_entry(index, NULL, &entry->digest);
}

int ocs_rescue_change(const struct ocs_rescue *rescue, const struct ocs_index *index,
                      struct ocs_index_edit *change, struct ocs_error *err)
{
    change->add = malloc((rescue->count + 1) * sizeof(*change->add));
    if (!change->add)
        return ocs_error_memory(err);
    for (size_t i = 0; i < rescue->count; i++) {
        if (!is_there(index, &rescue->entries[i]))
            change->add[change->add_count++] = rescue->entries[i].text;
    }
    return 0;
}

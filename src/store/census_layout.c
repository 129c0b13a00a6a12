/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "census_layout.h"

#include "cleanup.h"
#include "error.h"
#include "workers.h"

#include <stdio.h>
#include <string.h>

/* Looks at a store where layouts keep going away. */
#define ATTEMPTS_MAX 10
/* With fewer layouts threads take longer to start than to read them. */
#define MANY 32u

static void clear_layout(struct ocs_census_layout *layout)
{
    ocs_root_clear(&layout->root);
    free(layout->trouble);
    free(layout->entries);
    ocs_digest_list_free(layout->digests);
    ocs_bytes_clear(&layout->unlike);
    ocs_index_clear(&layout->index);
}

void ocs_census_layouts_clear(struct ocs_census_layouts *layouts)
{
    for (size_t i = 0; i < layouts->count; i++)
        clear_layout(&layouts->items[i]);
    free(layouts->items);
    free(layouts->roots_trouble);
    *layouts = (struct ocs_census_layouts){0};
}

/* ---- one layout; on any thread ---- */

struct reading {
    struct ocs_store *store;
    bool ids_only;
};

static int note_trouble(struct ocs_census_layout *layout, enum ocs_census_layout_state state,
                        const char *text, enum ocs_status fault, struct ocs_error *err)
{
    layout->state = state;
    layout->fault = fault;
    layout->trouble = strdup(text);
    return layout->trouble ? 0 : ocs_error_memory(err);
}

static int open_layout(struct ocs_store *store, struct ocs_census_layout *layout, int *fd,
                       struct ocs_error *err)
{
    struct ocs_error trouble = {0};
    int result = ocs_store_open_layout(store, &layout->root, fd, &trouble);
    if (result == 0)
        return 0;
    if (result < 0 && ocs_io_no_means())
        return ocs_error_raise(err, trouble.status, "%s", trouble.message);
    bool missing = result == OCS_IO_ABSENT || result == OCS_IO_NOT_REGULAR;
    return note_trouble(layout, missing ? OCS_LAYOUT_MISSING : OCS_LAYOUT_UNREADABLE,
                        trouble.message, trouble.status, err);
}

static int list_entries(struct ocs_census_layout *layout, struct ocs_error *err)
{
    size_t count = layout->index.document.count;
    layout->entries = malloc((count + 1) * sizeof(*layout->entries));
    if (!layout->entries)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++) {
        layout->entries[i].id = OCS_CENSUS_NO_ID;
        layout->entries[i].entry = (uint32_t)i;
    }
    layout->count = count;
    layout->stamp = layout->index.stamp;
    return ocs_index_sum(&layout->index.bytes, &layout->sum, err);
}

/* Of the index only what is needed to find the ids, and what the one who keeps roots/
 * up to date has to write. */
static int keep_digests(struct ocs_census_layout *layout, struct ocs_error *err)
{
    const struct ocs_document *document = &layout->index.document;
    int result = ocs_digest_list_new(&layout->digests, err);
    for (size_t i = 0; result == 0 && i < document->count; i++)
        result = ocs_digest_list_add(layout->digests, &document->descriptors[i].digest, err);
    if (!ocs_index_sum_equal(&layout->sum, &layout->root.last)) {
        layout->unlike = layout->index.bytes;
        layout->index.bytes = (struct ocs_bytes){0};
    }
    ocs_index_clear(&layout->index);
    return result;
}

static int read_layout(const struct reading *reading, struct ocs_census_layout *layout,
                       struct ocs_error *err)
{
    auto_fd int fd = -1;
    char label[OCS_LAYOUT_NAME_MAX + 32];
    int result = open_layout(reading->store, layout, &fd, err);
    if (result < 0 || fd < 0)
        return result;
    struct ocs_index_wait wait = {.patience_ms = 5000, .hooks = &reading->store->hooks};
    struct ocs_error trouble = {0};
    ocs_store_layout_label(&layout->root, label, sizeof(label));
    result = ocs_index_read(fd, label, &wait, &layout->index, &trouble);
    if (result == 0)
        result = list_entries(layout, &trouble);
    if (result == 0 && reading->ids_only)
        result = keep_digests(layout, &trouble);
    if (result < 0 && err)
        *err = trouble;
    if (result <= 0)
        return result;
    bool invalid = result == OCS_INDEX_INVALID;
    return note_trouble(layout, invalid ? OCS_LAYOUT_INVALID : OCS_LAYOUT_UNREADABLE,
                        trouble.message, trouble.status, err);
}

/* ---- all of them ---- */

struct item {
    struct ocs_work work;
    struct ocs_census_layout *layout;
    int result;
    struct ocs_error error;
};

static void work(struct ocs_workers *workers, void *data)
{
    struct ocs_work *taken;
    while ((taken = ocs_workers_take(workers, false))) {
        struct item *item = (struct item *)taken;
        item->result = read_layout(data, item->layout, &item->error);
        ocs_workers_give(workers, taken);
    }
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *done,
                   struct ocs_error *err)
{
    const struct item *item = (struct item *)done;
    (void)workers;
    (void)data;
    if (item->result < 0 && err)
        *err = item->error;
    return item->result;
}

static int read_by_threads(const struct reading *reading, struct ocs_census_layouts *layouts,
                           unsigned jobs, struct ocs_error *err)
{
    auto_free struct item *items = calloc(layouts->count, sizeof(*items));
    if (!items)
        return ocs_error_memory(err);
    for (size_t i = 0; i < layouts->count; i++) {
        items[i].layout = &layouts->items[i];
        items[i].work.next = i + 1 < layouts->count ? &items[i + 1].work : NULL;
    }
    struct ocs_workers_options options = {
        .threads = jobs,
        .phase = "layouts",
        .blobs_total = layouts->count,
        .hooks = &reading->store->hooks,
        .data = (void *)(uintptr_t)reading,
        .work = work,
        .on_done = on_done,
    };
    return ocs_workers_run(&options, &items[0].work, err);
}

static int read_each(const struct reading *reading, struct ocs_census_layouts *layouts,
                     unsigned jobs, struct ocs_error *err)
{
    if (layouts->count >= MANY)
        return read_by_threads(reading, layouts, jobs, err);
    int result = 0;
    for (size_t i = 0; result == 0 && i < layouts->count; i++)
        result = read_layout(reading, &layouts->items[i], err);
    return result;
}

static int read_once(const struct reading *reading, unsigned jobs, struct ocs_census_layouts *out,
                     struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_roots_place place = ocs_store_roots_place(reading->store);
    int result = ocs_roots_read(&place, &roots, err);
    if (result < 0)
        return result;
    out->roots_damaged = roots.damaged;
    out->roots_trouble = strdup(roots.trouble);
    out->roots_help = roots.help;
    out->items = calloc(roots.count + 1, sizeof(*out->items));
    if (!out->roots_trouble || !out->items)
        result = ocs_error_memory(err);
    for (size_t i = 0; result == 0 && i < roots.count; i++) {
        out->items[out->count++].root = roots.items[i];
        roots.items[i] = (struct ocs_root){0};
    }
    ocs_roots_clear(&roots);
    if (result == 0)
        result = read_each(reading, out, jobs, err);
    return result;
}

/* A layout is not there because it was removed or renamed since the list was made. */
static int is_outdated(struct ocs_store *store, const struct ocs_census_layouts *layouts,
                       bool *outdated, struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_roots_place place = ocs_store_roots_place(store);
    *outdated = false;
    size_t bad = 0;
    for (size_t i = 0; i < layouts->count; i++)
        bad += layouts->items[i].state != OCS_LAYOUT_GOOD;
    int result = bad ? ocs_roots_read(&place, &roots, err) : 0;
    for (size_t i = 0; result == 0 && bad && i < layouts->count; i++) {
        const struct ocs_census_layout *layout = &layouts->items[i];
        if (layout->state != OCS_LAYOUT_GOOD && !ocs_roots_find(&roots, layout->root.name))
            *outdated = true;
    }
    ocs_roots_clear(&roots);
    return result;
}

int ocs_census_layouts_read(struct ocs_store *store, unsigned jobs, bool ids_only,
                            struct ocs_census_layouts *out, struct ocs_error *err)
{
    struct reading reading = {.store = store, .ids_only = ids_only};
    struct ocs_census_layouts layouts = {0};
    bool outdated = true;
    int result = 0;
    for (int attempt = 0; result == 0 && outdated && attempt < ATTEMPTS_MAX; attempt++) {
        ocs_census_layouts_clear(&layouts);
        result = read_once(&reading, jobs, &layouts, err);
        if (result == 0)
            result = is_outdated(store, &layouts, &outdated, err);
    }
    if (result != 0)
        ocs_census_layouts_clear(&layouts);
    *out = layouts;
    return result;
}

/* ---- ids ---- */

void ocs_census_entry_digest(const struct ocs_census_layout *layout, size_t entry,
                             struct ocs_digest *out)
{
    uint32_t place = layout->entries[entry].entry;
    if (layout->digests)
        ocs_digest_list_get(layout->digests, place, out);
    else
        *out = layout->index.document.descriptors[place].digest;
}

static int find_entries(struct ocs_census_layout *layout, void *data, ocs_census_find_id *find,
                        struct ocs_error *err)
{
    bool all = true;
    for (size_t i = 0; i < layout->count; i++) {
        struct ocs_digest digest;
        ocs_census_entry_digest(layout, i, &digest);
        int result = find(data, &digest, &layout->entries[i].id, err);
        if (result != 0)
            return result;
        all = all && layout->entries[i].id != OCS_CENSUS_NO_ID;
    }
    if (all) {
        ocs_digest_list_free(layout->digests);
        layout->digests = NULL;
    }
    return 0;
}

int ocs_census_layouts_find(struct ocs_census_layouts *layouts, void *data,
                            ocs_census_find_id *find, struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < layouts->count; i++)
        result = find_entries(&layouts->items[i], data, find, err);
    return result;
}

/* ---- again ---- */

int ocs_census_layout_again(struct ocs_store *store, const struct ocs_census_layout *layout,
                            struct ocs_index *out, struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_index struct ocs_index index = {0};
    struct ocs_index_sum sum;
    struct ocs_index_wait wait = {0};
    if (ocs_store_open_layout(store, &layout->root, &fd, NULL) != 0)
        return OCS_CENSUS_CHANGED;
    int result = ocs_index_read(fd, layout->root.name, &wait, &index, err);
    if (result == 0)
        result = ocs_index_sum(&index.bytes, &sum, err);
    if (result != 0)
        return result < 0 ? result : OCS_CENSUS_CHANGED;
    if (!ocs_index_sum_equal(&sum, &layout->sum))
        return OCS_CENSUS_CHANGED;
    *out = index;
    index = (struct ocs_index){0};
    return 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "census.h"

#include "cleanup.h"
#include "error.h"
#include "learn.h"
#include "temporary.h"

#include <stdio.h>
#include <string.h>

/* Looks at a store where layouts keep going away. */
#define ATTEMPTS_MAX 10

static void clear_layouts(struct ocs_census *census)
{
    for (size_t i = 0; i < census->layout_count; i++) {
        struct ocs_census_layout *layout = &census->layouts[i];
        free(layout->root.name);
        free(layout->root.path);
        free(layout->trouble);
        free(layout->entries);
        ocs_index_clear(&layout->index);
    }
    free(census->layouts);
    free(census->roots_trouble);
    census->layouts = NULL;
    census->layout_count = 0;
    census->roots_trouble = NULL;
}

void ocs_census_clear(struct ocs_census *census)
{
    clear_layouts(census);
    for (size_t i = 0; i < census->temporary_count; i++)
        free(census->temporaries[i]);
    free(census->temporaries);
    free(census->present);
    free(census->id_of);
    free(census->place_of);
    ocs_graph_view_clear(&census->view);
    ocs_digest_list_free(census->names);
    *census = (struct ocs_census){0};
}

/* ---- what lies in blobs/ ---- */

static int on_blob(void *data, const struct ocs_digest *digest, bool regular, struct ocs_error *err)
{
    struct ocs_census *census = data;
    if (regular)
        return ocs_digest_list_add(census->names, digest, err);
    census->strangers++;
    return 0;
}

static int add_temporary(struct ocs_census *census, const char *path, struct ocs_error *err)
{
    size_t count = census->temporary_count;
    if ((count & (count - 1)) == 0) { /* full at every power of two */
        void *grown =
            realloc(census->temporaries, (count ? count * 2 : 1) * sizeof(*census->temporaries));
        if (!grown)
            return ocs_error_memory(err);
        census->temporaries = grown;
    }
    census->temporaries[count] = strdup(path);
    if (!census->temporaries[count])
        return ocs_error_memory(err);
    census->temporary_count++;
    return 0;
}

static int on_stranger(void *data, const char *path, struct ocs_error *err)
{
    struct ocs_census *census = data;
    if (ocs_temporary_find(OCS_TEMPORARY_IN_BLOBS, path))
        return add_temporary(census, path, err);
    census->strangers++;
    return 0;
}

static int list_blobs(struct ocs_store *store, struct ocs_census *census, struct ocs_error *err)
{
    struct ocs_blobs_visitor visitor = {
        .data = census, .on_blob = on_blob, .on_stranger = on_stranger};
    int result = ocs_digest_list_new(&census->names, err);
    if (result == 0)
        result = ocs_blobs_each(store->blobs, &visitor, err);
    if (result == 0)
        result = ocs_digest_list_sort(census->names, err);
    if (result < 0)
        return result;
    census->files = ocs_digest_list_count(census->names);
    census->id_of = malloc((census->files + 1) * sizeof(*census->id_of));
    return census->id_of ? 0 : ocs_error_memory(err);
}

/* ---- merged with the graph ---- */

/* Both are sorted: each step goes on from where the last one ended. */
static int on_id(void *data, const unsigned char *key, size_t size, uint32_t id,
                 struct ocs_error *err)
{
    struct ocs_census *census = data;
    (void)err;
    if (ocs_digest_list_seek(census->names, key, size, &census->merged) &&
        id < census->view.count) {
        census->id_of[census->merged] = id;
        census->place_of[id] = census->merged;
        census->present[id] = 1;
    }
    return 0;
}

static int load_view(struct ocs_graph_txn *txn, struct ocs_census *census, struct ocs_error *err)
{
    ocs_graph_view_clear(&census->view);
    int result = ocs_graph_load(txn, &census->view, err);
    if (result != 0)
        return result;
    size_t count = (size_t)census->view.count + 1;
    free(census->present);
    free(census->place_of);
    census->present = calloc(count, 1);
    census->place_of = malloc(count * sizeof(*census->place_of));
    if (!census->present || !census->place_of)
        return ocs_error_memory(err);
    memset(census->place_of, 0xff, count * sizeof(*census->place_of));
    memset(census->id_of, 0xff, census->files * sizeof(*census->id_of)); /* NO_ID */
    census->merged = 0;
    return ocs_graph_each_id(txn, census, on_id, err);
}

static int merge(struct ocs_store *store, struct ocs_census *census, struct ocs_error *err)
{
    struct ocs_graph *graph = NULL;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int result = ocs_store_graph(store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, false, &txn, err);
    return result == 0 ? load_view(txn, census, err) : result;
}

/* The files that the graph has no row for, or only as somebody's child. */
static int list_unknown(const struct ocs_census *census, uint32_t **out, size_t *count,
                        struct ocs_error *err)
{
    uint32_t *unknown = malloc((census->files + 1) * sizeof(*unknown));
    if (!unknown)
        return ocs_error_memory(err);
    *count = 0;
    for (uint32_t place = 0; place < census->files; place++) {
        uint32_t id = census->id_of[place];
        if (id == OCS_CENSUS_NO_ID || census->view.kind[id] == OCS_NODE_UNREAD)
            unknown[(*count)++] = place;
    }
    *out = unknown;
    return 0;
}

static int know_every_file(struct ocs_store *store, unsigned jobs, struct ocs_census *census,
                           struct ocs_error *err)
{
    auto_free uint32_t *unknown = NULL;
    size_t count = 0;
    int result = merge(store, census, err);
    if (result == 0)
        result = list_unknown(census, &unknown, &count, err);
    if (result != 0 || count == 0)
        return result;
    result = ocs_learn(store, census->names, unknown, count, jobs, err);
    return result == 0 ? merge(store, census, err) : result;
}

/* ---- the layouts ---- */

int ocs_census_find(struct ocs_store *store, const struct ocs_census *census,
                    const struct ocs_digest *digest, uint32_t *id, struct ocs_error *err)
{
    uint32_t place;
    if (ocs_digest_list_find(census->names, digest, &place) &&
        census->id_of[place] != OCS_CENSUS_NO_ID) {
        *id = census->id_of[place];
        return 0;
    }
    struct ocs_graph *graph = NULL;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int result = ocs_store_graph(store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, false, &txn, err);
    if (result == 0)
        result = ocs_graph_find(txn, digest, id, err);
    /* a node made since the view was loaded is not in it */
    if (result == OCS_GRAPH_NONE || (result == 0 && *id >= census->view.count)) {
        *id = OCS_CENSUS_NO_ID;
        return 0;
    }
    return result;
}

uint32_t ocs_census_file(const struct ocs_census *census, uint32_t place)
{
    return census->id_of[place];
}

void ocs_census_digest(const struct ocs_census *census, uint32_t id, struct ocs_digest *out)
{
    ocs_digest_list_get(census->names, census->place_of[id], out);
}

static int resolve_entries(struct ocs_store *store, const struct ocs_census *census,
                           struct ocs_census_layout *layout, struct ocs_error *err)
{
    size_t count = layout->index.document.count;
    layout->entries = malloc((count + 1) * sizeof(*layout->entries));
    if (!layout->entries)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++) {
        struct ocs_census_entry *entry = &layout->entries[i];
        entry->entry = (uint32_t)i;
        int result = ocs_census_find(store, census, &layout->index.document.descriptors[i].digest,
                                     &entry->id, err);
        if (result != 0)
            return result;
    }
    layout->count = count;
    return 0;
}

static int note_trouble(struct ocs_census_layout *layout, enum ocs_census_layout_state state,
                        const char *text, struct ocs_error *err)
{
    layout->state = state;
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
    char text[sizeof(trouble.message)];
    if (result == OCS_IO_ABSENT)
        snprintf(text, sizeof(text), "%s: No such file or directory", layout->root.path);
    else if (result > 0)
        snprintf(text, sizeof(text), "%s: not a folder", layout->root.path);
    else
        snprintf(text, sizeof(text), "%s", trouble.message);
    bool missing = result == OCS_IO_ABSENT;
    return note_trouble(layout, missing ? OCS_LAYOUT_MISSING : OCS_LAYOUT_UNREADABLE, text, err);
}

static int read_layout(struct ocs_store *store, const struct ocs_census *census,
                       struct ocs_census_layout *layout, struct ocs_error *err)
{
    auto_fd int fd = -1;
    char label[OCS_LAYOUT_NAME_MAX + 32];
    int result = open_layout(store, layout, &fd, err);
    if (result < 0 || fd < 0)
        return result;
    struct ocs_index_wait wait = {.patience_ms = 5000, .hooks = &store->hooks};
    struct ocs_error trouble = {0};
    ocs_store_layout_label(&layout->root, label, sizeof(label));
    result = ocs_index_read(fd, label, &wait, &layout->index, &trouble);
    if (result == 0)
        return resolve_entries(store, census, layout, err);
    if (result < 0) {
        if (err)
            *err = trouble;
        return result;
    }
    bool invalid = result == OCS_INDEX_INVALID;
    return note_trouble(layout, invalid ? OCS_LAYOUT_INVALID : OCS_LAYOUT_UNREADABLE,
                        trouble.message, err);
}

static int read_layouts_once(struct ocs_store *store, struct ocs_census *census,
                             struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_roots_place place = ocs_store_roots_place(store);
    int result = ocs_roots_read(&place, &roots, err);
    if (result < 0)
        return result;
    census->roots_damaged = roots.damaged;
    census->roots_trouble = strdup(roots.trouble);
    census->layouts = calloc(roots.count + 1, sizeof(*census->layouts));
    if (!census->roots_trouble || !census->layouts)
        result = ocs_error_memory(err);
    for (size_t i = 0; result == 0 && i < roots.count; i++) {
        struct ocs_census_layout *layout = &census->layouts[census->layout_count++];
        layout->root = roots.items[i];
        roots.items[i] = (struct ocs_root){0};
        result = read_layout(store, census, layout, err);
    }
    ocs_roots_clear(&roots);
    return result;
}

/* A layout is not there because it was removed or renamed since the list was made. */
static int is_outdated(struct ocs_store *store, const struct ocs_census *census, bool *outdated,
                       struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_roots_place place = ocs_store_roots_place(store);
    *outdated = false;
    size_t bad = 0;
    for (size_t i = 0; i < census->layout_count; i++)
        bad += census->layouts[i].state != OCS_LAYOUT_GOOD;
    int result = bad ? ocs_roots_read(&place, &roots, err) : 0;
    for (size_t i = 0; result == 0 && bad && i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        if (layout->state != OCS_LAYOUT_GOOD && !ocs_roots_find(&roots, layout->root.name))
            *outdated = true;
    }
    ocs_roots_clear(&roots);
    return result;
}

static int read_layouts(struct ocs_store *store, struct ocs_census *census, struct ocs_error *err)
{
    bool outdated = true;
    int result = 0;
    for (int attempt = 0; result == 0 && outdated && attempt < ATTEMPTS_MAX; attempt++) {
        clear_layouts(census);
        result = read_layouts_once(store, census, err);
        if (result == 0)
            result = is_outdated(store, census, &outdated, err);
    }
    return result;
}

/* ---- all of it ---- */

static int take(struct ocs_store *store, unsigned jobs, struct ocs_census *out,
                struct ocs_error *err)
{
    int result = list_blobs(store, out, err);
    if (result == 0)
        result = know_every_file(store, jobs, out, err);
    if (result == 0)
        result = read_layouts(store, out, err);
    if (result != 0)
        ocs_census_clear(out);
    return result;
}

int ocs_census_take(struct ocs_store *store, unsigned jobs, struct ocs_census *out,
                    struct ocs_error *err)
{
    *out = (struct ocs_census){0};
    int result = take(store, jobs, out, err);
    if (result == -OCS_FAILED && ocs_store_graph_leave(store, NULL) == 0)
        result = take(store, jobs, out, err);
    if (result == OCS_GRAPH_CORRUPT) { /* a cache: once more, from the disk alone */
        result = ocs_store_graph_rebuild(store, err);
        if (result == 0)
            result = take(store, jobs, out, err);
    }
    if (result > 0)
        result = ocs_error_raise(err, OCS_FAILED,
                                 "the graph is damaged again right after it was "
                                 "built anew");
    return result;
}

void ocs_census_note_listed(struct ocs_census *census)
{
    for (size_t i = 0; i < census->layout_count; i++) {
        for (size_t k = 0; k < census->layouts[i].count; k++) {
            uint32_t id = census->layouts[i].entries[k].id;
            if (id < census->view.count)
                census->view.flags[id] |= OCS_NODE_WAS_LISTED;
        }
    }
}

int ocs_census_remember(struct ocs_store *store, const struct ocs_census *census,
                        struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(store);
    int result = 0;
    for (size_t i = 0; result == 0 && i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        if (layout->state == OCS_LAYOUT_GOOD)
            result = ocs_roots_remember(&place, &layout->root, &layout->index.bytes, err);
    }
    return result;
}

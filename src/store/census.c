/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "census.h"

#include "beside.h"
#include "cleanup.h"
#include "error.h"
#include "learn.h"
#include "temporary.h"

#include <stdio.h>
#include <string.h>

void ocs_census_clear(struct ocs_census *census)
{
    struct ocs_census_layouts layouts = {
        .items = census->layouts,
        .count = census->layout_count,
        .roots_trouble = census->roots_trouble,
    };
    ocs_census_layouts_clear(&layouts);
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

static int on_blob(void *data, const struct ocs_blobs_entry *entry, struct ocs_error *err)
{
    struct ocs_census *census = data;
    if (entry->regular)
        return ocs_digest_list_add(census->names, &entry->digest, err);
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

struct taking {
    struct ocs_store *store;
    unsigned jobs;
    bool ids_only;
    struct ocs_census *census;
};

/* In a thread of its own; of the census it touches what nothing else does meanwhile. */
static int list_blobs(void *data, struct ocs_error *err)
{
    const struct taking *taking = data;
    struct ocs_census *census = taking->census;
    struct ocs_blobs_visitor visitor = {
        .data = census, .on_blob = on_blob, .on_stranger = on_stranger};
    int result = ocs_digest_list_new(&census->names, err);
    if (result == 0)
        result = ocs_blobs_each(taking->store->blobs, &visitor, err);
    if (result == 0)
        result = ocs_digest_list_sort(census->names, err);
    if (result < 0)
        return result;
    census->files = ocs_digest_list_count(census->names);
    census->id_of = malloc((census->files + 1) * sizeof(*census->id_of));
    return census->id_of ? 0 : ocs_error_memory(err);
}

/* ---- merged with the graph ---- */

struct merging {
    struct ocs_store *store;
    struct ocs_census *census;
    struct ocs_graph_txn *txn;
};

/* Where no digest vouches for the bytes, the edges that are known are those of the file
 * as it was: half of a document that another tool has gone on writing since. */
static int check_unverifiable(const struct merging *merging, uint32_t id, struct ocs_error *err)
{
    struct ocs_node node;
    struct stat st;
    int result = ocs_graph_get_node(merging->txn, id, &node, err);
    if (result != 0)
        return result;
    result = ocs_blobs_stat(merging->store->blobs, &node.digest, &st, err);
    if (result != 0)
        return result < 0 ? result : 0;
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    if (!ocs_stamp_equal(&stamp, &node.stamp))
        merging->census->view.kind[id] = OCS_NODE_UNREAD;
    return 0;
}

/* Both are sorted: each step goes on from where the last one ended. */
static int on_id(void *data, const unsigned char *key, size_t size, uint32_t id,
                 struct ocs_error *err)
{
    const struct merging *merging = data;
    struct ocs_census *census = merging->census;
    if (!ocs_digest_list_seek(census->names, key, size, &census->merged) ||
        id >= census->view.count)
        return 0;
    census->id_of[census->merged] = id;
    census->place_of[id] = census->merged;
    census->present[id] = 1;
    return ocs_algorithm_verifiable(key[0]) ? 0 : check_unverifiable(merging, id, err);
}

static int begin(struct ocs_store *store, struct ocs_graph_txn **txn, struct ocs_error *err)
{
    struct ocs_graph *graph = NULL;
    int result = ocs_store_graph(store, &graph, err);
    return result == 0 ? ocs_graph_begin(graph, false, txn, err) : result;
}

/* Beside the listing. */
static int load_view(struct ocs_store *store, struct ocs_census *census, struct ocs_error *err)
{
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    ocs_graph_view_clear(&census->view);
    int result = begin(store, &txn, err);
    if (result == 0)
        result = ocs_graph_load(txn, &census->view, err);
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
    return 0;
}

/* What was committed since the view was loaded is in neither: such a file counts as
 * unknown. */
static int merge(struct ocs_store *store, struct ocs_census *census, struct ocs_error *err)
{
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int result = begin(store, &txn, err);
    if (result == 0)
        result = ocs_graph_check_pages(txn, err);
    if (result != 0)
        return result;
    memset(census->id_of, 0xff, census->files * sizeof(*census->id_of)); /* NO_ID */
    census->merged = 0;
    struct merging merging = {.store = store, .census = census, .txn = txn};
    return ocs_graph_each_id(txn, &merging, on_id, err);
}

/* The files that the graph has no row for, or only as somebody's child, or of other bytes. */
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
    if (result == 0)
        result = load_view(store, census, err);
    return result == 0 ? merge(store, census, err) : result;
}

/* ---- the layouts ---- */

static bool find_file(const void *data, const struct ocs_digest *digest, uint32_t *id)
{
    const struct ocs_census *census = data;
    uint32_t place;
    if (!ocs_digest_list_find(census->names, digest, &place) ||
        census->id_of[place] == OCS_CENSUS_NO_ID)
        return false;
    *id = census->id_of[place];
    return true;
}

static int look_up(struct ocs_store *store, const struct ocs_census *census,
                   const struct ocs_digest *digest, uint32_t *id, struct ocs_error *err)
{
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int result = begin(store, &txn, err);
    if (result == 0)
        result = ocs_graph_find(txn, digest, id, err);
    /* a node made since the view was loaded is not in it */
    if (result == OCS_GRAPH_NONE || (result == 0 && *id >= census->view.count)) {
        *id = OCS_CENSUS_NO_ID;
        return 0;
    }
    return result;
}

struct ocs_census_layout *ocs_census_find_layout(const struct ocs_census *census, const char *name)
{
    for (size_t i = 0; i < census->layout_count; i++) {
        if (strcmp(census->layouts[i].root.name, name) == 0)
            return &census->layouts[i];
    }
    return NULL;
}

int ocs_census_find(struct ocs_store *store, const struct ocs_census *census,
                    const struct ocs_digest *digest, uint32_t *id, struct ocs_error *err)
{
    return find_file(census, digest, id) ? 0 : look_up(store, census, digest, id, err);
}

uint32_t ocs_census_file(const struct ocs_census *census, uint32_t place)
{
    return census->id_of[place];
}

void ocs_census_digest(const struct ocs_census *census, uint32_t id, struct ocs_digest *out)
{
    ocs_digest_list_get(census->names, census->place_of[id], out);
}

/* ---- all of it ---- */

static int find_entry(void *data, const struct ocs_digest *digest, uint32_t *id,
                      struct ocs_error *err)
{
    const struct taking *taking = data;
    return ocs_census_find(taking->store, taking->census, digest, id, err);
}

static int find_entries(struct taking *taking, struct ocs_error *err)
{
    struct ocs_census *census = taking->census;
    struct ocs_census_layouts layouts = {.items = census->layouts, .count = census->layout_count};
    return ocs_census_layouts_find(&layouts, taking, find_entry, err);
}

static int read_layouts(struct taking *taking, struct ocs_error *err)
{
    struct ocs_census_layouts layouts;
    int result =
        ocs_census_layouts_read(taking->store, taking->jobs, taking->ids_only, &layouts, err);
    taking->census->layouts = layouts.items;
    taking->census->layout_count = layouts.count;
    taking->census->roots_damaged = layouts.roots_damaged;
    taking->census->roots_trouble = layouts.roots_trouble;
    taking->census->roots_help = layouts.roots_help;
    return result;
}

/* The listing keeps one processor busy and the other things that are to be read the
 * others. */
static int read_all(struct taking *taking, struct ocs_error *err)
{
    struct ocs_beside *listing = NULL;
    struct ocs_error trouble = {0};
    int listed = ocs_beside_begin(list_blobs, taking, &listing, err);
    if (listed != 0)
        return listed;
    int result = load_view(taking->store, taking->census, &trouble);
    if (result == 0)
        result = read_layouts(taking, &trouble);
    listed = ocs_beside_end(listing, err);
    if (listed == 0 && result < 0 && err)
        *err = trouble;
    return listed ? listed : result;
}

static int take_once(struct taking *taking, struct ocs_error *err)
{
    int result = read_all(taking, err);
    if (result == 0)
        result = know_every_file(taking->store, taking->jobs, taking->census, err);
    if (result == 0)
        result = find_entries(taking, err);
    if (result != 0)
        ocs_census_clear(taking->census);
    return result;
}

static int take(struct taking *taking, struct ocs_error *err)
{
    struct ocs_store *store = taking->store;
    *taking->census = (struct ocs_census){0};
    int result = take_once(taking, err);
    if (result == -OCS_FAILED && ocs_store_graph_leave(store, NULL) == 0)
        result = take_once(taking, err);
    if (result == OCS_GRAPH_CORRUPT) { /* a cache: once more, from the disk alone */
        result = ocs_store_graph_rebuild(store, err);
        if (result == 0)
            result = take_once(taking, err);
    }
    if (result > 0)
        result = ocs_error_raise(err, OCS_FAILED,
                                 "the graph is damaged again right after it was "
                                 "built anew");
    return result;
}

int ocs_census_take(struct ocs_store *store, unsigned jobs, struct ocs_census *out,
                    struct ocs_error *err)
{
    return take(&(struct taking){store, jobs, false, out}, err);
}

int ocs_census_take_ids(struct ocs_store *store, unsigned jobs, struct ocs_census *out,
                        struct ocs_error *err)
{
    return take(&(struct taking){store, jobs, true, out}, err);
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
        if (layout->state != OCS_LAYOUT_GOOD ||
            ocs_index_sum_equal(&layout->sum, &layout->root.last))
            continue;
        const struct ocs_bytes *bytes =
            layout->unlike.data ? &layout->unlike : &layout->index.bytes;
        result = ocs_roots_remember(&place, &layout->root, bytes, err);
    }
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "heal.h"

#include "cleanup.h"
#include "error.h"
#include "reach.h"
#include "trash.h"

#include <stdio.h>
#include <string.h>

/* One blob in the trash or the quarantine; a digest may lie there more than once. */
struct lying {
    uint32_t place; /* in `set` */
    bool tried;     /* reading it again would tell nothing new */
    char *path;     /* below quarantine/; NULL: in the trash */
    char run[OCS_RUN_NAME_SIZE];
};

struct healing {
    struct ocs_store *store;
    struct ocs_digest_set *set;
    struct lying *items;
    size_t count;
    const struct ocs_document *index; /* one more that counts as listed, or NULL */
    struct ocs_census *census;        /* where the last look goes, or NULL */
    uint64_t healed;
};

static void healing_clear(struct healing *healing)
{
    for (size_t i = 0; i < healing->count; i++)
        free(healing->items[i].path);
    free(healing->items);
    ocs_digest_set_free(healing->set);
}
#define auto_healing __attribute__((cleanup(healing_clear)))

static int add_item(struct healing *healing, struct lying **out, struct ocs_error *err)
{
    if ((healing->count & (healing->count - 1)) == 0) {
        size_t capacity = healing->count ? healing->count * 2 : 1;
        struct lying *grown = realloc(healing->items, capacity * sizeof(*grown));
        if (!grown)
            return ocs_error_memory(err);
        healing->items = grown;
    }
    *out = &healing->items[healing->count++];
    **out = (struct lying){0};
    return 0;
}

/* What the quarantine holds under an algorithm that nobody can verify was blamed for
 * something else, and stays there. */
static int on_entry(void *data, const char *run, const char *path, const struct ocs_digest *digest,
                    const struct stat *st, struct ocs_error *err)
{
    struct healing *healing = data;
    struct lying *item = NULL;
    uint32_t place;
    (void)st;
    if (!digest || (!run && !ocs_algorithm_verifiable(ocs_digest_algorithm(digest))))
        return 0;
    int result = ocs_digest_set_add(healing->set, digest, &place, err);
    if (result >= 0)
        result = add_item(healing, &item, err);
    if (result < 0)
        return result;
    item->place = place;
    if (run) {
        snprintf(item->run, sizeof(item->run), "%s", run);
        return 0;
    }
    item->path = strdup(path);
    return item->path ? 0 : ocs_error_memory(err);
}

static void want_entries(const struct healing *healing, const struct ocs_document *index,
                         uint8_t *wanted)
{
    for (size_t i = 0; i < index->count; i++) {
        uint32_t place;
        if (ocs_digest_set_find(healing->set, &index->descriptors[i].digest, &place))
            wanted[place] = 1;
    }
}

/* The others are reached by their ids. */
static void want_unknown(const struct healing *healing, const struct ocs_census_layout *layout,
                         uint8_t *wanted)
{
    for (size_t i = 0; i < layout->count; i++) {
        struct ocs_digest digest;
        uint32_t place;
        if (layout->entries[i].id != OCS_CENSUS_NO_ID)
            continue;
        ocs_census_entry_digest(layout, i, &digest);
        if (ocs_digest_set_find(healing->set, &digest, &place))
            wanted[place] = 1;
    }
}

static bool enter(void *data, uint32_t id)
{
    uint8_t *live = data;
    bool is_new = !live[id];
    live[id] = 1;
    return is_new;
}

static int reach_from_index(const struct healing *healing, const struct ocs_census *census,
                            uint8_t *live, struct ocs_error *err)
{
    struct ocs_reach *reach = NULL;
    const struct ocs_document *index = healing->index;
    int result = ocs_reach_new(census, true, &reach, err);
    for (size_t i = 0; result == 0 && i < index->count; i++) {
        uint32_t id = OCS_CENSUS_NO_ID;
        result = ocs_census_find(healing->store, census, &index->descriptors[i].digest, &id, err);
        if (result == 0 && id != OCS_CENSUS_NO_ID)
            ocs_reach_from(reach, &id, 1, live, enter);
    }
    ocs_reach_free(reach);
    return result;
}

/* Live by the graph's edges, or an entry that the graph does not know. */
static int mark_wanted(const struct healing *healing, const struct ocs_census *census,
                       uint8_t *live, uint8_t *wanted, struct ocs_error *err)
{
    for (size_t i = 0; i < census->layout_count; i++)
        want_unknown(healing, &census->layouts[i], wanted);
    int result = ocs_census_reach_listed(census, live, 1, err);
    if (result != 0 || !healing->index)
        return result;
    want_entries(healing, healing->index, wanted);
    return reach_from_index(healing, census, live, err);
}

/* What cannot be read from the quarantine may lie there for just that reason: it is
 * no obstacle. */
static int restore_quarantined(struct ocs_store *store, const char *path,
                               const struct ocs_digest *digest)
{
    struct ocs_error trouble = {0};
    int result = ocs_quarantine_restore_blob(store->state, path, store->blobs, digest, &trouble);
    if (result >= 0)
        return result;
    ocs_store_notice(store, "%s stays in the quarantine: %s", path, trouble.message);
    return OCS_BLOB_BAD;
}

static int restore(struct healing *healing, struct lying *item, struct ocs_error *err)
{
    struct ocs_store *store = healing->store;
    struct ocs_digest digest;
    char text[OCS_DIGEST_BUF];
    ocs_digest_set_get(healing->set, item->place, &digest);
    item->tried = true;
    int result = item->path
                     ? restore_quarantined(store, item->path, &digest)
                     : ocs_trash_restore_blob(store->state, item->run, store->blobs, &digest, err);
    if (result == OCS_BLOB_BAD && !item->path)
        ocs_store_notice(store,
                         "%s is referenced, and stays in the trash: that copy cannot be read, or "
                         "has other bytes",
                         ocs_digest_format(&digest, text));
    if (result != 0)
        return result < 0 ? result : 0; /* or back already */
    ocs_store_notice(store, "%s is referenced%s: restored from the %s",
                     ocs_digest_format(&digest, text), item->path ? " and whole" : " again",
                     item->path ? "quarantine" : "trash");
    healing->healed++;
    return 0;
}

static int is_wanted(const struct healing *healing, const struct ocs_census *census,
                     const uint8_t *live, uint32_t place, bool *wanted, struct ocs_error *err)
{
    struct ocs_digest digest;
    uint32_t id = OCS_CENSUS_NO_ID;
    ocs_digest_set_get(healing->set, place, &digest);
    int result = ocs_census_find(healing->store, census, &digest, &id, err);
    if (result != 0)
        return result;
    if (id != OCS_CENSUS_NO_ID)
        *wanted = !census->present[id] && (*wanted || live[id]);
    return 0;
}

/* Whatever is wanted and not in blobs/ comes back. */
static int restore_wanted(struct healing *healing, const struct ocs_census *census,
                          const uint8_t *live, const uint8_t *listed, struct ocs_error *err)
{
    for (size_t i = 0; i < healing->count; i++) {
        struct lying *item = &healing->items[i];
        bool wanted = listed[item->place];
        if (item->tried)
            continue;
        int result = is_wanted(healing, census, live, item->place, &wanted, err);
        if (result == 0 && wanted)
            result = restore(healing, item, err);
        if (result != 0)
            return result;
    }
    return 0;
}

static int heal_once(struct healing *healing, struct ocs_error *err)
{
    struct ocs_census census;
    uint64_t before = healing->healed;
    int result = ocs_census_take_ids(healing->store, 0, &census, err);
    if (result < 0)
        return result;
    auto_free uint8_t *live = calloc((size_t)census.view.count + 1, 1);
    auto_free uint8_t *wanted = calloc((size_t)ocs_digest_set_count(healing->set) + 1, 1);
    result =
        live && wanted ? mark_wanted(healing, &census, live, wanted, err) : ocs_error_memory(err);
    if (result == 0)
        result = restore_wanted(healing, &census, live, wanted, err);
    if (healing->census && result == 0 && healing->healed == before)
        *healing->census = census;
    else
        ocs_census_clear(&census);
    return result;
}

/* A document that came back may want children that nothing knew of. */
static int heal_all(struct healing *healing, struct ocs_error *err)
{
    uint64_t before;
    do {
        before = healing->healed;
        int result = heal_once(healing, err);
        if (result != 0)
            return result;
    } while (healing->healed > before);
    return healing->healed ? ocs_blobs_sync(healing->store->blobs, err) : 0;
}

static int heal(struct healing *healing, uint64_t *healed, struct ocs_error *err)
{
    int state = healing->store->state;
    struct ocs_trash_visitor visitor = {.data = healing, .on_entry = on_entry};
    int result = ocs_digest_set_new(&healing->set, err);
    if (result == 0)
        result = ocs_trash_each(state, &visitor, err);
    if (result == 0)
        result = ocs_quarantine_each(state, &visitor, err);
    if (result == 0 && healing->count > 0)
        result = heal_all(healing, err);
    *healed = healing->healed;
    if (result > 0)
        result = ocs_error_raise(err, OCS_FAILED,
                                 "the graph is damaged, or was built anew: run it again");
    return ocs_error_context(err, result, "heal");
}

int ocs_heal_for(struct ocs_store *store, const struct ocs_document *index, uint64_t *healed,
                 struct ocs_error *err)
{
    auto_healing struct healing healing = {.store = store, .index = index};
    return heal(&healing, healed, err);
}

int ocs_heal_and_look(struct ocs_store *store, struct ocs_census *census, uint64_t *healed,
                      struct ocs_error *err)
{
    auto_healing struct healing healing = {.store = store, .census = census};
    return heal(&healing, healed, err);
}

int ocs_heal(struct ocs_store *store, uint64_t *healed, struct ocs_error *err)
{
    return ocs_heal_for(store, NULL, healed, err);
}

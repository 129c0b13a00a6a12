/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "heal.h"

#include "cleanup.h"
#include "error.h"
#include "trash.h"

#include <stdio.h>
#include <string.h>

/* One blob in the trash; a digest may lie in several runs. */
struct trashed {
    uint32_t place; /* in `set` */
    char run[OCS_RUN_NAME_SIZE];
};

struct healing {
    struct ocs_store *store;
    struct ocs_digest_set *set;
    struct trashed *items;
    size_t count;
    uint64_t healed;
};

static int on_entry(void *data, const char *run, const char *path, const struct ocs_digest *digest,
                    const struct stat *st, struct ocs_error *err)
{
    struct healing *healing = data;
    uint32_t place;
    (void)path;
    (void)st;
    if (!digest)
        return 0;
    int result = ocs_digest_set_add(healing->set, digest, &place, err);
    if (result < 0)
        return result;
    if ((healing->count & (healing->count - 1)) == 0) {
        size_t capacity = healing->count ? healing->count * 2 : 1;
        struct trashed *grown = realloc(healing->items, capacity * sizeof(*grown));
        if (!grown)
            return ocs_error_memory(err);
        healing->items = grown;
    }
    struct trashed *item = &healing->items[healing->count++];
    item->place = place;
    snprintf(item->run, sizeof(item->run), "%s", run);
    return 0;
}

/* Live by the graph's edges, or an entry that the graph does not know. */
static int mark_wanted(const struct healing *healing, const struct ocs_census *census,
                       uint8_t *live, uint8_t *wanted, struct ocs_error *err)
{
    for (size_t i = 0; i < census->layout_count; i++) {
        const struct ocs_document *index = &census->layouts[i].index.document;
        for (size_t j = 0; j < index->count; j++) {
            uint32_t place;
            if (ocs_digest_set_find(healing->set, &index->descriptors[j].digest, &place))
                wanted[place] = 1;
        }
    }
    return ocs_census_reach_listed(census, live, 1, err);
}

static int restore(struct healing *healing, const struct trashed *item, struct ocs_error *err)
{
    struct ocs_digest digest;
    ocs_digest_set_get(healing->set, item->place, &digest);
    int result = ocs_trash_restore_blob(healing->store->state, item->run, healing->store->blobs,
                                        &digest, err);
    if (result != 0)
        return result < 0 ? result : 0; /* not whole, or back already: leave it */
    char text[OCS_DIGEST_BUF];
    ocs_store_notice(healing->store, "%s is referenced again: restored from the trash",
                     ocs_digest_format(&digest, text));
    healing->healed++;
    return 0;
}

/* Whatever is wanted and not in blobs/ comes back. */
static int restore_wanted(struct healing *healing, const struct ocs_census *census,
                          const uint8_t *live, const uint8_t *wanted, struct ocs_error *err)
{
    for (size_t i = 0; i < healing->count; i++) {
        struct ocs_digest digest;
        uint32_t id = OCS_CENSUS_NO_ID;
        ocs_digest_set_get(healing->set, healing->items[i].place, &digest);
        int result = ocs_census_find(healing->store, census, &digest, &id, err);
        if (result != 0)
            return result;
        bool known = id != OCS_CENSUS_NO_ID;
        if ((known && census->present[id]) ||
            !(wanted[healing->items[i].place] || (known && live[id])))
            continue;
        result = restore(healing, &healing->items[i], err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int heal_once(struct healing *healing, struct ocs_error *err)
{
    struct ocs_census census;
    int result = ocs_census_take(healing->store, 0, &census, err);
    if (result < 0)
        return result;
    auto_free uint8_t *live = calloc((size_t)census.view.count + 1, 1);
    auto_free uint8_t *wanted = calloc((size_t)ocs_digest_set_count(healing->set) + 1, 1);
    result =
        live && wanted ? mark_wanted(healing, &census, live, wanted, err) : ocs_error_memory(err);
    if (result == 0)
        result = restore_wanted(healing, &census, live, wanted, err);
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
        if (result < 0)
            return result;
    } while (healing->healed > before);
    return healing->healed ? ocs_blobs_sync(healing->store->blobs, err) : 0;
}

int ocs_heal(struct ocs_store *store, uint64_t *healed, struct ocs_error *err)
{
    struct healing healing = {.store = store};
    struct ocs_trash_visitor visitor = {.data = &healing, .on_entry = on_entry};
    int result = ocs_digest_set_new(&healing.set, err);
    if (result == 0)
        result = ocs_trash_each(store->state, &visitor, err);
    if (result == 0 && healing.count > 0)
        result = heal_all(&healing, err);
    *healed = healing.healed;
    free(healing.items);
    ocs_digest_set_free(healing.set);
    return ocs_error_context(err, result, "heal");
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "plan.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/extents.h"
#include "store/workers.h"

#include <string.h>

void ocs_plan_clear(struct ocs_plan *plan)
{
    free(plan->items);
    free(plan->keys);
    *plan = (struct ocs_plan){0};
}

/* ---- which blobs ---- */

/* A key is its length in two bytes and its bytes: a struct ocs_digest for each
 * of a million candidates would take a quarter of a gigabyte. */
struct gather {
    const struct ocs_census *census;
    const struct ocs_mark *mark;
    struct ocs_plan *plan;
    uint32_t capacity;
    uint32_t used, key_capacity;
};

static int grow_items(struct gather *gather, struct ocs_error *err)
{
    uint32_t capacity = gather->capacity ? gather->capacity * 2 : 1024;
    struct ocs_plan_item *grown = realloc(gather->plan->items, capacity * sizeof(*grown));
    if (!grown)
        return ocs_error_memory(err);
    gather->plan->items = grown;
    gather->capacity = capacity;
    return 0;
}

static int grow_keys(struct gather *gather, uint32_t need, struct ocs_error *err)
{
    uint32_t capacity = gather->key_capacity ? gather->key_capacity : 32768;
    while (capacity - gather->used < need)
        capacity *= 2;
    unsigned char *grown = realloc(gather->plan->keys, capacity);
    if (!grown)
        return ocs_error_memory(err);
    gather->plan->keys = grown;
    gather->key_capacity = capacity;
    return 0;
}

static int add_key(struct gather *gather, const struct ocs_digest *digest, uint32_t *at,
                   struct ocs_error *err)
{
    uint32_t need = 2u + digest->size;
    if (gather->key_capacity - gather->used < need) {
        int result = grow_keys(gather, need, err);
        if (result)
            return result;
    }
    unsigned char *key = gather->plan->keys + gather->used;
    key[0] = (unsigned char)(digest->size >> 8);
    key[1] = (unsigned char)digest->size;
    memcpy(key + 2, digest->key, digest->size);
    *at = gather->used;
    gather->used += need;
    return 0;
}

static uint16_t key_size(const unsigned char *key)
{
    return (uint16_t)(key[0] << 8 | key[1]);
}

void ocs_plan_digest(const struct ocs_plan *plan, const struct ocs_plan_item *item,
                     struct ocs_digest *out)
{
    const unsigned char *key = plan->keys + item->key;
    out->size = key_size(key);
    memcpy(out->key, key + 2, out->size);
}

static int add_item(struct gather *gather, uint32_t id, struct ocs_error *err)
{
    const struct ocs_graph_view *view = &gather->census->view;
    struct ocs_plan *plan = gather->plan;
    struct ocs_digest digest;
    ocs_census_digest(gather->census, id, &digest);
    struct ocs_plan_item item = {
        .id = id,
        .flags = view->flags[id],
        .kind = view->kind[id],
        .left = !ocs_algorithm_verifiable(ocs_digest_algorithm(&digest)),
        .since = view->unreferenced_since[id],
    };
    int result = plan->count == gather->capacity ? grow_items(gather, err) : 0;
    if (result == 0)
        result = add_key(gather, &digest, &item.key, err);
    if (result == 0)
        plan->items[plan->count++] = item;
    return result;
}

static int gather_items(struct gather *gather, struct ocs_error *err)
{
    int result = 0;
    for (uint32_t place = 0; result == 0 && place < gather->census->files; place++) {
        uint32_t id = ocs_census_file(gather->census, place);
        if (ocs_mark_unreferenced(gather->mark, gather->census, id))
            result = add_item(gather, id, err);
    }
    return result;
}

/* ---- what they are now ---- */

static void note_stat(struct ocs_plan_item *item, const struct stat *st)
{
    item->stamp = ocs_stamp_of(st);
    item->bytes = ocs_blob_frees(st);
    item->links = (uint32_t)st->st_nlink;
}

/* Items beside one another, for one thread at a time. */
struct stretch {
    struct ocs_work work;
    uint32_t from, to;
    int result;
    struct ocs_error error;
};

struct looking {
    struct ocs_store *store;
    struct ocs_plan *plan;
};

static bool is_there(const struct ocs_plan_item *item)
{
    return item->stamp.inode != 0;
}

static int stat_stretch(const struct looking *looking, struct stretch *stretch)
{
    for (uint32_t i = stretch->from; i < stretch->to; i++) {
        struct stat st;
        struct ocs_digest digest;
        struct ocs_plan_item *item = &looking->plan->items[i];
        ocs_plan_digest(looking->plan, item, &digest);
        int result = ocs_blobs_stat(looking->store->blobs, &digest, &st, &stretch->error);
        if (result < 0)
            return result;
        if (result == 0 && S_ISREG(st.st_mode))
            note_stat(item, &st);
    }
    return 0;
}

static void work(struct ocs_workers *workers, void *data)
{
    struct ocs_work *taken;
    while ((taken = ocs_workers_take(workers, false))) {
        struct stretch *stretch = (struct stretch *)taken;
        stretch->result = stat_stretch(data, stretch);
        ocs_workers_give(workers, taken);
    }
}

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *done,
                   struct ocs_error *err)
{
    const struct stretch *stretch = (struct stretch *)done;
    (void)workers;
    (void)data;
    if (stretch->result < 0 && err)
        *err = stretch->error;
    return stretch->result;
}

#define STRETCH 512u

static int stat_by_threads(struct looking *looking, struct ocs_error *err)
{
    uint32_t count = looking->plan->count, stretches = (count + STRETCH - 1) / STRETCH;
    auto_free struct stretch *items = calloc(stretches, sizeof(*items));
    if (!items)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < stretches; i++) {
        items[i].from = i * STRETCH;
        items[i].to = i + 1 < stretches ? (i + 1) * STRETCH : count;
        items[i].work.next = i + 1 < stretches ? &items[i + 1].work : NULL;
    }
    struct ocs_workers_options options = {
        .phase = "plan",
        .blobs_total = stretches,
        .hooks = &looking->store->hooks,
        .data = looking,
        .work = work,
        .on_done = on_done,
    };
    return ocs_workers_run(&options, &items[0].work, err);
}

static int stat_each(struct looking *looking, struct ocs_error *err)
{
    struct stretch all = {.to = looking->plan->count};
    if (looking->plan->count > 2 * STRETCH)
        return stat_by_threads(looking, err);
    if (ocs_store_cancelled(looking->store))
        return ocs_error_interrupted(err);
    int result = stat_stretch(looking, &all);
    if (result < 0 && err)
        *err = all.error;
    return result;
}

/* Those that went away since the census are dropped. */
static int stat_items(struct ocs_store *store, struct ocs_plan *plan, struct ocs_error *err)
{
    struct looking looking = {store, plan};
    uint32_t kept = 0;
    int result = stat_each(&looking, err);
    if (result)
        return result;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (is_there(&plan->items[i]))
            plan->items[kept++] = plan->items[i];
    }
    plan->count = kept;
    return 0;
}

int ocs_plan_make(struct ocs_store *store, const struct ocs_census *census,
                  const struct ocs_plan_options *options, struct ocs_mark *mark,
                  struct ocs_plan *out, struct ocs_error *err)
{
    struct ocs_plan plan = {0};
    struct gather gather = {.census = census, .mark = mark, .plan = &plan};
    int result = gather_items(&gather, err);
    if (result == 0)
        result = stat_items(store, &plan, err);
    if (result == 0)
        result = ocs_plan_decide(&plan, census, options, mark, err);
    if (result)
        ocs_plan_clear(&plan);
    else
        *out = plan;
    return result;
}

/* ---- space that others have, too ---- */

static int add_reflinked(struct ocs_store *store, const struct ocs_plan *plan,
                         const struct ocs_plan_item *item, uint64_t *bytes, bool *told,
                         struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct ocs_digest digest;
    struct stat st;
    uint64_t shared;
    ocs_plan_digest(plan, item, &digest);
    int result = ocs_blobs_open_blob(store->blobs, &digest, &fd, &st, err);
    if (result > 0)
        return 0; /* it went away */
    if (result < 0 || ocs_extents_shared(fd, &shared) != 0)
        *told = false; /* a file that we may not read */
    else
        *bytes += shared;
    return 0;
}

int ocs_plan_reflinked(struct ocs_store *store, const struct ocs_plan *plan, uint64_t *bytes,
                       bool *told, struct ocs_error *err)
{
    enum ocs_sharing sharing = ocs_extents_sharing(store->dir);
    *bytes = 0;
    *told = sharing != OCS_SHARING_UNTOLD;
    int result = 0;
    for (uint32_t i = 0; result == 0 && sharing == OCS_SHARING_TOLD && i < plan->count; i++) {
        const struct ocs_plan_item *item = &plan->items[i];
        if (i % 1024 == 0 && ocs_store_cancelled(store))
            return ocs_error_interrupted(err);
        if (item->state == OCS_PLAN_DUE && !item->left)
            result = add_reflinked(store, plan, item, bytes, told, err);
    }
    if (!*told)
        *bytes = 0;
    return result;
}

/* ---- showing it ---- */

void ocs_plan_show(const struct ocs_plan *plan, const struct ocs_gc_options *options)
{
    for (uint32_t i = 0; options->on_candidate && i < plan->count; i++) {
        const struct ocs_plan_item *item = &plan->items[i];
        struct ocs_digest digest;
        char text[OCS_DIGEST_BUF];
        if (item->left)
            continue;
        ocs_plan_digest(plan, item, &digest);
        struct ocs_gc_candidate candidate = {
            .digest = ocs_digest_format(&digest, text),
            .size = item->stamp.size,
            .bytes = item->bytes,
            .links = item->links,
            .mtime = item->stamp.mtime_ns / 1000000000,
            .reason = ocs_plan_reason(item),
            .action = item->state == OCS_PLAN_DUE ? "trash" : "wait",
            .due = item->due,
        };
        options->on_candidate(options->data, &candidate);
    }
}

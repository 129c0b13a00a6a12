/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "choose.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/image.h"
#include "store/reach.h"

#include <string.h>

struct entry {
    uint32_t id;
    uint32_t owner; /* what it belongs to, or OCS_CENSUS_NO_ID */
    int64_t came;   /* its blob's mtime, in seconds; UNKNOWN: it is not there */
    bool belongs;
    bool named;
};
#define UNKNOWN INT64_MAX

struct chooser {
    struct ocs_store *store;
    const struct ocs_census *census;
    const uint8_t *asked;
    const struct ocs_choose_rules *rules;
    struct ocs_choice *choice;
    struct entry *entries; /* of all layouts, as in choice->first */
    struct ocs_reach *reach;
    uint8_t *reached;  /* by id: BEFORE, AFTER */
    uint8_t bit;       /* that is being set */
    size_t *belonging; /* entries that belong to something, by owner */
    size_t belonging_count;
    size_t *queue; /* of them: whose owner was reached */
    size_t queued;
};

void ocs_choice_clear(struct ocs_choice *choice)
{
    free(choice->first);
    free(choice->drop);
    *choice = (struct ocs_choice){0};
}

static void chooser_clear(struct chooser *chooser)
{
    ocs_reach_free(chooser->reach);
    free(chooser->entries);
    free(chooser->reached);
    free(chooser->belonging);
    free(chooser->queue);
}

/* ---- what an entry is ---- */

/* sha256-<hex>, sha256-<hex>.sig and the like: the digest that is meant. */
static bool read_owner_tag(const char *tag, struct ocs_digest *out)
{
    const char *dash = tag ? strchr(tag, '-') : NULL;
    if (!dash)
        return false;
    size_t algorithm = (size_t)(dash - tag), hex = strcspn(dash + 1, ".");
    enum ocs_algorithm known = ocs_algorithm_by_name(tag, algorithm);
    char text[OCS_DIGEST_BUF];
    if (known == OCS_ALGORITHM_OTHER || algorithm + 1 + hex >= sizeof(text))
        return false;
    memcpy(text, tag, algorithm + 1 + hex);
    text[algorithm] = ':';
    return ocs_digest_parse(text, algorithm + 1 + hex, out) == 0;
}

static bool find_subject(const struct ocs_graph_view *view, uint32_t id, uint32_t *subject)
{
    for (uint32_t k = view->first[id]; k < view->first[id + 1]; k++) {
        *subject = view->children[k].id;
        if (view->children[k].role == OCS_ROLE_SUBJECT)
            return true;
    }
    return false;
}

static int read_entry(struct chooser *chooser, const struct ocs_census_layout *layout, size_t at,
                      struct entry *out, struct ocs_error *err)
{
    const struct ocs_graph_view *view = &chooser->census->view;
    const char *ref = ocs_image_ref(layout, at);
    struct ocs_digest owner;
    struct stat st;
    *out = (struct entry){.id = layout->entries[at].id, .came = UNKNOWN, .named = ref != NULL};
    out->owner = OCS_CENSUS_NO_ID;
    if (read_owner_tag(ref, &owner)) {
        out->belongs = true;
        return ocs_census_find(chooser->store, chooser->census, &owner, &out->owner, err);
    }
    if (out->id >= view->count)
        return 0;
    out->belongs = find_subject(view, out->id, &out->owner);
    int result =
        ocs_blobs_stat(chooser->store->blobs, &ocs_image_descriptor(layout, at)->digest, &st, err);
    if (result == 0)
        out->came = st.st_mtim.tv_sec;
    return result < 0 ? result : 0;
}

static int read_entries(struct chooser *chooser, struct ocs_error *err)
{
    const struct ocs_census *census = chooser->census;
    struct ocs_choice *choice = chooser->choice;
    choice->first = calloc(census->layout_count + 1, sizeof(*choice->first));
    if (!choice->first)
        return ocs_error_memory(err);
    for (size_t i = 0; i < census->layout_count; i++)
        choice->first[i + 1] = choice->first[i] + census->layouts[i].count;
    size_t count = choice->first[census->layout_count] + 1;
    choice->drop = calloc(count, sizeof(*choice->drop));
    chooser->entries = calloc(count, sizeof(*chooser->entries));
    chooser->reached = calloc(census->view.count + 1u, 1);
    if (!choice->drop || !chooser->entries || !chooser->reached)
        return ocs_error_memory(err);
    int result = ocs_reach_new(census, true, &chooser->reach, err);
    for (size_t i = 0; result == 0 && i < census->layout_count; i++) {
        for (size_t k = 0; result == 0 && k < census->layouts[i].count; k++)
            result = read_entry(chooser, &census->layouts[i], k,
                                &chooser->entries[choice->first[i] + k], err);
    }
    return result > 0 ? ocs_error_raise(err, OCS_FAILED, "the graph is damaged") : result;
}

/* ---- the rules ---- */

/* Nameless entries that a retagging left have named ones beside them. */
static void drop_untagged(struct chooser *chooser, size_t from, size_t to)
{
    bool named = false;
    for (size_t i = from; i < to; i++)
        named = named || (chooser->entries[i].named && !chooser->entries[i].belongs);
    for (size_t i = from; named && i < to; i++)
        chooser->choice->drop[i] = !chooser->entries[i].named && !chooser->entries[i].belongs;
}

/* Youngest first; of the same age, what stands last in index.json; the same image
 * under two names is one. */
static int compare_age(const void *a, const void *b, void *data)
{
    const struct entry *entries = data;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const struct entry *x = &entries[i], *y = &entries[k];
    if (x->came != y->came)
        return x->came > y->came ? -1 : 1;
    return (i < k) - (i > k);
}

static bool is_judged(const struct chooser *chooser, size_t i)
{
    const struct entry *entry = &chooser->entries[i];
    return !chooser->choice->drop[i] && !entry->belongs && entry->came != UNKNOWN;
}

static bool is_old(const struct chooser *chooser, const struct entry *entry)
{
    const struct ocs_choose_rules *rules = chooser->rules;
    return rules->before == OCS_CHOOSE_ANY_TIME || entry->came < rules->before;
}

/* `sorted` are the entries that are judged, youngest first; `kept` marks ids. */
static void drop_from(struct chooser *chooser, const size_t *sorted, size_t count, uint8_t *kept)
{
    unsigned images = 0;
    for (size_t i = 0; i < count && images < chooser->rules->keep_last; i++) {
        uint8_t *mark = &kept[chooser->entries[sorted[i]].id];
        images += !*mark;
        *mark = 1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &chooser->entries[sorted[i]];
        chooser->choice->drop[sorted[i]] = !kept[entry->id] && is_old(chooser, entry);
    }
    for (size_t i = 0; i < count; i++)
        kept[chooser->entries[sorted[i]].id] = 0;
}

static int drop_by_age(struct chooser *chooser, size_t from, size_t to, uint8_t *kept,
                       struct ocs_error *err)
{
    if (chooser->rules->keep_last == 0 && chooser->rules->before == OCS_CHOOSE_ANY_TIME)
        return 0;
    auto_free size_t *sorted = malloc((to - from + 1) * sizeof(*sorted));
    if (!sorted)
        return ocs_error_memory(err);
    size_t count = 0;
    for (size_t i = from; i < to; i++) {
        if (is_judged(chooser, i))
            sorted[count++] = i;
    }
    if (count > 0)
        qsort_r(sorted, count, sizeof(*sorted), compare_age, chooser->entries);
    drop_from(chooser, sorted, count, kept);
    return 0;
}

static int apply_rules(struct chooser *chooser, struct ocs_error *err)
{
    const size_t *first = chooser->choice->first;
    auto_free uint8_t *kept = calloc(chooser->census->view.count + 1u, 1);
    int result = kept ? 0 : ocs_error_memory(err);
    for (size_t i = 0; result == 0 && i < chooser->census->layout_count; i++) {
        if (!chooser->asked[i])
            continue;
        if (chooser->rules->untagged)
            drop_untagged(chooser, first[i], first[i + 1]);
        result = drop_by_age(chooser, first[i], first[i + 1], kept, err);
    }
    return result;
}

/* ---- what belongs to what goes ---- */

enum { BEFORE = 1, AFTER = 2 };

static int compare_owners(const void *a, const void *b, void *data)
{
    const struct entry *entries = data;
    uint32_t x = entries[*(const size_t *)a].owner, y = entries[*(const size_t *)b].owner;
    return (x > y) - (x < y);
}

static int sort_belonging(struct chooser *chooser, size_t count, struct ocs_error *err)
{
    chooser->belonging = malloc((count + 1) * sizeof(*chooser->belonging));
    chooser->queue = malloc((count + 1) * sizeof(*chooser->queue));
    if (!chooser->belonging || !chooser->queue)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (chooser->entries[i].belongs)
            chooser->belonging[chooser->belonging_count++] = i;
    }
    if (chooser->belonging_count > 0)
        qsort_r(chooser->belonging, chooser->belonging_count, sizeof(*chooser->belonging),
                compare_owners, chooser->entries);
    return 0;
}

static void queue_belonging(struct chooser *chooser, uint32_t owner)
{
    size_t low = 0, high = chooser->belonging_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (chooser->entries[chooser->belonging[middle]].owner < owner)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < chooser->belonging_count; low++) {
        if (chooser->entries[chooser->belonging[low]].owner != owner)
            return;
        chooser->queue[chooser->queued++] = chooser->belonging[low];
    }
}

/* Each id is entered once, so that each entry is queued once. */
static bool mark(void *data, uint32_t id)
{
    struct chooser *chooser = data;
    if (chooser->reached[id] & chooser->bit)
        return false;
    chooser->reached[id] |= chooser->bit;
    queue_belonging(chooser, id);
    return true;
}

static void reach_entry(struct chooser *chooser, size_t i)
{
    ocs_reach_from(chooser->reach, &chooser->entries[i].id, 1, chooser, mark);
}

static bool has(const struct chooser *chooser, uint32_t id, uint8_t bit)
{
    return id < chooser->census->view.count && (chooser->reached[id] & bit);
}

/* Reaches from what goes by no rule, and from what belongs to what is reached. */
static void settle(struct chooser *chooser, uint8_t bit)
{
    size_t count = chooser->choice->first[chooser->census->layout_count];
    chooser->bit = bit;
    chooser->queued = 0;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &chooser->entries[i];
        bool stays = bit == BEFORE || !chooser->choice->drop[i];
        if (entry->belongs) /* to nothing that is here: nobody's but its own */
            stays = bit == AFTER && !has(chooser, entry->owner, BEFORE);
        if (stays)
            reach_entry(chooser, i);
    }
    for (size_t at = 0; at < chooser->queued; at++)
        reach_entry(chooser, chooser->queue[at]);
}

static int drop_belongings(struct chooser *chooser, struct ocs_error *err)
{
    const struct ocs_census *census = chooser->census;
    const size_t *first = chooser->choice->first;
    int result = sort_belonging(chooser, first[census->layout_count], err);
    if (result)
        return result;
    settle(chooser, BEFORE);
    settle(chooser, AFTER);
    for (size_t i = 0; i < census->layout_count; i++) {
        for (size_t k = first[i]; chooser->asked[i] && k < first[i + 1]; k++) {
            const struct entry *entry = &chooser->entries[k];
            if (entry->belongs)
                chooser->choice->drop[k] =
                    has(chooser, entry->owner, BEFORE) && !has(chooser, entry->owner, AFTER);
        }
    }
    return 0;
}

int ocs_choose(struct ocs_store *store, const struct ocs_census *census, const uint8_t *asked,
               const struct ocs_choose_rules *rules, struct ocs_choice *out, struct ocs_error *err)
{
    struct ocs_choice choice = {0};
    struct chooser chooser = {
        .store = store, .census = census, .asked = asked, .rules = rules, .choice = &choice};
    int result = read_entries(&chooser, err);
    if (result == 0)
        result = apply_rules(&chooser, err);
    if (result == 0)
        result = drop_belongings(&chooser, err);
    chooser_clear(&chooser);
    if (result)
        ocs_choice_clear(&choice);
    else
        *out = choice;
    return result;
}

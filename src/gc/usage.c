/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What layouts and images take, alone and together with others: ocs_usage.
 * What is exclusive is what would be unreferenced without them; gc then frees
 * just that, except what has other names or cannot be verified. */

#include "sight.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/image.h"
#include "store/reach.h"

#include <string.h>

/* What gc does with a blob that nothing needs. */
enum fate {
    GOES = 1,
    FREES = 2, /* and its bytes are free then */
};

/* Who owns what: by layout, or by image. */
struct level {
    uint32_t *owners; /* by id */
    bool ready;
};

struct usage {
    struct ocs_store *store;
    const struct ocs_usage_options *options;
    struct ocs_usage_report *report;
    struct ocs_sight sight;
    struct ocs_reach *reach;
    uint64_t *bytes; /* by id: allocated; 0 when it is not there */
    uint8_t *fate;   /* by id: enum fate */
    size_t *saved;   /* by layout: where its part of sight.saved begins */
    struct level layouts, images;
    uint32_t *numbers; /* by layout: of its first image; one more for its manifest.json */
    uint32_t *seen;    /* by id: the last sum that counted it */
    uint32_t sums;
};

static void usage_clear(struct usage *usage)
{
    ocs_sight_clear(&usage->sight);
    ocs_reach_free(usage->reach);
    free(usage->bytes);
    free(usage->fate);
    free(usage->saved);
    free(usage->layouts.owners);
    free(usage->images.owners);
    free(usage->numbers);
    free(usage->seen);
}

/* ---- what is there ---- */

static int stat_blob(struct usage *usage, uint32_t id, struct ocs_error *err)
{
    struct ocs_digest digest;
    struct stat st;
    ocs_census_digest(&usage->sight.census, id, &digest);
    int result = ocs_blobs_stat(usage->store->blobs, &digest, &st, err);
    if (result)
        return result < 0 ? result : 0;
    usage->bytes[id] = (uint64_t)st.st_blocks * 512;
    if (ocs_algorithm_verifiable(ocs_digest_algorithm(&digest)))
        usage->fate[id] = ocs_blob_frees(&st) ? GOES | FREES : GOES;
    return 0;
}

static int stat_blobs(struct usage *usage, struct ocs_error *err)
{
    const struct ocs_census *census = &usage->sight.census;
    int result = 0;
    for (uint32_t id = 0; result == 0 && id < census->view.count; id++) {
        if (id % 1024 == 0 && ocs_store_cancelled(usage->store))
            return ocs_error_interrupted(err);
        if (census->present[id])
            result = stat_blob(usage, id, err);
    }
    return result;
}

static void find_saved(struct usage *usage)
{
    size_t at = 0;
    for (size_t i = 0; i <= usage->sight.census.layout_count; i++) {
        while (at < usage->sight.saved.count && usage->sight.saved.layouts[at] < i)
            at++;
        usage->saved[i] = at;
    }
}

static int prepare(struct usage *usage, struct ocs_error *err)
{
    struct ocs_census *census = &usage->sight.census;
    size_t count = (size_t)census->view.count + 1;
    usage->bytes = calloc(count, sizeof(*usage->bytes));
    usage->fate = calloc(count, 1);
    usage->saved = calloc(census->layout_count + 1, sizeof(*usage->saved));
    usage->seen = calloc(count, sizeof(*usage->seen));
    usage->layouts.owners = malloc(count * sizeof(*usage->layouts.owners));
    usage->images.owners = malloc(count * sizeof(*usage->images.owners));
    usage->numbers = malloc((census->layout_count + 1) * sizeof(*usage->numbers));
    if (!usage->bytes || !usage->fate || !usage->saved || !usage->seen || !usage->layouts.owners ||
        !usage->images.owners || !usage->numbers)
        return ocs_error_memory(err);
    memset(usage->layouts.owners, 0xff, count * sizeof(*usage->layouts.owners));
    memset(usage->images.owners, 0xff, count * sizeof(*usage->images.owners));
    find_saved(usage);
    ocs_census_note_listed(census);
    int result = ocs_reach_new(census, true, &usage->reach, err);
    return result ? result : stat_blobs(usage, err);
}

/* ---- who owns it ---- */

/* Asks `visit` with the layout's roots: one image after the other, then what its
 * manifest.json names. */
static void each_root(struct usage *usage, size_t layout, void *data,
                      void (*visit)(struct usage *usage, void *data, uint32_t id, size_t place))
{
    const struct ocs_census_layout *roots = &usage->sight.census.layouts[layout];
    const struct ocs_saved *saved = &usage->sight.saved;
    for (size_t i = 0; i < roots->count; i++)
        visit(usage, data, roots->entries[i].id, i);
    for (size_t i = usage->saved[layout]; i < usage->saved[layout + 1]; i++)
        visit(usage, data, saved->ids[i], roots->count);
}

static void own_for_layout(struct usage *usage, void *data, uint32_t id, size_t place)
{
    (void)place;
    ocs_reach_own(usage->reach, &id, 1, *(uint32_t *)data, usage->layouts.owners);
}

static void own_for_image(struct usage *usage, void *data, uint32_t id, size_t place)
{
    uint32_t first = *(uint32_t *)data;
    ocs_reach_own(usage->reach, &id, 1, first + (uint32_t)place, usage->images.owners);
}

static void own_by_layout(struct usage *usage)
{
    for (uint32_t i = 0; i < usage->sight.census.layout_count; i++)
        each_root(usage, i, &i, own_for_layout);
    usage->layouts.ready = true;
}

static void own_by_image(struct usage *usage)
{
    uint32_t number = 0;
    if (usage->images.ready)
        return;
    for (size_t i = 0; i < usage->sight.census.layout_count; i++) {
        usage->numbers[i] = number;
        each_root(usage, i, &number, own_for_image);
        number += (uint32_t)usage->sight.census.layouts[i].count + 1;
    }
    usage->images.ready = true;
}

/* ---- sums ---- */

struct sum {
    struct usage *usage;
    const uint32_t *owners;
    uint32_t owner;
    struct ocs_usage *out;
};

static bool add(void *data, uint32_t id)
{
    struct sum *sum = data;
    struct usage *usage = sum->usage;
    if (usage->seen[id] == usage->sums)
        return false;
    usage->seen[id] = usage->sums;
    if (!usage->sight.census.present[id])
        return true;
    sum->out->blobs++;
    sum->out->apparent_bytes += usage->sight.census.view.size[id];
    sum->out->total_bytes += usage->bytes[id];
    if (sum->owners[id] != sum->owner)
        return true;
    sum->out->exclusive_bytes += usage->bytes[id];
    sum->out->freed_bytes += usage->fate[id] & FREES ? usage->bytes[id] : 0;
    return true;
}

static void add_root(struct usage *usage, void *data, uint32_t id, size_t place)
{
    (void)place;
    ocs_reach_from(usage->reach, &id, 1, data, add);
}

static void tell(struct usage *usage, struct ocs_usage *out)
{
    out->shared_bytes = out->total_bytes - out->exclusive_bytes;
    if (usage->options->on_usage)
        usage->options->on_usage(usage->options->data, out);
}

static void tell_layout(struct usage *usage, size_t layout)
{
    struct ocs_usage out = {
        .layout = usage->sight.census.layouts[layout].root.name,
        .trouble = usage->sight.census.layouts[layout].trouble,
    };
    struct sum sum = {usage, usage->layouts.owners, (uint32_t)layout, &out};
    usage->sums++;
    each_root(usage, layout, &sum, add_root);
    tell(usage, &out);
}

static void tell_image(struct usage *usage, size_t layout, size_t entry)
{
    const struct ocs_census_layout *listed = &usage->sight.census.layouts[layout];
    char digest[OCS_DIGEST_BUF];
    struct ocs_usage out = {
        .layout = listed->root.name,
        .ref = ocs_image_ref(listed, entry),
        .digest = ocs_digest_format(&ocs_image_descriptor(listed, entry)->digest, digest),
    };
    own_by_image(usage);
    struct sum sum = {usage, usage->images.owners, usage->numbers[layout] + (uint32_t)entry, &out};
    usage->sums++;
    add_root(usage, &sum, listed->entries[entry].id, entry);
    tell(usage, &out);
}

static void tell_images(struct usage *usage, size_t layout)
{
    for (size_t i = 0; i < usage->sight.census.layouts[layout].count; i++)
        tell_image(usage, layout, i);
}

static void sum_up(struct usage *usage)
{
    const struct ocs_census *census = &usage->sight.census;
    struct ocs_usage_report *report = usage->report;
    report->layouts = census->layout_count;
    for (size_t i = 0; i < census->layout_count; i++)
        report->images += census->layouts[i].count;
    for (uint32_t id = 0; id < census->view.count; id++) {
        if (!census->present[id])
            continue;
        if (!ocs_mark_has(&usage->sight.mark, id, OCS_MARK_LIVE)) {
            report->garbage_blobs += usage->fate[id] & GOES ? 1 : 0;
            report->garbage_bytes += usage->fate[id] & FREES ? usage->bytes[id] : 0;
            continue;
        }
        report->live_blobs++;
        report->apparent_bytes += census->view.size[id];
        report->total_bytes += usage->bytes[id];
        if (usage->layouts.owners[id] == OCS_OWNER_SHARED)
            report->shared_bytes += usage->bytes[id];
    }
}

/* ---- by name ---- */

static int tell_name(struct usage *usage, const struct ocs_image_name *name, bool tells,
                     struct ocs_error *err)
{
    struct ocs_error error = {0};
    const struct ocs_census *census = &usage->sight.census;
    const struct ocs_census_layout *layout = ocs_image_layout(census, name->layout, &error);
    if (!layout) {
        if (err)
            *err = error;
        return -(int)error.status;
    }
    size_t place = (size_t)(layout - census->layouts);
    bool whole = !name->tag && !name->has_digest;
    bool found = whole;
    if (whole && tells)
        tell_layout(usage, place);
    for (size_t i = 0; i < layout->count; i++) {
        if (!ocs_image_matches(name, layout, i))
            continue;
        found = true;
        if (tells)
            tell_image(usage, place, i);
    }
    if (found)
        return 0;
    return ocs_image_none_in(&layout->index, name->layout, name, err);
}

/* Every name is looked up before anything is told. */
static int tell_names(struct usage *usage, const char *const *names, size_t count, bool tells,
                      struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct ocs_image_name name;
        result = ocs_image_name_parse(names[i], &name, err);
        if (result < 0)
            return result;
        result = tell_name(usage, &name, tells, err);
        ocs_image_name_clear(&name);
    }
    return result;
}

static void tell_all(struct usage *usage)
{
    for (size_t i = 0; i < usage->sight.census.layout_count; i++) {
        tell_layout(usage, i);
        if (usage->options->images)
            tell_images(usage, i);
    }
}

OCS_PUBLIC int ocs_usage(struct ocs_store *store, const char *const *names, size_t count,
                         const struct ocs_usage_options *options, struct ocs_usage_report *report,
                         struct ocs_error *err)
{
    struct usage usage = {.store = store, .options = options, .report = report};
    *report = (struct ocs_usage_report){0};
    int result = ocs_sight_take(store, &usage.sight, err);
    if (result == 0)
        result = tell_names(&usage, names, count, false, err);
    if (result == 0)
        result = prepare(&usage, err);
    if (result == 0) {
        own_by_layout(&usage);
        sum_up(&usage);
        result = tell_names(&usage, names, count, true, err);
    }
    if (result == 0 && count == 0)
        tell_all(&usage);
    if (result == 0)
        result = ocs_image_unseen(store, &usage.sight.census, err);
    usage_clear(&usage);
    return result;
}

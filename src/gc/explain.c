/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Why a blob is kept, or since when it is not: ocs_why. */

#include "paths.h"
#include "plan.h"
#include "sight.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/image.h"
#include "store/short_digest.h"
#include "store/trash.h"

#include <stdio.h>
#include <string.h>

#define ONCE_MOST 10

/* Where a way begins. */
struct root {
    uint32_t layout; /* place in the census */
    uint32_t entry;  /* of its index.json; NO_ENTRY: docker save's manifest.json */
};
#define NO_ENTRY UINT32_MAX

struct explain {
    struct ocs_store *store;
    const struct ocs_why_options *options;
    struct ocs_why_report *report;
    struct ocs_sight sight;
    uint32_t *ids; /* of the roots */
    struct root *roots;
    size_t root_count;
    uint8_t *layouts; /* by layout: it has a way to the blob */
    uint32_t *found;  /* documents that once were roots */
    int result;       /* of the callbacks */
    struct ocs_error *err;
};

/* A blob that is not there has its digest in the graph alone. */
static int find_digest(const struct explain *explain, uint32_t id, struct ocs_digest *out,
                       struct ocs_error *err)
{
    struct ocs_graph *graph;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    struct ocs_node node;
    if (explain->sight.census.present[id]) {
        ocs_census_digest(&explain->sight.census, id, out);
        return 0;
    }
    int result = ocs_store_graph(explain->store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, false, &txn, err);
    if (result == 0)
        result = ocs_graph_get_node(txn, id, &node, err);
    if (result > 0)
        return ocs_error_raise(err, OCS_FAILED, "the graph is damaged");
    if (result == 0)
        *out = node.digest;
    return result;
}

typedef char digest_text[OCS_DIGEST_BUF];

static int format_digest(const struct explain *explain, uint32_t id, digest_text text,
                         struct ocs_error *err)
{
    struct ocs_digest digest;
    int result = find_digest(explain, id, &digest, err);
    if (result == 0)
        ocs_digest_format(&digest, text);
    return result;
}

/* ---- what keeps it ---- */

static const char *role_name(uint8_t role)
{
    return role == OCS_PATHS_REFERRER ? "referrer" : ocs_role_name(role);
}

static const char *root_role(const struct explain *explain, const struct root *root)
{
    if (root->entry == NO_ENTRY)
        return "saved";
    const struct ocs_census_layout *layout = &explain->sight.census.layouts[root->layout];
    return ocs_role_name(ocs_image_descriptor(layout, root->entry)->role);
}

static int tell_steps(struct explain *explain, const struct root *root,
                      const struct ocs_paths_step *steps, size_t count, struct ocs_error *err)
{
    const struct ocs_census_layout *layout = &explain->sight.census.layouts[root->layout];
    auto_free digest_text *texts = malloc(count * sizeof(*texts));
    auto_free struct ocs_why_step *out = calloc(count, sizeof(*out));
    int result = texts && out ? 0 : ocs_error_memory(err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        out[i].role = i == 0 ? root_role(explain, root) : role_name(steps[i].role);
        out[i].digest = texts[i];
        result = format_digest(explain, steps[i].id, texts[i], err);
    }
    if (result)
        return result;
    struct ocs_why_path path = {
        .layout = layout->root.name,
        .ref = root->entry == NO_ENTRY ? NULL : ocs_image_ref(layout, root->entry),
        .steps = out,
        .count = count,
    };
    explain->options->on_path(explain->options->data, &path);
    return 0;
}

static void on_path(void *data, size_t root, const struct ocs_paths_step *steps, size_t count)
{
    struct explain *explain = data;
    if (explain->result == 0 && explain->options->on_path)
        explain->result = tell_steps(explain, &explain->roots[root], steps, count, explain->err);
}

static void on_root(void *data, size_t root)
{
    struct explain *explain = data;
    uint8_t *layout = &explain->layouts[explain->roots[root].layout];
    explain->report->layouts += !*layout;
    *layout = 1;
    if (explain->roots[root].entry != NO_ENTRY)
        explain->report->images++;
}

static void add_root(struct explain *explain, uint32_t id, struct root root)
{
    explain->ids[explain->root_count] = id;
    explain->roots[explain->root_count++] = root;
}

static int list_roots(struct explain *explain, struct ocs_error *err)
{
    const struct ocs_census *census = &explain->sight.census;
    const struct ocs_saved *saved = &explain->sight.saved;
    size_t most = saved->count;
    for (size_t i = 0; i < census->layout_count; i++)
        most += census->layouts[i].count;
    explain->ids = malloc((most + 1) * sizeof(*explain->ids));
    explain->roots = malloc((most + 1) * sizeof(*explain->roots));
    explain->layouts = calloc(census->layout_count + 1, 1);
    if (!explain->ids || !explain->roots || !explain->layouts)
        return ocs_error_memory(err);
    for (size_t i = 0; i < census->layout_count; i++) {
        for (size_t k = 0; k < census->layouts[i].count; k++)
            add_root(explain, census->layouts[i].entries[k].id,
                     (struct root){(uint32_t)i, (uint32_t)k});
    }
    for (size_t i = 0; i < saved->count; i++)
        add_root(explain, saved->ids[i], (struct root){saved->layouts[i], NO_ENTRY});
    return 0;
}

static int explain_live(struct explain *explain, uint32_t id, struct ocs_error *err)
{
    struct ocs_paths_report found;
    int result = list_roots(explain, err);
    if (result)
        return result;
    struct ocs_paths_options options = {
        .roots = explain->ids,
        .root_count = explain->root_count,
        .most = explain->options->most_paths,
        .data = explain,
        .on_path = on_path,
        .on_root = on_root,
    };
    result = ocs_paths_find(&explain->sight.census, id, &options, &found, err);
    explain->report->live = true;
    explain->report->paths = found.paths;
    explain->report->more_paths = !found.all;
    return result ? result : explain->result;
}

/* ---- since when nothing keeps it ---- */

static void on_once(void *data, size_t root)
{
    struct explain *explain = data;
    if (explain->report->once++ < ONCE_MOST)
        explain->found[explain->report->once - 1] = explain->ids[root];
}

static void ignore_path(void *data, size_t root, const struct ocs_paths_step *steps, size_t count)
{
    (void)data;
    (void)root;
    (void)steps;
    (void)count;
}

/* Documents that stood in some index.json once and lead to the blob: they may be
 * gone, the graph remembers. */
static int find_once(struct explain *explain, uint32_t id, struct ocs_error *err)
{
    const struct ocs_graph_view *view = &explain->sight.census.view;
    struct ocs_paths_report unused;
    explain->ids = malloc((view->count + 1u) * sizeof(*explain->ids));
    explain->found = malloc(ONCE_MOST * sizeof(*explain->found));
    if (!explain->ids || !explain->found)
        return ocs_error_memory(err);
    for (uint32_t other = 0; other < view->count; other++) {
        if ((view->flags[other] & OCS_NODE_WAS_LISTED) &&
            !ocs_mark_has(&explain->sight.mark, other, OCS_MARK_LIVE))
            explain->ids[explain->root_count++] = other;
    }
    struct ocs_paths_options options = {
        .roots = explain->ids,
        .root_count = explain->root_count,
        .data = explain,
        .on_path = ignore_path,
        .on_root = on_once,
    };
    return ocs_paths_find(&explain->sight.census, id, &options, &unused, err);
}

static const struct ocs_plan_item *find_item(const struct ocs_plan *plan, uint32_t id)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->items[i].id == id)
            return &plan->items[i];
    }
    return NULL;
}

static int tell_garbage(struct explain *explain, const struct ocs_plan_item *item,
                        struct ocs_error *err)
{
    digest_text text, texts[ONCE_MOST];
    const char *once[ONCE_MOST];
    size_t count = explain->report->once < ONCE_MOST ? explain->report->once : ONCE_MOST;
    int result = format_digest(explain, item->id, text, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = format_digest(explain, explain->found[i], texts[i], err);
        once[i] = texts[i];
    }
    if (result || !explain->options->on_garbage)
        return result;
    struct ocs_why_garbage garbage = {
        .digest = text,
        .size = item->stamp.size,
        .since = explain->sight.census.view.unreferenced_since[item->id],
        .due = item->left ? 0 : item->due,
        .reason = item->left ? "no layout needs it; what it should hold cannot be verified"
                             : ocs_plan_reason(item),
        .once = once,
        .once_count = count,
    };
    explain->options->on_garbage(explain->options->data, &garbage);
    return 0;
}

static int raise_absent(const char *digest, struct ocs_error *err)
{
    return ocs_error_raise(err, OCS_USAGE, "%s is not in the store", digest);
}

/* Planned as gc plans it, so that both name the same time. */
static int explain_garbage(struct explain *explain, uint32_t id, const char *digest,
                           struct ocs_error *err)
{
    struct ocs_plan plan = {0};
    struct ocs_plan_options options = {.now = ocs_now_s(), .grace_s = explain->options->grace_s};
    struct ocs_sight *sight = &explain->sight;
    int result = find_once(explain, id, err);
    if (result == 0)
        result = ocs_plan_make(explain->store, &sight->census, &options, &sight->mark, &plan, err);
    if (result == 0) {
        const struct ocs_plan_item *item = find_item(&plan, id);
        result = item ? tell_garbage(explain, item, err) : raise_absent(digest, err);
    }
    ocs_plan_clear(&plan);
    return result > 0 ? ocs_error_raise(err, OCS_FAILED, "the graph is damaged") : result;
}

/* ---- neither ---- */

struct trashed {
    const struct ocs_digest *digest;
    char run[OCS_RUN_NAME_SIZE];
};

static int on_trashed(void *data, const char *run, const char *path,
                      const struct ocs_digest *digest, const struct stat *st, struct ocs_error *err)
{
    struct trashed *trashed = data;
    (void)path;
    (void)st;
    (void)err;
    if (digest && ocs_digest_equal(digest, trashed->digest))
        snprintf(trashed->run, sizeof(trashed->run), "%s", run);
    return 0;
}

/* `app:v1` has the form of a digest. */
static int explain_image(const struct explain *explain, const char *text, struct ocs_error *err)
{
    struct ocs_image_entry image;
    char digest[OCS_DIGEST_BUF];
    int result = ocs_image_find(&explain->sight.census, text, &image, err);
    if (result < 0)
        return result;
    result = ocs_error_raise(err, OCS_USAGE, "'%s' is an image, and no digest", text);
    ocs_digest_format(&ocs_image_descriptor(image.layout, image.entry)->digest, digest);
    return ocs_error_hint(err, result, "ocistore why %s", digest);
}

static int explain_absent(struct explain *explain, const struct ocs_digest *digest,
                          const char *text, struct ocs_error *err)
{
    struct trashed trashed = {.digest = digest};
    struct ocs_trash_visitor visitor = {.data = &trashed, .on_entry = on_trashed};
    int result = ocs_trash_each(explain->store->state, &visitor, err);
    if (result)
        return result;
    result = raise_absent(text, err);
    if (ocs_digest_algorithm(digest) == OCS_ALGORITHM_OTHER && !trashed.run[0])
        return explain_image(explain, text, err);
    return trashed.run[0]
               ? ocs_error_hint(err, result, "it lies in the trash, in the run %s", trashed.run)
               : result;
}

/* ---- the whole ---- */

static void explain_clear(struct explain *explain)
{
    ocs_sight_clear(&explain->sight);
    free(explain->ids);
    free(explain->roots);
    free(explain->layouts);
    free(explain->found);
}

static int explain_digest(struct explain *explain, const struct ocs_digest *digest,
                          const char *text, struct ocs_error *err)
{
    uint32_t id = OCS_CENSUS_NO_ID;
    const struct ocs_sight *sight = &explain->sight;
    int result = ocs_census_find(explain->store, &sight->census, digest, &id, err);
    if (result > 0)
        return ocs_error_raise(err, OCS_FAILED, "the graph is damaged");
    if (result < 0)
        return result;
    if (ocs_mark_has(&sight->mark, id, OCS_MARK_LIVE))
        return explain_live(explain, id, err);
    if (id == OCS_CENSUS_NO_ID || !sight->census.present[id])
        return explain_absent(explain, digest, text, err);
    return explain_garbage(explain, id, text, err);
}

OCS_PUBLIC int ocs_why(struct ocs_store *store, const char *text,
                       const struct ocs_why_options *options, struct ocs_why_report *report,
                       struct ocs_error *err)
{
    char whole[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    struct explain explain = {.store = store, .options = options, .report = report, .err = err};
    *report = (struct ocs_why_report){0};
    int result = ocs_short_digest(store, text, &digest, err);
    if (result == 0)
        result = ocs_sight_take(store, &explain.sight, err);
    if (result == 0)
        result = explain_digest(&explain, &digest, ocs_digest_format(&digest, whole), err);
    if (result == 0)
        result = ocs_image_unseen(store, &explain.sight.census, err);
    explain_clear(&explain);
    return result;
}

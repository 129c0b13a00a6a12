/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Drops entries of index.json files by rule: ocs_prune. */

#include "choose.h"

#include "store/cleanup.h"
#include "store/edit.h"
#include "store/error.h"
#include "store/image.h"
#include "store/journal.h"
#include "store/leavings.h"
#include "store/reserve.h"

#include <string.h>

struct prune {
    struct ocs_store *store;
    const struct ocs_prune_options *options;
    struct ocs_remove_report *report;
    uint8_t *asked; /* by layout */
    struct ocs_choice choice;
    struct ocs_error left; /* the last layout that had to be left alone; the others are told */
    char run[OCS_RUN_NAME_SIZE];
    struct ocs_journal *journal;
};

/* ---- which layouts ---- */

static int ask_layout(struct prune *prune, const struct ocs_census *census, const char *name,
                      struct ocs_error *err)
{
    struct ocs_error error = {0};
    const struct ocs_census_layout *layout = ocs_image_layout(census, name, &error);
    if (layout) {
        prune->asked[layout - census->layouts] = 1;
        return 0;
    }
    if (err)
        *err = error;
    return -(int)error.status;
}

static void leave_alone(struct prune *prune, const struct ocs_census_layout *layout)
{
    enum ocs_status worst = prune->left.status > layout->fault ? prune->left.status : layout->fault;
    if (prune->left.status)
        ocs_store_notice(prune->store, "%s", prune->left.message);
    ocs_error_raise(&prune->left, worst, "layout '%s' is left alone: %s", layout->root.name,
                    layout->trouble);
    ocs_error_hint(&prune->left, -1,
                   "ocistore fsck says what helps; what gc frees is not known until then");
    prune->report->freed_unknown = true;
}

/* Attached layouts are somebody else's: they are pruned when they are named. */
static void ask_all(struct prune *prune, const struct ocs_census *census)
{
    for (size_t i = 0; i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        prune->asked[i] = layout->state == OCS_LAYOUT_GOOD && !layout->root.attached;
        if (layout->state != OCS_LAYOUT_GOOD)
            leave_alone(prune, layout);
    }
}

static int choose(struct prune *prune, struct ocs_census *census, const char *const *names,
                  size_t count, struct ocs_error *err)
{
    const struct ocs_prune_options *options = prune->options;
    struct ocs_choose_rules rules = {
        .untagged = options->untagged,
        .keep_last = options->keep_last,
        .before = OCS_CHOOSE_ANY_TIME,
    };
    if (options->older_than_s >= 0)
        rules.before = ocs_now_s() - options->older_than_s;
    prune->asked = calloc(census->layout_count + 1, 1);
    int result = prune->asked ? 0 : ocs_error_memory(err);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = ask_layout(prune, census, names[i], err);
    if (result)
        return result;
    if (count == 0)
        ask_all(prune, census);
    ocs_census_note_listed(census);
    return ocs_choose(prune->store, census, prune->asked, &rules, &prune->choice, err);
}

/* ---- telling ---- */

static void tell(struct prune *prune, const char *layout, const struct ocs_index *index,
                 size_t entry)
{
    char digest[OCS_DIGEST_BUF];
    struct ocs_change change = {
        .action = "prune",
        .layout = layout,
        .ref = ocs_index_ref(index, entry),
        .digest = ocs_digest_format(&index->document.descriptors[entry].digest, digest),
    };
    prune->report->images++;
    if (prune->options->on_change)
        prune->options->on_change(prune->options->data, &change);
}

static bool drops_some(const struct prune *prune, size_t layout)
{
    for (size_t i = prune->choice.first[layout]; i < prune->choice.first[layout + 1]; i++) {
        if (prune->choice.drop[i])
            return true;
    }
    return false;
}

/* ---- a dry run ---- */

static int expect(struct prune *prune, const struct ocs_census *census, struct ocs_error *err)
{
    struct ocs_census_sum left;
    size_t count = 0;
    const size_t *first = prune->choice.first;
    auto_free uint32_t *kept = malloc((first[census->layout_count] + 1) * sizeof(*kept));
    if (!kept)
        return ocs_error_memory(err);
    for (size_t i = 0; i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        for (size_t k = 0; k < layout->count; k++) {
            if (prune->choice.drop[first[i] + k])
                tell(prune, layout->root.name, &layout->index, layout->entries[k].entry);
            else
                kept[count++] = layout->entries[k].id;
        }
    }
    int result = ocs_leavings_expect(prune->store, census, kept, count, &left, err);
    prune->report->freed_blobs = left.blobs;
    prune->report->freed_bytes = left.bytes;
    return result;
}

static int run_dry(struct prune *prune, const char *const *names, size_t count,
                   struct ocs_error *err)
{
    struct ocs_census census;
    int result = ocs_census_take(prune->store, 0, &census, err);
    if (result)
        return result;
    result = choose(prune, &census, names, count, err);
    if (result == 0)
        result = expect(prune, &census, err);
    ocs_census_clear(&census);
    return result;
}

/* ---- a real one ---- */

/* An entry that goes, as it was when it was chosen: index.json may be another one
 * by now. */
struct gone {
    const struct ocs_digest *digest;
    const char *ref; /* or NULL */
};

struct editing {
    struct prune *prune;
    const char *layout;
    struct gone *gone; /* sorted */
    size_t count;
};

static int compare_gone(const void *a, const void *b)
{
    const struct gone *x = a, *y = b;
    int order = ocs_digest_compare(x->digest, y->digest);
    if (order || !x->ref || !y->ref)
        return order ? order : (x->ref != NULL) - (y->ref != NULL);
    return strcmp(x->ref, y->ref);
}

static int make_edit(void *data, const struct ocs_index *index, struct ocs_index_edit *change,
                     struct ocs_error *err)
{
    const struct editing *editing = data;
    bool some = false;
    (void)err;
    for (size_t i = 0; i < index->document.count; i++) {
        struct gone entry = {&index->document.descriptors[i].digest, ocs_index_ref(index, i)};
        change->keep[i] =
            !bsearch(&entry, editing->gone, editing->count, sizeof(entry), compare_gone);
        some = some || !change->keep[i];
    }
    return some ? 0 : OCS_EDIT_NOTHING;
}

static void on_edited(void *data, const struct ocs_index *index,
                      const struct ocs_index_edit *change)
{
    const struct editing *editing = data;
    for (size_t i = 0; i < index->document.count; i++) {
        if (!change->keep[i])
            tell(editing->prune, editing->layout, index, i);
    }
}

static int edit_layout(struct prune *prune, const struct ocs_census_layout *layout, size_t first,
                       struct ocs_error *err)
{
    auto_free struct gone *gone = malloc((layout->count + 1) * sizeof(*gone));
    struct editing editing = {.prune = prune, .layout = layout->root.name, .gone = gone};
    if (!gone)
        return ocs_error_memory(err);
    for (size_t i = 0; i < layout->count; i++) {
        if (prune->choice.drop[first + i])
            gone[editing.count++] =
                (struct gone){&ocs_image_descriptor(layout, i)->digest, ocs_image_ref(layout, i)};
    }
    qsort(gone, editing.count, sizeof(*gone), compare_gone);
    struct ocs_edit edit = {
        .root = &layout->root,
        .run = prune->run,
        .data = &editing,
        .make = make_edit,
        .done = on_edited,
    };
    int result = ocs_journal_add(prune->journal, "prune", layout->root.name, err);
    return result ? result : ocs_edit(prune->store, &edit, err);
}

static int edit_all(struct prune *prune, const struct ocs_census *census, struct ocs_error *err)
{
    ocs_run_name(prune->run);
    int result = ocs_reserve_lend(prune->store->state, err);
    if (result == 0)
        result = ocs_journal_open(prune->store->state, prune->run, &prune->journal, err);
    for (size_t i = 0; result == 0 && i < census->layout_count; i++) {
        if (drops_some(prune, i))
            result = edit_layout(prune, &census->layouts[i], prune->choice.first[i], err);
    }
    if (result == 0 && prune->report->images > 0)
        result = ocs_trash_sync(prune->store->state, prune->run, err);
    if (prune->journal)
        ocs_store_settle_journal(prune->store, prune->journal);
    ocs_journal_close(prune->journal);
    return result;
}

static int run_locked(struct prune *prune, const char *const *names, size_t count,
                      struct ocs_error *err)
{
    struct ocs_leavings leavings;
    int result = ocs_leavings_begin(prune->store, true, &leavings, err);
    if (result)
        return result;
    result = choose(prune, &leavings.before, names, count, err);
    if (result == 0)
        result = edit_all(prune, &leavings.before, err);
    struct ocs_census_sum left = ocs_leavings_end(&leavings, prune->report->images > 0);
    prune->report->freed_blobs = left.blobs;
    prune->report->freed_bytes = left.bytes;
    return result;
}

static int run(struct prune *prune, const char *const *names, size_t count, struct ocs_error *err)
{
    if (prune->options->dry_run)
        return run_dry(prune, names, count, err);
    int result = ocs_store_writer(prune->store, err);
    if (result)
        return result;
    result = run_locked(prune, names, count, err);
    ocs_store_writer_end(prune->store);
    return result;
}

OCS_PUBLIC int ocs_prune(struct ocs_store *store, const char *const *layouts, size_t count,
                         const struct ocs_prune_options *options, struct ocs_remove_report *report,
                         struct ocs_error *err)
{
    struct prune prune = {.store = store, .options = options, .report = report};
    *report = (struct ocs_remove_report){0};
    if (!options->untagged && options->older_than_s < 0 && options->keep_last == 0)
        return ocs_error_hint(err, ocs_error_raise(err, OCS_USAGE, "no rule says what to drop"),
                              "--untagged, --older-than or --keep-last");
    int result = run(&prune, layouts, count, err);
    if (result == 0 && prune.left.status) {
        result = -(int)prune.left.status;
        if (err)
            *err = prune.left;
    }
    ocs_choice_clear(&prune.choice);
    free(prune.asked);
    return result;
}

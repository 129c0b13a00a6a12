/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "leavings.h"

#include "cleanup.h"
#include "error.h"
#include "image.h"
#include "journal.h"

#include <stdio.h>
#include <string.h>

/* Which layouts are no longer registered: an attached one, and those whose entries are lost. */

static int check_forget(const struct ocs_roots *roots, const char *name, struct ocs_error *err)
{
    const struct ocs_root *root = ocs_roots_find(roots, name);
    if (!root)
        return ocs_image_no_layout(roots, name, err);
    if (strcmp(name, ".") == 0)
        return ocs_error_raise(err, OCS_USAGE, "the layout '.' is the store itself");
    if (!root->attached)
        return ocs_error_hint(
            err, ocs_error_raise(err, OCS_USAGE, "layout '%s' is not attached, it is here", name),
            "ocistore rm %s", name);
    return 0;
}

static int forget(struct ocs_store *store, const char *name, struct ocs_remove_report *report,
                  struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_leavings leavings;
    struct ocs_roots_place place = ocs_store_roots_place(store);
    char run[OCS_RUN_NAME_SIZE];
    ocs_run_name(run);
    int result = ocs_roots_read(&place, &roots, err);
    if (result == 0)
        result = check_forget(&roots, name, err);
    ocs_roots_clear(&roots);
    if (result == 0)
        result = ocs_leavings_begin(store, false, &leavings, err);
    if (result < 0)
        return result;
    *report = (struct ocs_remove_report){0};
    result = ocs_leavings_unregister(&leavings, name, &report->freed_unknown, err);
    if (result == 0)
        result = ocs_roots_remove(&place, name, run, err);
    struct ocs_census_sum left = ocs_leavings_end(&leavings, result == 0);
    report->freed_blobs = left.blobs;
    report->freed_bytes = left.bytes;
    return result < 0 ? result : 0;
}

int ocs_forget(struct ocs_store *store, const char *name, void *data, ocs_change_fn *on_change,
               struct ocs_remove_report *report, struct ocs_error *err)
{
    struct ocs_remove_report unused;
    int result = ocs_store_writer(store, err);
    if (result < 0)
        return result;
    result = forget(store, name, report ? report : &unused, err);
    ocs_store_writer_end(store);
    struct ocs_change change = {.action = "forget", .layout = name};
    if (result == 0 && on_change)
        on_change(data, &change);
    return result;
}

/* ---- forget --lost ---- */

/* A layout whose index.json cannot be read now is one all the same. */
static int register_unread(struct ocs_store *store, const struct ocs_census *census,
                           struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(store);
    struct ocs_bytes none = {.data = "", .size = 0};
    int result = 0;
    for (size_t i = 0; result == 0 && i < census->layout_count; i++) {
        const struct ocs_census_layout *layout = &census->layouts[i];
        if (layout->state != OCS_LAYOUT_GOOD && !layout->root.registered)
            result = ocs_roots_put(&place, &layout->root, &none, err);
    }
    return result;
}

/* What is not registered yet: a layout, or what may hide one: a folder that cannot be read,
 * a link. */
struct hidden {
    struct ocs_roots_place place;
    char text[sizeof(((struct ocs_error *)NULL)->message)]; /* "": nothing */
    char help[sizeof(((struct ocs_error *)NULL)->hint)];
};

static void note_hidden(void *data, const char *path, const char *text, const char *help)
{
    struct hidden *hidden = data;
    (void)path;
    snprintf(hidden->text, sizeof(hidden->text), "%s", text);
    snprintf(hidden->help, sizeof(hidden->help), "%s", help);
}

static bool is_registered(const struct hidden *hidden, const char *name)
{
    struct ocs_root root = {0};
    bool known = ocs_roots_locate(&hidden->place, name, &root, NULL) == 0 && root.registered;
    ocs_root_clear(&root);
    return known;
}

static int note_layout(void *data, const char *name, const char *path, struct ocs_error *err)
{
    char text[OCS_LAYOUT_NAME_MAX + 64];
    (void)err;
    snprintf(text, sizeof(text), "%s could not be registered", path);
    if (!is_registered(data, name))
        note_hidden(data, path, text, "run it again");
    return 0;
}

static void note_closed(void *data, const char *path, const char *text)
{
    const char *name = strchr(path, '/');
    if (!name || !is_registered(data, name + 1))
        note_hidden(data, path, text, "make the folder readable, or move it away");
}

static int refuse_unregistered(struct ocs_store *store, struct ocs_error *err)
{
    struct hidden hidden = {.place = ocs_store_roots_place(store)};
    const struct ocs_seen_visitor visitor = {.data = &hidden,
                                             .on_layout = note_layout,
                                             .on_trouble = note_hidden,
                                             .on_closed = note_closed};
    int result = ocs_seen_layouts(store->dir, &visitor, err);
    if (result < 0 || !hidden.text[0])
        return result;
    return ocs_error_hint(
        err, ocs_error_raise(err, OCS_REFUSED, "%s: nothing was given up", hidden.text), "%s",
        hidden.help);
}

/* What lies below layouts/ has its entry before anything is given up. */
static int register_seen(struct ocs_store *store, struct ocs_error *err)
{
    struct ocs_census census;
    int result = ocs_io_mkdir(store->state, "roots", OCS_MODE_FOLDER, ".ocistore/roots", err);
    if (result == 0)
        result = ocs_io_sync_dir(store->state, ".", ".ocistore", err);
    if (result == 0)
        result = ocs_census_take_ids(store, 0, &census, err);
    if (result < 0)
        return result;
    result = ocs_census_remember(store, &census, err);
    if (result == 0)
        result = register_unread(store, &census, err);
    ocs_census_clear(&census);
    return result == 0 ? refuse_unregistered(store, err) : result;
}

static int forget_lost(struct ocs_store *store, uint64_t *lost, struct ocs_error *err)
{
    struct ocs_journal *journal = NULL;
    struct ocs_roots_place place = ocs_store_roots_place(store);
    char run[OCS_RUN_NAME_SIZE];
    ocs_run_name(run);
    int result = register_seen(store, err);
    if (result == 0)
        result = ocs_journal_open(store->state, run, &journal, err);
    if (result == 0)
        result = ocs_journal_add(journal, "forget-lost", ".ocistore/roots", err);
    if (result == 0)
        result = ocs_roots_give_up_lost(&place, run, lost, err);
    if (journal)
        ocs_store_settle_journal(store, journal);
    ocs_journal_close(journal);
    return result;
}

int ocs_forget_lost(struct ocs_store *store, uint64_t *lost, struct ocs_error *err)
{
    *lost = 0;
    int result = ocs_store_writer(store, err);
    if (result < 0)
        return result;
    result = forget_lost(store, lost, err);
    ocs_store_writer_end(store);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "refuse.h"

#include "store/error.h"

#define CLOCK_SLACK_S 300

#define NOTHING "nothing was deleted; "

static int refuse_missing(const struct ocs_root *root, const char *label, const char *trouble,
                          struct ocs_error *err)
{
    char help[OCS_ROOT_HELP_SIZE];
    int result = ocs_error_raise(err, OCS_REFUSED, "%s is not there: %s", label, trouble);
    return ocs_error_hint(err, result, NOTHING "%s",
                          ocs_root_missing_help(root, help, sizeof(help)));
}

static int refuse_layout(const struct ocs_census_layout *layout, struct ocs_error *err)
{
    char label[OCS_LAYOUT_NAME_MAX + 32];
    const struct ocs_root *root = &layout->root;
    const char *trouble = layout->trouble ? layout->trouble : "not to be read";
    ocs_store_layout_label(root, label, sizeof(label));
    switch (layout->state) {
    case OCS_LAYOUT_GOOD:
        return 0;
    case OCS_LAYOUT_MISSING:
        return refuse_missing(root, label, trouble, err);
    case OCS_LAYOUT_UNREADABLE:
    case OCS_LAYOUT_INVALID:
        break;
    }
    int result =
        ocs_error_raise(err, OCS_REFUSED, "what %s needs is not known: %s", label, trouble);
    const char *help = ocs_root_help(root, layout->fault);
    if (layout->fault != OCS_REFUSED)
        return ocs_error_hint(err, result, NOTHING "%s", help);
    char gone[OCS_LAYOUT_NAME_MAX + 64];
    return ocs_error_hint(err, result, NOTHING "%s%smend %s/index.json%s", help ? help : "",
                          help ? ", or " : "", root->path,
                          ocs_root_gone_help(root, gone, sizeof(gone)));
}

static int refuse_damaged(const struct ocs_census *census, struct ocs_error *err)
{
    int result = ocs_error_raise(err, OCS_REFUSED, "which layouts there are is not known: %s",
                                 census->roots_trouble ? census->roots_trouble : "roots");
    return ocs_error_hint(err, result, NOTHING "%s",
                          census->roots_help ? census->roots_help : "ocistore fsck says more");
}

static int refuse_empty(const struct ocs_store *store, const struct ocs_census *census,
                        struct ocs_error *err)
{
    int result = ocs_error_raise(err, OCS_REFUSED, "%s holds %llu blobs but no layout", store->path,
                                 (unsigned long long)census->files);
    return ocs_error_hint(err, result, NOTHING "if all of them may go: ocistore gc --allow-empty");
}

int ocs_refuse_roots(struct ocs_store *store, const struct ocs_census *census, bool allow_empty,
                     struct ocs_error *err)
{
    if (census->roots_damaged)
        return refuse_damaged(census, err);
    for (size_t i = 0; i < census->layout_count; i++) {
        int result = refuse_layout(&census->layouts[i], err);
        if (result)
            return result;
    }
    if (census->layout_count == 0 && census->files > 0 && !allow_empty)
        return refuse_empty(store, census, err);
    return 0;
}

int ocs_refuse_clock(const struct ocs_store *store, int64_t now, int64_t last_run,
                     struct ocs_error *err)
{
    if (now >= last_run - CLOCK_SLACK_S)
        return 0;
    int result =
        ocs_error_raise(err, OCS_REFUSED, "the clock is %lld s behind the end of the last run",
                        (long long)(last_run - now));
    return ocs_error_hint(err, result,
                          NOTHING "set the clock; if it was the last run's that was "
                                  "wrong, remove %s, which loses nothing but time",
                          store->graph_path);
}

int ocs_refuse_doubt(const struct ocs_doubt *doubt, struct ocs_error *err)
{
    if (doubt->obstacles == 0)
        return 0;
    int result = doubt->obstacles == 1
                     ? ocs_error_raise(err, OCS_REFUSED, "%s", doubt->first)
                     : ocs_error_raise(err, OCS_REFUSED, "%s (and %llu more)", doubt->first,
                                       (unsigned long long)doubt->obstacles - 1);
    return ocs_error_hint(err, result,
                          NOTHING "ocistore fsck names the images: import them again, or rm them");
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "model.h"

model_set model_all_listed(const struct model *model)
{
    model_set all = 0;
    for (int i = 0; i < LAYOUTS; i++)
        all |= model->exists[i] ? model->listed[i] : 0;
    return all;
}

static model_set grow(const struct model *model, model_set set)
{
    for (int i = 0; i < model->count; i++) {
        const struct model_blob *blob = &model->blobs[i];
        if (!blob->known)
            continue;
        if (blob->subject != NEVER && (set & BIT(blob->subject)) && !blob->was_listed)
            set |= BIT(i);
        if (!(set & BIT(i)))
            continue;
        for (int k = 0; k < blob->child_count; k++)
            set |= BIT(blob->children[k]);
        if (blob->subject != NEVER)
            set |= BIT(blob->subject);
    }
    return set;
}

model_set model_reach(const struct model *model, model_set roots)
{
    for (;;) {
        model_set more = grow(model, roots);
        if (more == roots)
            return roots;
        roots = more;
    }
}

model_set model_closure(const struct model *model, int blob)
{
    model_set set = BIT(blob);
    for (int i = model->count - 1; i >= 0; i--) { /* children have smaller numbers */
        for (int k = 0; (set & BIT(i)) && k < model->blobs[i].child_count; k++)
            set |= BIT(model->blobs[i].children[k]);
    }
    return set;
}

void model_put(struct model *model, int blob, int64_t now)
{
    model->blobs[blob].present = true;
    model->blobs[blob].mtime = now;
    model->blobs[blob].known = true; /* the next look at the store reads it */
}

/* The youngest copy, as its run sorts last, or any: the bytes are the same, and
 * gc gives each the mtime that it had. */
static void restore(struct model_blob *blob)
{
    blob->present = true;
    blob->known = true;
    blob->mtime = blob->trash_mtime[0];
    blob->trash_count--;
    for (int i = 0; i < blob->trash_count; i++) {
        blob->trash[i] = blob->trash[i + 1];
        blob->trash_mtime[i] = blob->trash_mtime[i + 1];
    }
}

void model_heal(struct model *model)
{
    bool again = true;
    while (again) {
        model_set live = model_reach(model, model_all_listed(model));
        again = false;
        for (int i = 0; i < model->count; i++) {
            struct model_blob *blob = &model->blobs[i];
            if (!(live & BIT(i)) || blob->present || blob->trash_count == 0)
                continue;
            restore(blob);
            again = true;
        }
    }
}

void model_read_trash(struct model *model)
{
    struct model healed = *model;
    model_heal(&healed);
    for (int i = 0; i < model->count; i++)
        model->blobs[i].known |= healed.blobs[i].present;
}

void model_rm(struct model *model, int layout, int entry, int64_t now)
{
    model_set before = model_all_listed(model);
    bool flags[BLOBS];
    for (int i = 0; i < model->count; i++) {
        flags[i] = model->blobs[i].was_listed;
        if (before & BIT(i))
            model->blobs[i].was_listed = true;
    }
    model_set was = model_reach(model, before);
    model->listed[layout] &= ~BIT(entry);
    model_set is = model_reach(model, model_all_listed(model));
    for (int i = 0; i < model->count; i++) {
        if ((was & BIT(i)) && !(is & BIT(i)))
            model->blobs[i].since = now;
        else
            model->blobs[i].was_listed = flags[i];
    }
}

/* Edges of what is not there are lost with it. */
void model_lose_graph(struct model *model)
{
    for (int i = 0; i < model->count; i++) {
        model->blobs[i].since = NEVER;
        model->blobs[i].was_listed = false;
        model->blobs[i].known = model->blobs[i].present;
    }
}

/* ---- gc ---- */

static int64_t due_of(const struct model_blob *blob, int64_t now, int64_t grace)
{
    int64_t since = blob->since == NEVER ? now : blob->since;
    return (since > blob->mtime ? since : blob->mtime) + grace;
}

static model_set young_of(const struct model *model, int64_t now, int64_t grace)
{
    model_set live = model_reach(model, model_all_listed(model)), young = 0;
    for (int i = 0; i < model->count; i++) {
        const struct model_blob *blob = &model->blobs[i];
        if (blob->document && blob->present && !(live & BIT(i)) && due_of(blob, now, grace) > now)
            young |= BIT(i);
    }
    return model_reach(model, young);
}

model_set model_due(const struct model *model, int64_t now, int64_t grace)
{
    model_set live = model_reach(model, model_all_listed(model));
    model_set kept = live | young_of(model, now, grace), due = 0;
    for (int i = 0; i < model->count; i++) {
        const struct model_blob *blob = &model->blobs[i];
        if (blob->present && !(kept & BIT(i)) && due_of(blob, now, grace) <= now)
            due |= BIT(i);
    }
    return due;
}

void model_remember(struct model *model, int64_t now)
{
    model_set listed = model_all_listed(model), live = model_reach(model, listed);
    for (int i = 0; i < model->count; i++) {
        struct model_blob *blob = &model->blobs[i];
        if (listed & BIT(i))
            blob->was_listed = true;
        if ((live & BIT(i)) || !blob->present)
            blob->since = NEVER;
        else if (blob->since == NEVER)
            blob->since = now;
    }
}

void model_sweep(struct model *model, model_set blobs, int64_t now)
{
    for (int i = 0; i < model->count; i++) {
        struct model_blob *blob = &model->blobs[i];
        if (!(blobs & BIT(i)) || !blob->present)
            continue;
        blob->present = false;
        blob->since = NEVER;
        blob->trash[blob->trash_count] = now;
        blob->trash_mtime[blob->trash_count++] = blob->mtime;
    }
}

/* What is needed stays until it is back in its place. */
void model_purge(struct model *model, int64_t now, int64_t trash_for, int64_t grace)
{
    model_set needed = model_reach(model, model_all_listed(model)) | young_of(model, now, grace);
    for (int i = 0; i < model->count; i++) {
        struct model_blob *blob = &model->blobs[i];
        int kept = 0;
        for (int k = 0; k < blob->trash_count; k++) {
            bool old = now - blob->trash[k] >= trash_for;
            if (old && (!(needed & BIT(i)) || blob->present))
                continue;
            blob->trash[kept] = blob->trash[k];
            blob->trash_mtime[kept++] = blob->trash_mtime[k];
        }
        blob->trash_count = kept;
    }
}

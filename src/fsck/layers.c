/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "layers.h"

#include "array.h"
#include "schedule.h"

#include <stdio.h>
#include <string.h>

/* ---- configs ---- */

static int keep_diff_id(struct ocs_inventory *inventory, const char *text, struct ocs_error *err)
{
    struct ocs_digest digest;
    uint32_t diff = OCS_NO_BLOB; /* not well-formed: reported as document-invalid */
    int r = 0;
    if (text && ocs_digest_parse(text, strlen(text), &digest) == 0)
        r = ocs_digest_set_add(inventory->diffs, &digest, &diff, err);
    if (r >= 0)
        r = ocs_array_reserve(&inventory->diff_ids, &inventory->diff_id_capacity,
                              inventory->diff_id_count + 1, sizeof(uint32_t), err);
    if (r == 0)
        inventory->diff_ids[inventory->diff_id_count++] = diff;
    return r;
}

int ocs_layers_keep_config(struct ocs_fsck_run *run, const struct ocs_document *document,
                           struct ocs_error *err)
{
    struct ocs_inventory *inventory = &run->inventory;
    if (document->state != OCS_DOCUMENT_STRICT)
        return 0;
    const struct ocs_json_value *root = ocs_json_root(document->json);
    const struct ocs_json_value *rootfs = ocs_json_member(root, "rootfs");
    const struct ocs_json_value *ids = rootfs ? ocs_json_member(rootfs, "diff_ids") : NULL;
    bool none = !ids || ocs_json_type(ids) == OCS_JSON_NULL; /* Docker's way of an empty one */
    if (!rootfs || ocs_json_type(rootfs) != OCS_JSON_OBJECT ||
        (!none && ocs_json_type(ids) != OCS_JSON_ARRAY))
        return 0;
    struct ocs_read_document *read = &inventory->documents[inventory->document_count - 1];
    read->is_config = true;
    read->first_diff_id = (uint32_t)inventory->diff_id_count;
    int r = 0;
    const struct ocs_json_value *id = none ? NULL : ocs_json_first(ids);
    for (; r == 0 && id; id = ocs_json_next(id)) {
        read->diff_id_count++;
        if (run->options->deep)
            r = keep_diff_id(inventory, ocs_json_string(document->json, id), err);
    }
    return r;
}

/* ---- manifests ---- */

struct image {
    uint32_t layers;                        /* members of `layers` */
    uint32_t tars;                          /* those that are layers by their media type as well */
    const struct ocs_read_document *config; /* NULL: none that is known */
};

static const struct ocs_read_document *config_of(const struct ocs_inventory *inventory,
                                                 uint32_t blob)
{
    const struct ocs_blob_state *state = &inventory->blobs[blob];
    bool typed = ocs_media_of(ocs_inventory_media(inventory, state->media)) == OCS_MEDIA_CONFIG;
    if (!state->document || !typed)
        return NULL;
    const struct ocs_read_document *config = &inventory->documents[state->document - 1];
    return config->sure && config->is_config ? config : NULL;
}

static struct image look_at_image(const struct ocs_inventory *inventory,
                                  const struct ocs_read_document *manifest)
{
    struct image image = {0};
    bool wanted = manifest->sure && inventory->blobs[manifest->blob].flags & OCS_BLOB_REACHABLE;
    for (uint32_t e = manifest->first; wanted && e < manifest->first + manifest->count; e++) {
        unsigned role = inventory->how[e] & OCS_EDGE_ROLE;
        if (role == OCS_ROLE_CONFIG)
            image.config = config_of(inventory, inventory->children[e]);
        image.layers += role == OCS_ROLE_LAYER;
        image.tars += role == OCS_ROLE_LAYER && inventory->how[e] & OCS_EDGE_LAYERISH;
    }
    return image;
}

static int blame_counts(struct ocs_fsck_run *run, uint32_t blob, const struct image *image,
                        struct ocs_error *err)
{
    char layers[16], ids[16];
    snprintf(layers, sizeof(layers), "%u", image->tars);
    snprintf(ids, sizeof(ids), "%u", image->config->diff_id_count);
    /* Signatures and attestations borrow the config type for what is no tar. */
    bool borrowed = image->tars < image->layers;
    struct ocs_finding_note note = {
        .id = "document-invalid",
        .severity = borrowed ? OCS_SEVERITY_WARNING : OCS_SEVERITY_ERROR,
        .blob = blob,
        .expected = ids,
        .actual = layers,
        .message = "layers are not as many as the diff_ids of the config",
    };
    return ocs_findings_add(&run->findings, &note, err);
}

int ocs_layers_check_counts(struct ocs_fsck_run *run, struct ocs_error *err)
{
    const struct ocs_inventory *inventory = &run->inventory;
    int r = 0;
    for (size_t i = 0; r == 0 && i < inventory->document_count; i++) {
        const struct ocs_read_document *manifest = &inventory->documents[i];
        struct image image = look_at_image(inventory, manifest);
        uint32_t ids = image.config ? image.config->diff_id_count : 0;
        if (image.config && ids != image.tars && ids != image.layers)
            r = blame_counts(run, manifest->blob, &image, err);
    }
    return r;
}

/* ---- tasks ---- */

static int add_task(const struct ocs_fsck_run *run, struct ocs_layer_tasks *tasks, uint32_t layer,
                    uint32_t diff_id, struct ocs_error *err)
{
    const struct ocs_blob_state *state = &run->inventory.blobs[layer];
    if (diff_id == OCS_NO_BLOB || state->presence != OCS_PRESENCE_HERE ||
        state->flags & OCS_BLOB_DAMAGED)
        return 0;
    /* the stamp is of the bytes: it does not say that somebody unpacked them */
    if (run->options->only_bad && !ocs_schedule_wants(run, state))
        return 0;
    int r = ocs_array_reserve(&tasks->items, &tasks->capacity, tasks->count + 1,
                              sizeof(*tasks->items), err);
    if (r == 0)
        tasks->items[tasks->count++] = (struct ocs_layer_task){.layer = layer, .diff_id = diff_id};
    return r;
}

static int add_image(const struct ocs_fsck_run *run, const struct ocs_read_document *manifest,
                     struct ocs_layer_tasks *tasks, struct ocs_error *err)
{
    const struct ocs_inventory *inventory = &run->inventory;
    struct image image = look_at_image(inventory, manifest);
    if (!image.config)
        return 0;
    uint32_t ids = image.config->diff_id_count;
    bool tars_alone = ids == image.tars;
    if (!tars_alone && ids != image.layers)
        return 0;
    uint32_t next = 0;
    int r = 0;
    for (uint32_t e = manifest->first; r == 0 && e < manifest->first + manifest->count; e++) {
        if ((inventory->how[e] & OCS_EDGE_ROLE) != OCS_ROLE_LAYER)
            continue;
        bool tar = inventory->how[e] & OCS_EDGE_LAYERISH;
        if (tar)
            r = add_task(run, tasks, inventory->children[e],
                         inventory->diff_ids[image.config->first_diff_id + next], err);
        next += tar || !tars_alone;
    }
    return r;
}

static int compare_tasks(const void *left, const void *right, void *data)
{
    const struct ocs_inventory *inventory = data;
    const struct ocs_layer_task *a = left, *b = right;
    uint64_t first = inventory->blobs[a->layer].size, second = inventory->blobs[b->layer].size;
    if (first != second)
        return first > second ? -1 : 1;
    if (a->layer != b->layer)
        return a->layer < b->layer ? -1 : 1;
    return (a->diff_id > b->diff_id) - (a->diff_id < b->diff_id);
}

static void unite(const struct ocs_inventory *inventory, struct ocs_layer_tasks *tasks)
{
    size_t kept = 0;
    void *data = (void *)(uintptr_t)inventory;
    if (tasks->count)
        qsort_r(tasks->items, tasks->count, sizeof(*tasks->items), compare_tasks, data);
    for (size_t i = 0; i < tasks->count; i++) {
        if (kept && compare_tasks(&tasks->items[kept - 1], &tasks->items[i], data) == 0)
            continue;
        tasks->items[kept++] = tasks->items[i];
        tasks->bytes += inventory->blobs[tasks->items[i].layer].size;
    }
    tasks->count = kept;
}

int ocs_layers_collect(const struct ocs_fsck_run *run, struct ocs_layer_tasks *out,
                       struct ocs_error *err)
{
    const struct ocs_inventory *inventory = &run->inventory;
    int r = 0;
    *out = (struct ocs_layer_tasks){0};
    for (size_t i = 0; r == 0 && i < inventory->document_count; i++)
        r = add_image(run, &inventory->documents[i], out, err);
    if (r < 0)
        ocs_layers_clear(out);
    else
        unite(inventory, out);
    return r;
}

void ocs_layers_clear(struct ocs_layer_tasks *tasks)
{
    free(tasks->items);
    *tasks = (struct ocs_layer_tasks){0};
}

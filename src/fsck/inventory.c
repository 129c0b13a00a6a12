/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "inventory.h"

#include "array.h"

#include <string.h>

/* More kinds of media types than this are all the same to us. */
#define MEDIA_MAX 1024

int ocs_inventory_init(struct ocs_inventory *inventory, struct ocs_error *err)
{
    *inventory = (struct ocs_inventory){.media_count = 1};
    int r =
        ocs_array_reserve(&inventory->media, &inventory->media_capacity, 1, sizeof(char *), err);
    if (r < 0)
        return r;
    inventory->media[0] = NULL;
    r = ocs_digest_set_new(&inventory->diffs, err);
    return r < 0 ? r : ocs_digest_set_new(&inventory->set, err);
}

void ocs_inventory_clear(struct ocs_inventory *inventory)
{
    for (size_t i = 1; i < inventory->media_count; i++)
        free(inventory->media[i]);
    free(inventory->media);
    free(inventory->declarations);
    free(inventory->diff_ids);
    if (inventory->diffs)
        ocs_digest_set_free(inventory->diffs);
    ocs_text_pool_clear(&inventory->texts);
    free(inventory->roots);
    free(inventory->how);
    free(inventory->children);
    free(inventory->documents);
    free(inventory->blobs);
    if (inventory->set)
        ocs_digest_set_free(inventory->set);
    *inventory = (struct ocs_inventory){0};
}

uint32_t ocs_inventory_count(const struct ocs_inventory *inventory)
{
    return ocs_digest_set_count(inventory->set);
}

int ocs_inventory_add(struct ocs_inventory *inventory, const struct ocs_digest *digest,
                      uint32_t *blob, struct ocs_error *err)
{
    return ocs_inventory_add_many(inventory, &digest, 1, blob, err);
}

int ocs_inventory_add_many(struct ocs_inventory *inventory, const struct ocs_digest *const *digests,
                           size_t count, uint32_t *blobs, struct ocs_error *err)
{
    uint32_t before = ocs_digest_set_count(inventory->set);
    int r = ocs_array_reserve(&inventory->blobs, &inventory->blob_capacity, before + count,
                              sizeof(*inventory->blobs), err);
    if (r == 0)
        r = ocs_digest_set_add_many(inventory->set, digests, count, blobs, err);
    uint32_t after = ocs_digest_set_count(inventory->set);
    for (uint32_t blob = before; blob < after; blob++)
        inventory->blobs[blob] = (struct ocs_blob_state){.declared = -1, .graph_id = OCS_NO_BLOB};
    for (size_t i = 0; r == 0 && i < count; i++)
        __builtin_prefetch(&inventory->blobs[blobs[i]], 1);
    return r;
}

void ocs_inventory_digest(const struct ocs_inventory *inventory, uint32_t blob,
                          struct ocs_digest *out)
{
    ocs_digest_set_get(inventory->set, blob, out);
}

static int intern_media(struct ocs_inventory *inventory, const char *text, uint16_t *media,
                        struct ocs_error *err)
{
    *media = 0;
    if (!text)
        return 0;
    for (size_t i = 1; i < inventory->media_count; i++) {
        if (strcmp(inventory->media[i], text) == 0) {
            *media = (uint16_t)i;
            return 0;
        }
    }
    if (inventory->media_count >= MEDIA_MAX)
        return 0;
    int r = ocs_array_reserve(&inventory->media, &inventory->media_capacity,
                              inventory->media_count + 1, sizeof(char *), err);
    if (r < 0)
        return r;
    char *copy = strdup(text);
    if (!copy)
        return ocs_error_memory(err);
    *media = (uint16_t)inventory->media_count;
    inventory->media[inventory->media_count++] = copy;
    return 0;
}

const char *ocs_inventory_media(const struct ocs_inventory *inventory, uint16_t media)
{
    return inventory->media[media];
}

static int declare_otherwise(struct ocs_inventory *inventory,
                             const struct ocs_declaration *declaration, struct ocs_error *err)
{
    size_t count = inventory->declaration_count;
    if (count) { /* the same child many times in one document */
        const struct ocs_declaration *last = &inventory->declarations[count - 1];
        if (last->blob == declaration->blob && last->size == declaration->size &&
            last->media == declaration->media)
            return 0;
    }
    int r = ocs_array_reserve(&inventory->declarations, &inventory->declaration_capacity, count + 1,
                              sizeof(*declaration), err);
    if (r < 0)
        return r;
    inventory->declarations[inventory->declaration_count++] = *declaration;
    return 0;
}

int ocs_inventory_declare(struct ocs_inventory *inventory, uint32_t blob, int64_t size,
                          const char *media_type, struct ocs_error *err)
{
    uint16_t media;
    int r = intern_media(inventory, media_type, &media, err);
    if (r < 0)
        return r;
    struct ocs_blob_state *state = &inventory->blobs[blob];
    if (state->declared < 0)
        state->declared = size;
    if (state->media == 0)
        state->media = media;
    bool other_size = size >= 0 && size != state->declared;
    bool other_media = media && media != state->media;
    if (other_size)
        state->flags |= OCS_BLOB_SIZES;
    if (other_media)
        state->flags |= OCS_BLOB_TYPES;
    if (!other_size && !other_media)
        return 0;
    struct ocs_declaration declaration = {
        .blob = blob, .size = other_size ? size : -1, .media = other_media ? media : 0};
    return declare_otherwise(inventory, &declaration, err);
}

int ocs_inventory_document(struct ocs_inventory *inventory, uint32_t blob, bool sure,
                           struct ocs_error *err)
{
    int r = ocs_array_reserve(&inventory->documents, &inventory->document_capacity,
                              inventory->document_count + 1, sizeof(*inventory->documents), err);
    if (r < 0)
        return r;
    inventory->documents[inventory->document_count++] = (struct ocs_read_document){
        .blob = blob,
        .first = (uint32_t)inventory->edge_count,
        .sure = sure,
    };
    inventory->blobs[blob].document = (uint32_t)inventory->document_count;
    return 0;
}

int ocs_inventory_edge(struct ocs_inventory *inventory, uint32_t child, uint8_t how,
                       struct ocs_error *err)
{
    size_t at = inventory->edge_count;
    if (at >= UINT32_MAX - 1)
        return ocs_error_memory(err);
    int r = ocs_array_reserve(&inventory->children, &inventory->children_capacity, at + 1,
                              sizeof(*inventory->children), err);
    if (r < 0)
        return r;
    r = ocs_array_reserve(&inventory->how, &inventory->how_capacity, at + 1, 1, err);
    if (r < 0)
        return r;
    inventory->children[at] = child;
    inventory->how[at] = how;
    inventory->edge_count++;
    struct ocs_read_document *parent = &inventory->documents[inventory->document_count - 1];
    parent->count++;
    unsigned role = how & OCS_EDGE_ROLE;
    if (child != parent->blob && role != OCS_ROLE_SUBJECT && role != OCS_ROLE_LOOSE)
        inventory->blobs[child].flags |= OCS_BLOB_NAMED;
    return 0;
}

int ocs_inventory_root(struct ocs_inventory *inventory, const struct ocs_root_entry *entry,
                       const char *ref, struct ocs_error *err)
{
    int r = ocs_array_reserve(&inventory->roots, &inventory->root_capacity,
                              inventory->root_count + 1, sizeof(*inventory->roots), err);
    if (r < 0)
        return r;
    struct ocs_root_entry kept = *entry;
    r = ocs_text_pool_add(&inventory->texts, ref, &kept.ref, err);
    if (r < 0)
        return r;
    inventory->roots[inventory->root_count++] = kept;
    return 0;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

uint64_t ocs_inventory_stamp(const struct ocs_stamp *stamp)
{
    uint64_t hash = mix(0x6f63697366736b31u, stamp->inode);
    hash = mix(hash, stamp->size);
    hash = mix(hash, (uint64_t)stamp->mtime_ns);
    hash = mix(hash, (uint64_t)stamp->ctime_ns);
    return hash ? hash : 1;
}

int ocs_inventory_how(const struct ocs_document *document, const struct ocs_descriptor *descriptor,
                      uint8_t *how, struct ocs_error *err)
{
    *how = (uint8_t)descriptor->role;
    enum ocs_media media = ocs_media_of(descriptor->media_type);
    if (media == OCS_MEDIA_LAYER_FOREIGN)
        *how |= OCS_EDGE_FOREIGN | OCS_EDGE_LAYERISH;
    if (media == OCS_MEDIA_LAYER)
        *how |= OCS_EDGE_LAYERISH;
    if (!descriptor->value)
        return 0;
    auto_bytes struct ocs_bytes data = {0};
    int r = ocs_descriptor_data(document, descriptor, &data, err);
    if (r < 0)
        return r;
    if (r == 0)
        *how |= OCS_EDGE_DATA;
    return 0;
}

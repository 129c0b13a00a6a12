/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "image.h"

#include "cleanup.h"
#include "error.h"
#include "reach.h"

#include <stdlib.h>
#include <string.h>

/* Deeper than any image; beyond it nodes are shown and not followed, which is said. */
#define DEPTH_MAX 4096

struct node {
    struct ocs_digest digest;
    const char *role;
    char *media_type; /* or NULL */
    int64_t size;
};

/* A document on the way down, with what it leads to. */
struct frame {
    char digest[OCS_DIGEST_BUF];
    struct node *nodes;
    size_t count;
    size_t next;
};

struct tree {
    struct ocs_store *store;
    struct ocs_census census;
    struct ocs_reach *reach;
    uint32_t *owners; /* by id: which image of the store reaches it */
    uint8_t *shown;   /* by id */
    struct frame *frames;
    size_t depth;
    void *data;
    void (*on_node)(void *data, const struct ocs_tree_node *node);
    struct ocs_error trouble; /* with the first document that is not shown */
};

/* ---- what a document leads to ---- */

static void frame_clear(struct frame *frame)
{
    for (size_t i = 0; i < frame->count; i++)
        free(frame->nodes[i].media_type);
    free(frame->nodes);
    *frame = (struct frame){0};
}

static int add_node(struct frame *frame, const struct ocs_digest *digest, const char *role,
                    const char *media_type, int64_t size, struct ocs_error *err)
{
    struct node *node = &frame->nodes[frame->count];
    *node = (struct node){.digest = *digest, .role = role, .size = size};
    if (media_type && !(node->media_type = strdup(media_type)))
        return ocs_error_memory(err);
    frame->count++;
    return 0;
}

static int add_children(struct frame *frame, const struct ocs_document *document,
                        struct ocs_error *err)
{
    for (size_t i = 0; i < document->count; i++) {
        const struct ocs_descriptor *child = &document->descriptors[i];
        int result = add_node(frame, &child->digest, ocs_role_name(child->role), child->media_type,
                              child->size, err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* No descriptor leads to it: its type is what it says itself. */
static int add_referrer(const struct tree *tree, struct frame *frame,
                        const struct ocs_digest *digest, int64_t size, struct ocs_error *err)
{
    auto_bytes struct ocs_bytes bytes = {0};
    auto_document struct ocs_document document = {.state = OCS_DOCUMENT_OPAQUE};
    int result =
        ocs_blobs_read(tree->store->blobs, digest, OCS_DOCUMENT_BYTES_MAX, &bytes, NULL, err);
    if (result == 0)
        result =
            ocs_document_read(bytes.data, bytes.size, OCS_JSON_DOCUMENT_LIMITS, &document, err);
    return result < 0 ? result
                      : add_node(frame, digest, "referrer", document.media_type, size, err);
}

/* Documents that have the node as subject, and that nothing leads down to. */
static int add_referrers(const struct tree *tree, struct frame *frame, const uint32_t *ids,
                         size_t count, struct ocs_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct ocs_digest digest;
        if (!tree->census.present[ids[i]])
            continue;
        ocs_census_digest(&tree->census, ids[i], &digest);
        int result =
            add_referrer(tree, frame, &digest, (int64_t)tree->census.view.size[ids[i]], err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* It has no children to show. */
static void note_trouble(struct tree *tree, const struct ocs_digest *digest, const char *how)
{
    char text[OCS_DIGEST_BUF];
    ocs_digest_format(digest, text);
    if (tree->trouble.status)
        ocs_store_notice(tree->store, "%s %s: what it leads to is not shown", text, how);
    else
        ocs_error_hint(&tree->trouble,
                       ocs_error_raise(&tree->trouble, OCS_REFUSED,
                                       "%s %s: what it leads to is not shown", text, how),
                       "%s",
                       tree->depth == DEPTH_MAX
                           ? "ocistore cat shows a document itself"
                           : "ocistore fsck says what is hurt, and what mends it");
}

/* A document that cannot be read has no children to show; that is said. */
static int read_document(struct tree *tree, const struct ocs_digest *digest,
                         struct ocs_bytes *bytes, struct ocs_document *out, struct ocs_error *err)
{
    *out = (struct ocs_document){.state = OCS_DOCUMENT_OPAQUE};
    int result =
        ocs_blobs_read(tree->store->blobs, digest, OCS_DOCUMENT_BYTES_MAX, bytes, NULL, err);
    if (result == OCS_IO_ABSENT)
        return 0;
    if (result > 0) {
        note_trouble(tree, digest,
                     result == OCS_BLOB_LARGE ? "is larger than any document may be"
                                              : "is damaged");
        return 0;
    }
    return result == 0
               ? ocs_document_read(bytes->data, bytes->size, OCS_JSON_DOCUMENT_LIMITS, out, err)
               : result;
}

static int fill_frame(struct tree *tree, uint32_t id, const struct ocs_digest *digest,
                      struct frame *frame, struct ocs_error *err)
{
    auto_bytes struct ocs_bytes bytes = {0};
    auto_document struct ocs_document document = {0};
    size_t referrers = 0;
    const uint32_t *list = ocs_reach_referrers(tree->reach, id, &referrers);
    int result = read_document(tree, digest, &bytes, &document, err);
    if (result < 0)
        return result;
    ocs_digest_format(digest, frame->digest);
    frame->nodes = calloc(document.count + referrers + 1, sizeof(*frame->nodes));
    if (!frame->nodes)
        return ocs_error_memory(err);
    result = add_children(frame, &document, err);
    return result == 0 ? add_referrers(tree, frame, list, referrers, err) : result;
}

/* ---- the walk ---- */

static bool leads_on(const struct tree *tree, uint32_t id)
{
    size_t referrers = 0;
    ocs_reach_referrers(tree->reach, id, &referrers);
    return tree->census.view.kind[id] == OCS_NODE_DOCUMENT || referrers > 0;
}

static int show(struct tree *tree, const struct node *node, const char *parent,
                struct ocs_error *err)
{
    char digest[OCS_DIGEST_BUF];
    uint32_t id = OCS_CENSUS_NO_ID;
    int result = ocs_census_find(tree->store, &tree->census, &node->digest, &id, err);
    if (result != 0)
        return result < 0 ? result : ocs_error_raise(err, OCS_FAILED, "the graph is damaged");
    bool known = id != OCS_CENSUS_NO_ID;
    struct ocs_tree_node out = {
        .digest = ocs_digest_format(&node->digest, digest),
        .parent = parent,
        .depth = (unsigned)tree->depth,
        .role = node->role,
        .media_type = node->media_type,
        .size = node->size > 0 ? (uint64_t)node->size : 0,
        .present = known && tree->census.present[id],
        .shared = known && tree->owners[id] == OCS_OWNER_SHARED,
        .repeats = known && tree->shown[id] && leads_on(tree, id),
    };
    tree->on_node(tree->data, &out);
    if (!out.present && tree->depth == 0)
        note_trouble(tree, &node->digest, "is not in the store");
    if (!known || tree->shown[id] || !leads_on(tree, id))
        return 0;
    if (tree->depth == DEPTH_MAX) {
        note_trouble(tree, &node->digest, "is too deep");
        return 0;
    }
    tree->shown[id] = 1;
    return fill_frame(tree, id, &node->digest, &tree->frames[tree->depth++], err);
}

static int walk(struct tree *tree, struct ocs_error *err)
{
    while (tree->depth > 0) {
        struct frame *frame = &tree->frames[tree->depth - 1];
        if (frame->next == frame->count) {
            frame_clear(frame);
            tree->depth--;
            continue;
        }
        int result = show(tree, &frame->nodes[frame->next++], frame->digest, err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int show_image(struct tree *tree, const struct ocs_census_layout *layout, size_t entry,
                      struct ocs_error *err)
{
    const struct ocs_descriptor *descriptor = ocs_image_descriptor(layout, entry);
    struct node root = {
        .digest = descriptor->digest,
        .role = ocs_role_name(descriptor->role),
        .media_type = (char *)descriptor->media_type,
        .size = descriptor->size,
    };
    int result = show(tree, &root, NULL, err);
    return result == 0 ? walk(tree, err) : result;
}

/* ---- set-up ---- */

static void own_images(struct tree *tree)
{
    uint32_t number = 0;
    memset(tree->owners, 0xff, ((size_t)tree->census.view.count + 1) * sizeof(*tree->owners));
    for (size_t i = 0; i < tree->census.layout_count; i++) {
        const struct ocs_census_layout *layout = &tree->census.layouts[i];
        for (size_t j = 0; j < layout->count; j++)
            ocs_reach_own(tree->reach, &layout->entries[j].id, 1, number++, tree->owners);
    }
}

static int prepare(struct tree *tree, struct ocs_error *err)
{
    size_t count = (size_t)tree->census.view.count + 1;
    tree->owners = malloc(count * sizeof(*tree->owners));
    tree->shown = calloc(count, 1);
    tree->frames = calloc(DEPTH_MAX, sizeof(*tree->frames));
    if (!tree->owners || !tree->shown || !tree->frames)
        return ocs_error_memory(err);
    int result = ocs_reach_new(&tree->census, true, &tree->reach, err);
    if (result == 0)
        own_images(tree);
    return result;
}

static void tree_clear(struct tree *tree)
{
    for (size_t i = 0; tree->frames && i < tree->depth; i++)
        frame_clear(&tree->frames[i]);
    free(tree->frames);
    free(tree->shown);
    free(tree->owners);
    ocs_reach_free(tree->reach);
    ocs_census_clear(&tree->census);
}

static int show_named(struct tree *tree, const struct ocs_image_name *name, struct ocs_error *err)
{
    struct ocs_error error = {0};
    const struct ocs_census_layout *layout = ocs_image_layout(&tree->census, name->layout, &error);
    int result = layout ? 0 : -(int)error.status;
    bool found = layout && !name->tag && !name->has_digest;
    for (size_t i = 0; result == 0 && i < layout->count; i++) {
        if (!ocs_image_matches(name, layout, i))
            continue;
        found = true;
        result = show_image(tree, layout, i, &error);
    }
    if (result == 0 && !found)
        result = ocs_image_none_in(&layout->index, name->layout, name, &error);
    if (result < 0 && err)
        *err = error;
    return result;
}

int ocs_tree(struct ocs_store *store, const char *image, void *data,
             void (*on_node)(void *data, const struct ocs_tree_node *node), struct ocs_error *err)
{
    struct tree tree = {.store = store, .data = data, .on_node = on_node};
    struct ocs_image_name name;
    int result = ocs_image_name_parse(image, &name, err);
    if (result < 0)
        return result;
    result = ocs_census_take(store, 0, &tree.census, err);
    if (result == 0)
        result = prepare(&tree, err);
    if (result == 0)
        result = show_named(&tree, &name, err);
    if (result == 0 && tree.trouble.status) {
        result = -(int)tree.trouble.status;
        if (err)
            *err = tree.trouble;
    }
    tree_clear(&tree);
    ocs_image_name_clear(&name);
    return result;
}

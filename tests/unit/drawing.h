/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_DRAWING_H
#define OCS_TESTS_DRAWING_H

/* A census drawn by hand: nodes with their edges, and what one layout lists. */

#include "store/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct drawing {
    struct ocs_census census;
    struct ocs_census_layout layout;
    uint32_t edges, edge_capacity;
};

/* `count` opaque blobs that are all there, 10 bytes each. */
static inline void drawing_init(struct drawing *drawing, uint32_t count)
{
    *drawing = (struct drawing){0};
    struct ocs_graph_view *view = &drawing->census.view;
    view->count = count;
    view->kind = malloc(count + 1);
    view->flags = calloc(count + 1, 1);
    view->size = calloc(count + 1, sizeof(*view->size));
    view->unreferenced_since = calloc(count + 1, sizeof(*view->unreferenced_since));
    view->first = calloc(count + 2, sizeof(*view->first));
    drawing->census.present = malloc(count + 1);
    drawing->layout.entries = calloc(count + 1, sizeof(*drawing->layout.entries));
    for (uint32_t i = 0; i < count; i++) {
        view->kind[i] = OCS_NODE_OPAQUE;
        view->size[i] = 10;
        drawing->census.present[i] = 1;
    }
    drawing->census.layouts = &drawing->layout;
    drawing->census.layout_count = 1;
}

static inline void drawing_clear(struct drawing *drawing)
{
    struct ocs_graph_view *view = &drawing->census.view;
    free(view->kind);
    free(view->flags);
    free(view->size);
    free(view->unreferenced_since);
    free(view->first);
    free(view->children);
    free(drawing->census.present);
    free(drawing->layout.entries);
}

/* Parents in ascending order. */
static inline void drawing_edge(struct drawing *drawing, uint32_t parent, uint32_t child,
                                enum ocs_role role)
{
    struct ocs_graph_view *view = &drawing->census.view;
    if (drawing->edges == drawing->edge_capacity) {
        drawing->edge_capacity = drawing->edge_capacity ? 2 * drawing->edge_capacity : 16;
        view->children = realloc(view->children, drawing->edge_capacity * sizeof(*view->children));
        assert_non_null(view->children);
    }
    view->kind[parent] = OCS_NODE_DOCUMENT;
    view->children[drawing->edges++] = (struct ocs_child){.id = child, .role = (uint8_t)role};
    for (uint32_t i = parent + 1; i <= view->count; i++)
        view->first[i] = drawing->edges;
}

static inline void drawing_list(struct drawing *drawing, uint32_t id)
{
    drawing->layout.entries[drawing->layout.count++].id = id;
}

#endif

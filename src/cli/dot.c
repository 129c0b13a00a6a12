/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "dot.h"

#include "text.h"

#include <string.h>

#define DIGITS 12 /* of a digest, in a label */

/* In a quoted string of the language only the quote must be escaped; a backslash
 * would begin one of its own escapes. */
static void put_quoted(struct ocs_output *out, const char *text)
{
    char one[2] = "";
    ocs_output_put(out, OCS_STYLE_PLAIN, "\"");
    for (; *text; text++) {
        size_t plain = strcspn(text, "\"\\");
        if (plain > 0) {
            ocs_output_put(out, OCS_STYLE_PLAIN, "%.*s", (int)plain, text);
            text += plain - 1;
            continue;
        }
        one[0] = *text;
        ocs_output_put(out, OCS_STYLE_PLAIN, "\\%s", one);
    }
    ocs_output_put(out, OCS_STYLE_PLAIN, "\"");
}

void ocs_dot_begin(struct ocs_output *out, const char *title)
{
    ocs_output_put(out, OCS_STYLE_PLAIN, "digraph ");
    put_quoted(out, title);
    ocs_output_line(out, " {");
    ocs_output_line(out, "    rankdir=LR;");
    ocs_output_line(out, "    node [shape=box, fontname=\"monospace\", fontsize=10];");
    ocs_output_line(out, "    edge [fontname=\"monospace\", fontsize=9];");
}

static const char *style_of(const struct ocs_tree_node *node)
{
    if (!node->present)
        return ", style=dashed";
    if (node->shared)
        return ", style=filled, fillcolor=\"lightgrey\"";
    return "";
}

static void put_label(struct ocs_output *out, const struct ocs_tree_node *node)
{
    const char *colon = strchr(node->digest, ':');
    const char *hex = colon ? colon + 1 : node->digest;
    ocs_output_put(out, OCS_STYLE_PLAIN, "    \"%s\" [label=\"%s\\n%.*s\\n%s\"", node->digest,
                   node->role, DIGITS, hex,
                   node->present ? ocs_text_size(node->size).text : "absent");
    ocs_output_line(out, "%s%s];", style_of(node), node->parent ? "" : ", peripheries=2");
}

void ocs_dot_node(struct ocs_output *out, const struct ocs_tree_node *node)
{
    bool back = strcmp(node->role, "referrer") == 0 || strcmp(node->role, "subject") == 0;
    if (!node->repeats) /* a second time would take its place in the drawing */
        put_label(out, node);
    if (node->parent)
        ocs_output_line(out, "    \"%s\" -> \"%s\"%s%s%s;", node->parent, node->digest,
                        back ? " [style=dashed, label=\"" : "", back ? node->role : "",
                        back ? "\"]" : "");
}

void ocs_dot_end(struct ocs_output *out)
{
    ocs_output_line(out, "}");
}

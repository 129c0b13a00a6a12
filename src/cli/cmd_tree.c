/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"
#include "dot.h"
#include "table.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

struct tree_values {
    bool digests, dot;
};

static const struct ocs_option options[] = {
    {.name = "digests",
     .kind = OCS_OPTION_FLAG,
     .offset = offsetof(struct tree_values, digests),
     .help = "print digests whole, not cut to what tells them apart\n"},
    {.name = "dot",
     .kind = OCS_OPTION_FLAG,
     .offset = offsetof(struct tree_values, dot),
     .help = "print a graph for Graphviz: shared blobs are grey, absent ones dashed\n"},
    {0},
};

static const struct ocs_table_column columns[] = {
    {NULL, OCS_TABLE_LEFT},                            /* branches and role */
    {NULL, OCS_TABLE_DIGEST}, {NULL, OCS_TABLE_RIGHT}, /* size */
    {NULL, OCS_TABLE_LEFT},                            /* media type */
    {NULL, OCS_TABLE_LEFT},                            /* remarks */
};

/* What the text form keeps of a node: whether it is its parent's last child is
 * known only when the next ones have come. */
struct row {
    unsigned depth;
    char *role, *digest, *media_type;
    uint64_t size;
    bool present, shared, repeats;
};

struct listing {
    struct ocs_cli *cli;
    struct row *rows;
    size_t count, capacity;
    uint64_t nodes, absent;
    bool dot;
};

static void print_json(struct ocs_output *out, const struct ocs_tree_node *node)
{
    ocs_output_open(out, "node");
    ocs_output_string(out, "digest", node->digest);
    ocs_output_string(out, "parent", node->parent);
    ocs_output_integer(out, "depth", node->depth);
    ocs_output_string(out, "role", node->role);
    ocs_output_string(out, "media_type", node->media_type);
    ocs_output_integer(out, "size", node->size);
    ocs_output_bool(out, "present", node->present);
    ocs_output_bool(out, "shared", node->shared);
    ocs_output_bool(out, "repeats", node->repeats);
    ocs_output_close(out);
}

static void keep_row(struct listing *listing, const struct ocs_tree_node *node)
{
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity ? 2 * listing->capacity : 32;
        listing->rows = ocs_text_grow(listing->rows, listing->capacity * sizeof(*listing->rows));
    }
    listing->rows[listing->count++] = (struct row){
        .depth = node->depth,
        .role = ocs_text_format("%s", node->role),
        .digest = ocs_text_format("%s", node->digest),
        .media_type = ocs_text_format("%s", node->media_type ? node->media_type : "-"),
        .size = node->size,
        .present = node->present,
        .shared = node->shared,
        .repeats = node->repeats,
    };
}

static void print_dot(struct listing *listing, const struct ocs_tree_node *node)
{
    if (listing->nodes == 1)
        ocs_dot_begin(&listing->cli->out, ocs_cli_word(listing->cli, 0));
    ocs_dot_node(&listing->cli->out, node);
}

static void on_node(void *data, const struct ocs_tree_node *node)
{
    struct listing *listing = data;
    listing->nodes++;
    if (!node->present)
        listing->absent++;
    if (listing->cli->out.json)
        print_json(&listing->cli->out, node);
    else if (listing->dot)
        print_dot(listing, node);
    else
        keep_row(listing, node);
}

/* ---- the text form ---- */

struct branches {
    const char *through, *child, *last, *blank;
};

static const struct branches *choose_branches(void)
{
    static const struct branches lines = {"│   ", "├── ", "└── ", "    "};
    static const struct branches ascii = {"|   ", "|-- ", "`-- ", "    "};
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? &lines : &ascii;
}

/* Marks in `last` the rows that no sibling follows. From the end, where `open[d]`
 * says that a row of depth d has been seen and none of a lesser depth since. */
static void find_last(const struct listing *listing, bool *last, bool *open, unsigned depths)
{
    memset(open, 0, depths);
    for (size_t i = listing->count; i-- > 0;) {
        unsigned depth = listing->rows[i].depth;
        last[i] = !open[depth];
        open[depth] = true;
        memset(open + depth + 1, 0, depths - depth - 1);
    }
}

/* Branches drawn for more levels than this say nothing to anybody. */
#define DEPTH_SHOWN 40

static void add_remarks(struct ocs_table *table, const struct row *row)
{
    const char *remarks[] = {row->present ? "" : "absent", row->shared ? "shared" : "",
                             row->repeats ? "(as above)" : ""};
    char text[64] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++)
        if (*remarks[i])
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "",
                                     remarks[i]);
    ocs_table_add(table, "%s", text);
}

static void add_row(struct ocs_table *table, const struct row *row, const bool *ended, bool last)
{
    const struct branches *branches = choose_branches();
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return;
    for (unsigned d = 1; d < row->depth && d < DEPTH_SHOWN; d++)
        fputs(ended[d] ? branches->blank : branches->through, to);
    if (row->depth > 0)
        fputs(last ? branches->last : branches->child, to);
    fputs(row->role, to);
    fclose(to);
    ocs_table_add(table, "%s", text);
    free(text);
    ocs_table_add(table, "%s", row->digest);
    ocs_table_add(table, "%s", ocs_text_size(row->size).text);
    ocs_table_add(table, "%s", row->media_type);
    add_remarks(table, row);
}

static void print_text(struct listing *listing, bool whole_digests)
{
    struct ocs_table table;
    ocs_table_init(&table, &listing->cli->out, columns, sizeof(columns) / sizeof(columns[0]));
    table.whole_digests = whole_digests;
    unsigned depths = 1;
    for (size_t i = 0; i < listing->count; i++)
        if (listing->rows[i].depth >= depths)
            depths = listing->rows[i].depth + 1;
    bool *last = ocs_text_grow(NULL, listing->count + 1);
    bool *ended = ocs_text_grow(NULL, depths); /* the line of this depth has come to its end */
    find_last(listing, last, ended, depths);
    memset(ended, 0, depths);
    for (size_t i = 0; i < listing->count; i++) {
        ended[listing->rows[i].depth] = last[i];
        add_row(&table, &listing->rows[i], ended, last[i]);
    }
    ocs_table_print(&table);
    ocs_table_clear(&table);
    free(ended);
    free(last);
}

static void clear(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->rows[i].role);
        free(listing->rows[i].digest);
        free(listing->rows[i].media_type);
    }
    free(listing->rows);
}

static void print_end(struct listing *listing, bool whole_digests)
{
    struct ocs_output *out = &listing->cli->out;
    if (out->json) {
        ocs_output_summary(out);
        ocs_output_integer(out, "nodes", listing->nodes);
        ocs_output_integer(out, "absent", listing->absent);
    } else if (listing->dot) {
        ocs_dot_end(out);
    } else {
        print_text(listing, whole_digests);
    }
}

static int show(struct ocs_cli *cli, const struct tree_values *values)
{
    struct ocs_store *store;
    int result = ocs_cli_open(cli, &store);
    if (result < 0)
        return ocs_cli_status(cli, result);
    struct listing listing = {.cli = cli, .dot = values->dot};
    result = ocs_tree(store, ocs_cli_word(cli, 0), &listing, on_node, &cli->err);
    ocs_store_close(store);
    int status = ocs_cli_status(cli, result);
    if (status == OCS_OK || listing.nodes > 0)
        print_end(&listing, values->digests);
    clear(&listing);
    return status;
}

static int run(struct ocs_cli *cli)
{
    struct tree_values values = {0};
    int result = ocs_cli_parse(cli, &values);
    if (result == 0 && values.dot && cli->out.json)
        result = ocs_cli_usage(cli, "--dot and --json contradict each other");
    return result == 0 ? show(cli, &values) : ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_TREE = {
    .name = "tree",
    .words = "NAME[:TAG]",
    .summary = "show what an image is made of",
    .details = "Index, manifests, config and layers with their sizes and media types, and the\n"
               "documents that refer to them. 'shared' is what another image of the store needs\n"
               "as well, 'absent' what is not in the store.\n",
    .examples = "  ocistore tree nginx:latest\n"
                "  ocistore tree --dot nginx:latest | dot -Tsvg >nginx.svg\n",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"
#include "table.h"

#include <inttypes.h>
#include <string.h>

struct ls_values {
    bool digests;
};

static const struct ocs_option options[] = {
    {.name = "digests",
     .kind = OCS_OPTION_FLAG,
     .offset = offsetof(struct ls_values, digests),
     .help = "print digests whole, not cut to what tells them apart\n"},
    {0},
};

static const struct ocs_table_column layout_columns[] = {
    {"LAYOUT", OCS_TABLE_LEFT},
    {"IMAGES", OCS_TABLE_RIGHT},
    {"SIZE", OCS_TABLE_RIGHT},
    {"", OCS_TABLE_LEFT}, /* where an attached layout lives */
};

static const struct ocs_table_column image_columns[] = {
    {"IMAGE", OCS_TABLE_LEFT},
    {"DIGEST", OCS_TABLE_DIGEST},
    {"SIZE", OCS_TABLE_RIGHT},
    {"KIND", OCS_TABLE_LEFT},
};

struct listing {
    struct ocs_cli *cli;
    struct ocs_table table;
    uint64_t layouts, images;
    bool of_one; /* the images of one layout */
};

static void print_layout_json(struct ocs_output *out, const struct ocs_layout_info *layout)
{
    ocs_output_open(out, "layout");
    ocs_output_string(out, "name", layout->name);
    ocs_output_string(out, "path", layout->path);
    ocs_output_string(out, "given", layout->given);
    ocs_output_bool(out, "attached", layout->attached);
    ocs_output_known(out, "images", !layout->trouble, layout->images);
    ocs_output_known(out, "bytes", !layout->trouble, layout->bytes);
    ocs_output_string(out, "trouble", layout->trouble);
    ocs_output_close(out);
}

static void add_amounts(struct ocs_table *table, const struct ocs_layout_info *layout)
{
    if (layout->trouble) {
        ocs_table_add(table, "?");
        ocs_table_add(table, "?");
        return;
    }
    ocs_table_add(table, "%" PRIu64, layout->images);
    ocs_table_add(table, "%s", ocs_text_size(layout->bytes).text);
}

static void add_place(struct ocs_table *table, const struct ocs_layout_info *layout)
{
    if (layout->given)
        ocs_table_add(table, "in %s, by %s", layout->path, layout->given);
    else
        ocs_table_add(table, "%s%s", layout->attached ? "in " : "",
                      layout->attached ? layout->path : "");
}

static void on_layout(void *data, const struct ocs_layout_info *layout)
{
    struct listing *listing = data;
    listing->layouts++;
    if (!listing->of_one)
        listing->images += layout->images;
    if (listing->cli->out.json) {
        print_layout_json(&listing->cli->out, layout);
    } else if (!listing->of_one) {
        ocs_table_add(&listing->table, "%s", layout->name);
        add_amounts(&listing->table, layout);
        add_place(&listing->table, layout);
    }
}

/* A word for what an entry is, where the media type is one that everybody knows. */
static const char *kind_of(const char *media_type)
{
    static const struct {
        const char *media_type, *kind;
    } known[] = {
        {"application/vnd.oci.image.index.v1+json", "index"},
        {"application/vnd.oci.image.manifest.v1+json", "image"},
        {"application/vnd.docker.distribution.manifest.list.v2+json", "docker list"},
        {"application/vnd.docker.distribution.manifest.v2+json", "docker image"},
        {"application/vnd.oci.artifact.manifest.v1+json", "artifact"},
    };
    for (size_t i = 0; media_type && i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].media_type, media_type) == 0)
            return known[i].kind;
    return media_type ? media_type : "-";
}

static void print_image_json(struct ocs_output *out, const struct ocs_image *image)
{
    ocs_output_open(out, "image");
    ocs_output_string(out, "layout", image->layout);
    ocs_output_string(out, "ref", image->ref);
    ocs_output_string(out, "digest", image->digest);
    ocs_output_string(out, "media_type", image->media_type);
    ocs_output_integer(out, "bytes", image->bytes);
    ocs_output_close(out);
}

static void on_image(void *data, const struct ocs_image *image)
{
    struct listing *listing = data;
    listing->images++;
    if (listing->cli->out.json) {
        print_image_json(&listing->cli->out, image);
        return;
    }
    ocs_table_add(&listing->table, "%s%s%s", image->layout, image->ref ? ":" : " (no name)",
                  image->ref ? image->ref : "");
    ocs_table_add(&listing->table, "%s", image->digest);
    ocs_table_add(&listing->table, "%s", ocs_text_size(image->bytes).text);
    ocs_table_add(&listing->table, "%s", kind_of(image->media_type));
}

static void print_end(struct listing *listing)
{
    struct ocs_output *out = &listing->cli->out;
    if (out->json) {
        ocs_output_summary(out);
        ocs_output_integer(out, "layouts", listing->layouts);
        ocs_output_integer(out, "images", listing->images);
    } else if (listing->table.cell_count > 0) {
        ocs_table_print(&listing->table);
    } else if (!out->quiet) {
        ocs_output_line(out, listing->of_one ? "no images" : "no layouts");
    }
}

static int list(struct ocs_cli *cli, const struct ls_values *values)
{
    struct ocs_store *store;
    int result = ocs_cli_open(cli, &store);
    if (result < 0)
        return ocs_cli_status(cli, result);
    const char *name = ocs_cli_word(cli, 0);
    struct listing listing = {.cli = cli, .of_one = name != NULL};
    ocs_table_init(&listing.table, &cli->out, name ? image_columns : layout_columns, 4);
    listing.table.whole_digests = values->digests;
    struct ocs_ls_visitor visitor = {
        .data = &listing, .on_layout = on_layout, .on_image = on_image};
    result = ocs_ls(store, name, &visitor, &cli->err);
    ocs_store_close(store);
    bool told = result == 0 || listing.layouts > 0; /* what could be seen of them */
    if (told && !cli->out.json)
        print_end(&listing);
    int status = ocs_cli_status(cli, result);
    if (told && cli->out.json)
        print_end(&listing);
    ocs_table_clear(&listing.table);
    return status;
}

static int run(struct ocs_cli *cli)
{
    struct ls_values values = {0};
    int result = ocs_cli_parse(cli, &values);
    return result == 0 ? list(cli, &values) : ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_LS = {
    .name = "ls",
    .words = "[NAME]",
    .summary = "list the layouts, or the images of one",
    .details = "Sizes count every blob once, however many images share it.\n",
    .examples = "  ocistore ls\n"
                "  ocistore ls --digests nginx\n",
    .options = options,
    .most_words = 1,
    .run = run,
};

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"
#include "table.h"

#include <inttypes.h>

struct du_values {
    bool images, digests;
};

static const struct ocs_option options[] = {
    {.name = "images",
     .kind = OCS_OPTION_FLAG,
     .offset = offsetof(struct du_values, images),
     .help = "list each image of each layout, too\n"},
    {.name = "digests",
     .kind = OCS_OPTION_FLAG,
     .offset = offsetof(struct du_values, digests),
     .help = "print digests whole, not cut to what tells them apart\n"},
    {0},
};

static const struct ocs_table_column columns[] = {
    {"LAYOUT OR IMAGE", OCS_TABLE_LEFT}, {"DIGEST", OCS_TABLE_DIGEST}, {"TOTAL", OCS_TABLE_RIGHT},
    {"EXCLUSIVE", OCS_TABLE_RIGHT},      {"SHARED", OCS_TABLE_RIGHT},  {"FREED", OCS_TABLE_RIGHT},
};

struct listing {
    struct ocs_cli *cli;
    struct ocs_table table;
    bool told; /* something of what was asked for */
};

static void print_usage_json(struct ocs_output *out, const struct ocs_usage *usage)
{
    bool known = !usage->trouble;
    ocs_output_open(out, "usage");
    ocs_output_string(out, "layout", usage->layout);
    ocs_output_string(out, "ref", usage->ref);
    ocs_output_string(out, "digest", usage->digest);
    ocs_output_known(out, "blobs", known, usage->blobs);
    ocs_output_known(out, "total_bytes", known, usage->total_bytes);
    ocs_output_known(out, "exclusive_bytes", known, usage->exclusive_bytes);
    ocs_output_known(out, "shared_bytes", known, usage->shared_bytes);
    ocs_output_known(out, "freed_bytes", known, usage->freed_bytes);
    ocs_output_known(out, "apparent_bytes", known, usage->apparent_bytes);
    ocs_output_string(out, "trouble", usage->trouble);
    ocs_output_close(out);
}

static void add_size(struct ocs_table *table, const struct ocs_usage *usage, uint64_t bytes)
{
    ocs_table_add(table, "%s", usage->trouble ? "?" : ocs_text_size(bytes).text);
}

static void add_name(struct ocs_table *table, const struct ocs_usage *usage)
{
    if (usage->ref)
        ocs_table_add(table, "%s:%s", usage->layout, usage->ref);
    else
        ocs_table_add(table, "%s%s", usage->layout, usage->digest ? " (no name)" : "");
}

static void on_usage(void *data, const struct ocs_usage *usage)
{
    struct listing *listing = data;
    struct ocs_table *table = &listing->table;
    listing->told = true;
    if (listing->cli->out.json) {
        print_usage_json(&listing->cli->out, usage);
        return;
    }
    add_name(table, usage);
    ocs_table_add(table, "%s", usage->digest ? usage->digest : "");
    add_size(table, usage, usage->total_bytes);
    add_size(table, usage, usage->exclusive_bytes);
    add_size(table, usage, usage->shared_bytes);
    add_size(table, usage, usage->freed_bytes);
}

static void print_summary_json(struct ocs_output *out, const struct ocs_usage_report *report)
{
    ocs_output_summary(out);
    ocs_output_integer(out, "layouts", report->layouts);
    ocs_output_integer(out, "images", report->images);
    ocs_output_integer(out, "live_blobs", report->live_blobs);
    ocs_output_integer(out, "total_bytes", report->total_bytes);
    ocs_output_integer(out, "shared_bytes", report->shared_bytes);
    ocs_output_integer(out, "apparent_bytes", report->apparent_bytes);
    ocs_output_integer(out, "garbage_blobs", report->garbage_blobs);
    ocs_output_integer(out, "garbage_bytes", report->garbage_bytes);
}

static void print_end(struct listing *listing, const struct ocs_usage_report *report)
{
    struct ocs_output *out = &listing->cli->out;
    if (out->json) {
        print_summary_json(out, report);
        return;
    }
    if (listing->table.cell_count > 0)
        ocs_table_print(&listing->table);
    if (out->quiet)
        return;
    ocs_output_put(out, OCS_STYLE_PLAIN, "in all %s in %s, ",
                   ocs_text_size(report->total_bytes).text,
                   ocs_text_count(report->live_blobs, "blob").text);
    ocs_output_put(out, OCS_STYLE_PLAIN, "%s of it shared by layouts; ",
                   ocs_text_size(report->shared_bytes).text);
    ocs_output_line(out, "garbage %s in %s", ocs_text_size(report->garbage_bytes).text,
                    ocs_text_count(report->garbage_blobs, "blob").text);
}

static int measure(struct ocs_cli *cli, const struct du_values *values)
{
    struct ocs_store *store;
    int result = ocs_cli_open(cli, &store);
    if (result < 0)
        return ocs_cli_status(cli, result);
    struct listing listing = {.cli = cli};
    ocs_table_init(&listing.table, &cli->out, columns, sizeof(columns) / sizeof(columns[0]));
    listing.table.whole_digests = values->digests;
    struct ocs_usage_options usage = {
        .images = values->images, .data = &listing, .on_usage = on_usage};
    struct ocs_usage_report report;
    size_t count;
    const char *const *names = ocs_cli_words(cli, &count);
    result = ocs_usage(store, names, count, &usage, &report, &cli->err);
    ocs_store_close(store);
    bool told = result == 0 || listing.told;
    if (told && !cli->out.json)
        print_end(&listing, &report);
    int status = ocs_cli_status(cli, result);
    if (told && cli->out.json)
        print_end(&listing, &report);
    ocs_table_clear(&listing.table);
    return status;
}

static int run(struct ocs_cli *cli)
{
    struct du_values values = {0};
    int result = ocs_cli_parse(cli, &values);
    return result == 0 ? measure(cli, &values) : ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_DU = {
    .name = "du",
    .words = "[NAME[:TAG|@DIGEST]...]",
    .summary = "show what layouts and images take, alone and shared",
    .details = "TOTAL is everything that the layout or image needs, EXCLUSIVE what nothing else\n"
               "needs, SHARED the rest, and FREED what gc gives back once it is removed. Space on\n"
               "the disk, as in du(1); sizes of files are what ls shows. With NAME also its\n"
               "images, with NAME:TAG that image alone.\n",
    .examples = "  ocistore du\n"
                "  ocistore du nginx\n",
    .options = options,
    .most_words = -1,
    .run = run,
};

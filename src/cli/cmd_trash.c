/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "change.h"
#include "table.h"

#include <string.h>

/* What `trash list` counts. */
struct listing {
    struct ocs_cli *cli;
    struct ocs_table table;
    uint64_t entries, bytes;
};

static const struct ocs_table_column columns[] = {
    {"RUN", OCS_TABLE_LEFT}, {"SIZE", OCS_TABLE_RIGHT}, {"WHAT", OCS_TABLE_LEFT}};

static void print_json(struct ocs_output *out, const struct ocs_trash_entry *entry)
{
    ocs_output_open(out, "entry");
    ocs_output_string(out, "run", entry->run);
    ocs_output_time(out, "since", entry->since);
    ocs_output_string(out, "path", entry->path);
    ocs_output_string(out, "digest", entry->digest);
    ocs_output_string(out, "layout", entry->layout);
    ocs_output_integer(out, "images", entry->images);
    ocs_output_integer(out, "bytes", entry->bytes);
    ocs_output_close(out);
}

/* What would come back by it. */
static void add_layout(struct ocs_table *table, const struct ocs_trash_entry *entry)
{
    if (entry->images == 0)
        ocs_table_add(table, "an index.json of the layout %s, which would add nothing",
                      entry->layout);
    else if (entry->images == 1)
        ocs_table_add(table, "%s%s", entry->layout, entry->first);
    else
        ocs_table_add(table, "%s%s and %s", entry->layout, entry->first,
                      ocs_text_count(entry->images - 1, "more image").text);
}

static void on_entry(void *data, const struct ocs_trash_entry *entry)
{
    struct listing *listing = data;
    listing->entries++;
    listing->bytes += entry->bytes;
    if (listing->cli->out.json) {
        print_json(&listing->cli->out, entry);
        return;
    }
    ocs_table_add(&listing->table, "%s", entry->run);
    ocs_table_add(&listing->table, "%s", ocs_text_size(entry->bytes).text);
    if (entry->layout)
        add_layout(&listing->table, entry);
    else if (strncmp(entry->path, "roots/", strlen("roots/")) == 0)
        ocs_table_add(&listing->table, "what the store knew of a layout");
    else
        ocs_table_add(&listing->table, "%s", entry->digest ? entry->digest : entry->path);
}

static int list(struct ocs_cli *cli, struct ocs_store *store)
{
    struct ocs_output *out = &cli->out;
    struct listing listing = {.cli = cli};
    ocs_table_init(&listing.table, out, columns, sizeof(columns) / sizeof(columns[0]));
    int status = ocs_cli_status(cli, ocs_trash_list(store, &listing, on_entry, &cli->err));
    if (out->json) {
        ocs_output_summary(out);
        ocs_output_integer(out, "entries", listing.entries);
        ocs_output_integer(out, "bytes", listing.bytes);
    } else if (status == OCS_OK && listing.entries == 0) {
        ocs_output_line(out, "the trash is empty");
    } else if (status == OCS_OK) {
        ocs_table_print(&listing.table);
    }
    ocs_table_clear(&listing.table);
    return status;
}

static int empty(struct ocs_cli *cli, struct ocs_store *store)
{
    struct ocs_output *out = &cli->out;
    struct ocs_gc_report report = {0};
    int status = ocs_cli_status(cli, ocs_trash_empty(store, &report, &cli->err));
    if (out->json) {
        ocs_output_summary(out);
        ocs_output_integer(out, "purged", report.purged);
        ocs_output_integer(out, "purged_bytes", report.purged_bytes);
    } else if (status == OCS_OK && !out->quiet) {
        ocs_output_line(out, "unlinked %s, %s", ocs_text_count(report.purged, "file").text,
                        ocs_text_size(report.purged_bytes).text);
    }
    return status;
}

static int restore(struct ocs_cli *cli, struct ocs_store *store)
{
    size_t count;
    const char *const *words = ocs_cli_words(cli, &count);
    int result =
        ocs_trash_restore(store, words + 1, count - 1, cli, ocs_cli_print_change, &cli->err);
    return ocs_cli_changed(cli, result, NULL);
}

/* NULL for words that make no sense. */
static int (*find_action(struct ocs_cli *cli))(struct ocs_cli *cli, struct ocs_store *store)
{
    size_t count;
    const char *const *words = ocs_cli_words(cli, &count);
    if (count == 0 || (count == 1 && strcmp(words[0], "list") == 0))
        return list;
    if (count == 1 && strcmp(words[0], "empty") == 0)
        return empty;
    return count > 1 && strcmp(words[0], "restore") == 0 ? restore : NULL;
}

static int run(struct ocs_cli *cli)
{
    struct ocs_store *store;
    int result = ocs_cli_parse(cli, NULL);
    if (result != 0)
        return ocs_cli_status(cli, result);
    int (*action)(struct ocs_cli *, struct ocs_store *) = find_action(cli);
    result = action ? ocs_cli_open(cli, &store)
                    : ocs_cli_usage(cli, "trash list, trash restore DIGEST|NAME... or trash empty");
    if (result != 0)
        return ocs_cli_status(cli, result);
    int status = action(cli, store);
    ocs_store_close(store);
    return status;
}

const struct ocs_command OCS_CMD_TRASH = {
    .name = "trash",
    .words = "[list|restore DIGEST|NAME...|empty]",
    .summary = "look at what gc and rm took away, bring it back, or let it go",
    .details = "list, the default, prints what lies there. restore puts blobs back by digest, and\n"
               "what rm took from a layout by the layout's name; tags that it has again stay.\n"
               "empty unlinks everything that nothing references, whatever its age.\n",
    .examples = "  ocistore trash\n"
                "  ocistore trash restore nginx\n",
    .least_words = 0,
    .most_words = -1,
    .changes_store = true,
    .run = run,
};

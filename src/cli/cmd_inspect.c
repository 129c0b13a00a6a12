/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"
#include "pretty.h"
#include "table.h"

#include <cJSON.h>
#include <inttypes.h>

struct inspect_values {
    bool raw;
};

static const struct ocs_option options[] = {
    {.name = "raw",
     .kind = OCS_OPTION_FLAG,
     .offset = offsetof(struct inspect_values, raw),
     .help = "print the bytes of the manifest as they are, and nothing else\n"},
    {0},
};

static void print_json(struct ocs_output *out, const struct ocs_inspection *image)
{
    ocs_output_open(out, "image");
    ocs_output_string(out, "layout", image->layout);
    ocs_output_string(out, "ref", image->ref);
    ocs_output_string(out, "digest", image->digest);
    ocs_output_string(out, "media_type", image->media_type);
    ocs_output_integer(out, "bytes", image->bytes);
    ocs_output_document(out, "manifest", image->manifest);
    ocs_output_document(out, "config", image->config);
    ocs_output_close(out);
}

/* ---- text ---- */

static const char *member(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void print_field(struct ocs_output *out, const char *title, const char *text)
{
    ocs_output_put(out, OCS_STYLE_BOLD, "%-12s", title);
    ocs_output_line(out, "%s", text);
}

static void print_title(struct ocs_output *out, const char *title)
{
    ocs_output_end_line(out);
    ocs_output_put(out, OCS_STYLE_BOLD, "%s", title);
    ocs_output_end_line(out);
}

static void print_config_fields(struct ocs_output *out, const cJSON *config)
{
    const char *os = member(config, "os");
    const char *architecture = member(config, "architecture");
    const char *variant = member(config, "variant");
    const char *created = member(config, "created");
    if (os && architecture) {
        ocs_output_put(out, OCS_STYLE_BOLD, "%-12s", "platform");
        ocs_output_line(out, "%s/%s%s%s", os, architecture, variant ? "/" : "",
                        variant ? variant : "");
    }
    if (created)
        print_field(out, "created", created);
}

static void print_head(struct ocs_output *out, const struct ocs_inspection *image,
                       const cJSON *config)
{
    ocs_output_put(out, OCS_STYLE_BOLD, "%-12s", "image");
    ocs_output_line(out, "%s%s%s", image->layout, image->ref ? ":" : "",
                    image->ref ? image->ref : " (no name)");
    print_field(out, "digest", image->digest);
    print_field(out, "media type", image->media_type ? image->media_type : "-");
    ocs_output_put(out, OCS_STYLE_BOLD, "%-12s", "size");
    ocs_output_line(out, "%s (%s)", ocs_text_size(image->bytes).text,
                    ocs_text_count(image->bytes, "byte").text);
    print_config_fields(out, config);
}

static const struct ocs_table_column child_columns[] = {
    {NULL, OCS_TABLE_RIGHT}, /* place */
    {NULL, OCS_TABLE_LEFT},  /* digest */
    {NULL, OCS_TABLE_RIGHT}, /* size */
    {NULL, OCS_TABLE_LEFT},  /* media type */
    {NULL, OCS_TABLE_LEFT},  /* platform */
};

static void add_child(struct ocs_table *table, size_t place, const cJSON *descriptor)
{
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(descriptor, "size");
    const cJSON *platform = cJSON_GetObjectItemCaseSensitive(descriptor, "platform");
    const char *digest = member(descriptor, "digest");
    const char *type = member(descriptor, "mediaType");
    const char *os = member(platform, "os");
    const char *architecture = member(platform, "architecture");
    double bytes = cJSON_IsNumber(size) && size->valuedouble > 0 ? size->valuedouble : 0;
    ocs_table_add(table, "%zu", place);
    ocs_table_add(table, "%s", digest ? digest : "-");
    ocs_table_add(table, "%s", ocs_text_size(bytes < 9e18 ? (uint64_t)bytes : 0).text);
    ocs_table_add(table, "%s", type ? type : "-");
    ocs_table_add(table, "%s%s%s", os ? os : "", os && architecture ? "/" : "",
                  architecture ? architecture : "");
}

static void print_children(struct ocs_output *out, const char *title, const cJSON *list)
{
    if (cJSON_GetArraySize(list) == 0)
        return;
    struct ocs_table table;
    ocs_table_init(&table, out, child_columns, sizeof(child_columns) / sizeof(child_columns[0]));
    size_t place = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) add_child(&table, ++place, item);
    print_title(out, title);
    ocs_table_print(&table);
    ocs_table_clear(&table);
}

static const struct ocs_table_column history_columns[] = {
    {NULL, OCS_TABLE_RIGHT}, /* the layer it made */
    {NULL, OCS_TABLE_LEFT},  /* when */
    {NULL, OCS_TABLE_LEFT},  /* by what */
};

static void print_history(struct ocs_output *out, const cJSON *config)
{
    const cJSON *history = cJSON_GetObjectItemCaseSensitive(config, "history");
    if (cJSON_GetArraySize(history) == 0)
        return;
    struct ocs_table table;
    ocs_table_init(&table, out, history_columns, 3);
    unsigned layer = 0;
    const cJSON *step;
    cJSON_ArrayForEach(step, history)
    {
        const char *created = member(step, "created");
        const char *by = member(step, "created_by");
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(step, "empty_layer")))
            ocs_table_add(&table, "-");
        else
            ocs_table_add(&table, "%u", ++layer);
        ocs_table_add(&table, "%s", created ? created : "-");
        ocs_table_add(&table, "%s", by ? by : "-");
    }
    print_title(out, "history (by layer)");
    ocs_table_print(&table);
    ocs_table_clear(&table);
}

static void print_document(struct ocs_output *out, const char *title, const char *json)
{
    if (!json)
        return;
    print_title(out, title);
    ocs_pretty_print(stdout, json, 0);
    ocs_output_end_line(out);
}

static void print_text(struct ocs_output *out, const struct ocs_inspection *image)
{
    cJSON *manifest = cJSON_ParseWithLength(image->manifest, image->manifest_size);
    cJSON *config = image->config ? cJSON_ParseWithLength(image->config, image->config_size) : NULL;
    print_head(out, image, config);
    print_children(out, "manifests", cJSON_GetObjectItemCaseSensitive(manifest, "manifests"));
    print_children(out, "layers", cJSON_GetObjectItemCaseSensitive(manifest, "layers"));
    print_history(out, config);
    print_document(out, "manifest", image->manifest);
    print_document(out, "config", image->config);
    cJSON_Delete(config);
    cJSON_Delete(manifest);
}

/* ---- the command ---- */

static int show(struct ocs_cli *cli, bool raw)
{
    struct ocs_store *store;
    int result = ocs_cli_open(cli, &store);
    if (result < 0)
        return ocs_cli_status(cli, result);
    struct ocs_inspection image = {0};
    result = ocs_inspect(store, ocs_cli_word(cli, 0), &image, &cli->err);
    ocs_store_close(store);
    if (result < 0)
        return ocs_cli_status(cli, result);
    if (raw)
        fwrite(image.manifest, 1, image.manifest_size, stdout);
    else if (cli->out.json)
        print_json(&cli->out, &image);
    else
        print_text(&cli->out, &image);
    ocs_inspection_clear(&image);
    return OCS_OK;
}

static int run(struct ocs_cli *cli)
{
    struct inspect_values values = {0};
    int result = ocs_cli_parse(cli, &values);
    if (result == 0 && values.raw && cli->out.json)
        result = ocs_cli_usage(cli, "--raw and --json contradict each other");
    return result == 0 ? show(cli, values.raw) : ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_INSPECT = {
    .name = "inspect",
    .words = "NAME[:TAG]",
    .summary = "show the documents of an image: manifest, config, layers, history",
    .details = "The documents are verified before they are shown. For an index it is the index\n"
               "itself. NAME alone will do when the layout has one image.\n",
    .examples = "  ocistore inspect nginx:latest\n"
                "  ocistore --json inspect nginx:latest | jq .config.config.Env\n",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

static void on_change(void *data, const struct ocs_change *change)
{
    struct ocs_cli *cli = data;
    struct ocs_output *out = &cli->out;
    if (out->json) {
        ocs_output_open(out, "change");
        ocs_output_string(out, "action", change->action);
        ocs_output_string(out, "layout", change->layout);
        ocs_output_string(out, "ref", change->ref);
        ocs_output_string(out, "digest", change->digest);
        ocs_output_close(out);
    } else if (!out->quiet && change->digest) {
        ocs_output_put(out, OCS_STYLE_PLAIN, "removed ");
        ocs_cli_put_image_name(cli, change->layout, change->ref, change->digest);
        ocs_output_end_line(out);
    } else if (!out->quiet) {
        ocs_output_line(out, "removed the layout %s", change->layout);
    }
}

static void print_summary(struct ocs_cli *cli, const struct ocs_remove_report *report)
{
    struct ocs_output *out = &cli->out;
    if (out->json) {
        ocs_output_summary(out);
        ocs_output_integer(out, "images", report->images);
        ocs_output_integer(out, "freed_blobs", report->freed_blobs);
        ocs_output_integer(out, "freed_bytes", report->freed_bytes);
    } else if (!out->quiet) {
        ocs_output_line(out, "the next gc frees %s, %s, once their grace is over",
                        ocs_text_count(report->freed_blobs, "blob").text,
                        ocs_text_size(report->freed_bytes).text);
    }
}

static int run(struct ocs_cli *cli)
{
    struct ocs_store *store;
    int result = ocs_cli_parse(cli, NULL);
    if (result == 0)
        result = ocs_cli_open(cli, &store);
    if (result != 0)
        return ocs_cli_status(cli, result);
    struct ocs_remove_report report = {0};
    size_t count;
    const char *const *images = ocs_cli_words(cli, &count);
    result = ocs_remove(store, images, count, cli, on_change, &report, &cli->err);
    ocs_store_close(store);
    int status = ocs_cli_status(cli, result);
    if (status == OCS_OK || cli->out.json)
        print_summary(cli, &report);
    return status;
}

const struct ocs_command OCS_CMD_RM = {
    .name = "rm",
    .words = "NAME[:TAG|@DIGEST]...",
    .summary = "drop images or whole layouts; gc then frees their blobs",
    .details = "Every name is looked up before anything is changed. Only index.json is edited;\n"
               "what the next gc will free is said, and the old index.json goes to the trash.\n",
    .examples = "  ocistore rm nginx:1.24\n"
                "  ocistore rm old-project\n",
    .least_words = 1,
    .most_words = -1,
    .changes_store = true,
    .run = run,
};

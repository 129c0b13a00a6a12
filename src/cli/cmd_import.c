/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

#include <inttypes.h>

struct import_values {
    const char *name, *tag, *shared_blobs;
    unsigned jobs;
    unsigned link; /* enum ocs_link */
    bool allow_missing;
};

static const char *const link_choices[] = {"auto", "reflink", "copy", NULL};

#define VALUE(member) offsetof(struct import_values, member)

static const struct ocs_option options[] = {
    {.name = "name",
     .kind = OCS_OPTION_TEXT,
     .offset = VALUE(name),
     .value = "NAME",
     .help = "the layout to import into (default: the last component of each\n"
             "source); with several sources it merges them\n"},
    {.name = "tag",
     .kind = OCS_OPTION_TEXT,
     .offset = VALUE(tag),
     .value = "TAG",
     .help = "name the one image that is imported TAG\n"},
    {.letter = 'j',
     .name = "jobs",
     .kind = OCS_OPTION_JOBS,
     .offset = VALUE(jobs),
     .value = "N",
     .help = "threads (default: the processors available)\n"},
    {.name = "shared-blobs",
     .kind = OCS_OPTION_TEXT,
     .offset = VALUE(shared_blobs),
     .value = "DIR",
     .help = "where the sources keep their blobs, like skopeo's\n"
             "--src-shared-blob-dir; not searched for referrers that no\n"
             "index.json lists\n"},
    {.name = "link",
     .kind = OCS_OPTION_CHOICE,
     .offset = VALUE(link),
     .value = "HOW",
     .choices = link_choices,
     .help = "auto (default): share the bytes with the source where the file\n"
             "system can, else copy; reflink: share or fail; copy\n"},
    {.name = "allow-missing",
     .kind = OCS_OPTION_FLAG,
     .offset = VALUE(allow_missing),
     .help = "bring in images with absent blobs, too\n"},
    {0},
};

static void on_image(void *data, const struct ocs_image *image)
{
    struct ocs_cli *cli = data;
    if (cli->out.json) {
        ocs_output_open(&cli->out, "image");
        ocs_output_string(&cli->out, "layout", image->layout);
        ocs_output_string(&cli->out, "ref", image->ref);
        ocs_output_string(&cli->out, "digest", image->digest);
        ocs_output_close(&cli->out);
    } else if (!cli->out.quiet) {
        ocs_cli_put_image_name(cli, image->layout, image->ref, image->digest);
        ocs_output_put(&cli->out, OCS_STYLE_DIM, "%s%s", image->ref ? "  " : "",
                       image->ref ? image->digest : "");
        ocs_output_end_line(&cli->out);
    }
}

static void on_failure(void *data, const struct ocs_error *error)
{
    struct ocs_cli *cli = data;
    ocs_output_error(&cli->out, "import", error);
}

static void print_summary(struct ocs_cli *cli, const struct ocs_import_report *report)
{
    struct ocs_output *out = &cli->out;
    if (out->json) {
        ocs_output_summary(out);
        ocs_output_integer(out, "images", report->images);
        ocs_output_integer(out, "referrers", report->referrers);
        ocs_output_integer(out, "blobs_copied", report->blobs_copied);
        ocs_output_integer(out, "blobs_reused", report->blobs_reused);
        ocs_output_integer(out, "bytes_copied", report->bytes_copied);
    } else if (!out->quiet) {
        ocs_output_line(out, "%s%s%s; %s copied (%s), %" PRIu64 " were there already",
                        ocs_text_count(report->images, "image").text,
                        report->referrers ? ", and beside them " : "",
                        report->referrers ? ocs_text_count(report->referrers, "referrer").text : "",
                        ocs_text_count(report->blobs_copied, "blob").text,
                        ocs_text_size(report->bytes_copied).text, report->blobs_reused);
    }
}

static int import(struct ocs_cli *cli, const struct import_values *values)
{
    struct ocs_store *store;
    int result = ocs_cli_open(cli, &store);
    if (result < 0)
        return ocs_cli_status(cli, result);
    struct ocs_import_options import_options = {
        .name = values->name,
        .tag = values->tag,
        .jobs = values->jobs,
        .shared_blobs = values->shared_blobs,
        .allow_missing = values->allow_missing,
        .link = (enum ocs_link)values->link,
        .data = cli,
        .on_image = on_image,
        .on_failure = on_failure,
    };
    struct ocs_import_report report = {0};
    size_t count;
    const char *const *sources = ocs_cli_words(cli, &count);
    result = ocs_import(store, sources, count, &import_options, &report, &cli->err);
    ocs_store_close(store);
    int status = ocs_cli_status(cli, result);
    if (status == OCS_OK || report.images > 0 || cli->out.json)
        print_summary(cli, &report);
    return status;
}

static int run(struct ocs_cli *cli)
{
    struct import_values values = {0};
    int result = ocs_cli_parse(cli, &values);
    return result == 0 ? import(cli, &values) : ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_IMPORT = {
    .name = "import",
    .words = "SOURCE...",
    .summary = "verify layouts and bring them in",
    .details = "A SOURCE is the folder of an OCI layout, or FOLDER:TAG for one image of it.\n"
               "Every blob is hashed while it is copied; nothing gets its name before size and\n"
               "digest are right. Blobs that the store has are not copied again, and repeating an\n"
               "import changes nothing. Each source is taken whole or not at all. An image with a\n"
               "tag that the layout already has takes its place. Referrers (signatures, SBOMs) in\n"
               "a SOURCE's own blobs come along with their subject, listed or not.\n",
    .examples = "  skopeo copy docker://docker.io/library/nginx oci:nginx:latest\n"
                "  ocistore import nginx\n"
                "  ocistore import --name web nginx:latest caddy:2\n",
    .options = options,
    .least_words = 1,
    .most_words = -1,
    .changes_store = true,
    .run = run,
};

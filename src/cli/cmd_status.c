/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "cli.h"

#include <inttypes.h>

static void put_time(struct ocs_output *out, const char *name, int64_t when)
{
    ocs_output_string(out, name, when ? ocs_text_rfc3339(when).text : NULL);
}

/* NULL when it is not known. */
static const char *extent_name(enum ocs_fsck_extent extent)
{
    static const char *const names[] = {
        [OCS_FSCK_EXTENT_FULL] = "full",
        [OCS_FSCK_EXTENT_PART] = "part",
        [OCS_FSCK_EXTENT_QUICK] = "quick",
        [OCS_FSCK_EXTENT_IMAGE] = "image",
    };
    return (size_t)extent < sizeof(names) / sizeof(names[0]) ? names[extent] : NULL;
}

static void put_gc(struct ocs_output *out, const struct ocs_store_status *status)
{
    if (!status->last_gc) {
        ocs_output_string(out, "last_gc", NULL);
        return;
    }
    ocs_output_begin(out, "last_gc", '{');
    put_time(out, "ended", status->last_gc);
    ocs_output_integer(out, "exit_status", (uint64_t)status->last_gc_status);
    ocs_output_end(out, '}');
}

static void put_fsck(struct ocs_output *out, const struct ocs_store_status *status)
{
    if (!status->last_fsck) {
        ocs_output_string(out, "last_fsck", NULL);
        return;
    }
    ocs_output_begin(out, "last_fsck", '{');
    put_time(out, "ended", status->last_fsck);
    ocs_output_integer(out, "exit_status", (uint64_t)status->last_fsck_status);
    ocs_output_string(out, "extent", extent_name(status->last_fsck_extent));
    ocs_output_end(out, '}');
}

static void print_json(struct ocs_output *out, const struct ocs_store_status *status)
{
    ocs_output_summary(out);
    ocs_output_integer(out, "layouts", status->layouts);
    ocs_output_integer(out, "troubled_layouts", status->troubled_layouts);
    ocs_output_integer(out, "images", status->images);
    ocs_output_integer(out, "live_blobs", status->live_blobs);
    ocs_output_integer(out, "live_bytes", status->live_bytes);
    ocs_output_integer(out, "garbage_blobs", status->garbage_blobs);
    ocs_output_integer(out, "garbage_bytes", status->garbage_bytes);
    ocs_output_integer(out, "waiting_blobs", status->waiting_blobs);
    ocs_output_integer(out, "waiting_bytes", status->waiting_bytes);
    ocs_output_integer(out, "left_alone", status->left_alone);
    ocs_output_integer(out, "temporary_files", status->temporary_files);
    ocs_output_integer(out, "temporary_bytes", status->temporary_bytes);
    ocs_output_integer(out, "trash_files", status->trash_files);
    ocs_output_integer(out, "trash_bytes", status->trash_bytes);
    ocs_output_integer(out, "quarantine_files", status->quarantine_files);
    ocs_output_integer(out, "quarantine_bytes", status->quarantine_bytes);
    put_gc(out, status);
    put_fsck(out, status);
    ocs_output_integer(out, "bad_blobs", status->bad_blobs);
    put_time(out, "oldest_verified", status->oldest_verified);
    ocs_output_integer(out, "never_verified", status->never_verified);
    ocs_output_string(out, "gc_refuses", status->refuses[0] ? status->refuses : NULL);
}

/* ---- the text form ---- */

static void put_title(struct ocs_output *out, const char *title)
{
    ocs_output_put(out, OCS_STYLE_BOLD, "%-11s", title);
}

static void print_amount(struct ocs_output *out, const char *title, uint64_t count, uint64_t bytes,
                         const char *noun)
{
    put_title(out, title);
    ocs_output_line(out, " %s, %s", ocs_text_count(count, noun).text, ocs_text_size(bytes).text);
}

static const char *gc_result(enum ocs_status status)
{
    switch (status) {
    case OCS_OK:
        return "done";
    case OCS_REFUSED:
        return "it refused";
    case OCS_INTERRUPTED:
        return "interrupted";
    default:
        return "it failed";
    }
}

static const char *fsck_result(enum ocs_status status)
{
    switch (status) {
    case OCS_OK:
        return "no errors";
    case OCS_CORRECTED:
        return "everything corrected";
    case OCS_REFUSED:
        return "errors were left";
    case OCS_INTERRUPTED:
        return "interrupted";
    default:
        return "it failed";
    }
}

/* What the run did not look at. */
static const char *extent_remark(enum ocs_fsck_extent extent)
{
    switch (extent) {
    case OCS_FSCK_EXTENT_PART:
        return " (not every blob was rehashed)";
    case OCS_FSCK_EXTENT_QUICK:
        return " (quick: no blob was rehashed)";
    case OCS_FSCK_EXTENT_IMAGE:
        return " (of one image alone)";
    default:
        return "";
    }
}

static void print_run(struct ocs_output *out, const char *title, int64_t ended, const char *result,
                      const char *remark)
{
    put_title(out, title);
    if (ended)
        ocs_output_line(out, " %s, %s%s", ocs_text_time(ended).text, result, remark);
    else
        ocs_output_line(out, " none is known");
}

static void print_verified(struct ocs_output *out, const struct ocs_store_status *status)
{
    put_title(out, "verified");
    if (status->never_verified)
        ocs_output_line(out, " %s never", ocs_text_count(status->never_verified, "blob").text);
    else if (status->oldest_verified)
        ocs_output_line(out, " every blob since %s", ocs_text_time(status->oldest_verified).text);
    else
        ocs_output_line(out, " there is nothing to verify");
}

static void print_bad(struct ocs_output *out, uint64_t count)
{
    if (count == 0)
        return;
    put_title(out, "damaged");
    ocs_output_put(out, OCS_STYLE_ERROR, " %s", ocs_text_count(count, "blob").text);
    ocs_output_line(out, " when last rehashed: ocistore fsck --only-bad");
}

static void print_text(struct ocs_output *out, const struct ocs_store_status *status)
{
    put_title(out, "layouts");
    ocs_output_put(out, OCS_STYLE_PLAIN, " %" PRIu64 " with %s", status->layouts,
                   ocs_text_count(status->images, "image").text);
    if (status->troubled_layouts)
        ocs_output_put(out, OCS_STYLE_ERROR, ", %" PRIu64 " of them cannot be read",
                       status->troubled_layouts);
    ocs_output_end_line(out);
    print_amount(out, "live", status->live_blobs, status->live_bytes, "blob");
    print_amount(out, "garbage", status->garbage_blobs, status->garbage_bytes, "blob");
    print_amount(out, "waiting", status->waiting_blobs, status->waiting_bytes, "blob");
    print_amount(out, "trash", status->trash_files, status->trash_bytes, "file");
    if (status->quarantine_files)
        print_amount(out, "quarantine", status->quarantine_files, status->quarantine_bytes, "file");
    if (status->temporary_files)
        print_amount(out, "temporary", status->temporary_files, status->temporary_bytes, "file");
    if (status->left_alone) {
        put_title(out, "left alone");
        ocs_output_line(out, " %s", ocs_text_count(status->left_alone, "file").text);
    }
    print_run(out, "last gc", status->last_gc, gc_result(status->last_gc_status), "");
    print_run(out, "last fsck", status->last_fsck, fsck_result(status->last_fsck_status),
              extent_remark(status->last_fsck_extent));
    print_bad(out, status->bad_blobs);
    print_verified(out, status);
    if (status->refuses[0]) {
        ocs_output_put(out, OCS_STYLE_ERROR, "gc refuses: ");
        ocs_output_line(out, "%s", status->refuses);
    }
}

static int run(struct ocs_cli *cli)
{
    struct ocs_store *store;
    struct ocs_store_status status;
    int result = ocs_cli_parse(cli, NULL);
    if (result == 0)
        result = ocs_cli_open(cli, &store);
    if (result != 0)
        return ocs_cli_status(cli, result);
    result = ocs_store_status(store, &status, &cli->err);
    ocs_store_close(store);
    if (result == 0 && cli->out.json)
        print_json(&cli->out, &status);
    else if (result == 0)
        print_text(&cli->out, &status);
    return ocs_cli_status(cli, result);
}

const struct ocs_command OCS_CMD_STATUS = {
    .name = "status",
    .words = "",
    .summary = "show how the store is",
    .details = "What is needed, what gc would take now and what waits for its grace, what lies in\n"
               "the trash, the last gc and fsck, how many blobs are known to be damaged, and how "
               "long ago the blob that was not verified\n"
               "for longest was.\n",
    .examples = "  ocistore status\n",
    .run = run,
};

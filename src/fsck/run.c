/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "run.h"

#include "store/error.h"
#include "store/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_NS (INT64_C(86400) * 1000000000)

int ocs_fsck_run_init(struct ocs_fsck_run *run, struct ocs_error *err)
{
    run->began_ns = ocs_now_ns();
    run->now = (uint32_t)ocs_now_s();
    ocs_findings_init(&run->findings, &run->inventory);
    return ocs_inventory_init(&run->inventory, err);
}

void ocs_folder_clear(struct ocs_folder *folder)
{
    free(folder->bytes);
    free(folder->places);
    *folder = (struct ocs_folder){0};
}

void ocs_fsck_run_clear(struct ocs_fsck_run *run)
{
    for (size_t i = 0; i < run->place_count; i++) {
        free(run->places[i].name);
        free(run->places[i].prefix);
    }
    free(run->places);
    free(run->layout_name);
    free(run->graph_blobs);
    ocs_folder_clear(&run->folder);
    ocs_findings_clear(&run->findings);
    ocs_inventory_clear(&run->inventory);
    if (run->owns_blobs && run->blobs)
        ocs_blobs_close(run->blobs);
    if (run->layout_dir >= 0)
        close(run->layout_dir);
}

bool ocs_fsck_cancelled(const struct ocs_fsck_run *run)
{
    return run->hooks && run->hooks->cancelled && run->hooks->cancelled(run->hooks->data);
}

unsigned ocs_fsck_threads(const struct ocs_fsck_run *run)
{
    return run->options->jobs ? run->options->jobs : ocs_processors();
}

int ocs_fsck_blame_blob(struct ocs_fsck_run *run, const char *id, uint32_t blob,
                        const char *message, struct ocs_error *err)
{
    struct ocs_finding_note note = {
        .id = id,
        .severity = ocs_finding_severity(id),
        .blob = blob,
        .message = message,
    };
    return ocs_findings_add(&run->findings, &note, err);
}

int ocs_fsck_blame_file(struct ocs_fsck_run *run, const char *id, const char *path,
                        const char *message, struct ocs_error *err)
{
    struct ocs_finding_note note = {
        .id = id,
        .severity = ocs_finding_severity(id),
        .blob = OCS_NO_BLOB,
        .path = path,
        .message = message,
    };
    return ocs_findings_add(&run->findings, &note, err);
}

int ocs_fsck_blame_flux(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_stamp *stamp,
                        struct ocs_error *err)
{
    bool old = ocs_now_ns() - stamp->mtime_ns > DAY_NS;
    struct ocs_finding_note note = {
        .id = "blob-in-flux",
        .severity = old ? OCS_SEVERITY_WARNING : OCS_SEVERITY_INFO,
        .blob = blob,
    };
    return ocs_findings_add(&run->findings, &note, err);
}

enum ocs_severity ocs_fsck_damage_severity(const struct ocs_fsck_run *run, uint32_t blob)
{
    bool needed = run->inventory.blobs[blob].flags & OCS_BLOB_REACHABLE;
    return needed ? OCS_SEVERITY_ERROR : OCS_SEVERITY_WARNING;
}

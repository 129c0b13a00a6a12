/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_roots.h"

#include "await_layout.h"
#include "array.h"
#include "last_good.h"
#include "selection.h"

#include "store/cleanup.h"
#include "store/document_check.h"
#include "store/temporary.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 5000

/* One layout while it is looked at. */
struct visit {
    struct ocs_fsck_run *run;
    const struct ocs_fsck_place *place;
    const char *file;            /* that a problem is about */
    const char *help;            /* when index.json is none; or NULL */
    const struct ocs_root *root; /* whose last good index.json is kept; or NULL */
    bool faulty;                 /* a problem that is an error was found */
    int dir;
};

static int blame(const struct visit *visit, const char *id, const char *file, const char *message,
                 struct ocs_error *err)
{
    auto_free char *path = NULL;
    if (asprintf(&path, "%s%s", visit->place->prefix, file) < 0) {
        path = NULL;
        return ocs_error_memory(err);
    }
    struct ocs_finding_note note = {
        .id = id,
        .severity = ocs_finding_severity(id),
        .blob = OCS_NO_BLOB,
        .layout = ocs_finding_severity(id) > OCS_SEVERITY_INFO ? visit->place->name : NULL,
        .path = path,
        .message = message,
    };
    return ocs_findings_add(&visit->run->findings, &note, err);
}

static int on_problem(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    struct visit *visit = data;
    auto_free char *path = NULL;
    auto_free char *message = NULL;
    visit->faulty |= problem->severity >= OCS_SEVERITY_ERROR;
    const char *member = problem->member ? problem->member : "";
    if (asprintf(&path, "%s%s", visit->place->prefix, visit->file) < 0 ||
        asprintf(&message, "%s%s%s", member, *member ? " " : "", problem->text) < 0)
        return ocs_error_memory(err);
    struct ocs_finding_note note = {
        .id = problem->id,
        .severity = problem->severity,
        .blob = OCS_NO_BLOB,
        .layout = visit->place->name,
        .path = path,
        .message = message,
    };
    return ocs_findings_add(&visit->run->findings, &note, err);
}

/* What kept us from looking is no finding when it is our own trouble. */
static bool is_ours(int result)
{
    return result < 0 && ocs_io_no_means();
}

static int raise_again(struct ocs_error *err, const struct visit *visit,
                       const struct ocs_error *why)
{
    return ocs_error_raise(err, why->status, "%s: %s", visit->place->name, why->message);
}

/* ---- oci-layout ---- */

static int check_layout_file(struct visit *visit, struct ocs_error *err)
{
    auto_bytes struct ocs_bytes bytes = {0};
    struct ocs_index_wait wait = {.patience_ms = PATIENCE_MS, .hooks = visit->run->hooks};
    struct ocs_error local = {0};
    visit->file = "oci-layout";
    int r = ocs_layout_file_read(visit->dir, &wait, &bytes, &local);
    if (r == OCS_IO_ABSENT)
        return blame(visit, "layout-file-missing", "oci-layout", NULL, err);
    if (r == OCS_IO_NOT_REGULAR)
        return blame(visit, "layout-file-missing", "oci-layout", "is not a regular file", err);
    if (r == -OCS_INTERRUPTED)
        return ocs_error_interrupted(err);
    if (is_ours(r))
        return raise_again(err, visit, &local);
    if (r < 0)
        return blame(visit, "layout-file-missing", "oci-layout", local.message, err);
    return r == 0 ? 0 : ocs_layout_file_check(bytes.data, bytes.size, visit, on_problem, err);
}

/* ---- index.json ---- */

static int add_root(struct visit *visit, const struct ocs_document *document,
                    const struct ocs_descriptor *descriptor, struct ocs_error *err)
{
    struct ocs_inventory *inventory = &visit->run->inventory;
    struct ocs_root_entry entry = {.layout = (uint32_t)(visit->place - visit->run->places)};
    const char *ref = ocs_descriptor_ref_name(document, descriptor);
    if (!ocs_selection_has_entry(visit->run, visit->place->name, ref, &descriptor->digest))
        return 0;
    visit->run->report->images++;
    int r = ocs_inventory_add(inventory, &descriptor->digest, &entry.blob, err);
    if (r == 0)
        r = ocs_inventory_how(document, descriptor, &entry.how, err);
    if (r == 0)
        r = ocs_inventory_declare(inventory, entry.blob, descriptor->size, descriptor->media_type,
                                  err);
    if (r < 0)
        return r;
    inventory->blobs[entry.blob].flags |= OCS_BLOB_LISTED;
    return ocs_inventory_root(inventory, &entry, ref, err);
}

static int add_roots(struct visit *visit, const struct ocs_document *document,
                     struct ocs_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < document->count; i++)
        r = add_root(visit, document, &document->descriptors[i], err);
    return r;
}

/* Then it may list what seems to be listed nowhere. */
static int blame_root(struct ocs_fsck_run *run, const struct ocs_finding_note *note,
                      struct ocs_error *err)
{
    run->roots_unknown = true;
    return ocs_findings_add(&run->findings, note, err);
}

static int blame_index(const struct visit *visit, const char *id, const char *message,
                       struct ocs_error *err)
{
    char path[PATH_MAX];
    size_t size = strlen(visit->place->name);
    if (strncmp(message, visit->place->name, size) == 0 && strncmp(message + size, ": ", 2) == 0)
        message += size + 2; /* the path says which layout it is */
    snprintf(path, sizeof(path), "%sindex.json", visit->place->prefix);
    struct ocs_finding_note note = {
        .id = id,
        .severity = OCS_SEVERITY_ERROR,
        .blob = OCS_NO_BLOB,
        .layout = visit->place->name,
        .path = path,
        .message = message,
        .action = visit->help,
    };
    return blame_root(visit->run, &note, err);
}

static int check_index(struct visit *visit, struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    struct ocs_index_wait wait = {
        .patience_ms = PATIENCE_MS, .hooks = visit->run->hooks, .any_entries = true};
    struct ocs_error local = {0};
    visit->file = "index.json";
    visit->faulty = false;
    int r = ocs_index_read(visit->dir, visit->place->name, &wait, &index, &local);
    if (r == OCS_INDEX_UNREADABLE && local.status != OCS_REFUSED)
        visit->help = OCS_ROOT_READ_HELP;
    if (r == OCS_INDEX_ABSENT || r == OCS_INDEX_UNREADABLE)
        return blame_index(visit, "index-unreadable", local.message, err);
    if (r == OCS_INDEX_INVALID)
        return blame_index(visit, "index-invalid", local.message, err);
    if (r < 0)
        return ocs_error_raise(err, local.status, "%s", local.message);
    r = ocs_index_check(&index.document, visit, on_problem, err);
    if (r < 0)
        return r;
    if (visit->root && !visit->faulty && index.document.state == OCS_DOCUMENT_STRICT)
        ocs_last_good_keep(visit->run->store, visit->root, visit->dir, &index);
    return add_roots(visit, &index.document, err);
}

/* ---- manifest.json of docker save ---- */

/* "blobs/<alg>/<hex>" in it names a blob that `docker load` wants. */
static int add_saved(struct visit *visit, const char *path, struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF];
    if (!path || strncmp(path, "blobs/", 6) != 0 || strlen(path + 6) >= sizeof(text))
        return 0;
    snprintf(text, sizeof(text), "%s", path + 6);
    char *slash = strchr(text, '/');
    struct ocs_digest digest;
    if (slash)
        *slash = ':';
    if (!slash || ocs_digest_parse(text, strlen(text), &digest) != 0)
        return 0;
    struct ocs_root_entry entry = {
        .layout = (uint32_t)(visit->place - visit->run->places),
        .how = OCS_ROLE_LOOSE,
    };
    int r = ocs_inventory_add(&visit->run->inventory, &digest, &entry.blob, err);
    return r < 0 ? r : ocs_inventory_root(&visit->run->inventory, &entry, NULL, err);
}

static int add_saved_image(struct visit *visit, const struct ocs_json *json,
                           const struct ocs_json_value *image, struct ocs_error *err)
{
    int r = add_saved(visit, ocs_json_string(json, ocs_json_member(image, "Config")), err);
    const struct ocs_json_value *layers = ocs_json_member(image, "Layers");
    const struct ocs_json_value *layer = layers ? ocs_json_first(layers) : NULL;
    for (; r == 0 && layer; layer = ocs_json_next(layer))
        r = add_saved(visit, ocs_json_string(json, layer), err);
    return r;
}

static int add_saved_images(struct visit *visit, struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    auto_json struct ocs_json *json = NULL;
    struct ocs_error local;
    int r = ocs_io_open_regular(visit->dir, "manifest.json", &fd, NULL, "manifest.json", &local);
    if (r == 0)
        r = ocs_io_read_all(fd, OCS_JSON_INDEX_BYTES, &bytes, "manifest.json", &local);
    if (is_ours(r))
        return raise_again(err, visit, &local);
    if (r != 0)
        return 0;
    r = ocs_json_parse(bytes.data, bytes.size, OCS_JSON_INDEX_LIMITS, &json, NULL, err);
    if (r != 0)
        return r < 0 ? r : 0;
    if (ocs_json_type(ocs_json_root(json)) != OCS_JSON_ARRAY)
        return 0;
    const struct ocs_json_value *image = ocs_json_first(ocs_json_root(json));
    for (; r == 0 && image; image = ocs_json_next(image))
        r = add_saved_image(visit, json, image, err);
    return r;
}

/* ---- what other tools left ---- */

static int check_leftovers(struct visit *visit, struct ocs_error *err)
{
    int fd = openat(visit->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream) {
        if (fd >= 0)
            close(fd);
        return ocs_error_errno(err, "%s", visit->place->name);
    }
    int r = 0;
    struct dirent *entry;
    while (r == 0 && (entry = readdir(stream))) {
        if (ocs_temporary_find(OCS_TEMPORARY_IN_LAYOUT, entry->d_name))
            r = blame(visit, "orphan-temporary", entry->d_name, NULL, err);
    }
    return r;
}

/* ---- layouts ---- */

static int add_place(struct ocs_fsck_run *run, char *name, char *prefix, struct ocs_error *err)
{
    int r = name && prefix ? ocs_array_reserve(&run->places, &run->place_capacity,
                                               run->place_count + 1, sizeof(*run->places), err)
                           : ocs_error_memory(err);
    if (r < 0) {
        free(name);
        free(prefix);
        return r;
    }
    run->places[run->place_count++] = (struct ocs_fsck_place){.name = name, .prefix = prefix};
    return 0;
}

/* `root` is NULL for a plain layout. */
static int check_layout(struct ocs_fsck_run *run, int dir, const struct ocs_root *root,
                        struct ocs_error *err)
{
    bool has_last = root && root->last.size > 0;
    struct visit visit = {
        .run = run,
        .place = &run->places[run->place_count - 1],
        .dir = dir,
        .help = has_last && !run->options->repair ? OCS_ROOT_MEND_HELP : NULL,
        .root = run->options->dry_run ? NULL : root,
    };
    int r = check_layout_file(&visit, err);
    if (r == 0)
        r = check_index(&visit, err);
    if (r < 0 || run->options->image)
        return r;
    r = add_saved_images(&visit, err);
    return r == 0 ? check_leftovers(&visit, err) : r;
}

static char *prefix_of(const struct ocs_root *root)
{
    char *prefix = NULL;
    if (strcmp(root->path, ".") == 0)
        return strdup("");
    return asprintf(&prefix, "%s/", root->path) < 0 ? NULL : prefix;
}

static int blame_missing(struct ocs_fsck_run *run, const struct ocs_root *root, const char *why,
                         struct ocs_error *err)
{
    bool registered;
    char help[OCS_ROOT_HELP_SIZE];
    int r = ocs_await_registered(run, root->name, &registered, err);
    if (r < 0 || !registered)
        return r;
    struct ocs_finding_note note = {
        .id = "layout-missing",
        .severity = OCS_SEVERITY_ERROR,
        .blob = OCS_NO_BLOB,
        .layout = root->name,
        .path = root->path,
        .message = why,
        .action =
            strcmp(root->name, ".") == 0 ? NULL : ocs_root_missing_help(root, help, sizeof(help)),
    };
    return blame_root(run, &note, err);
}

/* A folder that is there and may not be opened. */
static int blame_closed(struct ocs_fsck_run *run, const char *why, struct ocs_error *err)
{
    struct visit visit = {.run = run, .place = &run->places[run->place_count - 1], .dir = -1};
    return blame_index(&visit, "index-unreadable", why, err);
}

static int check_registered(struct ocs_fsck_run *run, const struct ocs_root *root,
                            struct ocs_error *err)
{
    auto_fd int dir = -1;
    struct ocs_error local;
    if (!ocs_selection_has_layout(run, root->name))
        return 0;
    int r = add_place(run, strdup(root->name), prefix_of(root), err);
    if (r < 0)
        return r;
    r = ocs_await_layout(run, root, &dir, &local);
    if (is_ours(r) || r == -OCS_INTERRUPTED)
        return ocs_error_raise(err, local.status, "%s", local.message);
    if (r == OCS_AWAIT_GONE)
        return 0;
    if (r == OCS_IO_ABSENT || r == OCS_IO_NOT_REGULAR)
        return blame_missing(run, root, local.message, err);
    if (r < 0)
        return blame_closed(run, local.message, err);
    return check_layout(run, dir, root, err);
}

static int blame_registry(struct ocs_fsck_run *run, const struct ocs_roots *roots,
                          struct ocs_error *err)
{
    struct ocs_finding_note note = {
        .id = "roots-entry-damaged",
        .severity = OCS_SEVERITY_ERROR,
        .blob = OCS_NO_BLOB,
        .path = roots->path,
        .message = roots->trouble,
        .action = roots->help,
    };
    return blame_root(run, &note, err);
}

static int check_store_roots(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_roots_place place = ocs_store_roots_place(run->store);
    int r = ocs_roots_read(&place, &roots, err);
    if (r == 0 && roots.damaged)
        r = blame_registry(run, &roots, err);
    for (size_t i = 0; r == 0 && i < roots.count; i++)
        r = ocs_fsck_cancelled(run) ? ocs_error_interrupted(err)
                                    : check_registered(run, &roots.items[i], err);
    ocs_roots_clear(&roots);
    return r;
}

static int check_plain_layout(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = add_place(run, strdup(run->layout_name), strdup(""), err);
    if (r == 0 && !run->blobs)
        r = ocs_fsck_blame_file(run, "layout-file-missing", "blobs", "is not there, or no folder",
                                err);
    return r < 0 ? r : check_layout(run, run->layout_dir, NULL, err);
}

int ocs_check_roots(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = run->store ? check_store_roots(run, err) : check_plain_layout(run, err);
    if (r == 0 && run->options->image && run->inventory.root_count == 0)
        return ocs_error_hint(
            err, ocs_error_raise(err, OCS_USAGE, "there is no image '%s'", run->options->image),
            "ocistore ls");
    return r;
}

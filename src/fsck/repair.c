/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "repair.h"

#include "mend_layout.h"

#include "store/census.h"
#include "store/cleanup.h"
#include "store/error.h"
#include "store/shell_word.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct repair {
    struct ocs_fsck_run *run;
    struct ocs_affects *affects;
    struct ocs_mender mender;
    uint32_t *outcome; /* by blob: 0 not tried, 1 left, else 2 + the action's offset */
    struct ocs_text_pool actions;
    uint64_t failed; /* findings whose remedy could not be done */
};

/* ---- blobs ---- */

/* Without one a name would be looked for at docker.io. */
static bool names_registry(const char *name)
{
    size_t size = strcspn(name, "/");
    if (name[size] == '\0')
        return false;
    return memchr(name, '.', size) || memchr(name, ':', size) ||
           (size == strlen("localhost") && strncmp(name, "localhost", size) == 0);
}

/* Where the image may have come from: what its name says, if that is one of a
 * registry, else the layout's. */
static void say_origin(const struct ocs_fsck_run *run, const struct ocs_root_entry *entry,
                       char *out, size_t size)
{
    const char *name = run->places[entry->layout].name;
    const char *ref = ocs_text_pool_get(&run->inventory.texts, entry->ref);
    char text[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    ocs_inventory_digest(&run->inventory, entry->blob, &digest);
    if (strcmp(name, ".") == 0)
        name = "NAME";
    bool whole = ref && strpbrk(ref, "/:");
    const char *registry = names_registry(whole ? ref : name) ? "" : "REGISTRY/";
    if (whole)
        snprintf(out, size, "%s%s", registry, ref);
    else
        snprintf(out, size, "%s%s%c%s", registry, name, ref ? ':' : '@',
                 ref ? ref : ocs_digest_format(&digest, text));
}

/* The layout has it in a blobs/ of its own, from a tool that does not know of the store's. */
static bool is_in_layout(const struct ocs_fsck_run *run, const struct ocs_fsck_place *place,
                         uint32_t blob)
{
    char name[OCS_DIGEST_BUF], path[PATH_MAX];
    struct ocs_digest digest;
    struct stat st;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    int size =
        snprintf(path, sizeof(path), "%sblobs/%s", place->prefix, ocs_digest_path(&digest, name));
    return *place->prefix && size < (int)sizeof(path) &&
           fstatat(run->store->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* The command that brings the blob back, for the first image that needs it. */
static void say_command(struct repair *repair, uint32_t blob, char *out, size_t size)
{
    const struct ocs_fsck_run *run = repair->run;
    struct ocs_affects_list list;
    char origin[384], folder[PATH_MAX], image[PATH_MAX + 32];
    ocs_affects_of(repair->affects, blob, &list);
    out[0] = '\0';
    if (list.count == 0)
        return;
    const struct ocs_root_entry *entry = &run->inventory.roots[list.roots[0]];
    const struct ocs_fsck_place *place = &run->places[entry->layout];
    const char *ref = ocs_text_pool_get(&run->inventory.texts, entry->ref);
    bool attached = place->prefix[0] == '/';
    int length = (int)strlen(place->prefix) - 1; /* without the slash */
    snprintf(folder, sizeof(folder), "%s%s%.*s", attached ? "" : run->store->path,
             attached || length < 1 ? "" : "/", length > 0 ? length : 0, place->prefix);
    if (is_in_layout(run, place, blob)) {
        snprintf(out, size, "it lies in the layout's own folder: ocistore fsck --repair --from %s",
                 ocs_shell_word(folder).text);
        return;
    }
    say_origin(run, entry, origin, sizeof(origin));
    snprintf(image, sizeof(image), "oci:%s%s%s", folder, ref ? ":" : "", ref ? ref : "");
    snprintf(out, size, "skopeo copy --dest-shared-blob-dir %s/blobs docker://%s %s",
             ocs_shell_word(run->store->path).text, ocs_shell_word(origin).text,
             ocs_shell_word(image).text);
}

bool ocs_repair_denied(const struct ocs_fsck_run *run, uint32_t blob)
{
    auto_fd int fd = -1;
    struct ocs_digest digest;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    errno = 0;
    return ocs_blobs_open_blob(run->blobs, &digest, &fd, NULL, NULL) < 0 && errno == EACCES;
}

static void say_help(struct repair *repair, uint32_t blob, char *out, size_t size)
{
    if (ocs_repair_denied(repair->run, blob))
        snprintf(out, size, "chmod or chown the file, or run as the user who owns it");
    else
        say_command(repair, blob, out, size);
}

static int try_blob(struct repair *repair, uint32_t blob, bool *fixed, struct ocs_error *err)
{
    struct ocs_mender *mender = &repair->mender;
    int r = ocs_mend_blob(mender, blob, err);
    if (r < 0)
        return r;
    *fixed = r == 0;
    if (r == OCS_MEND_LEFT && !mender->busy) {
        char help[700], done[256];
        snprintf(done, sizeof(done), "%.255s", mender->action);
        say_help(repair, blob, help, sizeof(help));
        snprintf(mender->action, sizeof(mender->action), "%s%s%s", done, *done && *help ? "; " : "",
                 help);
    }
    return 0;
}

/* A blob is tried once, whatever number of findings there are about it. */
static int repair_blob(struct repair *repair, size_t index, uint32_t blob, struct ocs_error *err)
{
    uint32_t *outcome = &repair->outcome[blob];
    bool fixed = (*outcome & 1) == 0;
    if (*outcome == 0) {
        uint32_t action;
        int r = try_blob(repair, blob, &fixed, err);
        if (r == 0)
            r = ocs_text_pool_add(&repair->actions, repair->mender.action, &action, err);
        if (r < 0)
            return r;
        *outcome = (action + 1) * 2 + !fixed;
    }
    const char *action = ocs_text_pool_get(&repair->actions, *outcome / 2 - 1);
    return ocs_findings_settle(&repair->run->findings, index, fixed, action, err);
}

/* ---- what each finding needs ---- */

enum remedy {
    REMEDY_NONE,
    REMEDY_BLOB,
    REMEDY_SIZE, /* like BLOB, when the bytes are wrong as well */
    REMEDY_MODE,
    REMEDY_INDEX,
    REMEDY_ENTRIES, /* of an index.json */
    REMEDY_LAYOUT_FILE,
    REMEDY_ROOTS,
    REMEDY_GRAPH,
};

static enum remedy remedy_of(const char *id)
{
    static const struct {
        const char *id;
        enum remedy remedy;
    } remedies[] = {
        {"blob-digest-mismatch", REMEDY_BLOB},    {"blob-empty", REMEDY_BLOB},
        {"blob-not-regular", REMEDY_BLOB},        {"blob-read-error", REMEDY_BLOB},
        {"blob-size-mismatch", REMEDY_SIZE},      {"config-missing", REMEDY_BLOB},
        {"layer-missing", REMEDY_BLOB},           {"manifest-missing", REMEDY_BLOB},
        {"quarantine-unresolved", REMEDY_BLOB},   {"trash-referenced", REMEDY_BLOB},
        {"blob-writable-by-others", REMEDY_MODE}, {"index-invalid", REMEDY_INDEX},
        {"index-unreadable", REMEDY_INDEX},       {"layout-file-missing", REMEDY_LAYOUT_FILE},
        {"layout-version", REMEDY_LAYOUT_FILE},   {"graph-corrupt", REMEDY_GRAPH},
        {"roots-entry-damaged", REMEDY_ROOTS},    {"document-invalid", REMEDY_ENTRIES},
    };
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
        if (strcmp(remedies[i].id, id) == 0)
            return remedies[i].remedy;
    }
    return REMEDY_NONE;
}

bool ocs_repair_may_help(const char *id)
{
    return remedy_of(id) != REMEDY_NONE;
}

static const struct ocs_fsck_place *place_of(const struct ocs_fsck_run *run, const char *path)
{
    for (size_t i = 0; path && i < run->place_count; i++) {
        size_t size = strlen(run->places[i].prefix);
        if (strncmp(run->places[i].prefix, path, size) == 0 && !strchr(path + size, '/'))
            return &run->places[i];
    }
    return NULL;
}

static int mend_layout(struct ocs_mender *mender, const struct ocs_fsck_place *place,
                       enum remedy remedy, struct ocs_error *err)
{
    switch (remedy) {
    case REMEDY_INDEX:
        return ocs_mend_index(mender, place, err);
    case REMEDY_ENTRIES:
        return ocs_mend_entries(mender, place, err);
    default:
        return ocs_mend_layout_file(mender, place, err);
    }
}

static int repair_layout(struct repair *repair, size_t index, enum remedy remedy,
                         struct ocs_error *err)
{
    struct ocs_finding finding = ocs_findings_get(&repair->run->findings, index);
    const struct ocs_fsck_place *place = place_of(repair->run, finding.path);
    if (!place)
        return 0;
    int r = mend_layout(&repair->mender, place, remedy, err);
    return r < 0 ? r
                 : ocs_findings_settle(&repair->run->findings, index, r == 0, repair->mender.action,
                                       err);
}

static int repair_mode(struct repair *repair, size_t index, uint32_t blob, struct ocs_error *err)
{
    int r = ocs_mend_mode(&repair->mender, blob, err);
    return r < 0 ? r
                 : ocs_findings_settle(&repair->run->findings, index, r == 0, repair->mender.action,
                                       err);
}

static int repair_roots(struct repair *repair, size_t index, struct ocs_error *err)
{
    int r = ocs_mend_roots(&repair->mender, err);
    return r < 0 ? r
                 : ocs_findings_settle(&repair->run->findings, index, r == 0, repair->mender.action,
                                       err);
}

/* A new one from the roots and the disk; the old one is kept beside. */
static int repair_graph(struct repair *repair, size_t index, struct ocs_error *err)
{
    struct ocs_store *store = repair->run->store;
    ocs_mender_say(&repair->mender, "built anew, the old one kept as data.mdb.bad");
    if (!repair->mender.dry_run) {
        struct ocs_census census;
        int r = ocs_mender_note(&repair->mender, "graph", ".ocistore/graph/data.mdb", err);
        if (r == 0)
            r = ocs_store_graph_rebuild(store, err);
        if (r == 0)
            r = ocs_census_take(store, repair->run->options->jobs, &census, err);
        if (r < 0)
            return r;
        ocs_census_clear(&census);
    }
    return ocs_findings_settle(&repair->run->findings, index, true, repair->mender.action, err);
}

static int repair_finding(struct repair *repair, size_t index, struct ocs_error *err)
{
    const struct ocs_kept_finding *kept = &repair->run->findings.items[index];
    enum remedy remedy = remedy_of(kept->id);
    bool damaged = kept->blob != OCS_NO_BLOB &&
                   repair->run->inventory.blobs[kept->blob].flags & OCS_BLOB_DAMAGED;
    if (kept->severity < OCS_SEVERITY_WARNING)
        return 0;
    switch (remedy) {
    case REMEDY_SIZE:
        return damaged ? repair_blob(repair, index, kept->blob, err) : 0;
    case REMEDY_BLOB:
        return repair_blob(repair, index, kept->blob, err);
    case REMEDY_MODE:
        return repair_mode(repair, index, kept->blob, err);
    case REMEDY_ENTRIES:
        return kept->blob == OCS_NO_BLOB ? repair_layout(repair, index, remedy, err) : 0;
    case REMEDY_INDEX:
    case REMEDY_LAYOUT_FILE:
        return repair_layout(repair, index, remedy, err);
    case REMEDY_ROOTS:
        return repair_roots(repair, index, err);
    case REMEDY_GRAPH:
        return repair_graph(repair, index, err);
    default:
        return 0;
    }
}

/* What cannot be done for one does not keep the others from being helped. */
static int try_finding(struct repair *repair, size_t index, struct ocs_error *err)
{
    struct ocs_error why = {0};
    int r = repair_finding(repair, index, &why);
    if (r >= 0)
        return 0;
    if (r == -OCS_INTERRUPTED)
        return ocs_error_interrupted(err);
    char action[sizeof(why.message) + 16];
    snprintf(action, sizeof(action), "not done: %s", why.message);
    repair->failed++;
    return ocs_findings_settle(&repair->run->findings, index, false, action, err);
}

static int try_findings(struct repair *repair, struct ocs_error *err)
{
    struct ocs_fsck_run *run = repair->run;
    int r = 0;
    for (size_t i = 0; r == 0 && i < run->findings.count; i++)
        r = ocs_fsck_cancelled(run) ? ocs_error_interrupted(err) : try_finding(repair, i, err);
    run->tally->undone = repair->failed > 0;
    if (repair->failed)
        ocs_store_notice(run->store,
                         "what would help could not be done for %" PRIu64
                         " of the findings: they say why",
                         repair->failed);
    return r;
}

int ocs_repair(struct ocs_fsck_run *run, struct ocs_affects *affects, struct ocs_error *err)
{
    struct repair repair = {.run = run, .affects = affects};
    repair.outcome = calloc((size_t)ocs_inventory_count(&run->inventory) + 1, sizeof(uint32_t));
    if (!repair.outcome)
        return ocs_error_memory(err);
    int r = ocs_mender_open(&repair.mender, run, err);
    if (r == 0)
        r = try_findings(&repair, err);
    ocs_mender_close(&repair.mender);
    ocs_text_pool_clear(&repair.actions);
    free(repair.outcome);
    return r;
}

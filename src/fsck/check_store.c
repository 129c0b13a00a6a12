/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_store.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/marker.h"
#include "store/shell_word.h"
#include "store/trash.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

/* ---- the folder ---- */

/* Files can be renamed from one to the other; bind mounts of one device forbid it. */
static bool on_one_mount(int dir, const char *first, const char *second)
{
    struct statx a, b;
    if (statx(dir, first, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &a) < 0 ||
        statx(dir, second, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &b) < 0)
        return true; /* that it is not there is somebody else's finding */
    bool same_device = a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor;
    return same_device && a.stx_mnt_id == b.stx_mnt_id;
}

static int check_marker(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct ocs_marker marker = {0};
    struct ocs_error local;
    int r = ocs_marker_read(run->store->state, &marker, &local);
    bool ours = r < 0 && ocs_io_no_means(); /* and no fault of the file */
    ocs_marker_clear(&marker);
    if (r == 0)
        return 0;
    if (ours)
        return ocs_error_raise(err, local.status, "%s", local.message);
    char help[PATH_MAX + 64];
    snprintf(help, sizeof(help), "ocistore init %s makes it anew",
             ocs_shell_word(run->store->path).text);
    struct ocs_finding_note note = {
        .id = r == OCS_IO_ABSENT        ? "store-marker-missing"
              : r == OCS_MARKER_DAMAGED ? "store-marker-damaged"
                                        : "store-feature-unknown",
        .severity = OCS_SEVERITY_FATAL,
        .blob = OCS_NO_BLOB,
        .path = ".ocistore/store.json",
        .message = r == OCS_IO_ABSENT ? NULL : local.message,
        .action = r > 0 ? help : NULL,
    };
    r = ocs_findings_add(&run->findings, &note, err);
    return r < 0 ? r : OCS_CHECK_STORE_NONE;
}

/* A link would lead out of the store, where the blobs of all layouts would be missed at
 * once; nothing follows it. */
static int check_folders(struct ocs_fsck_run *run, struct ocs_error *err)
{
    static const char *const folders[] = {"blobs", "blobs/sha256", "blobs/sha512"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct stat st;
        if (fstatat(run->store->dir, folders[i], &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            S_ISDIR(st.st_mode))
            continue;
        const char *what = S_ISLNK(st.st_mode)
                               ? "is a symbolic link: a store's blobs must lie in it"
                               : "is no folder";
        int r = ocs_fsck_blame_file(run, "store-split", folders[i], what, err);
        return r < 0 ? r : OCS_CHECK_STORE_NONE;
    }
    return 0;
}

static int check_state_folders(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = 0;
    size_t next = 0;
    const char *odd;
    while (r == 0 && (odd = ocs_store_odd_folder(run->store->state, &next))) {
        char path[64];
        snprintf(path, sizeof(path), ".ocistore/%s", odd);
        struct ocs_finding_note note = {
            .id = "store-folder-invalid",
            .severity = ocs_finding_severity("store-folder-invalid"),
            .blob = OCS_NO_BLOB,
            .path = path,
            .message = "is a link or no folder",
            .action = OCS_STORE_ODD_HELP,
        };
        r = ocs_findings_add(&run->findings, &note, err);
    }
    return r;
}

int ocs_check_store(struct ocs_fsck_run *run, struct ocs_error *err)
{
    if (!run->store)
        return 0;
    int r = check_marker(run, err);
    if (r == 0)
        r = check_folders(run, err);
    if (r == 0)
        r = check_state_folders(run, err);
    if (r == 0 && !on_one_mount(run->store->dir, "blobs", ".ocistore"))
        r = ocs_fsck_blame_file(run, "store-split", "blobs",
                                "is on another file system than .ocistore", err);
    return r;
}

/* ---- trash and quarantine ---- */

static bool is_lacking(const struct ocs_fsck_run *run, const struct ocs_digest *digest,
                       uint32_t *blob)
{
    if (!ocs_digest_set_find(run->inventory.set, digest, blob))
        return false;
    const struct ocs_blob_state *state = &run->inventory.blobs[*blob];
    bool there = state->presence == OCS_PRESENCE_HERE && !(state->flags & OCS_BLOB_DAMAGED);
    return state->flags & OCS_BLOB_REACHABLE && !there;
}

/* Nothing needs the digest, or its file was right in this run. */
static bool is_spare(const struct ocs_fsck_run *run, const struct ocs_digest *digest)
{
    uint32_t blob;
    if (!ocs_digest_set_find(run->inventory.set, digest, &blob))
        return true;
    uint16_t flags = run->inventory.blobs[blob].flags;
    return !(flags & OCS_BLOB_REACHABLE) ||
           (flags & OCS_BLOB_VERIFIED && !(flags & OCS_BLOB_DAMAGED));
}

static int on_trash(void *data, const char *run_name, const char *path,
                    const struct ocs_digest *digest, const struct stat *st, struct ocs_error *err)
{
    struct ocs_fsck_run *run = data;
    uint32_t blob;
    (void)st;
    if (!digest || !is_lacking(run, digest, &blob))
        return 0;
    auto_free char *where = NULL;
    if (asprintf(&where, ".ocistore/trash/%s/%s", run_name, path) < 0) {
        where = NULL;
        return ocs_error_memory(err);
    }
    struct ocs_finding_note note = {
        .id = "trash-referenced",
        .severity = OCS_SEVERITY_ERROR,
        .blob = blob,
        .path = where,
        .action = "the next import or gc brings it back, if that copy is good",
    };
    return ocs_findings_add(&run->findings, &note, err);
}

static int on_quarantined(void *data, const char *run_name, const char *path,
                          const struct ocs_digest *digest, const struct stat *st,
                          struct ocs_error *err)
{
    struct ocs_fsck_run *run = data;
    uint32_t blob;
    auto_free char *where = NULL;
    (void)run_name;
    (void)st;
    if (!digest)
        return 0;
    if (asprintf(&where, ".ocistore/quarantine/%s", path) < 0) {
        where = NULL;
        return ocs_error_memory(err);
    }
    bool lacking = is_lacking(run, digest, &blob);
    struct ocs_finding_note note = {
        .id = "quarantine-unresolved",
        .severity = lacking ? OCS_SEVERITY_ERROR : OCS_SEVERITY_INFO,
        .blob = OCS_NO_BLOB,
        .path = where,
        .action = is_spare(run, digest) ? "needed no more: it can be removed by hand" : NULL,
    };
    int r = ocs_inventory_add(&run->inventory, digest, &note.blob, err);
    return r < 0 ? r : ocs_findings_add(&run->findings, &note, err);
}

/* ---- tmp/ ---- */

/* A process that still works there holds its folder's lock. */
static int on_temporary(struct ocs_fsck_run *run, int dir, const char *name, struct ocs_error *err)
{
    auto_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) < 0)
        return 0;
    auto_free char *path = NULL;
    if (asprintf(&path, ".ocistore/tmp/%s", name) < 0) {
        path = NULL;
        return ocs_error_memory(err);
    }
    return ocs_fsck_blame_file(run, "orphan-temporary", path, NULL, err);
}

static int check_temporaries(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int fd = -1;
    int r = ocs_io_open_dir(run->store->state, "tmp", &fd, ".ocistore/tmp", err);
    if (r != 0)
        return r < 0 ? r : 0;
    auto_dir DIR *stream = fdopendir(fd);
    if (!stream) {
        close(fd);
        return ocs_error_errno(err, ".ocistore/tmp");
    }
    struct dirent *entry;
    while (r == 0 && (entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = on_temporary(run, fd, entry->d_name, err);
    }
    return r;
}

int ocs_check_state(struct ocs_fsck_run *run, struct ocs_error *err)
{
    if (!run->store || run->options->image)
        return 0;
    int state = run->store->state;
    struct ocs_trash_visitor trash = {.data = run, .on_entry = on_trash};
    struct ocs_trash_visitor quarantine = {.data = run, .on_entry = on_quarantined};
    int r = ocs_trash_each(state, &trash, err);
    if (r == 0)
        r = ocs_quarantine_each(state, &quarantine, err);
    return r == 0 ? check_temporaries(run, err) : r;
}

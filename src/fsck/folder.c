/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "folder.h"

#include "array.h"

#include "store/cleanup.h"
#include "store/temporary.h"

#include <stdio.h>
#include <string.h>

enum kind {
    KIND_REGULAR,
    KIND_ODD, /* the name of a blob, and no regular file */
    KIND_STRANGER,
};

/* In the bytes of the folder: this, then a digest's key or a name. */
struct head {
    uint16_t size;
    uint8_t kind; /* enum kind */
};

/* ---- reading ---- */

static int append(struct ocs_folder *folder, struct head head, const void *bytes, uint64_t inode,
                  struct ocs_error *err)
{
    size_t size = sizeof(head) + head.size;
    int r = ocs_array_reserve(&folder->bytes, &folder->capacity, folder->used + size, 1, err);
    if (r == 0)
        r = ocs_array_reserve(&folder->places, &folder->place_capacity, folder->place_count + 1,
                              sizeof(*folder->places), err);
    if (r < 0)
        return r;
    folder->places[folder->place_count++] = (struct ocs_folder_place){inode, folder->used};
    memcpy(folder->bytes + folder->used, &head, sizeof(head));
    memcpy(folder->bytes + folder->used + sizeof(head), bytes, head.size);
    folder->used += size;
    return 0;
}

static int on_blob(void *data, const struct ocs_blobs_entry *entry, struct ocs_error *err)
{
    struct head head = {entry->digest.size, entry->regular ? KIND_REGULAR : KIND_ODD};
    return append(data, head, entry->digest.key, entry->inode, err);
}

/* Two names of at most 255 bytes each. */
static int on_stranger(void *data, const char *name, struct ocs_error *err)
{
    struct head head = {(uint16_t)strlen(name), KIND_STRANGER};
    return append(data, head, name, 0, err);
}

static int compare(const void *left, const void *right)
{
    const struct ocs_folder_place *a = left, *b = right;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

int ocs_folder_read(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct ocs_folder *folder = &run->folder;
    struct ocs_blobs_visitor visitor = {
        .data = folder,
        .on_blob = on_blob,
        .on_stranger = on_stranger,
    };
    int r = run->blobs ? ocs_blobs_each(run->blobs, &visitor, err) : 0;
    if (r == 0 && folder->place_count)
        qsort(folder->places, folder->place_count, sizeof(*folder->places), compare);
    return r;
}

/* ---- looking up ---- */

/* Blobs that wait until there are some to be looked up at once. */
struct names {
    struct ocs_fsck_run *run;
    struct ocs_digest digests[OCS_DIGEST_SET_MANY];
    bool regular[OCS_DIGEST_SET_MANY];
    size_t count;
};

static int take_blob(struct ocs_fsck_run *run, const struct ocs_digest *digest, uint32_t blob,
                     bool regular, struct ocs_error *err)
{
    run->inventory.blobs[blob].flags |= regular ? OCS_BLOB_ON_DISK : OCS_BLOB_ODD;
    return ocs_algorithm_verifiable(ocs_digest_algorithm(digest))
               ? 0
               : ocs_fsck_blame_blob(run, "blob-algorithm-unknown", blob,
                                     "its content cannot be verified", err);
}

static int take_blobs(struct names *names, struct ocs_error *err)
{
    const struct ocs_digest *digests[OCS_DIGEST_SET_MANY];
    uint32_t blobs[OCS_DIGEST_SET_MANY];
    for (size_t i = 0; i < names->count; i++)
        digests[i] = &names->digests[i];
    int r = ocs_inventory_add_many(&names->run->inventory, digests, names->count, blobs, err);
    for (size_t i = 0; r == 0 && i < names->count; i++)
        r = take_blob(names->run, digests[i], blobs[i], names->regular[i], err);
    names->count = 0;
    return r;
}

static int take_stranger(struct ocs_fsck_run *run, const char *name, size_t size,
                         struct ocs_error *err)
{
    auto_free char *path = NULL;
    if (asprintf(&path, "blobs/%.*s", (int)size, name) < 0) {
        path = NULL;
        return ocs_error_memory(err);
    }
    const char *id = ocs_temporary_find(OCS_TEMPORARY_IN_BLOBS, path + strlen("blobs/"))
                         ? "orphan-temporary"
                         : "blob-name-invalid";
    return ocs_fsck_blame_file(run, id, path, NULL, err);
}

static int take(struct names *names, struct head head, const unsigned char *bytes,
                struct ocs_error *err)
{
    if (head.kind == KIND_STRANGER)
        return take_stranger(names->run, (const char *)bytes, head.size, err);
    names->digests[names->count].size = head.size;
    memcpy(names->digests[names->count].key, bytes, head.size);
    names->regular[names->count++] = head.kind == KIND_REGULAR;
    return names->count == OCS_DIGEST_SET_MANY ? take_blobs(names, err) : 0;
}

int ocs_folder_take(struct ocs_fsck_run *run, struct ocs_error *err)
{
    const struct ocs_folder *folder = &run->folder;
    struct names names = {.run = run};
    int r = 0;
    for (size_t i = 0; r == 0 && i < folder->place_count; i++) {
        const unsigned char *at = folder->bytes + folder->places[i].at;
        struct head head;
        memcpy(&head, at, sizeof(head));
        r = take(&names, head, at + sizeof(head), err);
    }
    if (r == 0)
        r = take_blobs(&names, err);
    ocs_folder_clear(&run->folder);
    return r;
}

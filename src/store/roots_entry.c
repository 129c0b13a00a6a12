/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "roots_entry.h"

#include "cleanup.h"
#include "error.h"
#include "hash.h"

#include <stdio.h>
#include <string.h>

#define HEADER_USUAL 1024 /* the index behind it is not wanted */

void ocs_roots_entry_clear(struct ocs_roots_entry *entry)
{
    ocs_json_free(entry->json);
    ocs_bytes_clear(&entry->header);
}

/* The first line of an entry's file. Positive: OCS_ROOTS_DAMAGED. */
static int read_header(int fd, struct ocs_roots_entry *out, struct ocs_error *err)
{
    char *buffer = malloc(OCS_ROOTS_HEADER_MAX + 1);
    if (!buffer)
        return ocs_error_memory(err);
    out->header.data = buffer;
    ssize_t size = ocs_io_read(fd, buffer, HEADER_USUAL);
    char *end = size > 0 ? memchr(buffer, '\n', (size_t)size) : NULL;
    if (!end && size == HEADER_USUAL) {
        ssize_t more = ocs_io_read(fd, buffer + size, OCS_ROOTS_HEADER_MAX - HEADER_USUAL);
        end = more > 0 ? memchr(buffer + size, '\n', (size_t)more) : NULL;
        size = more < 0 ? more : size;
    }
    if (size < 0) {
        out->unreadable = true;
        ocs_error_errno(err, "read");
    }
    if (!end)
        return OCS_ROOTS_DAMAGED;
    out->header.size = (size_t)(end - buffer);
    int result =
        ocs_json_parse(buffer, out->header.size, OCS_JSON_DOCUMENT_LIMITS, &out->json, NULL, err);
    if (result != 0)
        return result < 0 ? result : OCS_ROOTS_DAMAGED;
    const struct ocs_json_value *root = ocs_json_root(out->json);
    out->name = ocs_json_string(out->json, ocs_json_member(root, "name"));
    out->path = ocs_json_string(out->json, ocs_json_member(root, "path"));
    out->given = ocs_json_string(out->json, ocs_json_member(root, "given"));
    out->sha256 = ocs_json_string(out->json, ocs_json_member(root, "index_sha256"));
    out->attached = ocs_json_bool(ocs_json_member(root, "attached"));
    bool whole =
        out->name && out->path &&
        ocs_json_integer(out->json, ocs_json_member(root, "index_size"), &out->index_size) == 0 &&
        out->index_size >= 0;
    return whole ? 0 : OCS_ROOTS_DAMAGED;
}

/* An entry is not damaged for want of means. */
int ocs_roots_entry_open(const struct ocs_roots_place *place, const char *id, int *fd,
                         struct ocs_roots_entry *out, struct ocs_error *err)
{
    char path[64];
    snprintf(path, sizeof(path), "roots/%s.json", id);
    int result = ocs_io_open_regular(place->state_dir, path, fd, NULL, path, err);
    if (result == OCS_IO_ABSENT || (result < 0 && ocs_io_no_means()))
        return result;
    out->unreadable = result < 0;
    if (result != 0)
        return OCS_ROOTS_DAMAGED;
    result = read_header(*fd, out, err);
    if (out->unreadable)
        ocs_error_context(err, -OCS_FAILED, "%s", path);
    if (result != 0)
        return result;
    char expected[OCS_ROOT_ID_SIZE];
    result = ocs_root_id(out->name, expected, err);
    return result == 0 && strcmp(expected, id) != 0 ? OCS_ROOTS_DAMAGED : result;
}

static struct ocs_index_sum sum_of(const struct ocs_roots_entry *entry)
{
    struct ocs_index_sum sum = {.size = (uint64_t)entry->index_size};
    struct ocs_digest digest;
    if (!entry->sha256 || ocs_digest_parse(entry->sha256, strlen(entry->sha256), &digest) != 0 ||
        ocs_digest_algorithm(&digest) != OCS_ALGORITHM_SHA256)
        return (struct ocs_index_sum){0};
    memcpy(sum.sha256, ocs_digest_raw(&digest), sizeof(sum.sha256));
    return sum;
}

struct ocs_root ocs_roots_entry_root(const struct ocs_roots_entry *entry)
{
    return (struct ocs_root){.name = (char *)entry->name,
                             .path = (char *)entry->path,
                             .given = (char *)entry->given,
                             .attached = entry->attached,
                             .registered = true,
                             .last = sum_of(entry)};
}

int ocs_roots_entry_index(const struct ocs_roots_entry *entry, int fd, struct ocs_bytes *out,
                          struct ocs_error *err)
{
    auto_bytes struct ocs_bytes bytes = {0};
    if (lseek(fd, (off_t)entry->header.size + 1, SEEK_SET) < 0)
        return ocs_error_errno(err, "roots entry");
    int result = ocs_io_read_all(fd, OCS_JSON_INDEX_BYTES + OCS_ROOTS_HEADER_MAX, &bytes,
                                 "roots entry", err);
    if (result < 0)
        return result;
    struct ocs_digest digest;
    char text[OCS_DIGEST_BUF];
    result = ocs_hash_bytes(OCS_ALGORITHM_SHA256, bytes.data, bytes.size, &digest, err);
    if (result < 0)
        return result;
    ocs_digest_format(&digest, text);
    if ((int64_t)bytes.size != entry->index_size || !entry->sha256 ||
        strcmp(text, entry->sha256) != 0)
        return OCS_ROOTS_DAMAGED;
    *out = bytes;
    bytes = (struct ocs_bytes){0};
    return 0;
}

int ocs_roots_entry_encode(const struct ocs_root *root, const struct ocs_bytes *index,
                           struct ocs_json_writer *w, struct ocs_error *err)
{
    struct ocs_digest digest;
    char text[OCS_DIGEST_BUF];
    int result = ocs_hash_bytes(OCS_ALGORITHM_SHA256, index->data, index->size, &digest, err);
    if (result < 0)
        return result;
    ocs_digest_format(&digest, text);
    ocs_json_write_open(w, NULL, '{');
    ocs_json_write_string(w, "name", root->name, strlen(root->name));
    ocs_json_write_string(w, "path", root->path, strlen(root->path));
    if (root->given)
        ocs_json_write_string(w, "given", root->given, strlen(root->given));
    ocs_json_write_value(w, "attached", root->attached ? "true" : "false", root->attached ? 4 : 5);
    ocs_json_write_integer(w, "index_size", (int64_t)index->size);
    ocs_json_write_string(w, "index_sha256", text, strlen(text));
    ocs_json_write_close(w, '}');
    ocs_json_write_raw(w, "\n", 1);
    ocs_json_write_raw(w, index->data, index->size);
    return w->failed ? ocs_error_memory(err) : 0;
}

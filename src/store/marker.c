/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "marker.h"

#include "cleanup.h"
#include "error.h"
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MARKER_BYTES_MAX (1u << 20)
static const char WHAT[] = ".ocistore/store.json";
#define NEWER "use the version of ocistore that made the store, or a newer one"

void ocs_marker_clear(struct ocs_marker *marker)
{
    free(marker->graph_dir);
    *marker = (struct ocs_marker){0};
}

/* Features are names that a reader must know: compatible ones may be ignored,
 * read-only-compatible ones forbid writing, incompatible ones forbid opening.
 * This version knows none. */
static int check_features(const struct ocs_json *json, const struct ocs_json_value *root,
                          struct ocs_error *err)
{
    const struct ocs_json_value *features = ocs_json_member(root, "features");
    static const char *const binding[] = {"incompatible", "read_only_compatible"};
    for (size_t i = 0; i < 2; i++) {
        const struct ocs_json_value *unknown =
            ocs_json_first(ocs_json_member(features, binding[i]));
        const char *name = ocs_json_string(json, unknown);
        if (unknown)
            return ocs_error_hint(err,
                                  ocs_error_raise(err, OCS_FAILED,
                                                  "%s: the store needs the feature '%s', which "
                                                  "this version does not know",
                                                  WHAT, name ? name : "?"),
                                  NEWER);
    }
    return 0;
}

static int damaged(int result)
{
    return result < 0 ? OCS_MARKER_DAMAGED : result;
}

static bool decode_ids(const char *text, uint64_t *out)
{
    if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return false;
    *out = strtoull(text, NULL, 16);
    return true;
}

static int decode(const struct ocs_json *json, struct ocs_marker *out, struct ocs_error *err)
{
    const struct ocs_json_value *root = ocs_json_root(json);
    int64_t format = 0;
    int64_t roots = 0;
    const char *uuid = ocs_json_string(json, ocs_json_member(root, "uuid"));
    const char *graph_dir = ocs_json_string(json, ocs_json_member(root, "graph_dir"));
    bool has_format = ocs_json_integer(json, ocs_json_member(root, "format"), &format) == 0;
    if (has_format && format != OCS_STORE_FORMAT)
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_FAILED, "%s: store format %lld is not known",
                                              WHAT, (long long)format),
                              NEWER);
    if (!has_format || ocs_json_integer(json, ocs_json_member(root, "roots"), &roots) != 0 ||
        roots < 0 || !uuid || strlen(uuid) >= sizeof(out->uuid))
        return damaged(
            ocs_error_raise(err, OCS_FAILED, "%s is damaged: a member is missing", WHAT));
    int result = check_features(json, root, err);
    if (result < 0)
        return result;
    *out = (struct ocs_marker){
        .roots = (uint64_t)roots,
        .unsafe_network = ocs_json_bool(ocs_json_member(root, "unsafe_network")),
    };
    out->has_root_ids =
        decode_ids(ocs_json_string(json, ocs_json_member(root, "root_ids")), &out->root_ids);
    memcpy(out->uuid, uuid, strlen(uuid) + 1);
    if (graph_dir && !(out->graph_dir = strdup(graph_dir)))
        return ocs_error_memory(err);
    return 0;
}

int ocs_marker_read(int state_dir, struct ocs_marker *out, struct ocs_error *err)
{
    auto_fd int fd = -1;
    int result = ocs_io_open_regular(state_dir, "store.json", &fd, NULL, WHAT, err);
    if (result == OCS_IO_NOT_REGULAR)
        return damaged(ocs_error_raise(err, OCS_FAILED, "%s is not a regular file", WHAT));
    if (result != 0)
        return result;
    auto_bytes struct ocs_bytes bytes = {0};
    result = ocs_io_read_all(fd, MARKER_BYTES_MAX, &bytes, WHAT, err);
    if (result < 0)
        return result;
    auto_json struct ocs_json *json = NULL;
    struct ocs_json_flaw flaw = {0};
    result = ocs_json_parse(bytes.data, bytes.size, OCS_JSON_DOCUMENT_LIMITS, &json, &flaw, err);
    if (result > 0)
        return damaged(ocs_error_raise(err, OCS_FAILED, "%s is damaged: %s (at byte %zu)", WHAT,
                                       flaw.reason, flaw.offset));
    return result < 0 ? result : decode(json, out, err);
}

int ocs_marker_write(int state_dir, const struct ocs_marker *marker, struct ocs_error *err)
{
    struct ocs_json_writer w = {0};
    ocs_json_write_open(&w, NULL, '{');
    ocs_json_write_integer(&w, "format", OCS_STORE_FORMAT);
    ocs_json_write_string(&w, "uuid", marker->uuid, strlen(marker->uuid));
    ocs_json_write_open(&w, "features", '{');
    static const char *const kinds[] = {"compatible", "read_only_compatible", "incompatible"};
    for (size_t i = 0; i < 3; i++) {
        ocs_json_write_open(&w, kinds[i], '[');
        ocs_json_write_close(&w, ']');
    }
    ocs_json_write_close(&w, '}');
    if (marker->graph_dir)
        ocs_json_write_string(&w, "graph_dir", marker->graph_dir, strlen(marker->graph_dir));
    if (marker->unsafe_network)
        ocs_json_write_value(&w, "unsafe_network", "true", 4);
    ocs_json_write_integer(&w, "roots", (int64_t)marker->roots);
    char ids[17];
    snprintf(ids, sizeof(ids), "%016" PRIx64, marker->root_ids);
    if (marker->has_root_ids)
        ocs_json_write_string(&w, "root_ids", ids, strlen(ids));
    ocs_json_write_close(&w, '}');
    ocs_json_write_raw(&w, "\n", 1);
    int result = w.failed ? ocs_error_memory(err)
                          : ocs_io_replace(state_dir, "store.json", w.text.data, w.text.size,
                                           OCS_MODE_FILE, WHAT, err);
    ocs_json_writer_clear(&w);
    return result;
}

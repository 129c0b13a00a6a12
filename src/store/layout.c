/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "layout.h"

#include "cleanup.h"
#include "document_check.h"
#include "error.h"
#include "hash.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char OCS_INDEX_EMPTY[] =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
    "\"manifests\":[]}";
const char OCS_LAYOUT_FILE[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

void ocs_index_clear(struct ocs_index *index)
{
    ocs_document_clear(&index->document);
    ocs_bytes_clear(&index->bytes);
    *index = (struct ocs_index){0};
}

int ocs_index_sum(const struct ocs_bytes *bytes, struct ocs_index_sum *out, struct ocs_error *err)
{
    struct ocs_digest digest;
    int result = ocs_hash_bytes(OCS_ALGORITHM_SHA256, bytes->data, bytes->size, &digest, err);
    if (result < 0)
        return result;
    out->size = bytes->size;
    memcpy(out->sha256, ocs_digest_raw(&digest), sizeof(out->sha256));
    return 0;
}

/* ---- reading ---- */

/* A reason, or NULL for an index. */
static const char *index_fault(const struct ocs_document *document)
{
    switch (document->state) {
    case OCS_DOCUMENT_OPAQUE:
        return "not a JSON object";
    case OCS_DOCUMENT_INVALID:
    case OCS_DOCUMENT_TOO_LARGE:
        return document->flaw.reason;
    default:
        break;
    }
    const struct ocs_json_value *root = ocs_json_root(document->json);
    const struct ocs_json_value *manifests = ocs_json_member(root, "manifests");
    if (!manifests)
        return "no member 'manifests'";
    int64_t version = 0;
    bool second =
        ocs_json_integer(document->json, ocs_json_member(root, "schemaVersion"), &version) == 0 &&
        version == 2;
    if (ocs_json_type(manifests) == OCS_JSON_ARRAY) /* with entries, they say what they need */
        return second || ocs_json_first(manifests) ? NULL : "empty, and 'schemaVersion' is not 2";
    if (ocs_json_type(manifests) == OCS_JSON_NULL && second)
        return NULL; /* umoci and Docker write that for no images */
    return "'manifests' is no array";
}

int ocs_index_parse(struct ocs_bytes *bytes, struct ocs_index *out, struct ocs_error *err)
{
    auto_index struct ocs_index index = {.bytes = *bytes};
    *bytes = (struct ocs_bytes){0};
    int result = ocs_document_read(index.bytes.data, index.bytes.size, OCS_JSON_INDEX_LIMITS,
                                   &index.document, err);
    if (result < 0)
        return result;
    const char *fault = index_fault(&index.document);
    if (fault) {
        ocs_error_raise(err, OCS_REFUSED, "index.json is no image index: %s (at byte %zu)", fault,
                        index.document.flaw.offset);
        return OCS_INDEX_INVALID;
    }
    *out = index;
    index = (struct ocs_index){0};
    return 0;
}

/* ---- what it needs ---- */

/* Whether an element of `manifests` is a descriptor: which one, is then before *cursor.
 * They stand in document order. */
static bool is_descriptor(const struct ocs_document *document, const struct ocs_json_value *element,
                          size_t *cursor)
{
    for (size_t i = *cursor; i < document->count; i++) {
        if (document->descriptors[i].value == element) {
            *cursor = i + 1;
            return true;
        }
    }
    return false;
}

/* All digests of an ambiguous document are edges, whatever their names. */
static bool has_any_digest(const struct ocs_json *json, const struct ocs_json_value *element)
{
    struct ocs_digest digest;
    bool found = false;
    if (ocs_json_type(element) != OCS_JSON_OBJECT)
        return false;
    const struct ocs_json_value *member = ocs_json_first(element);
    for (; member && !found; member = ocs_json_next(member)) {
        const char *text = ocs_json_string(json, member);
        found = text && ocs_digest_parse(text, strlen(text), &digest) == 0;
    }
    return found;
}

static int check_elements(const struct ocs_document *document,
                          const struct ocs_json_value *manifests, struct ocs_error *err)
{
    bool strict = document->state == OCS_DOCUMENT_STRICT;
    size_t place = 0, cursor = 0;
    const struct ocs_json_value *element = ocs_json_first(manifests);
    for (; element; element = ocs_json_next(element), place++) {
        if (strict ? is_descriptor(document, element, &cursor)
                   : has_any_digest(document->json, element))
            continue;
        ocs_error_raise(err, OCS_REFUSED, "index.json: manifests[%zu] has no valid digest", place);
        return OCS_INDEX_INVALID;
    }
    return 0;
}

int ocs_index_known(const struct ocs_index *index, struct ocs_error *err)
{
    const struct ocs_document *document = &index->document;
    const struct ocs_json_value *member = ocs_json_first(ocs_json_root(document->json));
    int result = 0;
    for (; result == 0 && member; member = ocs_json_next(member)) {
        if (strcmp(ocs_json_name(member), "manifests") == 0 &&
            ocs_json_type(member) == OCS_JSON_ARRAY)
            result = check_elements(document, member, err);
    }
    return result;
}

/* ---- reading the file ---- */

#define READ_CHANGED 10 /* somebody wrote while we read */

/* Or it is our own trouble, and says nothing of the file. */
static int unreadable(int result)
{
    return ocs_io_no_means() ? result : OCS_INDEX_UNREADABLE;
}

/* Reads the bytes once; *stamp is of the file that was opened. */
static int read_once(int dir, struct ocs_bytes *bytes, struct ocs_stamp *stamp,
                     struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat before, after;
    int result = ocs_io_open_regular(dir, "index.json", &fd, &before, "index.json", err);
    if (result == OCS_IO_ABSENT) {
        ocs_error_raise(err, OCS_REFUSED, "index.json: No such file or directory");
        return OCS_INDEX_ABSENT;
    }
    if (result == OCS_IO_NOT_REGULAR) {
        ocs_error_raise(err, OCS_REFUSED, "index.json is not a regular file");
        return OCS_INDEX_UNREADABLE;
    }
    if (result < 0)
        return unreadable(result);
    *stamp = ocs_stamp_of(&before);
    result = ocs_io_read_all(fd, OCS_JSON_INDEX_BYTES, bytes, "index.json", err);
    if (result < 0)
        return unreadable(result);
    if (fstat(fd, &after) < 0)
        return unreadable(ocs_error_errno(err, "index.json"));
    struct ocs_stamp now = ocs_stamp_of(&after);
    if (!ocs_stamp_equal(stamp, &now)) {
        ocs_error_raise(err, OCS_REFUSED, "index.json keeps changing while it is read");
        return READ_CHANGED;
    }
    return 0;
}

static int read_and_parse(int dir, struct ocs_index *out, struct ocs_stamp *stamp,
                          struct ocs_error *err)
{
    auto_bytes struct ocs_bytes bytes = {0};
    int result = read_once(dir, &bytes, stamp, err);
    if (result != 0)
        return result;
    result = ocs_index_parse(&bytes, out, err);
    if (result == 0)
        out->stamp = *stamp;
    return result;
}

/* An empty or partial document is worth waiting for only while somebody may
 * still be writing it. */
static bool written_recently(const struct ocs_stamp *stamp, int64_t patience_ms)
{
    return ocs_now_ns() - stamp->mtime_ns < patience_ms * 1000000;
}

/* 5 ms at first, then twice as long each time. */
int ocs_index_pause(const struct ocs_index_wait *wait, int64_t *waited_ms, struct ocs_error *err)
{
    int64_t ms = *waited_ms < 200 ? *waited_ms + 5 : 200;
    struct timespec pause = {.tv_nsec = ms * 1000000};
    const struct ocs_hooks *hooks = wait->hooks;
    if (*waited_ms >= wait->patience_ms)
        return OCS_INDEX_PATIENCE_OVER;
    if (hooks && hooks->cancelled && hooks->cancelled(hooks->data))
        return ocs_error_interrupted(err);
    nanosleep(&pause, NULL);
    *waited_ms += ms;
    return 0;
}

static int read_stably(int dir, const struct ocs_index_wait *wait, struct ocs_index *out,
                       struct ocs_error *err)
{
    int64_t waited_ms = 0;
    for (;;) {
        struct ocs_stamp stamp = {0};
        int result = read_and_parse(dir, out, &stamp, err);
        bool again = result == READ_CHANGED ||
                     (result == OCS_INDEX_INVALID && written_recently(&stamp, wait->patience_ms));
        int paused = again ? ocs_index_pause(wait, &waited_ms, err) : OCS_INDEX_PATIENCE_OVER;
        if (paused < 0)
            return paused;
        if (paused == OCS_INDEX_PATIENCE_OVER)
            return result == READ_CHANGED ? OCS_INDEX_INVALID : result;
    }
}

int ocs_index_read(int dir, const char *label, const struct ocs_index_wait *wait,
                   struct ocs_index *out, struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    int result = read_stably(dir, wait, &index, err);
    /* no half of a write is a whole document: there is nothing to wait for */
    if (result == 0 && !wait->any_entries)
        result = ocs_index_known(&index, err);
    if (result == 0) {
        *out = index;
        index = (struct ocs_index){0};
    } else if (!err || err->status != OCS_INTERRUPTED) {
        ocs_error_context(err, -1, "%s", label);
    }
    return result;
}

/* ---- oci-layout ---- */

#define LAYOUT_FILE_BYTES 65536

/* No half of a write is a whole document, which the problems of members are told of. */
static int note_fault(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    int *fault = data;
    (void)err;
    *fault = problem->member[0] ? OCS_INDEX_INVALID : READ_CHANGED;
    return 0;
}

static int read_layout_file(int dir, struct ocs_bytes *bytes, struct ocs_stamp *stamp,
                            struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat st;
    int fault = 0;
    int result = ocs_io_open_regular(dir, "oci-layout", &fd, &st, "oci-layout", err);
    if (result == 0)
        result = ocs_io_read_all(fd, LAYOUT_FILE_BYTES, bytes, "oci-layout", err);
    if (result)
        return result;
    *stamp = ocs_stamp_of(&st);
    result = ocs_layout_file_check(bytes->data, bytes->size, &fault, note_fault, err);
    return result == 0 ? fault : result;
}

int ocs_layout_file_read(int dir, const struct ocs_index_wait *wait, struct ocs_bytes *out,
                         struct ocs_error *err)
{
    int64_t waited_ms = 0;
    for (;;) {
        auto_bytes struct ocs_bytes bytes = {0};
        struct ocs_stamp stamp = {0};
        int result = read_layout_file(dir, &bytes, &stamp, err);
        bool again = result == READ_CHANGED && written_recently(&stamp, wait->patience_ms);
        int paused = again ? ocs_index_pause(wait, &waited_ms, err) : OCS_INDEX_PATIENCE_OVER;
        if (paused < 0)
            return paused;
        if (paused == 0)
            continue;
        *out = bytes;
        bytes = (struct ocs_bytes){0};
        return result == READ_CHANGED ? OCS_INDEX_INVALID : result;
    }
}

const char *ocs_index_ref(const struct ocs_index *index, size_t entry)
{
    return ocs_descriptor_ref_name(&index->document, &index->document.descriptors[entry]);
}

const char *ocs_index_entry_text(const struct ocs_index *index, size_t entry, size_t *size)
{
    return ocs_json_span(index->document.json, index->document.descriptors[entry].value, size);
}

/* ---- editing ---- */

/* Whether the edit drops this element of `manifests`. */
static bool is_dropped(const struct ocs_index *index, const struct ocs_index_edit *edit,
                       const struct ocs_json_value *element, size_t *cursor)
{
    if (!is_descriptor(&index->document, element, cursor))
        return false; /* not ours to judge */
    return !edit->keep[*cursor - 1];
}

static void append_element(struct ocs_json_writer *w, bool *first, const char *text, size_t size)
{
    if (!*first)
        ocs_json_write_raw(w, ",", 1);
    *first = false;
    ocs_json_write_raw(w, text, size);
}

int ocs_index_apply(const struct ocs_index *index, const struct ocs_index_edit *edit,
                    struct ocs_bytes *out, struct ocs_error *err)
{
    const struct ocs_json *json = index->document.json;
    const struct ocs_json_value *manifests = ocs_json_member(ocs_json_root(json), "manifests");
    size_t span = 0;
    const char *at = ocs_json_span(json, manifests, &span);
    const char *end = index->bytes.data + index->bytes.size;
    struct ocs_json_writer w = {0};
    ocs_json_write_raw(&w, index->bytes.data, (size_t)(at - index->bytes.data));
    ocs_json_write_raw(&w, "[", 1);
    bool first = true;
    size_t cursor = 0;
    const struct ocs_json_value *element = ocs_json_first(manifests);
    for (; element; element = ocs_json_next(element)) {
        if (is_dropped(index, edit, element, &cursor))
            continue;
        size_t size = 0;
        const char *text = ocs_json_span(json, element, &size);
        append_element(&w, &first, text, size);
    }
    for (size_t i = 0; i < edit->add_count; i++)
        append_element(&w, &first, edit->add[i], strlen(edit->add[i]));
    ocs_json_write_raw(&w, "]", 1);
    ocs_json_write_raw(&w, at + span, (size_t)(end - at) - span);
    if (w.failed) {
        ocs_json_writer_clear(&w);
        return ocs_error_memory(err);
    }
    *out = w.text;
    return 0;
}

static void copy_members(struct ocs_json_writer *w, const struct ocs_json *json,
                         const struct ocs_json_value *object, const char *except)
{
    const struct ocs_json_value *member = ocs_json_first(object);
    for (; member; member = ocs_json_next(member)) {
        size_t size = 0;
        const char *text = ocs_json_span(json, member, &size);
        if (strcmp(ocs_json_name(member), except) != 0)
            ocs_json_write_value(w, ocs_json_name(member), text, size);
    }
}

int ocs_index_retag(const struct ocs_index *index, size_t entry, const char *ref, char **out,
                    struct ocs_error *err)
{
    static const char name[] = "org.opencontainers.image.ref.name";
    const struct ocs_json *json = index->document.json;
    const struct ocs_json_value *descriptor = index->document.descriptors[entry].value;
    struct ocs_json_writer w = {0};
    ocs_json_write_open(&w, NULL, '{');
    copy_members(&w, json, descriptor, "annotations");
    ocs_json_write_open(&w, "annotations", '{');
    copy_members(&w, json, ocs_json_member(descriptor, "annotations"), name);
    ocs_json_write_string(&w, name, ref, strlen(ref));
    ocs_json_write_close(&w, '}');
    ocs_json_write_close(&w, '}');
    if (w.failed) {
        ocs_json_writer_clear(&w);
        return ocs_error_memory(err);
    }
    *out = w.text.data;
    return 0;
}

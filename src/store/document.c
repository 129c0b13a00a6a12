/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "document.h"

#include "cleanup.h"
#include "digest_set.h"
#include "error.h"
#include "hash.h"

#include <string.h>

/* Every member that makes edges, whatever kind of document it stands in. */
struct edge_member {
    const char *name;
    const char *digest; /* the member of its descriptors that holds the digest */
    enum ocs_role role;
    unsigned shape; /* what its presence makes the document look like */
};

static const struct edge_member edge_members[] = {
    {"manifests", "digest", OCS_ROLE_MANIFEST, OCS_SHAPE_INDEX},
    {"config", "digest", OCS_ROLE_CONFIG, 0}, /* image configs have one that is no descriptor */
    {"layers", "digest", OCS_ROLE_LAYER, OCS_SHAPE_MANIFEST},
    {"blobs", "digest", OCS_ROLE_BLOB, OCS_SHAPE_ARTIFACT},
    {"fsLayers", "blobSum", OCS_ROLE_FSLAYER, OCS_SHAPE_SCHEMA1},
    {"subject", "digest", OCS_ROLE_SUBJECT, 0},
};

#define SCAN_OTHER_MAX  (1u << 16)
#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

const char *ocs_role_name(enum ocs_role role)
{
    static const char *const names[] = {
        [OCS_ROLE_MANIFEST] = "manifest", [OCS_ROLE_CONFIG] = "config",
        [OCS_ROLE_LAYER] = "layer",       [OCS_ROLE_BLOB] = "blob",
        [OCS_ROLE_FSLAYER] = "fslayer",   [OCS_ROLE_SUBJECT] = "subject",
        [OCS_ROLE_LOOSE] = "loose",
    };
    const char *name = (size_t)role < COUNT_OF(names) ? names[role] : NULL;
    return name ? name : "unknown";
}

/* ---- media types ---- */

static const struct {
    const char *name;
    enum ocs_media media;
} media_types[] = {
    {"application/vnd.oci.image.index.v1+json", OCS_MEDIA_INDEX},
    {"application/vnd.docker.distribution.manifest.list.v2+json", OCS_MEDIA_INDEX},
    {"application/vnd.oci.image.manifest.v1+json", OCS_MEDIA_MANIFEST},
    {"application/vnd.docker.distribution.manifest.v2+json", OCS_MEDIA_MANIFEST},
    {"application/vnd.oci.artifact.manifest.v1+json", OCS_MEDIA_ARTIFACT},
    {"application/vnd.docker.distribution.manifest.v1+json", OCS_MEDIA_SCHEMA1},
    {"application/vnd.docker.distribution.manifest.v1+prettyjws", OCS_MEDIA_SCHEMA1},
    {"application/vnd.oci.image.config.v1+json", OCS_MEDIA_CONFIG},
    {"application/vnd.docker.container.image.v1+json", OCS_MEDIA_CONFIG},
    {"application/vnd.oci.image.layer.v1.tar", OCS_MEDIA_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+gzip", OCS_MEDIA_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+zstd", OCS_MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar", OCS_MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", OCS_MEDIA_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", OCS_MEDIA_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", OCS_MEDIA_LAYER_FOREIGN},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", OCS_MEDIA_LAYER_FOREIGN},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", OCS_MEDIA_LAYER_FOREIGN},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar", OCS_MEDIA_LAYER_FOREIGN},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", OCS_MEDIA_LAYER_FOREIGN},
    {"application/vnd.oci.empty.v1+json", OCS_MEDIA_EMPTY},
};

enum ocs_media ocs_media_of(const char *media_type)
{
    for (size_t i = 0; media_type && i < COUNT_OF(media_types); i++) {
        if (strcmp(media_type, media_types[i].name) == 0)
            return media_types[i].media;
    }
    return OCS_MEDIA_OTHER;
}

/* ---- edges ---- */

struct collector {
    struct ocs_document *document;
    size_t capacity;
    struct ocs_digest_set *seen; /* for loose edges */
};

static void clear_collector(struct collector *collector)
{
    ocs_digest_set_free(collector->seen);
}

static int append(struct collector *collector, const struct ocs_descriptor *descriptor,
                  struct ocs_error *err)
{
    struct ocs_document *document = collector->document;
    if (document->count == collector->capacity) {
        size_t capacity = collector->capacity + collector->capacity / 2 + 8;
        void *grown = reallocarray(document->descriptors, capacity, sizeof(*descriptor));
        if (!grown)
            return ocs_error_memory(err);
        document->descriptors = grown;
        collector->capacity = capacity;
    }
    document->descriptors[document->count++] = *descriptor;
    return 0;
}

static int64_t usable_size(const struct ocs_json *json, const struct ocs_json_value *value)
{
    int64_t size;
    if (ocs_json_integer(json, ocs_json_member(value, "size"), &size) != 0 || size < 0)
        return -1;
    return size;
}

static int collect_descriptor(struct collector *collector, const struct edge_member *member,
                              const struct ocs_json_value *value, struct ocs_error *err)
{
    const struct ocs_json *json = collector->document->json;
    const char *text = ocs_json_string(json, ocs_json_member(value, member->digest));
    struct ocs_descriptor descriptor = {.role = member->role, .value = value};
    if (!text || ocs_digest_parse(text, strlen(text), &descriptor.digest) != 0)
        return 0;
    descriptor.size = usable_size(json, value);
    descriptor.media_type = ocs_json_string(json, ocs_json_member(value, "mediaType"));
    descriptor.artifact_type = ocs_json_string(json, ocs_json_member(value, "artifactType"));
    return append(collector, &descriptor, err);
}

/* One descriptor or an array of them, whichever the member should be: the edges
 * of a wrong document may be too many, never too few. */
static int collect_member(struct collector *collector, const struct edge_member *member,
                          const struct ocs_json_value *value, struct ocs_error *err)
{
    if (ocs_json_type(value) == OCS_JSON_OBJECT)
        return collect_descriptor(collector, member, value, err);
    if (ocs_json_type(value) != OCS_JSON_ARRAY)
        return 0;
    const struct ocs_json_value *child = ocs_json_first(value);
    for (; child; child = ocs_json_next(child)) {
        int result = ocs_json_type(child) == OCS_JSON_OBJECT
                         ? collect_descriptor(collector, member, child, err)
                         : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

static const struct edge_member *find_member(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(edge_members); i++) {
        if (strcmp(name, edge_members[i].name) == 0)
            return &edge_members[i];
    }
    return NULL;
}

static int collect_edges(struct collector *collector, struct ocs_error *err)
{
    struct ocs_document *document = collector->document;
    const struct ocs_json_value *value = ocs_json_first(ocs_json_root(document->json));
    for (; value; value = ocs_json_next(value)) {
        const struct edge_member *member = find_member(ocs_json_name(value));
        if (!member)
            continue;
        size_t before = document->count;
        int result = collect_member(collector, member, value, err);
        if (result < 0)
            return result;
        document->shape |= member->shape;
        if (member->role == OCS_ROLE_CONFIG && document->count > before)
            document->shape |= OCS_SHAPE_MANIFEST;
    }
    return 0;
}

static int on_loose_digest(void *data, const struct ocs_digest *digest, struct ocs_error *err)
{
    struct collector *collector = data;
    uint32_t index;
    int result = ocs_digest_set_add(collector->seen, digest, &index, err);
    if (result < 0)
        return result;
    if (result == OCS_DIGEST_SET_KNOWN)
        return 0;
    struct ocs_descriptor descriptor = {.role = OCS_ROLE_LOOSE, .digest = *digest, .size = -1};
    return append(collector, &descriptor, err);
}

static int collect_loose(struct collector *collector, const char *bytes, size_t size,
                         struct ocs_error *err)
{
    int result = ocs_digest_set_new(&collector->seen, err);
    if (result < 0)
        return result;
    return ocs_json_each_digest(bytes, size, collector, on_loose_digest, err);
}

static size_t count_blanks(const char *bytes, size_t size)
{
    size_t i = 0;
    while (i < size && memchr(" \t\r\n", bytes[i], 4))
        i++;
    return i;
}

/* ---- too large to be read ---- */

struct ocs_document_scan {
    struct ocs_document document; /* OPAQUE until a `{` comes first */
    bool begun;                   /* what is no blank has come */
    struct collector collector;
    struct ocs_json_digests digests;
};

/* Of unknown algorithms ("name:tag") there may be any number in honest data; gc takes no
 * blob of theirs anyway. */
static int on_scanned_digest(void *data, const struct ocs_digest *digest, struct ocs_error *err)
{
    const struct collector *collector = data;
    size_t count = collector->document->count;
    if (count >= SCAN_OTHER_MAX && ocs_digest_algorithm(digest) == OCS_ALGORITHM_OTHER)
        return 0;
    return count >= OCS_DOCUMENT_SCAN_MAX ? OCS_DOCUMENT_TOO_MANY
                                          : on_loose_digest(data, digest, err);
}

int ocs_document_scan_new(struct ocs_document_scan **out, struct ocs_error *err)
{
    struct ocs_document_scan *scan = calloc(1, sizeof(*scan));
    if (!scan)
        return ocs_error_memory(err);
    scan->collector.document = &scan->document;
    scan->digests.data = &scan->collector;
    scan->digests.on_digest = on_scanned_digest;
    int result = ocs_digest_set_new(&scan->collector.seen, err);
    if (result < 0)
        free(scan);
    else
        *out = scan;
    return result;
}

static void begin_scan(struct ocs_document_scan *scan, const char *bytes, size_t size)
{
    size_t blanks = count_blanks(bytes, size);
    scan->begun = blanks < size;
    if (!scan->begun || bytes[blanks] != '{')
        return;
    scan->document.state = OCS_DOCUMENT_TOO_LARGE;
    scan->document.flaw = (struct ocs_json_flaw){.reason = "too many bytes"};
}

int ocs_document_scan_feed(struct ocs_document_scan *scan, const char *bytes, size_t size,
                           struct ocs_error *err)
{
    if (!scan->begun)
        begin_scan(scan, bytes, size);
    return scan->document.state == OCS_DOCUMENT_OPAQUE
               ? 0
               : ocs_json_digests_feed(&scan->digests, bytes, size, err);
}

int ocs_document_scan_end(struct ocs_document_scan *scan, struct ocs_document *out,
                          struct ocs_error *err)
{
    int result = ocs_json_digests_end(&scan->digests, err);
    if (result != 0)
        return result;
    *out = scan->document;
    scan->document = (struct ocs_document){0};
    return 0;
}

void ocs_document_scan_free(struct ocs_document_scan *scan)
{
    if (!scan)
        return;
    clear_collector(&scan->collector);
    ocs_document_clear(&scan->document);
    free(scan);
}

/* ---- reading ---- */

bool ocs_document_looks_like(const char *bytes, size_t size)
{
    size_t i = count_blanks(bytes, size);
    return i < size && bytes[i] == '{';
}

/* The state of a document that was parsed or not; its edges come after. */
static int parse(struct ocs_document *document, const char *bytes, size_t size,
                 struct ocs_json_limits limits, struct ocs_error *err)
{
    int result = ocs_json_parse(bytes, size, limits, &document->json, &document->flaw, err);
    if (result < 0)
        return result;
    if (result > 0) {
        bool large = result == OCS_JSON_TOO_LARGE;
        document->state = large ? OCS_DOCUMENT_TOO_LARGE : OCS_DOCUMENT_INVALID;
        return 0;
    }
    const struct ocs_json_value *root = ocs_json_root(document->json);
    document->media_type = ocs_json_string(document->json, ocs_json_member(root, "mediaType"));
    document->artifact_type =
        ocs_json_string(document->json, ocs_json_member(root, "artifactType"));
    const struct ocs_json_flaw *ambiguity = ocs_json_ambiguity(document->json);
    document->state = ambiguity ? OCS_DOCUMENT_AMBIGUOUS : OCS_DOCUMENT_STRICT;
    if (ambiguity)
        document->flaw = *ambiguity;
    return 0;
}

int ocs_document_read(const char *bytes, size_t size, struct ocs_json_limits limits,
                      struct ocs_document *out, struct ocs_error *err)
{
    *out = (struct ocs_document){.state = OCS_DOCUMENT_OPAQUE};
    if (!ocs_document_looks_like(bytes, size))
        return 0;
    __attribute__((cleanup(clear_collector))) struct collector collector = {.document = out};
    int result = parse(out, bytes, size, limits, err);
    if (result == 0 && out->state == OCS_DOCUMENT_STRICT)
        result = collect_edges(&collector, err);
    else if (result == 0)
        result = collect_loose(&collector, bytes, size, err);
    if (result < 0)
        ocs_document_clear(out);
    return result;
}

void ocs_document_clear(struct ocs_document *document)
{
    free(document->descriptors);
    ocs_json_free(document->json);
    *document = (struct ocs_document){0};
}

/* ---- descriptors ---- */

const char *ocs_descriptor_ref_name(const struct ocs_document *document,
                                    const struct ocs_descriptor *descriptor)
{
    const struct ocs_json_value *annotations = ocs_json_member(descriptor->value, "annotations");
    return ocs_json_string(document->json,
                           ocs_json_member(annotations, "org.opencontainers.image.ref.name"));
}

static int base64_value(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(alphabet, c) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

/* Four characters to `count` bytes (3, or less in the last group). */
static bool decode_group(const char *text, size_t count, char *out)
{
    unsigned bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i <= count ? base64_value(text[i]) : 0;
        if (value < 0 || (i > count && text[i] != '='))
            return false;
        bits = bits << 6 | (unsigned)value;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = (char)(bits >> (16 - 8 * i) & 0xff);
    unsigned rest = bits & ((1u << (24 - 8 * count)) - 1);
    return rest == 0; /* a second spelling of the same bytes */
}

/* RFC 4648 section 4, padded, nothing else in it: libcrypto's decoder passes
 * white space, and reports padding as bytes. */
static int decode_base64(const char *text, struct ocs_bytes *out, struct ocs_error *err)
{
    size_t length = strlen(text);
    if (length % 4 != 0)
        return OCS_DOCUMENT_BAD_DATA;
    size_t groups = length / 4;
    auto_bytes struct ocs_bytes bytes = {.data = malloc(3 * groups + 1)};
    if (!bytes.data)
        return ocs_error_memory(err);
    for (size_t i = 0; i < groups; i++) {
        const char *group = text + 4 * i;
        size_t count = 3;
        if (i == groups - 1 && group[3] == '=')
            count = group[2] == '=' ? 1 : 2;
        if (!decode_group(group, count, bytes.data + bytes.size))
            return OCS_DOCUMENT_BAD_DATA;
        bytes.size += count;
    }
    bytes.data[bytes.size] = '\0';
    *out = bytes;
    bytes = (struct ocs_bytes){0};
    return 0;
}

static int verify_data(const struct ocs_descriptor *descriptor, const struct ocs_bytes *bytes,
                       struct ocs_error *err)
{
    if (descriptor->size < 0 || (uint64_t)descriptor->size != bytes->size)
        return OCS_DOCUMENT_OTHER_DATA;
    enum ocs_algorithm algorithm = ocs_digest_algorithm(&descriptor->digest);
    if (!ocs_algorithm_verifiable(algorithm))
        return OCS_DOCUMENT_NO_DATA;
    struct ocs_digest actual;
    int result = ocs_hash_bytes(algorithm, bytes->data, bytes->size, &actual, err);
    if (result < 0)
        return result;
    return ocs_digest_equal(&actual, &descriptor->digest) ? 0 : OCS_DOCUMENT_OTHER_DATA;
}

int ocs_descriptor_data(const struct ocs_document *document,
                        const struct ocs_descriptor *descriptor, struct ocs_bytes *out,
                        struct ocs_error *err)
{
    const struct ocs_json_value *member = ocs_json_member(descriptor->value, "data");
    if (!member || ocs_json_type(member) == OCS_JSON_NULL)
        return OCS_DOCUMENT_NO_DATA;
    const char *text = ocs_json_string(document->json, member);
    if (!text)
        return OCS_DOCUMENT_BAD_DATA;
    auto_bytes struct ocs_bytes bytes = {0};
    int result = decode_base64(text, &bytes, err);
    if (result == 0)
        result = verify_data(descriptor, &bytes, err);
    if (result != 0)
        return result;
    *out = bytes;
    bytes = (struct ocs_bytes){0};
    return 0;
}

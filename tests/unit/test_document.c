/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B      "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C      "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define OTHER  "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"
#define EMPTY  "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define D(hex) "{\"mediaType\":\"x/y\",\"digest\":\"" hex "\",\"size\":7}"

static void read_text(const char *text, struct ocs_document *out)
{
    assert_int_equal(ocs_document_read(text, strlen(text), OCS_JSON_DOCUMENT_LIMITS, out, NULL), 0);
}

/* "manifest:a config:b ...": role and the first letter of the encoded digest. */
static void describe(const struct ocs_document *document, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < document->count && used < size; i++) {
        char text[OCS_DIGEST_BUF];
        ocs_digest_format(&document->descriptors[i].digest, text);
        used +=
            (size_t)snprintf(out + used, size - used, "%s%s:%c", i ? " " : "",
                             ocs_role_name(document->descriptors[i].role), strchr(text, ':')[1]);
    }
}

static const struct {
    const char *text;
    enum ocs_document_state state;
    unsigned shape;
    const char *edges;
} cases[] = {
    {"", OCS_DOCUMENT_OPAQUE, 0, ""},
    {"\x1f\x8b\x08", OCS_DOCUMENT_OPAQUE, 0, ""},
    {"[" D(A) "]", OCS_DOCUMENT_OPAQUE, 0, ""},
    {"\xef\xbb\xbf{}", OCS_DOCUMENT_OPAQUE, 0, ""},
    {"{}", OCS_DOCUMENT_STRICT, 0, ""},
    {" \t\r\n{}", OCS_DOCUMENT_STRICT, 0, ""},
    {"{\"manifests\":[" D(A) "," D(B) "]}", OCS_DOCUMENT_STRICT, OCS_SHAPE_INDEX,
     "manifest:a manifest:b"},
    {"{\"manifests\":null}", OCS_DOCUMENT_STRICT, OCS_SHAPE_INDEX, ""},
    {"{\"config\":" D(A) ",\"layers\":[" D(B) "," D(B) "],\"subject\":" D(C) "}",
     OCS_DOCUMENT_STRICT, OCS_SHAPE_MANIFEST, "config:a layer:b layer:b subject:c"},
    {"{\"config\":" D(A) "}", OCS_DOCUMENT_STRICT, OCS_SHAPE_MANIFEST, "config:a"},
    /* an image config: its `config` is no descriptor, diff_ids are no edges */
    {"{\"config\":{\"Env\":[]},\"rootfs\":{\"diff_ids\":[\"" A "\"]}}", OCS_DOCUMENT_STRICT, 0, ""},
    {"{\"blobs\":[" D(A) "],\"artifactType\":\"x/y\"}", OCS_DOCUMENT_STRICT, OCS_SHAPE_ARTIFACT,
     "blob:a"},
    {"{\"schemaVersion\":1,\"fsLayers\":[{\"blobSum\":\"" A "\"}]}", OCS_DOCUMENT_STRICT,
     OCS_SHAPE_SCHEMA1, "fslayer:a"},
    {"{\"fsLayers\":[" D(A) "]}", OCS_DOCUMENT_STRICT, OCS_SHAPE_SCHEMA1, ""},
    /* several things at once: the union */
    {"{\"manifests\":[" D(A) "],\"layers\":[" D(B) "],\"blobs\":[" D(C) "]}", OCS_DOCUMENT_STRICT,
     OCS_SHAPE_INDEX | OCS_SHAPE_MANIFEST | OCS_SHAPE_ARTIFACT, "manifest:a layer:b blob:c"},
    /* members of the wrong type */
    {"{\"layers\":{}}", OCS_DOCUMENT_STRICT, OCS_SHAPE_MANIFEST, ""},
    {"{\"layers\":" D(A) "}", OCS_DOCUMENT_STRICT, OCS_SHAPE_MANIFEST, "layer:a"},
    {"{\"layers\":[1,null,\"" A "\",[" D(A) "],{},{\"digest\":7}," D(B) "]}", OCS_DOCUMENT_STRICT,
     OCS_SHAPE_MANIFEST, "layer:b"},
    /* digests outside the grammar are no edges; unknown algorithms are */
    {"{\"layers\":[" D("sha256:../../x") "," D("sha256:AA") "," D("") "," D(OTHER) "]}",
     OCS_DOCUMENT_STRICT, OCS_SHAPE_MANIFEST, "layer:Q"},
    {"{\"layers\":[{\"digest\":\"" A "\\u0000\"}]}", OCS_DOCUMENT_STRICT, OCS_SHAPE_MANIFEST, ""},
    /* escapes are decoded */
    {"{\"\\u006cayers\":[{\"digest\":\"\\u0073ha256" /* sha256 */
     ":aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}",
     OCS_DOCUMENT_STRICT, OCS_SHAPE_MANIFEST, "layer:a"},
    /* annotations and nested documents are no edges */
    {"{\"annotations\":{\"vnd.docker.reference.digest\":\"" A "\"},\"x\":{\"layers\":[" D(B) "]}}",
     OCS_DOCUMENT_STRICT, 0, ""},
    /* not read surely: every digest, once */
    {"{\"layers\":[" D(A) "],\"layers\":[" D(B) "]}", OCS_DOCUMENT_AMBIGUOUS, 0, "loose:a loose:b"},
    {"{\"Layers\":[" D(A) "," D(A) "]}", OCS_DOCUMENT_AMBIGUOUS, 0, "loose:a"},
    {"{\"layer\xc5\xbf\":[" D(A) "]}", OCS_DOCUMENT_AMBIGUOUS, 0, "loose:a"},
    {"{\"layers\":[" D(A) "]} " D(B), OCS_DOCUMENT_INVALID, 0, "loose:a loose:b"},
    {"{\"layers\":[" D(A), OCS_DOCUMENT_INVALID, 0, "loose:a"},
    {"{\"size\":007,\"layers\":[" D(A) "]}", OCS_DOCUMENT_INVALID, 0, "loose:a"},
};

static void test_state_shape_and_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_document struct ocs_document document;
        char edges[512];
        read_text(cases[i].text, &document);
        describe(&document, edges, sizeof(edges));
        print_message("%s\n", cases[i].text);
        assert_int_equal(document.state, cases[i].state);
        assert_int_equal(document.shape, cases[i].shape);
        assert_string_equal(edges, cases[i].edges);
        bool sure = document.state == OCS_DOCUMENT_STRICT || document.state == OCS_DOCUMENT_OPAQUE;
        assert_int_equal(document.flaw.reason == NULL, sure);
    }
}

static void test_descriptor_members(void **state)
{
    (void)state;
    auto_document struct ocs_document document;
    read_text("{\"mediaType\":\"m/t\",\"artifactType\":\"a/t\",\"manifests\":["
              "{\"digest\":\"" A "\",\"size\":9007199254740993,\"mediaType\":\"x/y\","
              "\"artifactType\":\"z/z\",\"annotations\":"
              "{\"org.opencontainers.image.ref.name\":\"v1\"}},"
              "{\"digest\":\"" B "\",\"size\":-1},"
              "{\"digest\":\"" C "\",\"size\":1e2,\"annotations\":[]}]}",
              &document);
    assert_string_equal(document.media_type, "m/t");
    assert_string_equal(document.artifact_type, "a/t");
    assert_int_equal(document.count, 3);
    const struct ocs_descriptor *first = &document.descriptors[0];
    assert_true(first->size == 9007199254740993);
    assert_string_equal(first->media_type, "x/y");
    assert_string_equal(first->artifact_type, "z/z");
    assert_string_equal(ocs_descriptor_ref_name(&document, first), "v1");
    assert_true(document.descriptors[1].size == -1);
    assert_null(document.descriptors[1].media_type);
    assert_null(ocs_descriptor_ref_name(&document, &document.descriptors[1]));
    assert_true(document.descriptors[2].size == -1);
    assert_null(ocs_descriptor_ref_name(&document, &document.descriptors[2]));
}

static void test_too_large_documents_keep_loose_edges(void **state)
{
    (void)state;
    const char *text = "{\"manifests\":[" D(A) "," D(B) "," D(A) "]}";
    const struct ocs_json_limits limits[] = {
        {.bytes = 64, .values = 1000},
        {.bytes = 1000, .values = 4},
    };
    for (size_t i = 0; i < 2; i++) {
        auto_document struct ocs_document document;
        char edges[64];
        assert_int_equal(ocs_document_read(text, strlen(text), limits[i], &document, NULL), 0);
        describe(&document, edges, sizeof(edges));
        assert_int_equal(document.state, OCS_DOCUMENT_TOO_LARGE);
        assert_string_equal(edges, "loose:a loose:b");
        assert_non_null(document.flaw.reason);
    }
}

/* One digest `count` times in the member `name`. */
static char *repeat(const char *name, size_t count)
{
    static const char descriptor[] = "{\"digest\":\"" A "\"},";
    size_t unit = sizeof(descriptor) - 1;
    char *text = malloc(64 + count * unit);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "{\"%s\":[", name);
    for (size_t i = 0; i < count; i++)
        memcpy(text + used + i * unit, descriptor, unit);
    memcpy(text + used + count * unit - 1, "]}", 3);
    return text;
}

static void test_a_child_listed_very_often(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    const struct ocs_json_limits limits = OCS_JSON_INDEX_LIMITS;
    struct ocs_document document;
    char *text = repeat("manifests", COUNT);
    assert_int_equal(ocs_document_read(text, strlen(text), limits, &document, NULL), 0);
    assert_int_equal(document.count, COUNT);
    ocs_document_clear(&document);
    free(text);
    text = repeat("Manifests", COUNT);
    assert_int_equal(ocs_document_read(text, strlen(text), limits, &document, NULL), 0);
    assert_int_equal(document.state, OCS_DOCUMENT_AMBIGUOUS);
    assert_int_equal(document.count, 1);
    ocs_document_clear(&document);
    free(text);
}

static const struct {
    const char *members; /* of the descriptor */
    int result;
    const char *bytes;
} data_cases[] = {
    {"\"digest\":\"" EMPTY "\",\"size\":2", OCS_DOCUMENT_NO_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":null", OCS_DOCUMENT_NO_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\"e30=\"", 0, "{}"},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\"e30\"", OCS_DOCUMENT_BAD_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\"e30=\\n\"", OCS_DOCUMENT_BAD_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\" e30=   \"", OCS_DOCUMENT_BAD_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\"e31=\"", OCS_DOCUMENT_BAD_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\"e3==\"", OCS_DOCUMENT_BAD_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\"====\"", OCS_DOCUMENT_BAD_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\"e=0=\"", OCS_DOCUMENT_BAD_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\"e3_=\"", OCS_DOCUMENT_BAD_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":7", OCS_DOCUMENT_BAD_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":3,\"data\":\"e30=\"", OCS_DOCUMENT_OTHER_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"data\":\"e30=\"", OCS_DOCUMENT_OTHER_DATA, NULL},
    {"\"digest\":\"" EMPTY "\",\"size\":2,\"data\":\"W10=\"", OCS_DOCUMENT_OTHER_DATA, NULL},
    {"\"digest\":\"" OTHER "\",\"size\":2,\"data\":\"e30=\"", OCS_DOCUMENT_NO_DATA, NULL},
    {"\"digest\":\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\","
     "\"size\":3,\"data\":\"YWJj\"",
     0, "abc"},
    {"\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
     "\"size\":0,\"data\":\"\"",
     0, ""},
};

static void test_embedded_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(data_cases) / sizeof(data_cases[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "{\"config\":{%s}}", data_cases[i].members);
        auto_document struct ocs_document document;
        auto_bytes struct ocs_bytes bytes = {0};
        read_text(text, &document);
        assert_int_equal(document.count, 1);
        print_message("%s\n", text);
        assert_int_equal(ocs_descriptor_data(&document, &document.descriptors[0], &bytes, NULL),
                         data_cases[i].result);
        if (data_cases[i].bytes) {
            assert_int_equal(bytes.size, strlen(data_cases[i].bytes));
            assert_string_equal(bytes.data, data_cases[i].bytes);
        }
    }
}

static void test_media_types(void **state)
{
    (void)state;
    assert_int_equal(ocs_media_of(NULL), OCS_MEDIA_OTHER);
    assert_int_equal(ocs_media_of("application/json"), OCS_MEDIA_OTHER);
    assert_int_equal(ocs_media_of("application/vnd.docker.distribution.manifest.list.v2+json"),
                     OCS_MEDIA_INDEX);
    assert_int_equal(ocs_media_of("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
                     OCS_MEDIA_LAYER_FOREIGN);
    assert_int_equal(ocs_media_of("application/vnd.oci.empty.v1+json"), OCS_MEDIA_EMPTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_shape_and_edges),
        cmocka_unit_test(test_descriptor_members),
        cmocka_unit_test(test_too_large_documents_keep_loose_edges),
        cmocka_unit_test(test_a_child_listed_very_often),
        cmocka_unit_test(test_embedded_data),
        cmocka_unit_test(test_media_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

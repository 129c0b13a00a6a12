/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/document_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OCI     "application/vnd.oci.image."
#define DOCKER  "application/vnd.docker.distribution."
#define INDEX   OCI "index.v1+json"
#define IMAGE   OCI "manifest.v1+json"
#define CONFIG  OCI "config.v1+json"
#define LAYER   OCI "layer.v1.tar+gzip"
#define LIST    DOCKER "manifest.list.v2+json"
#define DIMAGE  DOCKER "manifest.v2+json"
#define SCHEMA1 DOCKER "manifest.v1+prettyjws"
#define EMPTY   "application/vnd.oci.empty.v1+json"
#define ARTI    "application/vnd.oci.artifact.manifest.v1+json"

#define A      "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BRACES "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define BLAKE3 "blake3:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* A descriptor of a media type, with more members. */
#define DD(type, digest, more)                                                                     \
    "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":2" more "}"
#define D(type) DD(type, A, "")
/* Documents with more members or other lists. */
#define MANIFEST(config, layers, more)                                                             \
    "{\"schemaVersion\":2,\"config\":" config ",\"layers\":[" layers "]" more "}"
#define INDEX_OF(manifests, more) "{\"schemaVersion\":2,\"manifests\":[" manifests "]" more "}"
#define ROOTFS(diff_ids)          "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" diff_ids "]}"
#define CONFIG_OF(more)           "{\"architecture\":\"a\",\"os\":\"o\"" more "}"
#define RUN(members)              CONFIG_OF("," ROOTFS("") ",\"config\":{" members "}")

#define REF(name) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"

/* What was reported: "E! id member" each ("!": refused), joined by "; ". */
struct report {
    char text[32768];
    size_t used;
    size_t problems;
    size_t flawed; /* warnings and errors */
};

static int on_problem(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    static const char letters[] = "INWEF";
    struct report *report = data;
    (void)err;
    assert_non_null(problem->text);
    report->problems++;
    report->flawed += problem->severity >= OCS_SEVERITY_WARNING;
    size_t room = sizeof(report->text) - report->used;
    int length =
        snprintf(report->text + report->used, room, "%s%c%s %s%s%s", report->used ? "; " : "",
                 letters[problem->severity], problem->refuse ? "!" : "", problem->id,
                 *problem->member ? " " : "", problem->member);
    report->used += (size_t)length < room ? (size_t)length : room - 1;
    return 0;
}

static void read_text(const char *text, struct ocs_document *out)
{
    assert_int_equal(ocs_document_read(text, strlen(text), OCS_JSON_DOCUMENT_LIMITS, out, NULL), 0);
}

struct check_case {
    const char *declared;
    const char *text;
    const char *problems;
};

static void run_cases(const struct check_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        auto_document struct ocs_document document;
        struct report report = {0};
        read_text(cases[i].text, &document);
        print_message("%s\n", cases[i].text);
        assert_int_equal(
            ocs_document_check(&document, cases[i].declared, &report, on_problem, NULL), 0);
        assert_string_equal(report.text, cases[i].problems);
    }
}
#define RUN_CASES(cases) run_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_descriptors(void **state)
{
    (void)state;
    static const struct check_case cases[] = {
        {INDEX, INDEX_OF(D(IMAGE), ""), ""},
        {INDEX, INDEX_OF("7", ""), "E document-invalid manifests[0]"},
        {INDEX, INDEX_OF("{}", ""),
         "E document-invalid manifests[0].mediaType; E! document-invalid manifests[0].digest; "
         "E document-invalid manifests[0].size"},
        {INDEX, INDEX_OF(D("x"), ""), "E document-invalid manifests[0].mediaType"},
        {INDEX, INDEX_OF(DD("x/y", "sha256:../../etc/passwd", ""), ""),
         "E! document-invalid manifests[0].digest"},
        {INDEX, INDEX_OF(D("x/y") "," DD("x/y", "sha256:AB", ""), ""),
         "E! document-invalid manifests[1].digest"},
        {INDEX, INDEX_OF(DD("x/y", A "\\u0000", ""), ""),
         "E! document-invalid manifests[0].digest"},
        {INDEX, INDEX_OF(DD("x/y", BLAKE3, ""), ""), ""},
        {INDEX, INDEX_OF(DD("x/y", "sha384:ab", ""), ""), ""},
        {INDEX, INDEX_OF(DD("x/y", A, ",\"urls\":[\"https://x/%20\",\"x y\",7]"), ""),
         "W document-invalid manifests[0].urls[1]; W document-invalid manifests[0].urls[2]"},
        {INDEX, INDEX_OF(DD("x/y", A, ",\"urls\":null,\"annotations\":null,\"data\":null"), ""),
         ""},
        {INDEX, INDEX_OF(DD("x/y", A, ",\"annotations\":{\"a.b\":1}"), ""),
         "E document-invalid manifests[0].annotations.a.b"},
        {INDEX, INDEX_OF(DD("x/y", A, ",\"artifactType\":\"x\""), ""),
         "E document-invalid manifests[0].artifactType"},
        {INDEX, INDEX_OF(DD("x/y", A, ",\"platform\":{\"os\":7}"), ""),
         "E document-invalid manifests[0].platform.architecture; "
         "E document-invalid manifests[0].platform.os"},
        {INDEX, INDEX_OF(DD("x/y", BRACES, ",\"data\":\"e30=\""), ""), ""},
        {INDEX, INDEX_OF(DD("x/y", BRACES, ",\"data\":\"e30\""), ""),
         "E document-invalid manifests[0].data"},
        {INDEX, INDEX_OF(DD("x/y", A, ",\"data\":\"e30=\""), ""),
         "E! descriptor-data-mismatch manifests[0].data"},
        {INDEX, INDEX_OF(DD("x/y", BLAKE3, ",\"data\":\"e30=\""), ""), ""},
        {INDEX, INDEX_OF(DD("x/y", BLAKE3, ",\"data\":\"e30gIA==\""), ""),
         "E! descriptor-data-mismatch manifests[0].data"},
    };
    RUN_CASES(cases);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *size;
        bool right;
    } cases[] = {
        {"0", true},
        {"9007199254740991", true},
        {"9007199254740992", false},
        {"9223372036854775808", false},
        {"1111111111222222222233333333334444444444", false},
        {"-1", false},
        {"1e2", false},
        {"1.0", false},
        {"\"1\"", false},
        {"null", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "{\"mediaType\":\"x/y\",\"digest\":\"" A "\",\"size\":%s}",
                 cases[i].size);
        auto_document struct ocs_document document;
        struct report report = {0};
        read_text(text, &document);
        assert_int_equal(ocs_descriptor_check(&document, &report, on_problem, NULL), 0);
        assert_string_equal(report.text, cases[i].right ? "" : "E document-invalid size");
    }
}

static void test_manifests(void **state)
{
    (void)state;
    static const struct check_case cases[] = {
        {IMAGE, MANIFEST(D(CONFIG), D(LAYER), ""), ""},
        {DIMAGE, MANIFEST(D("application/vnd.docker.container.image.v1+json"), D(LAYER), ""), ""},
        {IMAGE, MANIFEST(D(CONFIG), "", ""), "W document-invalid layers"},
        {IMAGE, "{\"schemaVersion\":2,\"config\":" D(CONFIG) ",\"layers\":null}",
         "W document-invalid layers"},
        {IMAGE, "{\"schemaVersion\":2,\"config\":" D(CONFIG) ",\"layers\":{}}",
         "E document-invalid layers"},
        {IMAGE, "{}",
         "E document-invalid schemaVersion; E document-invalid config; E document-invalid layers"},
        {IMAGE, "{\"schemaVersion\":2.0,\"config\":7,\"layers\":[7]}",
         "E document-invalid schemaVersion; E document-invalid config; "
         "E document-invalid layers[0]"},
        {IMAGE, MANIFEST(D(CONFIG), D(LAYER), ",\"subject\":\"x\",\"annotations\":[]"),
         "E document-invalid subject; E document-invalid annotations"},
        /* artifacts */
        {IMAGE, MANIFEST(DD(EMPTY, BRACES, ""), D("x/y"), ",\"artifactType\":\"x/y\""), ""},
        {IMAGE, MANIFEST(DD(EMPTY, BRACES, ""), D("x/y"), ""), "W document-invalid artifactType"},
        {IMAGE, MANIFEST(DD(EMPTY, A, ""), D("x/y"), ",\"artifactType\":\"x/y\""),
         "E document-invalid config"},
        {IMAGE, MANIFEST(D("x/y"), D("x/y"), ",\"artifactType\":\"\""),
         "E document-invalid artifactType"},
        {ARTI, "{\"mediaType\":\"" ARTI "\",\"artifactType\":\"x/y\",\"blobs\":[" D("x/y") "]}",
         ""},
        {ARTI, "{\"blobs\":[{}]}",
         "E document-invalid artifactType; E document-invalid blobs[0].mediaType; "
         "E! document-invalid blobs[0].digest; E document-invalid blobs[0].size"},
        {SCHEMA1, "{\"schemaVersion\":1,\"fsLayers\":[{\"blobSum\":\"" A "\"}]}",
         "I document-invalid"},
        {SCHEMA1, "{\"schemaVersion\":1,\"fsLayers\":[{\"blobSum\":\"..\"}]}",
         "I document-invalid; E! document-invalid fsLayers[0].blobSum"},
    };
    RUN_CASES(cases);
}

static void test_indexes(void **state)
{
    (void)state;
    static const struct check_case cases[] = {
        {INDEX, INDEX_OF("", ""), ""},
        {LIST, INDEX_OF(D(DIMAGE), ",\"mediaType\":\"" LIST "\""), ""},
        /* a BuildKit cache */
        {INDEX, INDEX_OF(D(LAYER) "," D("application/vnd.buildkit.cacheconfig.v0"), ""), ""},
        {INDEX, "{\"schemaVersion\":2,\"manifests\":null}", "W document-invalid manifests"},
        {INDEX, "{\"schemaVersion\":2}", "E document-invalid manifests"},
        {INDEX, "{\"schemaVersion\":\"2\",\"manifests\":{}}",
         "E document-invalid schemaVersion; E document-invalid manifests"},
        {INDEX, INDEX_OF("", ",\"subject\":" D(IMAGE) ",\"artifactType\":\"x/y\""), ""},
    };
    RUN_CASES(cases);
}

static void test_kinds_that_disagree(void **state)
{
    (void)state;
    static const struct check_case cases[] = {
        {IMAGE, MANIFEST(D(CONFIG), D(LAYER), ",\"manifests\":[]"),
         "E! document-type-conflict manifests"},
        {INDEX, INDEX_OF("", ",\"layers\":[]"), "E! document-type-conflict layers"},
        {INDEX, INDEX_OF("", ",\"config\":null,\"fsLayers\":0"),
         "E! document-type-conflict config; E! document-type-conflict fsLayers"},
        {NULL, INDEX_OF(D(IMAGE), ",\"layers\":[]"), "E! document-type-conflict layers"},
        {IMAGE, MANIFEST(D(CONFIG), D(LAYER), ",\"mediaType\":\"" INDEX "\""),
         "E! document-type-conflict mediaType"},
        {INDEX, INDEX_OF("", ",\"mediaType\":\"" DIMAGE "\""),
         "E! document-type-conflict mediaType"},
        {IMAGE, MANIFEST(D(CONFIG), D(LAYER), ",\"mediaType\":\"" DIMAGE "\""),
         "W document-type-conflict mediaType"},
        {IMAGE, MANIFEST(D(CONFIG), D(LAYER), ",\"mediaType\":\"x/y\""),
         "E document-invalid mediaType"},
        {IMAGE, MANIFEST(D(CONFIG), D(LAYER), ",\"mediaType\":7"), "E document-invalid mediaType"},
        {"application/customized.manifest+json",
         MANIFEST(D(CONFIG), D(LAYER), ",\"mediaType\":\"" IMAGE "\""), "W document-type-conflict"},
        {NULL, MANIFEST(D(CONFIG), D(LAYER), ",\"mediaType\":\"" IMAGE "\""), ""},
        /* other JSON that has one of these members, or none, is nobody's business */
        {"application/lottie+json", "{\"layers\":[{}],\"fonts\":{}}", ""},
        {NULL, "{\"layers\":7}", ""},
        {"text/plain", "{ not JSON", ""},
        {"text/plain", "{\"a\":1,\"a\":2}", ""},
        {LAYER, "", ""},
    };
    RUN_CASES(cases);
}

static void test_documents_that_cannot_be_read(void **state)
{
    (void)state;
    static const struct check_case cases[] = {
        {IMAGE, "", "E! document-invalid"},
        {INDEX, "[]", "E! document-invalid"},
        {CONFIG, "[]", "E! document-invalid"},
        {IMAGE, "{\"schemaVersion\":2", "E! document-invalid"},
        {CONFIG, "{\"os\":}", "E! document-invalid"},
        {INDEX, "{\"schemaVersion\":2,\"manifests\":[],\"manifests\":[]}",
         "E! document-ambiguous manifests"},
        {INDEX, "{\"schemaVersion\":2,\"Manifests\":[" D(IMAGE) "]}",
         "E! document-ambiguous Manifests"},
        {NULL, "{\"mediaType\":\"" IMAGE "\",\"layers\":[],\"layers\":[]}",
         "E! document-ambiguous layers"},
    };
    RUN_CASES(cases);
    const char *text = INDEX_OF(D(IMAGE), "");
    auto_document struct ocs_document document;
    struct report report = {0};
    struct ocs_json_limits limits = {.bytes = 10, .values = 10};
    assert_int_equal(ocs_document_read(text, strlen(text), limits, &document, NULL), 0);
    assert_int_equal(ocs_document_check(&document, INDEX, &report, on_problem, NULL), 0);
    assert_string_equal(report.text, "E document-too-large");
}

static void test_configs(void **state)
{
    (void)state;
    static const struct check_case cases[] = {
        {CONFIG, CONFIG_OF("," ROOTFS("\"" A "\"")), ""},
        {CONFIG, "{}",
         "E document-invalid architecture; E document-invalid os; E document-invalid rootfs"},
        {CONFIG, CONFIG_OF(",\"rootfs\":{\"type\":\"layers\"}"),
         "W document-invalid rootfs.diff_ids"},
        {CONFIG, CONFIG_OF(",\"rootfs\":{\"type\":\"x\",\"diff_ids\":[\"" A "\",\"y\"]}"),
         "E document-invalid rootfs.type; E document-invalid rootfs.diff_ids[1]"},
        {CONFIG, CONFIG_OF("," ROOTFS("") ",\"created\":1,\"history\":[{},7],\"variant\":null"),
         "E document-invalid created; E document-invalid history[1]"},
        {CONFIG, RUN("\"Env\":null,\"Cmd\":null,\"Entrypoint\":null,\"Volumes\":null"), ""},
        {CONFIG, RUN("\"Env\":[\"A=\",\"=A\",\"A\"]"),
         "E document-invalid config.Env[1]; E document-invalid config.Env[2]"},
        {CONFIG, RUN("\"Cmd\":\"sh\",\"Entrypoint\":[7],\"Labels\":[]"),
         "E document-invalid config.Entrypoint[0]; E document-invalid config.Cmd; "
         "E document-invalid config.Labels"},
        {CONFIG, RUN("\"Labels\":{\"a\":null,\"b\":1},\"Volumes\":{\"/v\":{},\"/w\":\"\"}"),
         "E document-invalid config.Volumes./w; E document-invalid config.Labels.b"},
        {CONFIG, RUN("\"ExposedPorts\":{\"80/tcp\":null,\"81/tcp\":0}"),
         "E document-invalid config.ExposedPorts.81/tcp"},
        {CONFIG,
         CONFIG_OF(
             "," ROOTFS("") ",\"created\":\"2020-01-01T00:00:00.123456789+02:00\",\"history\":["
                            "{\"created\":\"2020-01-01T00:00:00Z\",\"empty_layer\":true},"
                            "{\"created\":\"yesterday\",\"created_by\":7,\"comment\":[],"
                            "\"author\":{},\"empty_layer\":\"no\"}]"),
         "W document-invalid history[1].created; E document-invalid history[1].author; "
         "E document-invalid history[1].created_by; E document-invalid history[1].comment; "
         "E document-invalid history[1].empty_layer"},
        {CONFIG, CONFIG_OF("," ROOTFS("") ",\"created\":\"2020-01-01\""),
         "W document-invalid created"},
        /* the config of something else is not looked at */
        {"application/vnd.cncf.helm.config.v1+json", "{\"name\":\"chart\"}", ""},
    };
    RUN_CASES(cases);
}

static void test_index_of_a_layout(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *problems;
    } cases[] = {
        {INDEX_OF("", ""), ""},
        {"{\"schemaVersion\":2,\"manifests\":null}", ""},
        {"{}", "E document-invalid schemaVersion; E document-invalid manifests"},
        {"null", "E! document-invalid"},
        {INDEX_OF(D(IMAGE) "," D(IMAGE), ""), ""}, /* nameless entries */
        {INDEX_OF(DD(IMAGE, A, REF("v1")) "," DD(IMAGE, A, REF("v2")), ""), ""},
        {INDEX_OF(DD(IMAGE, A, REF("v1")) "," DD(IMAGE, A, REF("v2")) "," DD(IMAGE, A, REF("v1")),
                  ""),
         "W index-duplicate-ref manifests[2].annotations.org.opencontainers.image.ref.name"},
        {INDEX_OF(DD(IMAGE, A, REF("../x")), ""),
         "W ref-name-invalid manifests[0].annotations.org.opencontainers.image.ref.name"},
        {INDEX_OF(DD(IMAGE, A, REF("docker.io/library/a-b--c_d:1.0+2@x")), ""), ""},
        {INDEX_OF("", ",\"layers\":[]"), "E! document-type-conflict layers"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_document struct ocs_document document;
        struct report report = {0};
        read_text(cases[i].text, &document);
        print_message("%s\n", cases[i].text);
        assert_int_equal(ocs_index_check(&document, &report, on_problem, NULL), 0);
        assert_string_equal(report.text, cases[i].problems);
    }
}

static void test_kinds_under_which_a_document_is_refused(void **state)
{
    (void)state;
    enum { I = 1 << OCS_MEDIA_INDEX, M = 1 << OCS_MEDIA_MANIFEST };
    enum { OTHERS = 1 << OCS_MEDIA_ARTIFACT | 1 << OCS_MEDIA_SCHEMA1 | 1 << OCS_MEDIA_CONFIG };
    static const struct {
        const char *text;
        unsigned refused;
    } cases[] = {
        {MANIFEST(D(CONFIG), D(LAYER), ""), I},
        {INDEX_OF(D(IMAGE), ""), M},
        {CONFIG_OF("," ROOTFS("")), 0},
        {"text", I | M | OTHERS},
        {"{\"layers\":[],\"layers\":[]}", I | M | OTHERS},
        {MANIFEST(D(CONFIG), DD(LAYER, "sha256:..", ""), ""), I | M},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_document struct ocs_document document;
        unsigned refused;
        read_text(cases[i].text, &document);
        print_message("%s\n", cases[i].text);
        assert_int_equal(ocs_document_refused(&document, &refused, NULL), 0);
        assert_int_equal(refused, cases[i].refused);
    }
}

static void test_layout_file(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *problems;
    } cases[] = {
        {"{\"imageLayoutVersion\":\"1.0.0\"}", ""},
        {"{\"imageLayoutVersion\": \"1.0.0\", \"x\": [1]}\n", ""},
        {"", "E layout-version"},
        {"{}", "E layout-version imageLayoutVersion"},
        {"{\"imageLayoutVersion\":\"1.1.0\"}", "E layout-version imageLayoutVersion"},
        {"{\"imageLayoutVersion\":1}", "E layout-version imageLayoutVersion"},
        {"\"1.0.0\"", "E layout-version"},
        {"{\"imageLayoutVersion\":1.0.0}", "E layout-version"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct report report = {0};
        assert_int_equal(
            ocs_layout_file_check(cases[i].text, strlen(cases[i].text), &report, on_problem, NULL),
            0);
        assert_string_equal(report.text, cases[i].problems);
    }
}

static int stop_at_once(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    (void)problem;
    (void)err;
    ++*(int *)data;
    return 7;
}

static void test_the_callback_stops_the_check(void **state)
{
    (void)state;
    auto_document struct ocs_document document;
    int calls = 0;
    read_text("{}", &document);
    assert_int_equal(ocs_document_check(&document, IMAGE, &calls, stop_at_once, NULL), 7);
    assert_int_equal(calls, 1);
}

static void test_many_problems_are_summed_up(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    char *text = malloc(64 + 3 * COUNT);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "{\"schemaVersion\":2,\"manifests\":[");
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + used + 3 * i, "{},", 3);
    strcpy(text + used + 3 * COUNT - 1, "],\"subject\":7}");
    auto_document struct ocs_document document;
    struct report report = {0};
    read_text(text, &document);
    assert_int_equal(ocs_document_check(&document, INDEX, &report, on_problem, NULL), 0);
    assert_in_range(report.problems, 200, 500);
    assert_non_null(strstr(report.text, "E! document-invalid manifests[99].digest"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_manifests),
        cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_kinds_that_disagree),
        cmocka_unit_test(test_documents_that_cannot_be_read),
        cmocka_unit_test(test_configs),
        cmocka_unit_test(test_index_of_a_layout),
        cmocka_unit_test(test_kinds_under_which_a_document_is_refused),
        cmocka_unit_test(test_layout_file),
        cmocka_unit_test(test_the_callback_stops_the_check),
        cmocka_unit_test(test_many_problems_are_summed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

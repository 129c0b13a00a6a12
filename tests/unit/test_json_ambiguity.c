/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store/json.h"

#define D "\"digest\":\"a:b\""

struct judged {
    const char *text;
    const char *name; /* of the flaw; NULL: not ambiguous */
};

static void judge(const struct judged *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        auto_json struct ocs_json *json = NULL;
        const char *text = cases[i].text;
        assert_int_equal(
            ocs_json_parse(text, strlen(text), OCS_JSON_DOCUMENT_LIMITS, &json, NULL, NULL), 0);
        const struct ocs_json_flaw *flaw = ocs_json_ambiguity(json);
        if (!flaw != !cases[i].name)
            fail_msg("%s: %s", text, flaw ? flaw->reason : "not ambiguous");
        if (!flaw)
            continue;
        assert_string_equal(flaw->name, cases[i].name);
        assert_memory_equal(text + flaw->offset, flaw->name, strlen(flaw->name));
    }
}

#define JUDGE(cases) judge(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_duplicates(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        {"{\"a\":1,\"a\":1}", "a"},
        {"{\"a\":1,\"b\":2,\"\\u0061\":3}", "\\u0061"},
        {"{\"\":1,\"\":2}", ""},
        {"[{\"x\":[{\"a\":1,\"b\":1,\"c\":1,\"b\":1}]}]", "b"},
        {"{\"annotations\":{\"k\":\"1\",\"k\":\"2\"}}", "k"},
        {"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}", "\xf0\x9f\x98\x80"},
        {"{\"\\n\":1,\"\\u000a\":1}", "\\u000a"},
        {"{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}", NULL},
        {"{\"a\":1,\"ab\":1,\"\":1,\"b\":1,\"ba\":1}", NULL},
        {"[\"a\",\"a\"]", NULL},
    };
    JUDGE(cases);
}

static void test_nul(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        {"{\"digest\\u0000x\":1}", "digest\\u0000x"},
        {"{\"annotations\":{\"\\u0000\":\"\"}}", "\\u0000"},
        {"{\"layers\\u0000\":[]}", "layers\\u0000"},
        {"{\"mediaType\\u0000artifactType\":[]}", "mediaType\\u0000artifactType"},
        {"{\"a\":\"\\u0000\"}", NULL},
    };
    JUDGE(cases);
}

static void test_folded_names(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        {"{\"Layers\":[]}", "Layers"},
        {"{\"layers\":[],\"LAYERS\":null}", "LAYERS"},
        {"{\"Layers\":[],\"layers\":[]}", "Layers"},
        {"{\"layer\xc5\xbf\":[]}", "layer\xc5\xbf"},
        {"{\"layer\\u017F\":[]}", "layer\\u017F"},
        {"{\"\\u004cayers\":[]}", "\\u004cayers"},
        {"{\"Manifests\":null}", "Manifests"},
        {"{\"blob\xc5\xbf\":[]}", "blob\xc5\xbf"},
        {"{\"fslayers\":[]}", "fslayers"},
        {"{\"Config\":{}}", "Config"},
        {"{\"Subject\":{}}", "Subject"},
        {"{\"mediatype\":\"x\",\"layers\":[]}", "mediatype"},
        {"{\"SchemaVersion\":2,\"manifests\":[]}", "SchemaVersion"},
        {"{\"layers\":[{\"Digest\":\"a:b\"}]}", "Digest"},
        {"{\"layers\":[{" D ",\"Size\":1}]}", "Size"},
        {"{\"manifests\":[1,{" D ",\"MediaType\":\"x\"}]}", "MediaType"},
        {"{\"config\":{" D ",\"URLs\":[]}}", "URLs"},
        {"{\"subject\":{" D ",\"Data\":\"\"}}", "Data"},
        {"{\"fsLayers\":[{\"blobsum\":\"a:b\"}]}", "blobsum"},
        {"{\"blobs\":[{" D ",\"Platform\":{}}]}", "Platform"},
        {"{\"layers\":[],\"Annotations\":{}}", "Annotations"},
    };
    JUDGE(cases);
}

static void test_honest_names(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        /* the Kelvin sign and the long s fold, their look-alikes do not */
        {"{\"\xce\x9aonfig\":{},\"layer\xc6\xa8\":[]}", NULL},
        /* Docker: a config, a v1 layer, the manifest.json of a save, inspect */
        {"{\"architecture\":\"amd64\",\"config\":{\"Hostname\":\"\",\"Image\":\"sha256:0\","
         "\"Volumes\":{\"/a\":{},\"/A\":{}},\"Labels\":{\"size\":\"\",\"Size\":\"\"},"
         "\"ExposedPorts\":{\"80/tcp\":{},\"80/TCP\":{}}},\"rootfs\":{\"type\":\"layers\"}}",
         NULL},
        {"{\"id\":\"x\",\"config\":{\"Image\":\"\"},\"os\":\"linux\",\"Size\":0}", NULL},
        {"[{\"Config\":\"x.json\",\"RepoTags\":[],\"Layers\":[\"a/layer.tar\"]}]", NULL},
        {"{\"Id\":\"x\",\"RootFS\":{\"Layers\":[]},\"Size\":1,\"Os\":\"linux\"}", NULL},
        /* a scanner's report */
        {"{\"SchemaVersion\":2,\"ArtifactType\":\"container_image\",\"Metadata\":{\"Size\":1,"
         "\"Layers\":[{\"Digest\":\"a:b\"}]},\"Results\":[]}",
         NULL},
        /* a vocabulary */
        {"{\"config\":1,\"Config\":2,\"layers\":3,\"Layers\":4,\"The\":5,\"the\":6}", NULL},
        /* free keys */
        {"{\"layers\":[],\"annotations\":{\"k\":\"1\",\"K\":\"2\",\"Digest\":\"3\"}}", NULL},
        /* a signature payload */
        {"{\"critical\":{\"image\":{\"Digest\":\"a:b\",\"digest\":\"a:b\"}}}", NULL},
        /* a member of another type makes Go refuse the document */
        {"{\"layers\":[],\"Config\":\"x\"}", NULL},
        /* no digest, no descriptor */
        {"{\"config\":{\"Size\":1,\"Data\":\"\"}}", NULL},
    };
    JUDGE(cases);
}

static void test_long_name_is_cut(void **state)
{
    (void)state;
    char text[1000];
    char name[301] = "";
    for (int i = 0; i < 150; i++)
        strcat(name, "\xc3\xa9");
    snprintf(text, sizeof(text), "{\"%s\":1,\"%s\":2}", name, name);
    auto_json struct ocs_json *json = NULL;
    assert_int_equal(
        ocs_json_parse(text, strlen(text), OCS_JSON_DOCUMENT_LIMITS, &json, NULL, NULL), 0);
    assert_int_equal(strlen(ocs_json_ambiguity(json)->name), 126);
}

/* Members in any order, all different but one. */
static void test_many_members(void **state)
{
    (void)state;
    const size_t count = 100000;
    char *text = malloc(count * 16 + 100);
    assert_non_null(text);
    char *at = stpcpy(text, "{\"m77777\":0");
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, ",\"m%zu\":0", i * 7919 % count);
    strcpy(at, "}");
    auto_json struct ocs_json *json = NULL;
    assert_int_equal(
        ocs_json_parse(text, strlen(text), OCS_JSON_DOCUMENT_LIMITS, &json, NULL, NULL), 0);
    assert_non_null(ocs_json_ambiguity(json));
    assert_string_equal(ocs_json_ambiguity(json)->name, "m77777");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duplicates),       cmocka_unit_test(test_nul),
        cmocka_unit_test(test_folded_names),     cmocka_unit_test(test_honest_names),
        cmocka_unit_test(test_long_name_is_cut), cmocka_unit_test(test_many_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

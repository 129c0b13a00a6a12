/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The damage table of documents whose bytes are right and which say strange
 * things: one image, exactly these findings; and what a repair makes of them. */

#include "damage/images.h"

#define TAGGED "application/vnd.docker.distribution.manifest.v2+json"

struct row {
    const char *name;
    void (*build)(struct images *images);
    const char *findings;
    enum ocs_status status;
    const char *after; /* a repair with a good copy of every blob; NULL: it can do nothing */
};

/* ---- parts of images ---- */

static void list(struct images *images, const char *media, const char *name, const char *ref)
{
    char *entry = images_entry(images, media, name, ref);
    images_write_index(images, entry);
    free(entry);
}

static void add_parts(struct images *images)
{
    images_add(images, "base", "the bytes of the base layer");
    images_add_config(images, "config", 1);
}

/* A manifest "m" of config and these layers, listed as "x". */
static void list_manifest(struct images *images, const char *layers, const char *more)
{
    images_add_manifest(images, "m", "config", layers, more);
    list(images, MEDIA_MANIFEST, "m", "x");
}

/* The layer "base" with further members in its descriptor. */
static void with_layer(struct images *images, const char *media, const char *layer_more,
                       const char *more)
{
    add_parts(images);
    char *layer = images_descriptor(images, media, "base", layer_more);
    list_manifest(images, layer, more);
    free(layer);
}

static void plain(struct images *images)
{
    with_layer(images, MEDIA_LAYER, "", "");
}

/* ---- rows ---- */

static void no_layers(struct images *images)
{
    images_add_config(images, "config", 0);
    list_manifest(images, "", "");
}

static void foreign_layer_absent(struct images *images)
{
    with_layer(images, MEDIA_FOREIGN, ",\"urls\":[\"https://example.com/layer\"]", "");
    images_drop(images, "base");
}

static void foreign_layer_here(struct images *images)
{
    with_layer(images, MEDIA_FOREIGN, "", "");
}

static void subject_absent(struct images *images)
{
    char subject[300];
    snprintf(subject, sizeof(subject),
             ",\"subject\":{\"mediaType\":\"" MEDIA_MANIFEST
             "\",\"digest\":\"sha256:%064d\",\"size\":7}",
             7);
    char digest[80];
    snprintf(digest, sizeof(digest), "sha256:%064d", 7);
    images_call(images, "subject", digest, 7);
    with_layer(images, MEDIA_LAYER, "", subject);
}

static void data_stands_in(struct images *images)
{
    with_layer(images, MEDIA_LAYER, ",\"data\":\"dGhlIGJ5dGVzIG9mIHRoZSBiYXNlIGxheWVy\"", "");
    images_drop(images, "base");
}

static void data_and_blob(struct images *images)
{
    with_layer(images, MEDIA_LAYER, ",\"data\":\"dGhlIGJ5dGVzIG9mIHRoZSBiYXNlIGxheWVy\"", "");
}

static void data_is_other(struct images *images)
{
    with_layer(images, MEDIA_LAYER, ",\"data\":\"dGhlIGJ5dGVzIG9mIHRoZSBiYXNlIGxheWVz\"", "");
}

static void two_sizes(struct images *images)
{
    images_add(images, "base", "the bytes of the base layer");
    char *right = images_descriptor(images, MEDIA_LAYER, "base", "");
    char both[1024];
    snprintf(both, sizeof(both),
             "%s,{\"mediaType\":\"" MEDIA_LAYER "\",\"digest\":\"%s\",\"size\":5}", right,
             images_digest(images, "base"));
    free(right);
    images_add_config(images, "config", 2);
    list_manifest(images, both, "");
}

static void wrong_size(struct images *images)
{
    add_parts(images);
    char layer[512];
    snprintf(layer, sizeof(layer),
             "{\"mediaType\":\"" MEDIA_LAYER "\",\"digest\":\"%s\",\"size\":5}",
             images_digest(images, "base"));
    list_manifest(images, layer, "");
}

static void two_names_of_a_member(struct images *images)
{
    with_layer(images, MEDIA_LAYER, "", ",\"Layers\":[]");
}

static void no_json(struct images *images)
{
    images_add(images, "m", "{\"schemaVersion\":2,");
    list(images, MEDIA_MANIFEST, "m", "x");
}

static void not_even_an_object(struct images *images)
{
    images_add(images, "m", "hello");
    list(images, MEDIA_MANIFEST, "m", "x");
}

static void negative_size(struct images *images)
{
    add_parts(images);
    char layer[512];
    snprintf(layer, sizeof(layer),
             "{\"mediaType\":\"" MEDIA_LAYER "\",\"digest\":\"%s\",\"size\":-1}",
             images_digest(images, "base"));
    list_manifest(images, layer, "");
}

static void manifest_called_index(struct images *images)
{
    plain(images);
    list(images, MEDIA_INDEX, "m", "x");
}

static void manifest_called_by_dockers_name(struct images *images)
{
    plain(images);
    list(images, TAGGED, "m", "x");
}

static void two_media_types(struct images *images)
{
    plain(images);
    char *oci = images_entry(images, MEDIA_MANIFEST, "m", "x");
    char *docker = images_entry(images, TAGGED, "m", "y");
    char both[2048];
    snprintf(both, sizeof(both), "%s,%s", oci, docker);
    images_write_index(images, both);
    free(oci);
    free(docker);
}

static void strange_name(struct images *images)
{
    plain(images);
    list(images, MEDIA_MANIFEST, "m", "../up");
}

static void too_large(struct images *images)
{
    size_t size = (4u << 20) + 10;
    char *text = malloc(size + 1);
    memset(text, ' ', size);
    text[0] = '{';
    text[size - 1] = '}';
    text[size] = '\0';
    images_add(images, "m", text);
    free(text);
    list(images, MEDIA_MANIFEST, "m", "x");
}

static void sha512(struct images *images)
{
    place_mkdirs(images->place, images_in_root(images, "blobs/sha512"));
    images_add_as(images, "base", OCS_ALGORITHM_SHA512, "the bytes of the base layer");
    images_add_config(images, "config", 1);
    char *layer = images_descriptor(images, MEDIA_LAYER, "base", "");
    list_manifest(images, layer, "");
    free(layer);
}

static void damaged_sha512(struct images *images)
{
    sha512(images);
    images_flip(images, "base", 3);
}

static void absent_of_unknown_algorithm(struct images *images)
{
    images_call(images, "base", "crc32:cbf43926", 9);
    images_add_config(images, "config", 1);
    char *layer = images_descriptor(images, MEDIA_LAYER, "base", "");
    list_manifest(images, layer, "");
    free(layer);
}

static void signed_schema1_as(struct images *images, const char *media)
{
    images_add(images, "base", "the bytes of the base layer");
    char text[1024];
    snprintf(text, sizeof(text),
             "{\"schemaVersion\":1,\"name\":\"x\",\"tag\":\"y\",\"architecture\":\"amd64\","
             "\"fsLayers\":[{\"blobSum\":\"%s\"}],\"history\":[{\"v1Compatibility\":\"{}\"}],"
             "\"signatures\":[{}]}",
             images_digest(images, "base"));
    char digest[80];
    snprintf(digest, sizeof(digest), "sha256:%064d", 9);
    images_call(images, "m", digest, strlen(text));
    images_write_old(images, images_path(images, "m"), text, strlen(text));
    list(images, media, "m", "x");
}

static void signed_schema1(struct images *images)
{
    signed_schema1_as(images, "application/vnd.docker.distribution.manifest.v1+prettyjws");
}

/* docker save lists what `docker load` wants in a file of its own. */
static void docker_save(struct images *images)
{
    plain(images);
    images_add(images, "saved", "a layer that only manifest.json names");
    char text[512];
    snprintf(text, sizeof(text),
             "[{\"Config\":\"blobs/sha256/%s\",\"Layers\":[\"blobs/sha256/%s\"]}]",
             images_digest(images, "config") + 7, images_digest(images, "saved") + 7);
    place_write(images->place, images_in_layout(images, "manifest.json"), text);
}

static void nameless(struct images *images)
{
    plain(images);
    list(images, MEDIA_MANIFEST, "m", NULL);
    images_drop(images, "base");
}

static void no_manifests_at_all(struct images *images)
{
    static const char text[] = "{\"schemaVersion\":2,\"manifests\":null}";
    images_write_old(images, images_in_layout(images, "index.json"), text, strlen(text));
}

static void two_entries_of_one_image(struct images *images)
{
    plain(images);
    char *one = images_entry(images, MEDIA_MANIFEST, "m", "x");
    char *two = images_entry(images, MEDIA_MANIFEST, "m", "y");
    char both[2048];
    snprintf(both, sizeof(both), "%s,%s", one, two);
    images_write_index(images, both);
    free(one);
    free(two);
    images_cut(images, "base", 0);
}

static const struct row rows[] = {
    {"plain", plain, "", OCS_OK, NULL},
    {"no layers", no_layers, "warning document-invalid m (shop:x)\n", OCS_OK, NULL},
    {"an absent foreign layer", foreign_layer_absent, "info layer-absent-foreign base (shop:x)\n",
     OCS_OK, NULL},
    {"a foreign layer that is here", foreign_layer_here, "", OCS_OK, NULL},
    {"an absent subject", subject_absent, "info subject-missing subject (shop:x)\n", OCS_OK, NULL},
    {"data for an absent blob", data_stands_in, "info data-stands-in base (shop:x)\n", OCS_OK,
     NULL},
    {"data and the blob", data_and_blob, "", OCS_OK, NULL},
    {"other data", data_is_other, "error descriptor-data-mismatch m (shop:x)\n", OCS_REFUSED, NULL},
    {"two sizes", two_sizes, "error descriptor-size-conflict m (shop:x)\n", OCS_REFUSED, NULL},
    {"a wrong size", wrong_size, "error blob-size-mismatch base (shop:x)\n", OCS_REFUSED, NULL},
    {"two names of a member", two_names_of_a_member, "error document-ambiguous m (shop:x)\n",
     OCS_REFUSED, NULL},
    {"no JSON", no_json, "error document-invalid m (shop:x)\n", OCS_REFUSED, NULL},
    {"not even an object", not_even_an_object, "error document-invalid m (shop:x)\n", OCS_REFUSED,
     NULL},
    {"a negative size", negative_size, "error document-invalid m (shop:x)\n", OCS_REFUSED, NULL},
    {"a manifest called index", manifest_called_index,
     "error document-invalid m (shop:x)\n"       /* no manifests */
     "error document-type-conflict m (shop:x)\n" /* its own mediaType, config, layers */
     "error document-type-conflict m (shop:x)\n"
     "error document-type-conflict m (shop:x)\n",
     OCS_REFUSED, NULL},
    {"a manifest called by Docker's name", manifest_called_by_dockers_name,
     "warning document-type-conflict m (shop:x)\n", OCS_OK, NULL},
    {"two media types", two_media_types, "warning document-type-conflict m (shop:x, shop:y)\n",
     OCS_OK, NULL},
    {"a strange name", strange_name, "warning ref-name-invalid index.json (shop)\n", OCS_OK, NULL},
    {"a document that is too large", too_large, "error document-too-large m (shop:x)\n",
     OCS_REFUSED, NULL},
    {"sha512", sha512, "", OCS_OK, NULL},
    {"a damaged sha512", damaged_sha512, "error blob-digest-mismatch base (shop:x)\n", OCS_REFUSED,
     "info quarantine-unresolved base (shop:x)\n"},
    {"a blob of an unknown algorithm is not here", absent_of_unknown_algorithm,
     "warning layer-missing base (shop:x)\n", OCS_OK, NULL},
    {"a signed schema 1", signed_schema1, "info blob-digest-mismatch m (shop:x)\n", OCS_OK, NULL},
    {"docker save", docker_save, "", OCS_OK, NULL},
    {"a nameless entry", nameless, "error layer-missing base (shop:m)\n", OCS_REFUSED, ""},
    {"manifests: null", no_manifests_at_all, "", OCS_OK, NULL},
    {"two entries of one image", two_entries_of_one_image,
     "error blob-empty base (shop:x, shop:y)\n", OCS_REFUSED,
     "info quarantine-unresolved base (shop:x, shop:y)\n"},
};

static void every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        void *place;
        struct images images;
        place_setup(&place);
        images_make_empty(&images, place);
        rows[i].build(&images);
        images_expect_row(&images, rows[i].name, rows[i].findings, rows[i].status);
        place_teardown(&place);
    }
}

/* A store calls files of its layout by their paths in the store. */
static void expect_in_store(struct images *images, const struct row *row, const char *findings,
                            enum ocs_status status)
{
    char text[2048];
    const char *file = strstr(findings, " index.json");
    int before = file ? (int)(file + 1 - findings) : 0;
    snprintf(text, sizeof(text), "%.*s%s%s", before, findings, file ? "layouts/shop/" : "",
             findings + before);
    images_expect_row(images, row->name, text, status);
}

/* What the row damaged in a plain layout is whole again. */
static void heal(struct images *images)
{
    static const char base[] = "the bytes of the base layer";
    for (size_t i = 0; i < images->count; i++) {
        const char *digest = images->blobs[i].digest;
        if (strcmp(images->blobs[i].name, "base") == 0 && strncmp(digest, "sha", 3) == 0)
            images_write_old(images, images_path(images, "base"), base, strlen(base));
    }
}

/* Damage is healed; what a document says is nobody's to change, and stays a finding. */
static void repair_row(struct place *place, const struct row *row)
{
    struct images images, twin;
    struct verdict verdict;
    char path[4200];
    images_make_empty(&twin, place);
    row->build(&twin);
    heal(&twin);
    images_make_empty_store(&images, place);
    row->build(&images);
    images_register(&images);
    expect_in_store(&images, row, row->findings, row->status);
    snprintf(path, sizeof(path), "%s/shop", place->path);
    const char *from = path;
    struct ocs_fsck_options repair = {.repair = true, .from = &from, .from_count = 1};
    assert_int_equal(images_fsck(&images, repair, NULL, &verdict), 0);
    if (verdict.report.status != (row->after ? OCS_CORRECTED : row->status))
        fail_msg("%s: the repair ends with %d:\n%s", row->name, verdict.report.status,
                 verdict.text);
    /* the graph learns in passing what came back */
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, NULL, &verdict), 0);
    assert_int_equal(verdict.report.status, row->after ? OCS_OK : row->status);
    expect_in_store(&images, row, row->after ? row->after : row->findings,
                    row->after ? OCS_OK : row->status);
}

static void every_row_is_repaired_or_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        void *place;
        place_setup(&place);
        repair_row(place, &rows[i]);
        place_teardown(&place);
    }
}

static void a_signed_schema1_stands_for_no_other_manifest(void **state)
{
    struct images images;
    images_make_empty(&images, *state);
    signed_schema1_as(&images, MEDIA_MANIFEST);
    images_expect(&images, (struct ocs_fsck_options){0}, "error blob-digest-mismatch m (shop:x)\n",
                  OCS_REFUSED);
}

/* ---- hostile shapes ---- */

/* Each lists the one below twice; a walk that forgets what it saw never ends. */
static void doubled_indexes_end(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_empty(&images, *state);
    images_add(&images, "0", "the bottom");
    for (int i = 1; i <= 24; i++) {
        char name[8], below[8], text[1024];
        snprintf(name, sizeof(name), "%d", i);
        snprintf(below, sizeof(below), "%d", i - 1);
        char *child = images_descriptor(&images, i > 1 ? MEDIA_INDEX : MEDIA_LAYER, below, "");
        snprintf(text, sizeof(text),
                 "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX "\",\"manifests\":[%s,%s]}",
                 child, child);
        images_add(&images, name, text);
        free(child);
    }
    list(&images, MEDIA_INDEX, "24", "x");
    images_flip(&images, "0", 0);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, NULL, &verdict), 0);
    assert_string_equal(verdict.text, "error blob-digest-mismatch 0 (shop:x)\n");
    assert_int_equal(verdict.report.blobs_checked, 25);
}

static void one_child_many_times_ends(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_empty(&images, *state);
    add_parts(&images);
    char *layer = images_descriptor(&images, MEDIA_LAYER, "base", "");
    size_t count = 10000, at = 0, size = count * (strlen(layer) + 1) + 1;
    char *layers = malloc(size);
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(layers + at, size - at, "%s%s", i ? "," : "", layer);
    list_manifest(&images, layers, "");
    free(layers);
    free(layer);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, NULL, &verdict), 0);
    assert_int_equal(verdict.report.blobs_checked, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),
        cmocka_unit_test(every_row_is_repaired_or_left),
        PLACE_TEST(a_signed_schema1_stands_for_no_other_manifest),
        PLACE_TEST(doubled_indexes_end),
        PLACE_TEST(one_child_many_times_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

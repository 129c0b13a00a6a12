/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "document_check.h"

#include "checker.h"
#include "config_check.h"
#include "descriptor_check.h"

#include <stdio.h>
#include <string.h>

/* ---- members of documents ---- */

static void check_schema_version(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    int64_t version;
    if (ocs_json_integer(checker->document->json, value, &version) != 0 || version != 2)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is not 2");
}

static void check_descriptors(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_items(checker, value, ocs_check_descriptor);
}

static void check_layers(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    check_descriptors(checker, value);
    if (ocs_json_type(value) == OCS_JSON_ARRAY && !ocs_json_first(value))
        ocs_checker_invalid(checker, OCS_SEVERITY_WARNING, "is empty");
}

static void check_fs_layer(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    static const struct ocs_field fields[] = {
        {"blobSum", OCS_REQUIRED_REFUSE, ocs_check_digest},
    };
    OCS_CHECK_FIELDS(checker, value, fields);
}

static void check_fs_layers(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_items(checker, value, check_fs_layer);
}

/* ---- kinds of documents ---- */

static void check_index(struct ocs_checker *checker, const struct ocs_json_value *root)
{
    static const struct ocs_field fields[] = {
        {"schemaVersion", OCS_REQUIRED, check_schema_version},
        {"artifactType", OCS_OPTIONAL, ocs_check_media_type},
        {"manifests", OCS_NULL_WARNS, check_descriptors},
        {"subject", OCS_OPTIONAL, ocs_check_descriptor},
        {"annotations", OCS_OPTIONAL, ocs_check_string_map},
    };
    OCS_CHECK_FIELDS(checker, root, fields);
}

static void check_artifact_type(struct ocs_checker *checker, const struct ocs_json_value *root)
{
    const struct ocs_json *json = checker->document->json;
    const struct ocs_json_value *config = ocs_json_member(root, "config");
    const char *media_type = ocs_json_string(json, ocs_json_member(config, "mediaType"));
    if (ocs_media_of(media_type) != OCS_MEDIA_EMPTY || checker->document->artifact_type)
        return;
    size_t used = ocs_checker_enter(checker, "artifactType");
    ocs_checker_invalid(checker, OCS_SEVERITY_WARNING, "is missing, although config is empty");
    ocs_checker_leave(checker, used);
}

static void check_manifest(struct ocs_checker *checker, const struct ocs_json_value *root)
{
    static const struct ocs_field fields[] = {
        {"schemaVersion", OCS_REQUIRED, check_schema_version},
        {"artifactType", OCS_OPTIONAL, ocs_check_media_type},
        {"config", OCS_REQUIRED, ocs_check_descriptor},
        {"layers", OCS_NULL_WARNS, check_layers},
        {"subject", OCS_OPTIONAL, ocs_check_descriptor},
        {"annotations", OCS_OPTIONAL, ocs_check_string_map},
    };
    OCS_CHECK_FIELDS(checker, root, fields);
    check_artifact_type(checker, root);
}

static void check_artifact(struct ocs_checker *checker, const struct ocs_json_value *root)
{
    static const struct ocs_field fields[] = {
        {"artifactType", OCS_REQUIRED, ocs_check_media_type},
        {"blobs", OCS_OPTIONAL, check_descriptors},
        {"subject", OCS_OPTIONAL, ocs_check_descriptor},
        {"annotations", OCS_OPTIONAL, ocs_check_string_map},
    };
    OCS_CHECK_FIELDS(checker, root, fields);
}

static void check_schema1(struct ocs_checker *checker, const struct ocs_json_value *root)
{
    static const struct ocs_field fields[] = {
        {"fsLayers", OCS_REQUIRED, check_fs_layers},
    };
    ocs_checker_invalid(checker, OCS_SEVERITY_INFO, "is a manifest of the old schema 1");
    OCS_CHECK_FIELDS(checker, root, fields);
}

/* `name` reads on in "is ... by its". */
static const struct kind {
    enum ocs_media media;
    unsigned shape;
    bool document; /* has edges, and a `mediaType` of its own, if any, says so */
    const char *name;
    ocs_check_fn *check;
} kinds[] = {
    {OCS_MEDIA_INDEX, OCS_SHAPE_INDEX, true, "an index", check_index},
    {OCS_MEDIA_MANIFEST, OCS_SHAPE_MANIFEST, true, "a manifest", check_manifest},
    {OCS_MEDIA_ARTIFACT, OCS_SHAPE_ARTIFACT, true, "an artifact manifest", check_artifact},
    {OCS_MEDIA_SCHEMA1, OCS_SHAPE_SCHEMA1, true, "a schema 1 manifest", check_schema1},
    {OCS_MEDIA_CONFIG, 0, false, "an image config", ocs_check_config},
};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* NULL: a media type of something else, or none. */
static const struct kind *kind_of(const char *media_type)
{
    enum ocs_media media = ocs_media_of(media_type);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].media == media)
            return &kinds[i];
    }
    return NULL;
}

/* What a document without a media type of its own is, judging by its members.
 * Plenty of other JSON has "layers": only what also has a schemaVersion counts. */
static const struct kind *kind_by_shape(const struct ocs_document *document)
{
    if (!ocs_json_member(ocs_json_root(document->json), "schemaVersion"))
        return NULL;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (document->shape & kinds[i].shape)
            return &kinds[i];
    }
    return NULL;
}

/* ---- disagreement ---- */

static void report_conflict(struct ocs_checker *checker, bool crossing, const char *text)
{
    ocs_checker_report(checker,
                       (struct ocs_problem){
                           .id = "document-type-conflict",
                           .severity = crossing ? OCS_SEVERITY_ERROR : OCS_SEVERITY_WARNING,
                           .refuse = crossing,
                           .text = text,
                       });
}

static bool crosses(const struct kind *a, const struct kind *b)
{
    return (a->media == OCS_MEDIA_INDEX && b->media == OCS_MEDIA_MANIFEST) ||
           (a->media == OCS_MEDIA_MANIFEST && b->media == OCS_MEDIA_INDEX);
}

/* Members of the other kind are how one reader is made to see a manifest where
 * another sees an index (CVE-2021-41190). */
static void check_crossing(struct ocs_checker *checker, const struct kind *kind,
                           const struct ocs_json_value *root)
{
    static const char *const of_manifests[] = {"config", "layers", "fsLayers"};
    static const char *const of_indexes[] = {"manifests"};
    const char *const *names = kind->media == OCS_MEDIA_INDEX ? of_manifests : of_indexes;
    size_t count = 0;
    if (kind->media == OCS_MEDIA_INDEX)
        count = COUNT_OF(of_manifests);
    else if (kind->media == OCS_MEDIA_MANIFEST)
        count = COUNT_OF(of_indexes);
    for (size_t i = 0; i < count; i++) {
        if (!ocs_json_member(root, names[i]))
            continue;
        char text[64];
        snprintf(text, sizeof(text), "does not belong in %s", kind->name);
        size_t used = ocs_checker_enter(checker, names[i]);
        report_conflict(checker, true, text);
        ocs_checker_leave(checker, used);
    }
}

/* The document's `mediaType` against what it is taken for. */
static void check_own_type(struct ocs_checker *checker, const struct kind *kind,
                           const char *declared)
{
    const struct ocs_document *document = checker->document;
    const struct ocs_json_value *member =
        ocs_json_member(ocs_json_root(document->json), "mediaType");
    if (!member || ocs_json_type(member) == OCS_JSON_NULL)
        return;
    size_t used = ocs_checker_enter(checker, "mediaType");
    const struct kind *own = kind_of(document->media_type);
    if (kind->document && !own)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is not that of such a document");
    else if (own && own != kind)
        report_conflict(checker, crosses(own, kind), "is not the kind that the descriptor says");
    else if (own && declared && strcmp(document->media_type, declared) != 0)
        report_conflict(checker, false, "is not the media type that the descriptor says");
    ocs_checker_leave(checker, used);
}

/* A descriptor says that this is something else than a document. */
static void check_declared_other(struct ocs_checker *checker, const struct kind *kind,
                                 const char *declared)
{
    if (!declared)
        return;
    char text[96];
    snprintf(text, sizeof(text), "is %s, but no descriptor's media type says so", kind->name);
    report_conflict(checker, false, text);
}

static void check_as(struct ocs_checker *checker, const struct kind *kind, const char *declared)
{
    const struct ocs_json_value *root = ocs_json_root(checker->document->json);
    check_own_type(checker, kind, declared);
    check_crossing(checker, kind, root);
    kind->check(checker, root);
}

static void check_strict(struct ocs_checker *checker, const char *declared)
{
    const struct ocs_document *document = checker->document;
    const struct kind *kind = kind_of(declared);
    if (!kind) {
        kind = kind_of(document->media_type);
        if (!kind && !document->media_type)
            kind = kind_by_shape(document);
        if (!kind)
            return;
        check_declared_other(checker, kind, declared);
        declared = NULL;
    }
    check_as(checker, kind, declared);
}

bool ocs_document_is_due(const struct ocs_document *document, const char *declared)
{
    switch (ocs_media_of(declared)) {
    case OCS_MEDIA_INDEX:
    case OCS_MEDIA_MANIFEST:
    case OCS_MEDIA_ARTIFACT:
    case OCS_MEDIA_SCHEMA1:
    case OCS_MEDIA_CONFIG:
        return true;
    case OCS_MEDIA_LAYER:
    case OCS_MEDIA_LAYER_FOREIGN:
        return false;
    default:
        return document->shape != 0;
    }
}

/* ---- documents that cannot be read surely ---- */

const char *ocs_document_too_large(uint64_t size, uint64_t most)
{
    if (size > OCS_DOCUMENT_BYTES_MAX)
        return "is larger than any document may be";
    return size > most ? "is larger than a document may be here" : NULL;
}

static void report_unreadable(struct ocs_checker *checker)
{
    const struct ocs_document *document = checker->document;
    const char *id = "document-invalid";
    if (document->state == OCS_DOCUMENT_AMBIGUOUS)
        id = "document-ambiguous";
    if (document->state == OCS_DOCUMENT_TOO_LARGE)
        id = "document-too-large";
    const char *reason = document->flaw.reason ? document->flaw.reason : "is no JSON object";
    char text[256];
    snprintf(text, sizeof(text), "%s (at byte %zu)", reason, document->flaw.offset);
    size_t used = ocs_checker_enter(checker, document->flaw.name);
    ocs_checker_report(checker, (struct ocs_problem){
                                    .id = id,
                                    .severity = OCS_SEVERITY_ERROR,
                                    .refuse = document->state != OCS_DOCUMENT_TOO_LARGE,
                                    .text = text,
                                });
    ocs_checker_leave(checker, used);
}

int ocs_document_check(const struct ocs_document *document, const char *declared, void *data,
                       ocs_problem_fn *on_problem, struct ocs_error *err)
{
    struct ocs_checker checker;
    ocs_checker_init(&checker, document, data, on_problem, err);
    if (document->state == OCS_DOCUMENT_STRICT)
        check_strict(&checker, declared);
    else if (kind_of(declared) || kind_of(document->media_type))
        report_unreadable(&checker);
    return checker.result;
}

static int stop_at_refusal(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    (void)data;
    (void)err;
    return problem->refuse;
}

int ocs_document_refused(const struct ocs_document *document, unsigned *out, struct ocs_error *err)
{
    *out = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct ocs_checker checker;
        ocs_checker_init(&checker, document, NULL, stop_at_refusal, err);
        if (document->state == OCS_DOCUMENT_STRICT)
            check_as(&checker, &kinds[i], NULL);
        else
            report_unreadable(&checker);
        if (checker.result < 0)
            return checker.result;
        if (checker.result > 0)
            *out |= 1u << kinds[i].media;
    }
    return 0;
}

int ocs_descriptor_check(const struct ocs_document *document, void *data,
                         ocs_problem_fn *on_problem, struct ocs_error *err)
{
    struct ocs_checker checker;
    ocs_checker_init(&checker, document, data, on_problem, err);
    if (document->state == OCS_DOCUMENT_STRICT)
        ocs_check_descriptor(&checker, ocs_json_root(document->json));
    else
        report_unreadable(&checker);
    return checker.result;
}

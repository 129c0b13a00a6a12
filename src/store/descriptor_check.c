/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "descriptor_check.h"

#include "grammar.h"

#include <string.h>

/* What a reader that keeps numbers as doubles still gets right. */
#define SIZE_MAX_EXACT ((int64_t)1 << 53)

/* The content of a descriptor with the empty media type is "{}" (manifest.md). */
#define EMPTY_SIZE   2
#define EMPTY_SHA256 "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define EMPTY_SHA512                                                                               \
    "sha512:27c74670adb75075fad058d5ceaf7b20c4e7786c83bae8a32f626f9782af34c9"                      \
    "a33c2046ef60fd2a7878d378e29fec851806bbd9a67878f3a9f1cda4830763fd"

static bool parse_digest(const struct ocs_checker *checker, const struct ocs_json_value *value,
                         struct ocs_digest *out)
{
    const char *text = ocs_json_string(checker->document->json, value);
    return text && ocs_digest_parse(text, strlen(text), out) == 0;
}

void ocs_check_digest(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    struct ocs_digest digest;
    if (parse_digest(checker, value, &digest))
        return;
    ocs_checker_report(checker, (struct ocs_problem){
                                    .id = "document-invalid",
                                    .severity = OCS_SEVERITY_ERROR,
                                    .refuse = true,
                                    .text = "is no digest",
                                });
}

static void check_size(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    int64_t size;
    int result = ocs_json_integer(checker->document->json, value, &size);
    if (result == OCS_JSON_INVALID)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is no integer");
    else if (result != 0 || size >= SIZE_MAX_EXACT)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is larger than 2^53-1");
    else if (size < 0)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is negative");
}

static void check_url(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    const char *text = ocs_json_string(checker->document->json, value);
    if (!text || !ocs_grammar_uri(text))
        ocs_checker_invalid(checker, OCS_SEVERITY_WARNING, "is no URI (RFC 3986)");
}

static void check_urls(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_items(checker, value, check_url);
}

static void check_platform(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    static const struct ocs_field fields[] = {
        {"architecture", OCS_REQUIRED, ocs_check_string},
        {"os", OCS_REQUIRED, ocs_check_string},
        {"os.version", OCS_OPTIONAL, ocs_check_string},
        {"os.features", OCS_OPTIONAL, ocs_check_strings},
        {"variant", OCS_OPTIONAL, ocs_check_string},
    };
    ocs_check_object(checker, value);
    if (ocs_json_type(value) == OCS_JSON_OBJECT)
        OCS_CHECK_FIELDS(checker, value, fields);
}

static void report_data(struct ocs_checker *checker, bool standard)
{
    ocs_checker_report(checker,
                       (struct ocs_problem){
                           .id = standard ? "descriptor-data-mismatch" : "document-invalid",
                           .severity = OCS_SEVERITY_ERROR,
                           .refuse = standard,
                           .text = standard ? "is not the content that digest and size say"
                                            : "is no padded standard Base64",
                       });
}

/* Digest and size as far as they are well-formed; their own checks report. */
static void check_data(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    const struct ocs_json *json = checker->document->json;
    struct ocs_descriptor descriptor = {.value = value, .size = -1};
    int64_t size;
    if (!ocs_json_member(value, "data"))
        return;
    bool comparable = parse_digest(checker, ocs_json_member(value, "digest"), &descriptor.digest);
    if (ocs_json_integer(json, ocs_json_member(value, "size"), &size) == 0 && size >= 0)
        descriptor.size = size;
    comparable = comparable && descriptor.size >= 0;

    auto_bytes struct ocs_bytes bytes = {0};
    int result = ocs_descriptor_data(checker->document, &descriptor, &bytes, checker->err);
    size_t used = ocs_checker_enter(checker, "data");
    if (result < 0)
        checker->result = result;
    else if (result == OCS_DOCUMENT_BAD_DATA)
        report_data(checker, false);
    else if (result == OCS_DOCUMENT_OTHER_DATA && comparable)
        report_data(checker, true);
    ocs_checker_leave(checker, used);
}

static void check_empty(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    const struct ocs_json *json = checker->document->json;
    struct ocs_digest digest;
    const struct ocs_json_value *member = ocs_json_member(value, "digest");
    if (ocs_media_of(ocs_json_string(json, ocs_json_member(value, "mediaType"))) !=
            OCS_MEDIA_EMPTY ||
        !parse_digest(checker, member, &digest))
        return;
    const char *text = ocs_json_string(json, member);
    int64_t size = EMPTY_SIZE;
    (void)ocs_json_integer(json, ocs_json_member(value, "size"), &size);
    bool other = ocs_algorithm_verifiable(ocs_digest_algorithm(&digest)) &&
                 strcmp(text, EMPTY_SHA256) != 0 && strcmp(text, EMPTY_SHA512) != 0;
    if (other || size != EMPTY_SIZE)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR,
                            "has the empty media type, but is not the content {}");
}

void ocs_check_descriptor(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    static const struct ocs_field fields[] = {
        {"mediaType", OCS_REQUIRED, ocs_check_media_type},
        {"digest", OCS_REQUIRED_REFUSE, ocs_check_digest},
        {"size", OCS_REQUIRED, check_size},
        {"urls", OCS_OPTIONAL, check_urls},
        {"annotations", OCS_OPTIONAL, ocs_check_string_map},
        {"artifactType", OCS_OPTIONAL, ocs_check_media_type},
        {"platform", OCS_OPTIONAL, check_platform},
    };
    ocs_check_object(checker, value);
    if (ocs_json_type(value) != OCS_JSON_OBJECT)
        return;
    OCS_CHECK_FIELDS(checker, value, fields);
    check_data(checker, value);
    check_empty(checker, value);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Documents and their checks: whatever they hold, they are read; the edges of a
 * document that is read surely are among the digests that lie anywhere in it. */

#include "fuzz.h"

#include "store/digest_set.h"
#include "store/document_check.h"

#include <string.h>

static const struct ocs_json_limits limits = {.bytes = 1u << 20, .values = 1u << 14};

static int on_digest(void *data, const struct ocs_digest *digest, struct ocs_error *err)
{
    uint32_t index;
    int result = ocs_digest_set_add(data, digest, &index, err);
    return result < 0 ? result : 0;
}

static void check_descriptor(const struct ocs_document *document,
                             const struct ocs_descriptor *descriptor,
                             const struct ocs_digest_set *anywhere)
{
    struct ocs_bytes bytes = {0};
    uint32_t index;
    MUST(ocs_digest_set_find(anywhere, &descriptor->digest, &index));
    MUST(descriptor->size >= -1);
    MUST((descriptor->role == OCS_ROLE_LOOSE) == (document->state != OCS_DOCUMENT_STRICT));
    MUST(strcmp(ocs_role_name(descriptor->role), "unknown") != 0);
    ocs_media_of(descriptor->media_type);
    if (!descriptor->value)
        return;
    ocs_descriptor_ref_name(document, descriptor);
    int result = ocs_descriptor_data(document, descriptor, &bytes, NULL);
    MUST(result >= 0);
    if (result == 0)
        MUST(bytes.size == (uint64_t)descriptor->size);
    ocs_bytes_clear(&bytes);
}

static void check_descriptors(const struct ocs_document *document, const char *bytes, size_t size)
{
    struct ocs_digest_set *anywhere = NULL;
    MUST(ocs_digest_set_new(&anywhere, NULL) == 0);
    MUST(ocs_json_each_digest(bytes, size, anywhere, on_digest, NULL) == 0);
    for (size_t i = 0; i < document->count; i++)
        check_descriptor(document, &document->descriptors[i], anywhere);
    if (document->state != OCS_DOCUMENT_STRICT && document->state != OCS_DOCUMENT_OPAQUE)
        MUST(document->count == ocs_digest_set_count(anywhere));
    ocs_digest_set_free(anywhere);
}

static int on_problem(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    (void)err;
    size_t *count = data;
    MUST(problem->id && problem->member && problem->text && *problem->text);
    MUST(problem->severity <= OCS_SEVERITY_FATAL);
    ++*count;
    return 0;
}

static int stop(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    (void)data;
    (void)problem;
    (void)err;
    return 5;
}

static void check_checks(const struct ocs_document *document)
{
    static const char *const types[] = {
        NULL,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.artifact.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.oci.image.config.v1+json",
        "application/x-other",
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t count = 0;
        MUST(ocs_document_check(document, types[i], &count, on_problem, NULL) == 0);
        MUST(ocs_document_check(document, types[i], NULL, stop, NULL) == (count ? 5 : 0));
    }
    size_t count = 0;
    MUST(ocs_index_check(document, &count, on_problem, NULL) == 0);
    MUST(ocs_descriptor_check(document, &count, on_problem, NULL) == 0);
    unsigned refused;
    MUST(ocs_document_refused(document, &refused, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct ocs_document document;
    size_t count = 0;
    MUST(ocs_document_read(bytes, size, limits, &document, NULL) == 0);
    MUST((document.state == OCS_DOCUMENT_OPAQUE) == !ocs_document_looks_like(bytes, size));
    check_descriptors(&document, bytes, size);
    check_checks(&document);
    ocs_document_clear(&document);
    MUST(ocs_layout_file_check(bytes, size, &count, on_problem, NULL) == 0);
    return 0;
}

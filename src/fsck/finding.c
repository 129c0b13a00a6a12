/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "finding.h"

#include "array.h"

#include <string.h>

static const struct {
    const char *id;
    enum ocs_severity severity;
} severities[] = {
    {"blob-algorithm-unknown", OCS_SEVERITY_WARNING},
    {"blob-digest-mismatch", OCS_SEVERITY_ERROR},
    {"blob-empty", OCS_SEVERITY_ERROR},
    {"blob-in-flux", OCS_SEVERITY_INFO},
    {"blob-name-invalid", OCS_SEVERITY_WARNING},
    {"blob-not-regular", OCS_SEVERITY_WARNING},
    {"blob-read-error", OCS_SEVERITY_ERROR},
    {"blob-read-unstable", OCS_SEVERITY_WARNING},
    {"blob-size-mismatch", OCS_SEVERITY_ERROR},
    {"blob-writable-by-others", OCS_SEVERITY_WARNING},
    {"config-missing", OCS_SEVERITY_ERROR},
    {"data-stands-in", OCS_SEVERITY_INFO},
    {"descriptor-data-mismatch", OCS_SEVERITY_ERROR},
    {"descriptor-size-conflict", OCS_SEVERITY_ERROR},
    {"diff-id-mismatch", OCS_SEVERITY_ERROR},
    {"diff-id-unchecked", OCS_SEVERITY_INFO},
    {"document-ambiguous", OCS_SEVERITY_ERROR},
    {"document-invalid", OCS_SEVERITY_ERROR},
    {"document-too-large", OCS_SEVERITY_ERROR},
    {"document-type-conflict", OCS_SEVERITY_WARNING},
    {"graph-corrupt", OCS_SEVERITY_ERROR},
    {"graph-extra", OCS_SEVERITY_INFO},
    {"graph-missing-edge", OCS_SEVERITY_INFO},
    {"graph-missing-node", OCS_SEVERITY_INFO},
    {"graph-stale", OCS_SEVERITY_INFO},
    {"images-unlisted", OCS_SEVERITY_ERROR},
    {"index-duplicate-ref", OCS_SEVERITY_WARNING},
    {"index-invalid", OCS_SEVERITY_ERROR},
    {"index-unreadable", OCS_SEVERITY_ERROR},
    {"layer-absent-foreign", OCS_SEVERITY_INFO},
    {"layer-compression-invalid", OCS_SEVERITY_ERROR},
    {"layer-missing", OCS_SEVERITY_ERROR},
    {"layer-type-mismatch", OCS_SEVERITY_WARNING},
    {"layout-file-missing", OCS_SEVERITY_ERROR},
    {"layout-missing", OCS_SEVERITY_ERROR},
    {"layout-version", OCS_SEVERITY_ERROR},
    {"manifest-absent-sparse", OCS_SEVERITY_WARNING},
    {"manifest-dangling", OCS_SEVERITY_NOTICE},
    {"manifest-missing", OCS_SEVERITY_ERROR},
    {"orphan-blob", OCS_SEVERITY_INFO},
    {"orphan-temporary", OCS_SEVERITY_INFO},
    {"quarantine-unresolved", OCS_SEVERITY_INFO},
    {"ref-name-invalid", OCS_SEVERITY_WARNING},
    {"roots-entry-damaged", OCS_SEVERITY_ERROR},
    {"store-feature-unknown", OCS_SEVERITY_FATAL},
    {"store-folder-invalid", OCS_SEVERITY_ERROR},
    {"store-marker-damaged", OCS_SEVERITY_FATAL},
    {"store-marker-missing", OCS_SEVERITY_FATAL},
    {"store-split", OCS_SEVERITY_FATAL},
    {"subject-missing", OCS_SEVERITY_INFO},
    {"trash-referenced", OCS_SEVERITY_ERROR},
};

enum ocs_severity ocs_finding_severity(const char *id)
{
    for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++) {
        if (strcmp(severities[i].id, id) == 0)
            return severities[i].severity;
    }
    return OCS_SEVERITY_INFO;
}

void ocs_findings_init(struct ocs_findings *findings, const struct ocs_inventory *inventory)
{
    *findings = (struct ocs_findings){.inventory = inventory};
}

void ocs_findings_clear(struct ocs_findings *findings)
{
    free(findings->items);
    ocs_text_pool_clear(&findings->texts);
    *findings = (struct ocs_findings){0};
}

static uint64_t order_of(const struct ocs_digest *digest)
{
    uint64_t order = 0;
    for (size_t i = 0; i < sizeof(order); i++)
        order = order << 8 | (i < digest->size ? digest->key[i] : 0);
    return order;
}

static int keep_texts(struct ocs_findings *findings, const struct ocs_finding_note *note,
                      struct ocs_kept_finding *kept, struct ocs_error *err)
{
    const char *const from[] = {note->layout, note->path,    note->expected,
                                note->actual, note->message, note->action};
    uint32_t *const to[] = {&kept->layout, &kept->path,    &kept->expected,
                            &kept->actual, &kept->message, &kept->action};
    for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
        int r = ocs_text_pool_add(&findings->texts, from[i], to[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

int ocs_findings_add(struct ocs_findings *findings, const struct ocs_finding_note *note,
                     struct ocs_error *err)
{
    int r = ocs_array_reserve(&findings->items, &findings->capacity, findings->count + 1,
                              sizeof(*findings->items), err);
    if (r < 0)
        return r;
    struct ocs_kept_finding kept = {
        .id = note->id,
        .blob = note->blob,
        .severity = (uint8_t)note->severity,
    };
    r = keep_texts(findings, note, &kept, err);
    if (r < 0)
        return r;
    if (note->blob != OCS_NO_BLOB) {
        struct ocs_digest digest;
        ocs_inventory_digest(findings->inventory, note->blob, &digest);
        kept.order = order_of(&digest);
    }
    findings->items[findings->count++] = kept;
    return 0;
}

static int compare_blobs(const struct ocs_findings *findings, uint32_t a, uint32_t b)
{
    if (a == b)
        return 0;
    if (a == OCS_NO_BLOB || b == OCS_NO_BLOB)
        return a == OCS_NO_BLOB ? -1 : 1;
    struct ocs_digest first, second;
    ocs_inventory_digest(findings->inventory, a, &first);
    ocs_inventory_digest(findings->inventory, b, &second);
    return ocs_digest_compare(&first, &second);
}

static int compare_texts(const struct ocs_findings *findings, uint32_t a, uint32_t b)
{
    const char *first = ocs_text_pool_get(&findings->texts, a);
    const char *second = ocs_text_pool_get(&findings->texts, b);
    return strcmp(first ? first : "", second ? second : "");
}

static int compare_findings(const void *left, const void *right, void *data)
{
    const struct ocs_findings *findings = data;
    const struct ocs_kept_finding *a = left, *b = right;
    if (a->severity != b->severity)
        return a->severity > b->severity ? -1 : 1;
    int order = strcmp(a->id, b->id);
    if (order)
        return order;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    order = compare_blobs(findings, a->blob, b->blob);
    if (order)
        return order;
    order = compare_texts(findings, a->path, b->path);
    return order ? order : compare_texts(findings, a->message, b->message);
}

void ocs_findings_sort(struct ocs_findings *findings)
{
    size_t kept = 0;
    if (findings->count)
        qsort_r(findings->items, findings->count, sizeof(*findings->items), compare_findings,
                findings);
    for (size_t i = 0; i < findings->count; i++) {
        if (kept == 0 ||
            compare_findings(&findings->items[kept - 1], &findings->items[i], findings) != 0)
            findings->items[kept++] = findings->items[i];
    }
    findings->count = kept;
}

int ocs_findings_settle(struct ocs_findings *findings, size_t index, bool fixed, const char *action,
                        struct ocs_error *err)
{
    struct ocs_kept_finding *kept = &findings->items[index];
    kept->fixed = fixed;
    return *action ? ocs_text_pool_add(&findings->texts, action, &kept->action, err) : 0;
}

struct ocs_finding ocs_findings_get(const struct ocs_findings *findings, size_t index)
{
    const struct ocs_kept_finding *kept = &findings->items[index];
    return (struct ocs_finding){
        .id = kept->id,
        .severity = (enum ocs_severity)kept->severity,
        .path = ocs_text_pool_get(&findings->texts, kept->path),
        .expected = ocs_text_pool_get(&findings->texts, kept->expected),
        .actual = ocs_text_pool_get(&findings->texts, kept->actual),
        .message = ocs_text_pool_get(&findings->texts, kept->message),
        .action = ocs_text_pool_get(&findings->texts, kept->action),
    };
}

const char *ocs_findings_layout(const struct ocs_findings *findings, size_t index)
{
    return ocs_text_pool_get(&findings->texts, findings->items[index].layout);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_FINDING_H
#define OCS_FSCK_FINDING_H

/* What was found: kept small, sorted by severity, id, digest and path, so that
 * the report does not depend on which thread came first. */

#include "inventory.h"

/* As its maker knows it; strings are copied, `id` is a fixed one. */
struct ocs_finding_note {
    const char *id;
    enum ocs_severity severity;
    uint32_t blob;      /* OCS_NO_BLOB: it is not about a blob */
    const char *layout; /* that it hurts as a whole; or NULL */
    const char *path;
    const char *expected, *actual;
    const char *message;
    const char *action;
};

struct ocs_kept_finding {
    uint64_t order; /* the first bytes of its digest */
    const char *id;
    uint32_t blob;
    uint32_t layout, path, expected, actual, message, action; /* in `texts` */
    uint8_t severity;
    bool fixed; /* by a repair */
};

struct ocs_findings {
    const struct ocs_inventory *inventory;
    struct ocs_kept_finding *items;
    size_t count, capacity;
    struct ocs_text_pool texts;
};

void ocs_findings_init(struct ocs_findings *findings, const struct ocs_inventory *inventory);
void ocs_findings_clear(struct ocs_findings *findings);

int ocs_findings_add(struct ocs_findings *findings, const struct ocs_finding_note *note,
                     struct ocs_error *err);
/* What is said twice of the same (a document under two media types) is kept once. */
void ocs_findings_sort(struct ocs_findings *findings);
/* What a repair did about a finding, or what would help (may be ""). */
int ocs_findings_settle(struct ocs_findings *findings, size_t index, bool fixed, const char *action,
                        struct ocs_error *err);
/* The public form; strings live until the next add, affects are the caller's. */
struct ocs_finding ocs_findings_get(const struct ocs_findings *findings, size_t index);
/* The layout that it hurts as a whole, or NULL. */
const char *ocs_findings_layout(const struct ocs_findings *findings, size_t index);

/* The severity that doc/fsck.md gives an id; INFO for one it does not know. */
enum ocs_severity ocs_finding_severity(const char *id);

#endif

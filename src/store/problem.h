/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_PROBLEM_H
#define OCS_STORE_PROBLEM_H

/* What the check of a document reports. */

#include "ocistore.h"

struct ocs_problem {
    const char *id; /* finding id (doc/fsck.md): "document-invalid", ... */
    enum ocs_severity severity;
    bool refuse;        /* import refuses a document that has this */
    const char *member; /* "layers[3].digest"; "" for the document as a whole */
    const char *text;
};

typedef int ocs_problem_fn(void *data, const struct ocs_problem *problem, struct ocs_error *err);

#endif

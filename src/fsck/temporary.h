/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_TEMPORARY_H
#define OCS_FSCK_TEMPORARY_H

/* Names under which known tools leave what they had not finished
 * (doc/safety.md, "the adversary"). */

#include <stdbool.h>

/* `path` relative to blobs/: crane's "<alg>/<hex><digits>", regctl's "*.tmp". */
bool ocs_is_temporary_in_blobs(const char *path);
/* In the folder of a layout: skopeo's "oci-put-blob*", umoci's ".umoci-*",
 * "ingest" of oras and buildkit, our own "index.json.*.tmp". */
bool ocs_is_temporary_in_layout(const char *name);

#endif

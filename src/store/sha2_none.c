/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "sha2.h"

/* For processors that have no kernel here: libcrypto does it, one stream at a time. */

struct ocs_sha2_kernels ocs_sha256_kernels(void)
{
    return (struct ocs_sha2_kernels){0};
}

struct ocs_sha2_kernels ocs_sha512_kernels(void)
{
    return (struct ocs_sha2_kernels){0};
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_SHA2_X86_H
#define OCS_STORE_SHA2_X86_H

/* Private to the sha2 files for x86. */

#include "sha2.h"

extern const struct ocs_sha2_kernel ocs_sha256_ni3;      /* SHA, SSE4.1: 3 streams */
extern const struct ocs_sha2_kernel ocs_sha256_ni4;      /* the same: 4 streams */
extern const struct ocs_sha2_kernel ocs_sha256_avx512;   /* AVX-512 F and BW: 16 streams */
extern const struct ocs_sha2_kernel ocs_sha512_avx512;   /* the same: 8 streams */
extern const struct ocs_sha2_kernel ocs_sha512_avx512vl; /* AVX-512 F and VL, AVX2: 4 streams */
extern const struct ocs_sha2_kernel ocs_sha512_scalar;   /* one stream, any processor */

#endif

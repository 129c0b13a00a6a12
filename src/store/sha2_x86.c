/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "sha2_x86.h"

#include <cpuid.h>
#include <stdbool.h>

/* Leaf 7, EBX. */
#define SHA_BIT (1u << 29)

static bool has_sha(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & SHA_BIT &&
           __builtin_cpu_supports("sse4.1");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

struct ocs_sha2_kernels ocs_sha256_kernels(void)
{
    if (!has_sha())
        return (struct ocs_sha2_kernels){0};
    return (struct ocs_sha2_kernels){.list = {
                                         &ocs_sha256_ni3,
                                         &ocs_sha256_ni4,
                                         has_avx512() ? &ocs_sha256_avx512 : NULL,
                                     }};
}

struct ocs_sha2_kernels ocs_sha512_kernels(void)
{
    if (!has_avx512())
        return (struct ocs_sha2_kernels){0};
    return (struct ocs_sha2_kernels){.list = {
                                         &ocs_sha512_scalar,
                                         &ocs_sha512_avx512vl,
                                         &ocs_sha512_avx512,
                                     }};
}

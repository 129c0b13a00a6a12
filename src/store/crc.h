/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_CRC_H
#define OCS_STORE_CRC_H

/* The CRC-32 of gzip, zlib and PNG, with the same results whoever computes it:
 * ISA-L where it is found, which is five times as fast on a record of the graph. */

#include <stddef.h>
#include <stdint.h>

/* `crc` is 0, or that of the bytes before. */
uint32_t ocs_crc(uint32_t crc, const void *bytes, size_t size);

#endif

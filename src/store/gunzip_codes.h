/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GUNZIP_CODES_H
#define OCS_STORE_GUNZIP_CODES_H

/* The Huffman codes at the beginning of a deflate block (RFC 1951, 3.2.7), which
 * ISA-L takes also where they leave bits without a meaning.  Every other reader
 * calls such a block invalid, zlib and Go's among them. */

#include <stddef.h>

#define OCS_GUNZIP_CODES_MAX 290 /* bytes are enough for every block */

#define OCS_GUNZIP_CODES_CUT     1 /* the bytes end in the middle */
#define OCS_GUNZIP_CODES_INVALID 2
/* The block begins at bit number `at` of `bytes`.  Blocks of other types have no
 * codes, which is fine. */
int ocs_gunzip_check_codes(const unsigned char *bytes, size_t size, size_t at);

#endif

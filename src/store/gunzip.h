/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GUNZIP_H
#define OCS_STORE_GUNZIP_H

/* One gzip member (RFC 1952) at a time, by zlib or by ISA-L, which is faster and
 * not everywhere.  Both come to the same verdict on the same bytes. */

#include "ocistore.h"

/* Where bytes come from and go to; both are moved on by what was used. */
struct ocs_gunzip_window {
    const unsigned char *in;
    size_t in_left;
    unsigned char *out;
    size_t out_left;
};

#define OCS_GUNZIP_END     1 /* of the member, of its sums too, which are right */
#define OCS_GUNZIP_INVALID 2

struct ocs_gunzip_engine {
    const char *name;
    /* One state per thread; NULL: no memory. */
    void *(*open)(void);
    void (*close)(void *state);
    /* A member begins. */
    void (*begin)(void *state);
    /* Goes on until the input is used up, the output is full, or with a positive
     * result.  While out_left is 0 more may come without more input. */
    int (*step)(void *state, struct ocs_gunzip_window *window, struct ocs_error *err);
};

const struct ocs_gunzip_engine *ocs_gunzip_zlib(void);
/* NULL: built without ISA-L. */
const struct ocs_gunzip_engine *ocs_gunzip_isal(void);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_EXCHANGE_H
#define OCS_STORE_EXCHANGE_H

/* A new index.json in the place of the one that was read, beside writers that know
 * no lock and may write the file in place or rename another over it at any moment.
 * What comes out of the exchange is looked at: nothing of theirs is dropped. */

#include "layout.h"

struct ocs_exchange {
    int dir;                          /* the layout's folder */
    const struct ocs_bytes *expected; /* what was read; NULL: there must be no index.json yet */
    const struct ocs_bytes *bytes;    /* what is to be there */
    int old_dir;                      /* what came out goes to old_dir/old_name; */
    const char *old_name;             /* old_dir negative: it is dropped */
    void *data;
    /* Somebody's version that others wrote over while ours was in its place: they may
     * not have seen it. Called for each of them, the oldest first. */
    int (*on_given_way)(void *data, const struct ocs_bytes *version, struct ocs_error *err);
};

/* Stage, fsync, exchange, look at what came out, fsync the folder.
 * Positive OCS_INDEX_CHANGED: somebody else wrote in between, or has the file open for
 * writing; the newest of theirs is in place, read and edit it once more.
 * After an error what came out may be left as index.json.<16 hex digits>.tmp; the
 * message says so. */
int ocs_exchange_index(const struct ocs_exchange *order, struct ocs_error *err);

#endif

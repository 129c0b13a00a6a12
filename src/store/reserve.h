/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_RESERVE_H
#define OCS_STORE_RESERVE_H

/* .ocistore/reserve: space kept back, so that there is room to delete in when
 * the disk is full.  min(4 MiB, 1/64 of the file system). */

#include "ocistore.h"

/* Allocate it where it is not there or too small (init, the end of a gc).
 * Positive OCS_RESERVE_NO_SPACE: the disk is full. */
#define OCS_RESERVE_NO_SPACE 1
int ocs_reserve_make(int state_dir, struct ocs_error *err);

/* Give the space back, after something failed for lack of it.
 * Positive OCS_RESERVE_GONE: there was none to give. */
#define OCS_RESERVE_GONE 1
int ocs_reserve_release(int state_dir, struct ocs_error *err);

/* For a command that makes room: give the space back already when less than that
 * is free.  The next gc takes it again. */
int ocs_reserve_lend(int state_dir, struct ocs_error *err);

#endif

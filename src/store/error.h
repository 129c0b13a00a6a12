/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_ERROR_H
#define OCS_STORE_ERROR_H

/* Raising struct ocs_error and adding context to it on the way up.
 * Every function here returns a negative status, so that a caller can write
 * `return ocs_error_raise(err, OCS_REFUSED, "...")`. */

#include "ocistore.h"

/* Replaces whatever *err held.  `err` may be NULL. */
int ocs_error_raise(struct ocs_error *err, enum ocs_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of errno; the status is OCS_FAILED. */
int ocs_error_errno(struct ocs_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int ocs_error_memory(struct ocs_error *err);

/* The cancel hook asked for the end: OCS_INTERRUPTED. */
int ocs_error_interrupted(struct ocs_error *err);

/* Puts "outer: " before the message; returns `result` unchanged, whatever it is.
 * Does nothing unless `result` is negative. */
int ocs_error_context(struct ocs_error *err, int result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets the hint of an error that was raised; returns `result` unchanged. */
int ocs_error_hint(struct ocs_error *err, int result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

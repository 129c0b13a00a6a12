/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int raise_with(struct ocs_error *err, enum ocs_status status, const char *format,
                      va_list args, const char *suffix)
{
    if (err) {
        err->status = status;
        err->hint[0] = '\0';
        int used = vsnprintf(err->message, sizeof(err->message), format, args);
        if (suffix && used >= 0 && (size_t)used < sizeof(err->message))
            snprintf(err->message + used, sizeof(err->message) - (size_t)used, ": %s", suffix);
    }
    return -(int)status;
}

int ocs_error_raise(struct ocs_error *err, enum ocs_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = raise_with(err, status, format, args, NULL);
    va_end(args);
    return result;
}

int ocs_error_errno(struct ocs_error *err, const char *format, ...)
{
    char text[128];
    int saved = errno;
    const char *suffix = strerror_r(errno, text, sizeof(text));
    va_list args;
    va_start(args, format);
    int result = raise_with(err, OCS_FAILED, format, args, suffix);
    va_end(args);
    if (saved == ENOSPC || saved == EDQUOT)
        ocs_error_hint(err, result,
                       "make room on that file system (df says of bytes, df -i of files); what "
                       "nothing needs is given back by ocistore gc --now");
    errno = saved;
    return result;
}

int ocs_error_memory(struct ocs_error *err)
{
    return ocs_error_raise(err, OCS_FAILED, "out of memory");
}

int ocs_error_interrupted(struct ocs_error *err)
{
    return ocs_error_raise(err, OCS_INTERRUPTED, "interrupted");
}

int ocs_error_context(struct ocs_error *err, int result, const char *format, ...)
{
    if (result >= 0 || !err)
        return result;
    char inner[sizeof(err->message)];
    memcpy(inner, err->message, sizeof(inner));
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof(err->message))
        snprintf(err->message + used, sizeof(err->message) - (size_t)used, ": %s", inner);
    return result;
}

int ocs_error_hint(struct ocs_error *err, int result, const char *format, ...)
{
    if (result >= 0 || !err)
        return result;
    va_list args;
    va_start(args, format);
    vsnprintf(err->hint, sizeof(err->hint), format, args);
    va_end(args);
    return result;
}

const char *ocs_version(void)
{
    return OCS_VERSION;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_FAULT_INJECT_H
#define OCS_TESTS_FAULT_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>

/* The kinds of calls, and what is to become of one: see inject.c. */

#define KINDS(X)                                                                                   \
    X(WRITE, "write")                                                                              \
    X(FSYNC, "fsync")                                                                              \
    X(SYNCFS, "syncfs")                                                                            \
    X(RENAME, "rename")                                                                            \
    X(CREATE, "create")                                                                            \
    X(MKDIR, "mkdir")                                                                              \
    X(UNLINK, "unlink")                                                                            \
    X(TRUNCATE, "truncate")                                                                        \
    X(ALLOCATE, "allocate")                                                                        \
    X(CLOSE, "close")                                                                              \
    X(LINK, "link")                                                                                \
    X(COPY, "copy")                                                                                \
    X(MODE, "mode")                                                                                \
    X(OPEN, "open")                                                                                \
    X(READ, "read")                                                                                \
    X(LOCK, "lock")                                                                                \
    X(MAP, "map")                                                                                  \
    X(MEMORY, "memory")                                                                            \
    X(CRYPTO, "crypto")

#define AS_ENUM(symbol, name) symbol,
enum kind { KINDS(AS_ENUM) KIND_COUNT };
#define FIRST_READING OPEN /* from here on a call changes no file */

enum verdict { GO_ON, GIVE_ERROR, GO_SHORT, GO_AND_DIE };

/* Counts the call; `path` NULL: it is about the file that `fd` is.  errno is set
 * for GIVE_ERROR. */
__attribute__((visibility("hidden"))) enum verdict judge(enum kind kind, int fd, const char *path);

/* locks.c: the lock that it may have had is gone. */
__attribute__((visibility("hidden"))) void lock_closed(int fd);

/* There was a syncfs. */
extern __attribute__((visibility("hidden"))) atomic_bool synced;

#endif

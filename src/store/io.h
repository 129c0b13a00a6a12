/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_IO_H
#define OCS_STORE_IO_H

/* Whole reads and writes, and every system call of ours that changes a file
 * system: the one seam for fault injection and for recording.
 *
 * Paths are relative to a folder that is open.  "beneath" means that no
 * component may be a symlink and none may leave the folder.
 * `what` names the file in the error message. */

#include "stamp.h"

#include <sys/types.h>

/* A buffer that was read whole. `data` is NUL-terminated (not counted). */
struct ocs_bytes {
    char *data;
    size_t size;
};

void ocs_bytes_clear(struct ocs_bytes *bytes);
#define auto_bytes __attribute__((cleanup(ocs_bytes_clear)))

/* ---- reading ---- */

#define OCS_IO_ABSENT      1 /* ENOENT, ENOTDIR */
#define OCS_IO_NOT_REGULAR 2 /* a link, FIFO, folder, socket, device */

/* Open a regular file beneath `dir` for reading: O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC,
 * fstat, S_ISREG.  *st may be NULL.  Positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR. */
int ocs_io_open_regular(int dir, const char *path, int *fd, struct stat *st, const char *what,
                        struct ocs_error *err);

/* Open a folder beneath `dir`.  Positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR (it
 * is something else, a link included). */
int ocs_io_open_dir(int dir, const char *path, int *fd, const char *what, struct ocs_error *err);

/* Read up to `size` bytes; short only at the end of the file. EINTR is retried. */
ssize_t ocs_io_read(int fd, void *buffer, size_t size);
/* The same at an offset. */
ssize_t ocs_io_read_at(int fd, void *buffer, size_t size, off_t offset);
/* What the page cache has, without waiting for the disk: EAGAIN when it has nothing
 * at `offset`, EOPNOTSUPP or ENOSYS where that cannot be told; may be short
 * (preadv2(2), RWF_NOWAIT). */
ssize_t ocs_io_read_cached(int fd, void *buffer, size_t size, off_t offset);

/* The whole file, refusing more than `limit` bytes with OCS_REFUSED. */
int ocs_io_read_all(int fd, uint64_t limit, struct ocs_bytes *out, const char *what,
                    struct ocs_error *err);

/* What we make is as open as the umask lets it be, so that a group can share a store;
 * a blob is nobody's to write into. */
#define OCS_MODE_FOLDER 0777
#define OCS_MODE_FILE   0666
#define OCS_MODE_BLOB   0644

/* ---- writing; each returns 0 or a negative status with *err ---- */

int ocs_io_write(int fd, const void *buffer, size_t size, const char *what, struct ocs_error *err);
/* Asks the disk to take these bytes of the file now, and does not wait.  A hint: what
 * fails comes out at fsync or syncfs. */
void ocs_io_write_out(int fd, uint64_t offset, uint64_t size);
/* `to`, empty, shares the bytes of `from`.  Positive: OCS_IO_CANNOT_CLONE, when the file
 * system cannot, or they are on different ones. */
#define OCS_IO_CANNOT_CLONE 4
int ocs_io_clone(int from, int to, const char *what, struct ocs_error *err);
int ocs_io_fsync(int fd, const char *what, struct ocs_error *err);
int ocs_io_syncfs(int fd, const char *what, struct ocs_error *err);
int ocs_io_chmod(int fd, mode_t mode, const char *what, struct ocs_error *err);
/* close(2) of a file that was written; the descriptor is gone in any case. */
int ocs_io_close(int fd, const char *what, struct ocs_error *err);
int ocs_io_create(int dir, const char *path, mode_t mode, int *fd, const char *what,
                  struct ocs_error *err); /* O_EXCL; errno is kept when it fails */
/* A file that is there for good (a lock): open for reading, made when it is not
 * there.  Links are refused. */
int ocs_io_open_or_create(int dir, const char *path, mode_t mode, int *fd, const char *what,
                          struct ocs_error *err);
int ocs_io_mkdir(int dir, const char *path, mode_t mode, const char *what,
                 struct ocs_error *err); /* an existing folder is fine */
/* mkdir -p beneath `dir`, each new component durable.  errno is kept when it fails. */
int ocs_io_mkdirs(int dir, const char *path, mode_t mode, const char *what, struct ocs_error *err);
int ocs_io_rename(int from_dir, const char *from, int to_dir, const char *to, const char *what,
                  struct ocs_error *err);
#define OCS_IO_EXISTS 3
/* Positive: OCS_IO_EXISTS when `to` is there, OCS_IO_ABSENT when `from` is not.
 * errno is kept when the result is negative (for ocs_io_no_space). */
int ocs_io_rename_noreplace(int from_dir, const char *from, int to_dir, const char *to,
                            const char *what, struct ocs_error *err);
/* RENAME_EXCHANGE. Positive: OCS_IO_ABSENT when one of them is not there. */
int ocs_io_exchange(int a_dir, const char *a, int b_dir, const char *b, const char *what,
                    struct ocs_error *err);
/* Absent is fine. flags as for unlinkat. */
int ocs_io_unlink(int dir, const char *path, int flags, const char *what, struct ocs_error *err);
/* Positive: OCS_IO_EXISTS when it is not empty. Absent is fine. */
int ocs_io_rmdir(int dir, const char *path, const char *what, struct ocs_error *err);
/* Removes a folder of ours with everything in it; absent is fine. */
int ocs_io_remove_tree(int dir, const char *path, const char *what, struct ocs_error *err);
/* fsync of the folder that `dir`/`path` is; "." is `dir` itself. */
int ocs_io_sync_dir(int dir, const char *path, const char *what, struct ocs_error *err);

/* Make `path` hold exactly these bytes, durably: write a temporary beside it,
 * fsync, rename over it, fsync the folder.  For files of ours alone. */
int ocs_io_replace(int dir, const char *path, const void *bytes, size_t size, mode_t mode,
                   const char *what, struct ocs_error *err);

/* Give the file this many bytes of real space.  errno is kept when it fails. */
int ocs_io_allocate(int fd, uint64_t size, const char *what, struct ocs_error *err);
/* The call that just failed, one that keeps errno, failed for lack of space. */
bool ocs_io_no_space(void);
/* It failed since no more files may be open, or for lack of memory: that says nothing of
 * the file.  The calls that open and read keep errno for it. */
bool ocs_io_no_means(void);

/* 16 lower-case hex digits from getrandom(2). */
void ocs_io_random_name(char out[17]);

#endif

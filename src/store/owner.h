/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_OWNER_H
#define OCS_STORE_OWNER_H

/* Whose a new file is: as root, of the owner and group of the folder that it is
 * made in, so that a root's import leaves nothing in a user's store that the user
 * cannot write.  Where a file system knows no owners nothing happens. */

/* A file that was just made as `dir`/`path` and is open as `fd`. */
void ocs_owner_of_file(int dir, const char *path, int fd);
/* A folder that was just made. */
void ocs_owner_of_folder(int dir, const char *path);
/* A file that a library made in a folder of ours, opened by its name. */
void ocs_owner_of_foreign_file(int dir, const char *name);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_WALK_H
#define OCS_STORE_WALK_H

/* Folders of our own, entry by entry: what is in one, and everything below it. */

#include "io.h"

#include <dirent.h>
#include <limits.h>

/* Positive OCS_IO_ABSENT when it is not there, or is a link or no folder. */
int ocs_walk_open(int dir, const char *path, DIR **out, struct ocs_error *err);
/* The folder that is open as *fd, which is taken. */
int ocs_walk_begin(int *fd, DIR **out, const char *what, struct ocs_error *err);
/* The next entry that is neither "." nor ".."; NULL with errno at the end. */
struct dirent *ocs_walk_next(DIR *dir);

/* Results other than 0 end the walk and are returned. */
struct ocs_walk {
    int root;
    char path[PATH_MAX]; /* relative to root: where it begins, then where it is */
    bool sorted;         /* each folder by name; else as it has them, which takes no memory */
    void *data;
    int (*on_file)(struct ocs_walk *walk, const struct stat *st,
                   struct ocs_error *err);                              /* or NULL */
    int (*on_folder_end)(struct ocs_walk *walk, struct ocs_error *err); /* or NULL */
    /* One that may not be read, with *err described; NULL: that is an error. */
    int (*on_closed)(struct ocs_walk *walk, struct ocs_error *err);
};
/* Depth first; links are files. Absent is fine. */
int ocs_walk_run(struct ocs_walk *walk, struct ocs_error *err);

#endif

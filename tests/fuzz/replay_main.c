/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Runs a fuzz target once over every file of the folders that are named. */

#include "fuzz.h"

#include "store/cleanup.h"
#include "store/io.h"

#include <fcntl.h>
#include <string.h>

static void replay_file(int dir, const char *name)
{
    auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    auto_bytes struct ocs_bytes bytes = {0};
    MUST(fd >= 0);
    MUST(ocs_io_read_all(fd, UINT32_MAX, &bytes, name, NULL) == 0);
    /* of the exact size, so that a sanitizer sees reads beyond it */
    auto_free uint8_t *exact = malloc(bytes.size ? bytes.size : 1);
    MUST(exact);
    memcpy(exact, bytes.data, bytes.size);
    fprintf(stderr, "%s\n", name);
    LLVMFuzzerTestOneInput(exact, bytes.size);
}

static unsigned replay_folder(const char *path)
{
    auto_dir DIR *entries = opendir(path);
    MUST(entries);
    unsigned count = 0;
    for (const struct dirent *entry; (entry = readdir(entries));) {
        if (entry->d_name[0] == '.')
            continue;
        replay_file(dirfd(entries), entry->d_name);
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++)
        count += replay_folder(argv[i]);
    printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}

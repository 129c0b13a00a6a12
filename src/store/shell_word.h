/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_SHELL_WORD_H
#define OCS_STORE_SHELL_WORD_H

/* A path or name as one word of a shell's command line: hints are there to be pasted. */

#include <limits.h>

struct ocs_shell_word {
    char text[PATH_MAX + 64];
};
/* As it is when it means nothing to a shell, else in quotes; what has no room in quotes is
 * left as it is. */
struct ocs_shell_word ocs_shell_word(const char *text);

#endif

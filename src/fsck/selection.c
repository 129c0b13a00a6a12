/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "selection.h"

#include <string.h>

/* What follows the layout's name in the image's; NULL: it is of another layout. */
static const char *behind_layout(const char *image, const char *layout)
{
    size_t size = strlen(layout);
    bool same = strncmp(image, layout, size) == 0 && strchr(":@", image[size]);
    return same ? image + size : NULL; /* the end counts: strchr finds it too */
}

bool ocs_selection_has_layout(const struct ocs_fsck_run *run, const char *layout)
{
    return !run->options->image || behind_layout(run->options->image, layout);
}

bool ocs_selection_has_entry(const struct ocs_fsck_run *run, const char *layout, const char *ref,
                             const struct ocs_digest *digest)
{
    const char *image = run->options->image;
    if (!image)
        return true;
    char text[OCS_DIGEST_BUF];
    ocs_digest_format(digest, text);
    if (!run->store && ((ref && strcmp(image, ref) == 0) || strcmp(image, text) == 0))
        return true;
    const char *rest = behind_layout(image, layout);
    if (!rest || *rest == '\0')
        return rest;
    return *rest == '@' ? strcmp(rest + 1, text) == 0 : ref && strcmp(rest + 1, ref) == 0;
}

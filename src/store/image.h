/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_IMAGE_H
#define OCS_STORE_IMAGE_H

/* From the name of an image to its place in a census. */

#include "census.h"

struct ocs_image_entry {
    const struct ocs_census_layout *layout;
    size_t entry; /* in layout->entries */
};

/* NULL, and OCS_USAGE or OCS_REFUSED in *err: no such layout, or one whose index
 * cannot be read. */
const struct ocs_census_layout *ocs_image_layout(const struct ocs_census *census, const char *name,
                                                 struct ocs_error *err);

/* What is said of a layout without the image that was named (`text`): which it has. */
int ocs_image_none_in(const struct ocs_index *index, const char *layout,
                      const struct ocs_image_name *name, struct ocs_error *err);

/* What is said of a name that no layout has: OCS_USAGE, or OCS_REFUSED when some
 * entry of roots/ cannot be read, which may be this one. */
int ocs_image_no_layout(const struct ocs_roots *roots, const char *name, struct ocs_error *err);

/* What is said in the end of a look at all layouts when it was not one: of every layout
 * that could not be read, and of roots/.  OCS_REFUSED (damaged, gone), OCS_FAILED (not to
 * be read); 0 when everything was seen. */
int ocs_image_unseen(const struct ocs_store *store, const struct ocs_census *census,
                     struct ocs_error *err);

/* Whether an entry is what the name says; every one is when it says a layout only. */
bool ocs_image_matches(const struct ocs_image_name *name, const struct ocs_census_layout *layout,
                       size_t entry);

/* The one image that is meant.  OCS_USAGE: none, or several. */
int ocs_image_find(const struct ocs_census *census, const char *text, struct ocs_image_entry *out,
                   struct ocs_error *err);

const struct ocs_descriptor *ocs_image_descriptor(const struct ocs_census_layout *layout,
                                                  size_t entry);
const char *ocs_image_ref(const struct ocs_census_layout *layout, size_t entry);

/* Sizes of images: every blob that is present once.  For many, with one set-up. */
struct ocs_image_sizes;
int ocs_image_sizes_new(const struct ocs_census *census, struct ocs_image_sizes **out,
                        struct ocs_error *err);
void ocs_image_sizes_free(struct ocs_image_sizes *sizes);
uint64_t ocs_image_size(struct ocs_image_sizes *sizes, const struct ocs_census_layout *layout,
                        size_t entry);
uint64_t ocs_image_size_of_layout(struct ocs_image_sizes *sizes,
                                  const struct ocs_census_layout *layout);

#endif

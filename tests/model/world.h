/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_WORLD_H
#define OCS_TESTS_WORLD_H

/* A real store with its model, blobs that could be in it, and what other tools do
 * there: each operation changes both. */

#include "model.h"

#include "gc/gc.h"
#include "store/store.h"

#define MINUTE   60
#define TEXT_MAX 8192
#define GRACE    (5 * 60 + 30) /* minutes; never hit exactly: every step is whole hours */
#define TRASH    (10 * 60 + 30)

struct file {
    char text[TEXT_MAX];
    struct ocs_digest digest;
    char name[OCS_DIGEST_BUF], path[OCS_DIGEST_BUF + 8];
    const char *media_type;
};

struct world {
    struct model model;
    struct file files[BLOBS];
    struct ocs_store *store;
    char path[4096];
    int dir;
    int64_t begin, now; /* seconds; minutes since */
    uint64_t random;
    uint64_t seed;
    unsigned step;
    char history[1 << 16];
    size_t history_size;
    /* an event in the middle of a gc */
    bool event;
    enum ocs_gc_point event_at;
    char shown[TEXT_MAX * 4];
    size_t shown_size;
    uint64_t swept, rescued, purged; /* of all runs: that something happens at all */
};

extern const char *const layout_names[LAYOUTS];

uint32_t draw(struct world *world, uint32_t below);
void tell(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Tells everything, and ends the program. */
void differ(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
void must(struct world *world, int result, const struct ocs_error *err, const char *what);

void make_universe(struct world *world);
int any_image(struct world *world);
bool is_there(const struct world *world, int blob);
void write_at(struct world *world, int dir, const char *path, const char *text);
void index_text(const struct world *world, model_set entries, char *text);

void foreign_copy(struct world *world);
void foreign_write(struct world *world);
void foreign_unlist(struct world *world);
void foreign_relist(struct world *world);
void age(struct world *world);

#endif

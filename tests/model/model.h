/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_MODEL_H
#define OCS_TESTS_MODEL_H

/* What must be in a store, in the plainest terms: sets of small numbers.  Written
 * from doc/safety.md, not from the program.  Times are minutes since the start. */

#include <stdbool.h>
#include <stdint.h>

#define BLOBS    40
#define CHILDREN 6
#define LAYOUTS  3
#define RUNS     32
#define NEVER    (-1)

struct model_blob {
    bool document; /* has edges */
    int children[CHILDREN];
    int child_count;
    int subject; /* or NEVER */

    bool present;
    int64_t mtime;
    int64_t since;       /* unreferenced since, or NEVER */
    bool was_listed;     /* an index.json listed it once, as far as the graph remembers */
    bool known;          /* the graph has its edges */
    int64_t trash[RUNS]; /* when it was swept, each time that is still in the trash */
    int64_t trash_mtime[RUNS];
    int trash_count;
};

typedef uint64_t model_set; /* a bit for each blob */

struct model {
    struct model_blob blobs[BLOBS];
    int count;
    model_set listed[LAYOUTS];
    bool exists[LAYOUTS]; /* the layout is there */
    int64_t grace, trash_for;
};

#define BIT(i) ((model_set)1 << (i))

model_set model_all_listed(const struct model *model);
/* Everything reachable from `roots`, with referrers, by what the graph knows. */
model_set model_reach(const struct model *model, model_set roots);
/* What a blob is made of, itself included. */
model_set model_closure(const struct model *model, int blob);

void model_put(struct model *model, int blob, int64_t now);
/* Referenced blobs come back from the trash. */
void model_heal(struct model *model);
/* The edges of what would come back become known; nothing moves. */
void model_read_trash(struct model *model);
/* `rm` of an entry at `now`. */
void model_rm(struct model *model, int layout, int blob, int64_t now);
void model_lose_graph(struct model *model);

/* The parts of a gc. */
model_set model_due(const struct model *model, int64_t now, int64_t grace);
void model_remember(struct model *model, int64_t now); /* what a complete mark writes */
void model_sweep(struct model *model, model_set blobs, int64_t now);
void model_purge(struct model *model, int64_t now, int64_t trash_for, int64_t grace);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_IMPORT_H
#define OCS_STORE_IMPORT_H

/* Private to the import_*.c files: one call of ocs_import.
 *
 *   sources -> items (every blob they reach, each once)
 *           -> fetched by workers: found good in the store, or staged and verified,
 *              several at a time
 *           -> published, children before parents
 *           -> graph, index.json, roots/
 *
 * An item's place in the digest set is its place in `items`. */

#include "digest_set.h"
#include "source.h"
#include "staging.h"
#include "store.h"
#include "workers.h"

enum ocs_import_state {
    OCS_IMPORT_PENDING,
    OCS_IMPORT_REUSED, /* in the store, and its bytes are right */
    OCS_IMPORT_STAGED, /* a good copy lies in the staging folder */
    OCS_IMPORT_ABSENT, /* neither in the store nor in a source */
    OCS_IMPORT_BAD,    /* damaged, or refused: `trouble` */
};

/* What a document says of a child. */
struct ocs_import_edge {
    uint32_t place;
    uint8_t role;   /* enum ocs_role */
    uint8_t media;  /* enum ocs_media */
    bool stands_in; /* a verified `data` member holds the bytes */
    int64_t size;   /* -1: not said */
};

/* What a worker read; freed as soon as the calling thread has looked at it. */
struct ocs_import_reading {
    struct ocs_bytes bytes;
    struct ocs_document_scan *scan; /* in their place, when they are too many to be read */
    bool too_many;                  /* digests in it (OCS_DOCUMENT_TOO_MANY) */
    struct ocs_document document;
    struct ocs_error *error; /* why item->failed; NULL when there was no memory for it */
};

struct ocs_import_item {
    struct ocs_work work;
    uint32_t place;
    uint32_t source;  /* that asked for it first */
    char *media_type; /* as its first descriptor says, or NULL */
    enum ocs_import_state state;
    bool replaces;          /* STAGED: what holds the name in the store is damaged */
    bool in_the_way;        /* BAD: only the store has a copy */
    bool trusted;           /* the graph vouches for the store's copy: nothing new to record */
    bool size_matched;      /* some descriptor says the size that it has */
    uint8_t document;       /* enum ocs_document_state */
    unsigned refused;       /* kinds that it must not be called (ocs_document_refused) */
    bool needed;            /* reached by a source that will be taken */
    uint8_t visit;          /* marks of the walks over the items */
    int failed;             /* a status that ends the whole run; *reading->error tells */
    uint64_t size;          /* of the file */
    uint64_t expected;      /* bytes, as the first descriptor says; 0 when it does not */
    struct ocs_stamp stamp; /* of the file in the store */
    bool settled;           /* had not changed for 2 s when it was hashed */
    char *trouble;
    struct ocs_import_reading *reading;
    struct ocs_import_edge *edges;
    uint32_t edge_count;
    uint16_t key_size; /* the digest; the set may move while workers run */
    unsigned char key[];
};

/* A document in a source's own `blobs` that has a subject, and that no entry leads to. */
struct ocs_import_referrer {
    struct ocs_digest subject, digest;
    char *media_type; /* as it says itself, or NULL */
    int64_t size;     /* of the file */
    uint32_t source;
    uint32_t place; /* among the items; OCS_IMPORT_NOWHERE while its subject is in no closure */
};
#define OCS_IMPORT_NOWHERE UINT32_MAX

struct ocs_import_tag {
    const char *ref;
    uint32_t source;
};

struct ocs_import_source {
    struct ocs_source source;
    uint32_t *places; /* of its chosen entries */
    bool failed;
};

struct ocs_import {
    struct ocs_store *store;
    const struct ocs_import_options *options;
    struct ocs_import_report *report;
    struct ocs_import_source *sources;
    size_t source_count;
    struct ocs_staging staging;
    struct ocs_digest_set *set;
    struct ocs_import_item **items; /* ocs_digest_set_count(set) of them */
    size_t capacity;
    struct ocs_import_referrer **referrers; /* sorted by subject */
    size_t referrer_count;
    struct ocs_import_file *unsure; /* of import_referrers.c: what may be a referrer, or not */
    uint32_t followed;              /* the items before have brought their referrers */
    struct ocs_import_tag *tags;    /* of all sources, with --name; sorted by tag, then source */
    size_t tag_count;
    struct ocs_error first_failure; /* of a source; status OCS_OK: none yet */
};

/* One source cannot be taken: the first is told by ocs_import's error, the others
 * by on_failure. */
void ocs_import_failed(struct ocs_import *import, const struct ocs_error *error);

/* import_items.c: an item for each digest.  The work that the source's entries are
 * goes to the front of *list. */
int ocs_import_seed(struct ocs_import *import, uint32_t index, struct ocs_work **list,
                    struct ocs_error *err);
/* The same for a referrer, which gets its place; none when its entry was taken out of the
 * store, which would not keep it. */
int ocs_import_seed_referrer(struct ocs_import *import, struct ocs_import_referrer *referrer,
                             struct ocs_work **list, struct ocs_error *err);
/* For the workers; what the item's document leads to becomes more work. */
int ocs_import_on_done(struct ocs_workers *workers, void *data, struct ocs_work *work,
                       struct ocs_error *err);
void ocs_import_item_free(struct ocs_import_item *item);
/* All but the error. */
void ocs_import_reading_clear(struct ocs_import_reading *reading);

/* import_fetch.c: a worker's life.  `data` is the struct ocs_import. */
void ocs_import_fetch(struct ocs_workers *workers, void *data);
/* import_pass.c: the name of an item's file in the staging folder. */
void ocs_import_staged_name(const struct ocs_import_item *item, char out[16]);
/* import_pass.c: hash what holds the item's name in the store. 0: it is right, and
 * durable, and item->stamp is set; positive: OCS_IO_ABSENT, OCS_IO_NOT_REGULAR, OCS_BLOB_BAD. */
int ocs_import_verify_present(struct ocs_import *import, struct ocs_import_item *item,
                              struct ocs_error *err);

/* import_referrers.c: when the closures are known: looks for import->referrers. */
int ocs_import_find_referrers(struct ocs_import *import, struct ocs_error *err);
void ocs_import_referrers_free(struct ocs_import *import);
/* When all items are known: names what may refer to one of them and cannot be read surely. */
void ocs_import_tell_unsure(struct ocs_import *import);
/* The first of those that have the item as their subject, and how many they are. */
size_t ocs_import_referrers_of(const struct ocs_import *import, uint32_t place, size_t *count);
/* Items for the referrers of items; the work that they are goes to the front of *list.
 * Repeated until they bring nothing new. */
int ocs_import_follow_referrers(struct ocs_import *import, struct ocs_work **list,
                                struct ocs_error *err);

/* import_closure.c: which sources can be taken: marks what they need, and
 * describes what is wrong with the others. */
int ocs_import_judge(struct ocs_import *import, struct ocs_error *err);

/* import_publish.c: names for the staged files that are needed, children first;
 * then the graph. */
int ocs_import_publish(struct ocs_import *import, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_INVENTORY_H
#define OCS_FSCK_INVENTORY_H

/* Every blob that a run has heard of, in plain arrays by index: what is on the
 * disk, what descriptors say of it, which documents name it, which entries of
 * which index.json reach it.  A million blobs fit in about 150 MB.
 *
 * The calling thread alone changes it; workers may read digests while nothing
 * is added. */

#include "text_pool.h"

#include "store/digest_set.h"
#include "store/document.h"

#define OCS_NO_BLOB UINT32_MAX

enum ocs_blob_presence {
    OCS_PRESENCE_UNKNOWN, /* not looked at */
    OCS_PRESENCE_HERE,
    OCS_PRESENCE_ABSENT,
    OCS_PRESENCE_NOT_REGULAR,
    OCS_PRESENCE_UNREADABLE,
};

enum ocs_blob_flag {
    OCS_BLOB_REACHABLE = 1u << 0,   /* from an index.json, or kept by a subject that is */
    OCS_BLOB_LISTED = 1u << 1,      /* an entry of an index.json */
    OCS_BLOB_NAMED = 1u << 2,       /* a document names it other than as its subject */
    OCS_BLOB_ON_DISK = 1u << 3,     /* the walk over blobs/ met a regular file */
    OCS_BLOB_ODD = 1u << 4,         /* the walk met something else under its name */
    OCS_BLOB_DAMAGED = 1u << 5,     /* its bytes are not those of its digest */
    OCS_BLOB_VERIFIED = 1u << 6,    /* hashed in this run, and right */
    OCS_BLOB_OPAQUE = 1u << 7,      /* its first bytes are those of no document */
    OCS_BLOB_SETTLED = 1u << 8,     /* had not changed for 2 s when it was looked at */
    OCS_BLOB_SIZES = 1u << 9,       /* descriptors disagree about its size */
    OCS_BLOB_TYPES = 1u << 10,      /* descriptors disagree about its media type */
    OCS_BLOB_SIGNED = 1u << 11,     /* schema 1: its digest is that of the payload alone */
    OCS_BLOB_EMPTY = 1u << 12,      /* 0 bytes, and not the digest of nothing */
    OCS_BLOB_WAS_LISTED = 1u << 13, /* the graph: stood in an index.json once */
    OCS_BLOB_MISREAD = 1u << 14,    /* a document whose bytes were wrong when they were read */
    OCS_BLOB_IN_FLUX = 1u << 15,    /* it changed between two looks, and is not right yet */
};

struct ocs_blob_state {
    uint64_t size;        /* of the file */
    int64_t declared;     /* the first size that a descriptor gave; -1: none did */
    uint64_t stamp;       /* ocs_inventory_stamp of the file; 0: none */
    uint64_t known_stamp; /* the same as the graph has it */
    uint32_t graph_id;    /* OCS_NO_BLOB: the graph does not know it */
    uint32_t verified_at; /* seconds since 1970, from the graph; 0: never */
    uint32_t document;    /* its place in `documents`, + 1; 0: none was read */
    uint16_t flags;       /* enum ocs_blob_flag */
    uint16_t missing;     /* enum ocs_missing, of check_presence */
    uint16_t media;       /* the first media type that a descriptor gave; 0: none */
    uint8_t presence;     /* enum ocs_blob_presence */
    uint8_t known_kind;   /* enum ocs_node_kind */
    uint8_t known_result; /* enum ocs_node_result */
    bool was_live;        /* the graph: gc saw it, needed, and has not swept it since */
};

/* An edge: the child and, in `how`, its role and what the descriptor says. */
#define OCS_EDGE_ROLE     7u
#define OCS_EDGE_FOREIGN  8u  /* may be absent, by its media type */
#define OCS_EDGE_DATA     16u /* the descriptor carries the content, verified */
#define OCS_EDGE_LAYERISH 32u /* a layer by its media type, whatever member it stands in */

struct ocs_read_document {
    uint32_t blob;
    uint32_t first; /* its edges are [first, first + count) */
    uint32_t count;
    bool sure;              /* bytes verified and read strictly: the edges are what they say */
    bool is_config;         /* has rootfs.diff_ids */
    uint32_t diff_id_count; /* of a config */
    uint32_t first_diff_id; /* in `diff_ids`, when they are kept (--deep) */
};

/* An entry of an index.json. */
struct ocs_root_entry {
    uint32_t layout;
    uint32_t blob;
    uint32_t ref; /* in `texts`; 0: nameless */
    uint8_t how;
};

/* What a further descriptor says of a blob that another one said otherwise. */
struct ocs_declaration {
    int64_t size;
    uint32_t blob;
    uint16_t media;
};

struct ocs_inventory {
    struct ocs_digest_set *set;
    struct ocs_blob_state *blobs;
    size_t blob_capacity;

    struct ocs_read_document *documents;
    size_t document_count, document_capacity;
    uint32_t *children;
    uint8_t *how; /* beside `children` */
    size_t edge_count, children_capacity, how_capacity;

    struct ocs_root_entry *roots;
    size_t root_count, root_capacity;
    struct ocs_text_pool texts;

    struct ocs_digest_set *diffs; /* all diff_ids of configs */
    uint32_t *diff_ids;           /* places in that; OCS_NO_BLOB: no digest */
    size_t diff_id_count, diff_id_capacity;

    struct ocs_declaration *declarations;
    size_t declaration_count, declaration_capacity;

    char **media; /* [0] is NULL */
    size_t media_count, media_capacity;
};

int ocs_inventory_init(struct ocs_inventory *inventory, struct ocs_error *err);
void ocs_inventory_clear(struct ocs_inventory *inventory);

uint32_t ocs_inventory_count(const struct ocs_inventory *inventory);
/* Find or make. */
int ocs_inventory_add(struct ocs_inventory *inventory, const struct ocs_digest *digest,
                      uint32_t *blob, struct ocs_error *err);
/* At most OCS_DIGEST_SET_MANY, which is much faster than one by one. */
int ocs_inventory_add_many(struct ocs_inventory *inventory, const struct ocs_digest *const *digests,
                           size_t count, uint32_t *blobs, struct ocs_error *err);
void ocs_inventory_digest(const struct ocs_inventory *inventory, uint32_t blob,
                          struct ocs_digest *out);

/* What a descriptor says of a blob. `size` -1 and `media_type` NULL: nothing. */
int ocs_inventory_declare(struct ocs_inventory *inventory, uint32_t blob, int64_t size,
                          const char *media_type, struct ocs_error *err);
const char *ocs_inventory_media(const struct ocs_inventory *inventory, uint16_t media);

/* A document and, after it, its edges. */
int ocs_inventory_document(struct ocs_inventory *inventory, uint32_t blob, bool sure,
                           struct ocs_error *err);
int ocs_inventory_edge(struct ocs_inventory *inventory, uint32_t child, uint8_t how,
                       struct ocs_error *err);

int ocs_inventory_root(struct ocs_inventory *inventory, const struct ocs_root_entry *entry,
                       const char *ref, struct ocs_error *err);

/* 64 bits that tell one look at a file from another; never 0. */
uint64_t ocs_inventory_stamp(const struct ocs_stamp *stamp);

/* The edge's `how` of a descriptor. */
int ocs_inventory_how(const struct ocs_document *document, const struct ocs_descriptor *descriptor,
                      uint8_t *how, struct ocs_error *err);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_RECORD_H
#define OCS_STORE_RECORD_H

/* Encode and decode the values of the graph's tables (doc/store-format.md).
 * Little-endian, versioned, each with its own key and a CRC-32 (zlib's) at the
 * end.  Pure. */

#include "document.h"

enum ocs_node_kind {
    OCS_NODE_UNREAD = 0,   /* known as somebody's child; never opened */
    OCS_NODE_OPAQUE = 1,   /* opened: no document, no edges */
    OCS_NODE_DOCUMENT = 2, /* opened: its edges are in `children` */
};

enum ocs_node_flag {
    OCS_NODE_WAS_LIVE = 1,
    OCS_NODE_WAS_LISTED = 2,    /* stood in some index.json once */
    OCS_NODE_REMOVED_BY_US = 4, /* unreferenced because of a command of ours */
    OCS_NODE_SUSPECT = 8,       /* a document that import would refuse: ambiguous, invalid, ... */
};

enum ocs_node_result {
    OCS_RESULT_NONE = 0, /* never verified */
    OCS_RESULT_GOOD = 1,
    OCS_RESULT_BAD = 2,
};

struct ocs_node {
    uint32_t id;
    struct ocs_digest digest;
    enum ocs_node_kind kind;
    unsigned flags;
    enum ocs_node_result result;
    uint64_t size;              /* of the file when it was last looked at; 0 for UNREAD */
    int64_t unreferenced_since; /* seconds; 0: referenced, or no mark has looked yet */
    int64_t verified_at;        /* seconds; 0: never */
    struct ocs_stamp stamp;     /* the file that kind and result belong to; zeros: none */
};

#define OCS_NODE_RECORD_MAX 512

#define OCS_RECORD_CORRUPT 1 /* bad CRC, wrong key, wrong length, unknown version */

/* Returns the size written to `out`. */
size_t ocs_record_encode_node(const struct ocs_node *node, unsigned char out[OCS_NODE_RECORD_MAX]);
int ocs_record_decode_node(uint32_t id, const void *bytes, size_t size, struct ocs_node *out);

/* The same checks, and what everybody wants of every node. */
struct ocs_node_state {
    uint8_t kind;  /* enum ocs_node_kind */
    uint8_t flags; /* enum ocs_node_flag */
    uint64_t size;
    int64_t unreferenced_since;
};
int ocs_record_decode_state(uint32_t id, const void *bytes, size_t size,
                            struct ocs_node_state *out);

struct ocs_child {
    uint32_t id;
    uint8_t role; /* enum ocs_role */
};

size_t ocs_record_children_size(uint32_t count);
/* `out` holds ocs_record_children_size(count) bytes. */
void ocs_record_encode_children(uint32_t parent, const struct ocs_child *children, uint32_t count,
                                unsigned char *out);
/* A record that passed the checks; arrays are read through the accessors. */
struct ocs_children {
    unsigned edge_rules;
    uint32_t count;
    const unsigned char *ids_; /* private */
    const unsigned char *roles_;
};
int ocs_record_decode_children(uint32_t parent, const void *bytes, size_t size,
                               struct ocs_children *out);
struct ocs_child ocs_children_get(const struct ocs_children *children, uint32_t index);

#define OCS_ID_RECORD_SIZE 8
/* `key` is that of a digest. */
void ocs_record_encode_id(const void *key, size_t key_size, uint32_t id,
                          unsigned char out[OCS_ID_RECORD_SIZE]);
int ocs_record_decode_id(const void *key, size_t key_size, const void *bytes, size_t size,
                         uint32_t *id);

/* Values of the `meta` table: the bytes and a CRC over name and bytes. */
#define OCS_META_RECORD_MAX 260
size_t ocs_record_encode_meta(const char *name, const void *bytes, size_t size,
                              unsigned char out[OCS_META_RECORD_MAX]);
/* *out points into `bytes`. */
int ocs_record_decode_meta(const char *name, const void *bytes, size_t size, const void **out,
                           size_t *out_size);

#endif

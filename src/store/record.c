/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "record.h"

#include "crc.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define NODE_VERSION     1
#define CHILDREN_VERSION 1
#define CRC_SIZE         4

/* Where the members of a node stand (doc/store-format.md). */
enum {
    NODE_AT_VERSION = 0,
    NODE_AT_KIND = 1,
    NODE_AT_FLAGS = 2,
    NODE_AT_RESULT = 3,
    NODE_AT_ID = 4,
    NODE_AT_SIZE = 8,
    NODE_AT_UNREFERENCED = 16,
    NODE_AT_VERIFIED = 24,
    NODE_AT_STAMP_INODE = 32,
    NODE_AT_STAMP_SIZE = 40,
    NODE_AT_STAMP_MTIME = 48,
    NODE_AT_STAMP_CTIME = 56,
    NODE_AT_KEY_SIZE = 64,
    NODE_AT_KEY = 66,
};

enum {
    CHILDREN_AT_VERSION = 0,
    CHILDREN_AT_RULES = 1,
    CHILDREN_AT_ZERO = 2,
    CHILDREN_AT_PARENT = 4,
    CHILDREN_AT_COUNT = 8,
    CHILDREN_AT_IDS = 12,
};

_Static_assert(NODE_AT_KEY + OCS_DIGEST_KEY_MAX + CRC_SIZE <= OCS_NODE_RECORD_MAX,
               "a node with the longest key fits");

static void put16(unsigned char *at, uint16_t value)
{
    value = htole16(value);
    memcpy(at, &value, sizeof(value));
}

static void put32(unsigned char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof(value));
}

static void put64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof(value));
}

static uint16_t get16(const unsigned char *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return le16toh(value);
}

static uint32_t get32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static uint64_t get64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

static uint32_t crc_of(const void *bytes, size_t size)
{
    return ocs_crc(0, bytes, size);
}

/* The CRC of everything before it. */
static bool crc_good(const unsigned char *bytes, size_t size)
{
    return get32(bytes + size - CRC_SIZE) == crc_of(bytes, size - CRC_SIZE);
}

/* ---- nodes ---- */

size_t ocs_record_encode_node(const struct ocs_node *node, unsigned char out[OCS_NODE_RECORD_MAX])
{
    out[NODE_AT_VERSION] = NODE_VERSION;
    out[NODE_AT_KIND] = (unsigned char)node->kind;
    out[NODE_AT_FLAGS] = (unsigned char)node->flags;
    out[NODE_AT_RESULT] = (unsigned char)node->result;
    put32(out + NODE_AT_ID, node->id);
    put64(out + NODE_AT_SIZE, node->size);
    put64(out + NODE_AT_UNREFERENCED, (uint64_t)node->unreferenced_since);
    put64(out + NODE_AT_VERIFIED, (uint64_t)node->verified_at);
    put64(out + NODE_AT_STAMP_INODE, node->stamp.inode);
    put64(out + NODE_AT_STAMP_SIZE, node->stamp.size);
    put64(out + NODE_AT_STAMP_MTIME, (uint64_t)node->stamp.mtime_ns);
    put64(out + NODE_AT_STAMP_CTIME, (uint64_t)node->stamp.ctime_ns);
    put16(out + NODE_AT_KEY_SIZE, node->digest.size);
    memcpy(out + NODE_AT_KEY, node->digest.key, node->digest.size);
    size_t size = NODE_AT_KEY + (size_t)node->digest.size;
    put32(out + size, crc_of(out, size));
    return size + CRC_SIZE;
}

static bool node_sound(uint32_t id, const unsigned char *at, size_t size)
{
    return size > NODE_AT_KEY + CRC_SIZE && size <= OCS_NODE_RECORD_MAX &&
           at[NODE_AT_VERSION] == NODE_VERSION && crc_good(at, size) &&
           get32(at + NODE_AT_ID) == id && at[NODE_AT_KIND] <= OCS_NODE_DOCUMENT &&
           at[NODE_AT_RESULT] <= OCS_RESULT_BAD &&
           get16(at + NODE_AT_KEY_SIZE) == size - NODE_AT_KEY - CRC_SIZE &&
           ocs_digest_key_valid(at + NODE_AT_KEY, size - NODE_AT_KEY - CRC_SIZE);
}

int ocs_record_decode_state(uint32_t id, const void *bytes, size_t size, struct ocs_node_state *out)
{
    const unsigned char *at = bytes;
    if (!node_sound(id, at, size))
        return OCS_RECORD_CORRUPT;
    out->kind = at[NODE_AT_KIND];
    out->flags = at[NODE_AT_FLAGS];
    out->size = get64(at + NODE_AT_SIZE);
    out->unreferenced_since = (int64_t)get64(at + NODE_AT_UNREFERENCED);
    return 0;
}

int ocs_record_decode_node(uint32_t id, const void *bytes, size_t size, struct ocs_node *out)
{
    const unsigned char *at = bytes;
    if (!node_sound(id, at, size) ||
        ocs_digest_from_key(at + NODE_AT_KEY, get16(at + NODE_AT_KEY_SIZE), &out->digest) != 0)
        return OCS_RECORD_CORRUPT;
    out->id = id;
    out->kind = at[NODE_AT_KIND];
    out->flags = at[NODE_AT_FLAGS];
    out->result = at[NODE_AT_RESULT];
    out->size = get64(at + NODE_AT_SIZE);
    out->unreferenced_since = (int64_t)get64(at + NODE_AT_UNREFERENCED);
    out->verified_at = (int64_t)get64(at + NODE_AT_VERIFIED);
    out->stamp = (struct ocs_stamp){
        .inode = get64(at + NODE_AT_STAMP_INODE),
        .size = get64(at + NODE_AT_STAMP_SIZE),
        .mtime_ns = (int64_t)get64(at + NODE_AT_STAMP_MTIME),
        .ctime_ns = (int64_t)get64(at + NODE_AT_STAMP_CTIME),
    };
    return 0;
}

/* ---- children ---- */

size_t ocs_record_children_size(uint32_t count)
{
    return CHILDREN_AT_IDS + (size_t)count * 5 + CRC_SIZE;
}

void ocs_record_encode_children(uint32_t parent, const struct ocs_child *children, uint32_t count,
                                unsigned char *out)
{
    out[CHILDREN_AT_VERSION] = CHILDREN_VERSION;
    out[CHILDREN_AT_RULES] = OCS_EDGE_RULES;
    put16(out + CHILDREN_AT_ZERO, 0);
    put32(out + CHILDREN_AT_PARENT, parent);
    put32(out + CHILDREN_AT_COUNT, count);
    unsigned char *ids = out + CHILDREN_AT_IDS;
    unsigned char *roles = ids + (size_t)count * 4;
    for (uint32_t i = 0; i < count; i++) {
        put32(ids + (size_t)i * 4, children[i].id);
        roles[i] = children[i].role;
    }
    size_t size = ocs_record_children_size(count) - CRC_SIZE;
    put32(out + size, crc_of(out, size));
}

static bool children_sound(uint32_t parent, const unsigned char *at, size_t size)
{
    return size >= CHILDREN_AT_IDS + CRC_SIZE && at[CHILDREN_AT_VERSION] == CHILDREN_VERSION &&
           size == ocs_record_children_size(get32(at + CHILDREN_AT_COUNT)) && crc_good(at, size) &&
           get16(at + CHILDREN_AT_ZERO) == 0 && get32(at + CHILDREN_AT_PARENT) == parent;
}

int ocs_record_decode_children(uint32_t parent, const void *bytes, size_t size,
                               struct ocs_children *out)
{
    const unsigned char *at = bytes;
    if (!children_sound(parent, at, size))
        return OCS_RECORD_CORRUPT;
    uint32_t count = get32(at + CHILDREN_AT_COUNT);
    *out = (struct ocs_children){
        .edge_rules = at[CHILDREN_AT_RULES],
        .count = count,
        .ids_ = at + CHILDREN_AT_IDS,
        .roles_ = at + CHILDREN_AT_IDS + (size_t)count * 4,
    };
    return 0;
}

struct ocs_child ocs_children_get(const struct ocs_children *children, uint32_t index)
{
    assert(index < children->count);
    return (struct ocs_child){
        .id = get32(children->ids_ + (size_t)index * 4),
        .role = children->roles_[index],
    };
}

/* ---- ids and meta: the CRC covers the key as well ---- */

static uint32_t crc_with_key(const void *key, size_t key_size, const void *bytes, size_t size)
{
    return ocs_crc(crc_of(key, key_size), bytes, size);
}

void ocs_record_encode_id(const void *key, size_t key_size, uint32_t id,
                          unsigned char out[OCS_ID_RECORD_SIZE])
{
    put32(out, id);
    put32(out + 4, crc_with_key(key, key_size, out, 4));
}

int ocs_record_decode_id(const void *key, size_t key_size, const void *bytes, size_t size,
                         uint32_t *id)
{
    const unsigned char *at = bytes;
    if (size != OCS_ID_RECORD_SIZE || get32(at + 4) != crc_with_key(key, key_size, at, 4))
        return OCS_RECORD_CORRUPT;
    *id = get32(at);
    return 0;
}

size_t ocs_record_encode_meta(const char *name, const void *bytes, size_t size,
                              unsigned char out[OCS_META_RECORD_MAX])
{
    assert(size <= OCS_META_RECORD_MAX - CRC_SIZE);
    memcpy(out, bytes, size);
    put32(out + size, crc_with_key(name, strlen(name), bytes, size));
    return size + CRC_SIZE;
}

int ocs_record_decode_meta(const char *name, const void *bytes, size_t size, const void **out,
                           size_t *out_size)
{
    const unsigned char *at = bytes;
    if (size < CRC_SIZE ||
        get32(at + size - CRC_SIZE) != crc_with_key(name, strlen(name), at, size - CRC_SIZE))
        return OCS_RECORD_CORRUPT;
    *out = bytes;
    *out_size = size - CRC_SIZE;
    return 0;
}

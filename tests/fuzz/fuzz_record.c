/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The records of the graph.  Each input is tried as it is and with the right CRC
 * at its end, as every kind of record: what is accepted is encoded to the same
 * bytes again. */

#include "fuzz.h"

#include "store/cleanup.h"
#include "store/record.h"

#include <endian.h>
#include <string.h>
#include <zlib.h>

/* Nodes and children hold their own id there. */
static uint32_t id_in(const uint8_t *record, size_t size)
{
    uint32_t id = 0;
    if (size >= 8)
        memcpy(&id, record + 4, sizeof(id));
    return le32toh(id);
}

static void check_node(const uint8_t *record, size_t size)
{
    unsigned char again[OCS_NODE_RECORD_MAX];
    struct ocs_node node;
    uint32_t id = id_in(record, size);
    if (ocs_record_decode_node(id, record, size, &node) != 0)
        return;
    MUST(node.id == id);
    MUST(ocs_record_encode_node(&node, again) == size);
    MUST(memcmp(again, record, size) == 0);
    MUST(ocs_record_decode_node(id + 1, record, size, &node) == OCS_RECORD_CORRUPT);
    MUST(ocs_record_decode_node(id, record, size - 1, &node) == OCS_RECORD_CORRUPT);
}

static void check_children(const uint8_t *record, size_t size)
{
    struct ocs_children children;
    uint32_t parent = id_in(record, size);
    if (ocs_record_decode_children(parent, record, size, &children) != 0)
        return;
    MUST(ocs_record_children_size(children.count) == size);
    auto_free struct ocs_child *list = calloc((size_t)children.count + 1, sizeof(*list));
    auto_free unsigned char *again = malloc(size);
    MUST(list && again);
    for (uint32_t i = 0; i < children.count; i++)
        list[i] = ocs_children_get(&children, i);
    ocs_record_encode_children(parent, list, children.count, again);
    if (children.edge_rules == OCS_EDGE_RULES)
        MUST(memcmp(again, record, size) == 0);
    MUST(ocs_record_decode_children(parent + 1, record, size, &children) == OCS_RECORD_CORRUPT);
}

static void check_id(const uint8_t *record, size_t size)
{
    unsigned char again[OCS_ID_RECORD_SIZE];
    struct ocs_digest key, other;
    uint32_t id;
    MUST(ocs_digest_parse("a:b", 3, &key) == 0);
    MUST(ocs_digest_parse("a:c", 3, &other) == 0);
    if (ocs_record_decode_id(key.key, key.size, record, size, &id) != 0)
        return;
    ocs_record_encode_id(key.key, key.size, id, again);
    MUST(size == sizeof(again) && memcmp(again, record, size) == 0);
    MUST(ocs_record_decode_id(other.key, other.size, record, size, &id) == OCS_RECORD_CORRUPT);
}

static void check_meta(const uint8_t *record, size_t size)
{
    unsigned char again[OCS_META_RECORD_MAX];
    const void *value;
    size_t value_size;
    if (size > sizeof(again) ||
        ocs_record_decode_meta("name", record, size, &value, &value_size) != 0)
        return;
    MUST(ocs_record_encode_meta("name", value, value_size, again) == size);
    MUST(memcmp(again, record, size) == 0);
    MUST(ocs_record_decode_meta("other", record, size, &value, &value_size) == OCS_RECORD_CORRUPT);
}

/* Behind `key` (which the CRC of ids and meta begins with). */
static void put_crc(const char *key, size_t key_size, uint8_t *record, size_t size)
{
    uLong crc = crc32_z(crc32_z(0, (const Bytef *)key, key_size), record, size);
    uint32_t little = htole32((uint32_t)crc);
    memcpy(record + size, &little, sizeof(little));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free uint8_t *record = malloc(size + 4);
    MUST(record);
    memcpy(record, data, size);
    check_node(record, size);
    check_children(record, size);
    check_id(record, size);
    check_meta(record, size);
    put_crc(NULL, 0, record, size);
    check_node(record, size + 4);
    check_children(record, size + 4);
    put_crc("\0a:b", 4, record, size);
    check_id(record, size + 4);
    put_crc("name", 4, record, size);
    check_meta(record, size + 4);
    return 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ocs_digest digest_of(const char *text)
{
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_parse(text, strlen(text), &digest), 0);
    return digest;
}

static struct ocs_digest some_digest(void)
{
    return digest_of("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
}

static struct ocs_node some_node(void)
{
    return (struct ocs_node){
        .id = 0x01020304,
        .digest = some_digest(),
        .kind = OCS_NODE_DOCUMENT,
        .flags = OCS_NODE_WAS_LIVE | OCS_NODE_SUSPECT,
        .result = OCS_RESULT_GOOD,
        .size = 0x1122334455667788,
        .unreferenced_since = 1700000000,
        .verified_at = -5,
        .stamp = {.inode = UINT64_MAX, .size = 7, .mtime_ns = INT64_MIN, .ctime_ns = INT64_MAX},
    };
}

static void assert_same_node(const struct ocs_node *a, const struct ocs_node *b)
{
    assert_int_equal(a->id, b->id);
    assert_true(ocs_digest_equal(&a->digest, &b->digest));
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->unreferenced_since, b->unreferenced_since);
    assert_int_equal(a->verified_at, b->verified_at);
    assert_true(ocs_stamp_equal(&a->stamp, &b->stamp));
}

/* Flips each bit of a record, then cuts it short and makes it longer. `good` says
 * whether the bytes decode; they are copied to memory of their exact size, so that
 * the sanitizer sees a read beyond. */
static void assert_every_damage_is_seen(const unsigned char *bytes, size_t size,
                                        bool (*good)(const void *bytes, size_t size))
{
    for (size_t length = 0; length <= size + 1; length++) {
        unsigned char *copy = malloc(length + 1);
        assert_non_null(copy);
        memset(copy, 0, length + 1);
        memcpy(copy, bytes, length < size ? length : size);
        assert_int_equal(good(copy, length), length == size);
        free(copy);
    }
    unsigned char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    for (size_t i = 0; i < size * 8; i++) {
        copy[i / 8] ^= (unsigned char)(1u << i % 8);
        assert_false(good(copy, size));
        copy[i / 8] ^= (unsigned char)(1u << i % 8);
    }
    memset(copy, 0, size);
    assert_false(good(copy, size));
    free(copy);
}

static bool node_good(const void *bytes, size_t size)
{
    struct ocs_node node;
    return ocs_record_decode_node(0x01020304, bytes, size, &node) == 0;
}

static void test_node_round_trip(void **state)
{
    (void)state;
    static const char *const digests[] = {
        "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "sha512:9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca7"
        "2323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
        "x+y:A_b=",
    };
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        struct ocs_node node = some_node();
        node.digest = digest_of(digests[i]);
        unsigned char bytes[OCS_NODE_RECORD_MAX];
        size_t size = ocs_record_encode_node(&node, bytes);
        struct ocs_node back;
        assert_int_equal(ocs_record_decode_node(node.id, bytes, size, &back), 0);
        assert_same_node(&node, &back);
        assert_int_equal(ocs_record_decode_node(node.id + 1, bytes, size, &back),
                         OCS_RECORD_CORRUPT);
    }
}

/* A digest of an unknown algorithm can be 255 bytes long. */
static void test_node_with_the_longest_digest(void **state)
{
    (void)state;
    char text[OCS_DIGEST_TEXT_MAX + 1];
    memset(text, 'a', sizeof(text) - 1);
    text[3] = ':';
    text[sizeof(text) - 1] = '\0';
    struct ocs_node node = some_node();
    struct ocs_node back;
    node.digest = digest_of(text);
    unsigned char bytes[OCS_NODE_RECORD_MAX];
    size_t size = ocs_record_encode_node(&node, bytes);
    assert_int_equal(ocs_record_decode_node(node.id, bytes, size, &back), 0);
    assert_same_node(&node, &back);
}

/* As doc/store-format.md says, on every machine. */
static void test_node_layout(void **state)
{
    (void)state;
    struct ocs_node node = some_node();
    unsigned char bytes[OCS_NODE_RECORD_MAX];
    assert_int_equal(ocs_record_encode_node(&node, bytes), 66 + 33 + 4);
    static const unsigned char head[] = {1,    2,    9,    1,    4,    3,    2,    1,
                                         0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
    assert_memory_equal(bytes, head, sizeof(head));
    assert_int_equal(bytes[64], 33);
    assert_int_equal(bytes[65], 0);
    assert_memory_equal(bytes + 66, node.digest.key, 33);
}

static void test_node_damage(void **state)
{
    (void)state;
    struct ocs_node node = some_node();
    unsigned char bytes[OCS_NODE_RECORD_MAX];
    size_t size = ocs_record_encode_node(&node, bytes);
    assert_every_damage_is_seen(bytes, size, node_good);
}

/* Values that no version of ours writes, under a CRC that is right. */
static void test_node_of_impossible_values(void **state)
{
    (void)state;
    unsigned char bytes[OCS_NODE_RECORD_MAX];
    struct ocs_node node = some_node();
    node.kind = (enum ocs_node_kind)3;
    assert_false(node_good(bytes, ocs_record_encode_node(&node, bytes)));
    node = some_node();
    node.result = (enum ocs_node_result)3;
    assert_false(node_good(bytes, ocs_record_encode_node(&node, bytes)));
    node = some_node();
    node.digest.key[0] = 77;
    assert_false(node_good(bytes, ocs_record_encode_node(&node, bytes)));
    node = some_node();
    node.digest.size = 0;
    assert_false(node_good(bytes, ocs_record_encode_node(&node, bytes)));
}

static const struct ocs_child family[] = {
    {.id = 0, .role = OCS_ROLE_CONFIG},
    {.id = UINT32_MAX, .role = OCS_ROLE_LAYER},
    {.id = 5, .role = OCS_ROLE_SUBJECT},
};

static bool children_good(const void *bytes, size_t size)
{
    struct ocs_children children;
    return ocs_record_decode_children(9, bytes, size, &children) == 0;
}

static void test_children_round_trip(void **state)
{
    (void)state;
    for (uint32_t count = 0; count <= 3; count++) {
        unsigned char bytes[64];
        size_t size = ocs_record_children_size(count);
        assert_int_equal(size, 16 + 5 * count);
        ocs_record_encode_children(9, family, count, bytes);
        struct ocs_children children;
        assert_int_equal(ocs_record_decode_children(9, bytes, size, &children), 0);
        assert_int_equal(children.edge_rules, OCS_EDGE_RULES);
        assert_int_equal(children.count, count);
        for (uint32_t i = 0; i < count; i++) {
            struct ocs_child child = ocs_children_get(&children, i);
            assert_int_equal(child.id, family[i].id);
            assert_int_equal(child.role, family[i].role);
        }
        assert_int_equal(ocs_record_decode_children(8, bytes, size, &children), OCS_RECORD_CORRUPT);
    }
}

static void test_children_damage(void **state)
{
    (void)state;
    unsigned char bytes[64];
    ocs_record_encode_children(9, family, 3, bytes);
    assert_every_damage_is_seen(bytes, ocs_record_children_size(3), children_good);
    ocs_record_encode_children(9, NULL, 0, bytes);
    assert_every_damage_is_seen(bytes, ocs_record_children_size(0), children_good);
}

static bool id_good(const void *bytes, size_t size)
{
    struct ocs_digest key = some_digest();
    uint32_t id;
    return ocs_record_decode_id(key.key, key.size, bytes, size, &id) == 0 && id == 77;
}

static void test_id_round_trip_and_damage(void **state)
{
    (void)state;
    unsigned char bytes[OCS_ID_RECORD_SIZE];
    struct ocs_digest key = some_digest();
    ocs_record_encode_id(key.key, key.size, 77, bytes);
    assert_true(id_good(bytes, sizeof(bytes)));
    assert_every_damage_is_seen(bytes, sizeof(bytes), id_good);
    struct ocs_digest other = key;
    other.key[32] ^= 1;
    uint32_t id;
    assert_int_equal(ocs_record_decode_id(other.key, other.size, bytes, sizeof(bytes), &id),
                     OCS_RECORD_CORRUPT);
}

static bool meta_good(const void *bytes, size_t size)
{
    const void *out;
    size_t out_size;
    return ocs_record_decode_meta("name", bytes, size, &out, &out_size) == 0 && out_size == 5 &&
           memcmp(out, "hello", 5) == 0;
}

static void test_meta_round_trip_and_damage(void **state)
{
    (void)state;
    unsigned char bytes[OCS_META_RECORD_MAX];
    size_t size = ocs_record_encode_meta("name", "hello", 5, bytes);
    assert_true(meta_good(bytes, size));
    assert_every_damage_is_seen(bytes, size, meta_good);
    const void *out;
    assert_int_equal(ocs_record_decode_meta("nam", bytes, size, &out, &size), OCS_RECORD_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node_round_trip),
        cmocka_unit_test(test_node_with_the_longest_digest),
        cmocka_unit_test(test_node_layout),
        cmocka_unit_test(test_node_damage),
        cmocka_unit_test(test_node_of_impossible_values),
        cmocka_unit_test(test_children_round_trip),
        cmocka_unit_test(test_children_damage),
        cmocka_unit_test(test_id_round_trip_and_damage),
        cmocka_unit_test(test_meta_round_trip_and_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

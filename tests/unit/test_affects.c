/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "fsck/affects.h"
#include "fsck/finding.h"
#include "fsck/kept.h"
#include "store/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A blob of its own for each number. */
static uint32_t blob(struct ocs_inventory *inventory, unsigned number)
{
    struct ocs_digest digest;
    uint32_t index;
    assert_int_equal(ocs_hash_bytes(OCS_ALGORITHM_SHA256, &number, sizeof(number), &digest, NULL),
                     0);
    assert_int_equal(ocs_inventory_add(inventory, &digest, &index, NULL), 0);
    return index;
}

static void document(struct ocs_inventory *inventory, unsigned parent, const unsigned *children,
                     size_t count, enum ocs_role role)
{
    assert_int_equal(ocs_inventory_document(inventory, blob(inventory, parent), true, NULL), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            ocs_inventory_edge(inventory, blob(inventory, children[i]), (uint8_t)role, NULL), 0);
}

static void root(struct ocs_inventory *inventory, unsigned number)
{
    struct ocs_root_entry entry = {.blob = blob(inventory, number)};
    assert_int_equal(ocs_inventory_root(inventory, &entry, NULL, NULL), 0);
}

static struct ocs_affects_list affects_of(struct ocs_inventory *inventory, unsigned number)
{
    struct ocs_affects *affects = NULL;
    struct ocs_affects_list list;
    uint32_t about = blob(inventory, number);
    assert_int_equal(ocs_affects_new(inventory, &affects, NULL), 0);
    ocs_affects_of(affects, about, &list);
    ocs_affects_free(affects);
    return list;
}

static void the_images_above_a_blob_are_found(void **state)
{
    struct ocs_inventory inventory;
    (void)state;
    assert_int_equal(ocs_inventory_init(&inventory, NULL), 0);
    document(&inventory, 1, (unsigned[]){10, 11}, 2, OCS_ROLE_LAYER);
    document(&inventory, 2, (unsigned[]){11, 12}, 2, OCS_ROLE_LAYER);
    document(&inventory, 3, (unsigned[]){1, 2, 2}, 3, OCS_ROLE_MANIFEST);
    root(&inventory, 1);
    root(&inventory, 3);
    struct ocs_affects_list list = affects_of(&inventory, 10);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.roots[0], 0);
    assert_int_equal(list.roots[1], 1);
    list = affects_of(&inventory, 12);
    assert_int_equal(list.total, 1);
    assert_int_equal(list.roots[0], 1);
    list = affects_of(&inventory, 99);
    assert_int_equal(list.total, 0);
    ocs_inventory_clear(&inventory);
}

static void many_images_are_counted_and_the_first_listed(void **state)
{
    struct ocs_inventory inventory;
    (void)state;
    assert_int_equal(ocs_inventory_init(&inventory, NULL), 0);
    for (unsigned i = 100; i < 150; i++)
        document(&inventory, i, (unsigned[]){10}, 1, OCS_ROLE_LAYER);
    for (unsigned i = 150; i > 100; i--)
        root(&inventory, i - 1);
    struct ocs_affects_list list = affects_of(&inventory, 10);
    assert_int_equal(list.total, 50);
    assert_int_equal(list.count, OCS_AFFECTS_LISTED);
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(list.roots[i], i);
    ocs_inventory_clear(&inventory);
}

static void a_subject_counts_only_when_nothing_else_does(void **state)
{
    struct ocs_inventory inventory;
    (void)state;
    assert_int_equal(ocs_inventory_init(&inventory, NULL), 0);
    document(&inventory, 1, (unsigned[]){5}, 1, OCS_ROLE_SUBJECT);
    document(&inventory, 2, (unsigned[]){5}, 1, OCS_ROLE_MANIFEST);
    document(&inventory, 5, (unsigned[]){1}, 1, OCS_ROLE_MANIFEST); /* an honest cycle */
    root(&inventory, 1);
    struct ocs_affects_list list = affects_of(&inventory, 5);
    assert_int_equal(list.total, 0);
    inventory.blobs[blob(&inventory, 5)].flags |= OCS_BLOB_REACHABLE;
    list = affects_of(&inventory, 5);
    assert_int_equal(list.total, 1);
    root(&inventory, 2);
    list = affects_of(&inventory, 5);
    assert_int_equal(list.total, 1);
    assert_int_equal(list.roots[0], 1);
    ocs_inventory_clear(&inventory);
}

static void damage_in_a_referrer_hurts_the_subject(void **state)
{
    struct ocs_inventory inventory;
    (void)state;
    assert_int_equal(ocs_inventory_init(&inventory, NULL), 0);
    document(&inventory, 1, (unsigned[]){10}, 1, OCS_ROLE_LAYER);
    document(&inventory, 20, (unsigned[]){1}, 1, OCS_ROLE_SUBJECT);  /* refers to 1 */
    document(&inventory, 21, (unsigned[]){20}, 1, OCS_ROLE_SUBJECT); /* refers to that */
    document(&inventory, 30, (unsigned[]){21}, 1, OCS_ROLE_MANIFEST);
    document(&inventory, 22, (unsigned[]){22}, 1, OCS_ROLE_SUBJECT); /* to itself */
    root(&inventory, 1);
    root(&inventory, 30);
    struct ocs_affects_list list = affects_of(&inventory, 21);
    assert_int_equal(list.total, 2);
    list = affects_of(&inventory, 20);
    assert_int_equal(list.total, 1);
    assert_int_equal(list.roots[0], 0);
    list = affects_of(&inventory, 10); /* what refers is not hurt */
    assert_int_equal(list.total, 1);
    list = affects_of(&inventory, 22);
    assert_int_equal(list.total, 0);
    ocs_inventory_clear(&inventory);
}

static void referrers_of_what_is_kept_are_kept(void **state)
{
    struct ocs_inventory inventory;
    (void)state;
    assert_int_equal(ocs_inventory_init(&inventory, NULL), 0);
    document(&inventory, 1, (unsigned[]){2}, 1, OCS_ROLE_LAYER);
    document(&inventory, 20, (unsigned[]){1}, 1, OCS_ROLE_SUBJECT);  /* refers to 1 */
    document(&inventory, 21, (unsigned[]){20}, 1, OCS_ROLE_SUBJECT); /* refers to that */
    document(&inventory, 22, (unsigned[]){1}, 1, OCS_ROLE_SUBJECT);  /* was listed once */
    document(&inventory, 23, (unsigned[]){30}, 1, OCS_ROLE_SUBJECT); /* of something else */
    inventory.blobs[blob(&inventory, 22)].flags |= OCS_BLOB_WAS_LISTED;
    root(&inventory, 1);
    assert_int_equal(ocs_kept_again(&inventory, NULL), 0);
    for (unsigned i = 1; i < 31; i++) {
        bool kept = i == 1 || i == 2 || i == 20 || i == 21;
        bool is = inventory.blobs[blob(&inventory, i)].flags & OCS_BLOB_REACHABLE;
        assert_int_equal(is, kept);
    }
    ocs_inventory_clear(&inventory);
}

/* ---- findings ---- */

static void add(struct ocs_findings *findings, enum ocs_severity severity, const char *id,
                uint32_t about, const char *message)
{
    struct ocs_finding_note note = {
        .id = id,
        .severity = severity,
        .blob = about,
        .message = message,
    };
    assert_int_equal(ocs_findings_add(findings, &note, NULL), 0);
}

static void findings_come_by_severity_id_digest_and_message(void **state)
{
    struct ocs_inventory inventory;
    struct ocs_findings findings;
    (void)state;
    assert_int_equal(ocs_inventory_init(&inventory, NULL), 0);
    ocs_findings_init(&findings, &inventory);
    uint32_t a = blob(&inventory, 1), b = blob(&inventory, 2);
    struct ocs_digest first, second;
    ocs_inventory_digest(&inventory, a, &first);
    ocs_inventory_digest(&inventory, b, &second);
    uint32_t low = ocs_digest_compare(&first, &second) < 0 ? a : b, high = low == a ? b : a;

    add(&findings, OCS_SEVERITY_INFO, "orphan-blob", low, "8");
    add(&findings, OCS_SEVERITY_ERROR, "layer-missing", high, "5");
    add(&findings, OCS_SEVERITY_ERROR, "layer-missing", low, "4");
    add(&findings, OCS_SEVERITY_ERROR, "layer-missing", low, "3");
    add(&findings, OCS_SEVERITY_ERROR, "layer-missing", low, "3"); /* said twice */
    add(&findings, OCS_SEVERITY_WARNING, "blob-name-invalid", OCS_NO_BLOB, "7");
    add(&findings, OCS_SEVERITY_ERROR, "layout-missing", OCS_NO_BLOB, "6");
    add(&findings, OCS_SEVERITY_ERROR, "config-missing", high, "2");
    add(&findings, OCS_SEVERITY_FATAL, "store-split", OCS_NO_BLOB, "1");
    ocs_findings_sort(&findings);
    assert_int_equal(findings.count, 8);
    for (size_t i = 0; i < findings.count; i++) {
        struct ocs_finding finding = ocs_findings_get(&findings, i);
        assert_int_equal(finding.message[0], '1' + (int)i);
    }
    ocs_findings_clear(&findings);
    ocs_inventory_clear(&inventory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_images_above_a_blob_are_found),
        cmocka_unit_test(many_images_are_counted_and_the_first_listed),
        cmocka_unit_test(a_subject_counts_only_when_nothing_else_does),
        cmocka_unit_test(damage_in_a_referrer_hurts_the_subject),
        cmocka_unit_test(referrers_of_what_is_kept_are_kept),
        cmocka_unit_test(findings_come_by_severity_id_digest_and_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What a large blob is taken for: its edges must not depend on where reading ends. */

#include "shelf.h"

#include "store/census.h"
#include "store/document.h"
#include "store/learn.h"

#include <fcntl.h>

#define HEX  "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define TEXT "{\"note\":\"sha256:" HEX "\"}"

/* TEXT, blanks up to `size`, and `last` as the last byte. */
static void write_blob(struct place *place, size_t size, char last)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, ' ', size);
    memcpy(text, TEXT, strlen(TEXT));
    text[size - 1] = last;
    text[size] = '\0';
    place_write(place, "blob", text);
    free(text);
}

static void expect(struct place *place, size_t size, char last, enum ocs_document_state state,
                   size_t edges)
{
    struct ocs_bytes bytes;
    struct ocs_document document;
    write_blob(place, size, last);
    int fd = openat(place->fd, "blob", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ocs_learn_blob(fd, &bytes, &document, "blob", NULL), 0);
    assert_int_equal(document.state, state);
    assert_int_equal(document.count, edges);
    ocs_document_clear(&document);
    ocs_bytes_clear(&bytes);
    close(fd);
}

static void a_large_one_is_read_surely(void **state)
{
    expect(*state, 5u << 20, ' ', OCS_DOCUMENT_STRICT, 0);
    expect(*state, OCS_DOCUMENT_BYTES_MAX, ' ', OCS_DOCUMENT_STRICT, 0);
}

/* What is read of it is good JSON, and it is none: every digest counts. */
static void a_part_does_not_pass_for_the_whole(void **state)
{
    expect(*state, OCS_DOCUMENT_BYTES_MAX + 1, ' ', OCS_DOCUMENT_TOO_LARGE, 1);
    expect(*state, OCS_DOCUMENT_BYTES_MAX + 2, 'x', OCS_DOCUMENT_TOO_LARGE, 1);
}

/* A digest in the last bytes counts, too, and one across two readings. */
static void the_end_is_looked_through(void **state)
{
    struct place *place = *state;
    struct ocs_bytes bytes;
    struct ocs_document document;
    const size_t size = OCS_DOCUMENT_BYTES_MAX + 1, other = OCS_DOCUMENT_BYTES_MAX / 2 - 30;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, ' ', size);
    text[0] = '{';
    memcpy(text + other, "sha256:" HEX, strlen("sha256:" HEX));
    memcpy(text + size - strlen("sha256:" HEX), "sha256:" HEX, strlen("sha256:" HEX));
    text[other + 7] = 'f';
    text[size] = '\0';
    place_write(place, "blob", text);
    free(text);
    int fd = openat(place->fd, "blob", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ocs_learn_blob(fd, &bytes, &document, "blob", NULL), 0);
    assert_int_equal(document.state, OCS_DOCUMENT_TOO_LARGE);
    assert_int_equal(document.count, 2);
    ocs_document_clear(&document);
    close(fd);
}

/* So many digests that they cannot be held are no edges at all: nobody may believe that
 * some of them are. */
static void too_many_are_not_held(void **state)
{
    struct ocs_document_scan *scan;
    char text[OCS_DIGEST_BUF];
    (void)state;
    assert_int_equal(ocs_document_scan_new(&scan, NULL), 0);
    int result = ocs_document_scan_feed(scan, "{", 1, NULL);
    for (unsigned i = 0; i < OCS_DOCUMENT_SCAN_MAX; i++) {
        int size = snprintf(text, sizeof(text), "\"n:%u\" sha256:%064x", i, i);
        result |= ocs_document_scan_feed(scan, text, (size_t)size, NULL);
        if (i == OCS_DOCUMENT_SCAN_MAX / 2)
            assert_int_equal(result, 0); /* whatever else there is */
    }
    assert_int_equal(result, OCS_DOCUMENT_TOO_MANY);
    ocs_document_scan_free(scan);
}

/* Blanks may come first, and in pieces; anything else makes it no document. */
static void what_comes_first_decides(void **state)
{
    static const struct {
        const char *first, *second;
        enum ocs_document_state state;
        size_t edges;
    } cases[] = {
        {"{\"a\":\"", "sha256:" HEX, OCS_DOCUMENT_TOO_LARGE, 1},
        {" \r", "\t\n{sha256:" HEX, OCS_DOCUMENT_TOO_LARGE, 1},
        {" \r", "\n\"sha256:" HEX "\"", OCS_DOCUMENT_OPAQUE, 0},
        {"x", "{sha256:" HEX, OCS_DOCUMENT_OPAQUE, 0},
        {" ", "\n", OCS_DOCUMENT_OPAQUE, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ocs_document_scan *scan;
        struct ocs_document document;
        const char *first = cases[i].first, *second = cases[i].second;
        assert_int_equal(ocs_document_scan_new(&scan, NULL), 0);
        assert_int_equal(ocs_document_scan_feed(scan, first, strlen(first), NULL), 0);
        assert_int_equal(ocs_document_scan_feed(scan, second, strlen(second), NULL), 0);
        assert_int_equal(ocs_document_scan_end(scan, &document, NULL), 0);
        assert_int_equal(document.state, cases[i].state);
        assert_int_equal(document.count, cases[i].edges);
        ocs_document_clear(&document);
        ocs_document_scan_free(scan);
    }
}

/* Enough to be opened in the order of their inodes, and two documents among them. */
#define MANY 5000

static unsigned count_kind(const struct ocs_census *census, enum ocs_node_kind kind)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < census->files; i++)
        count += census->view.kind[ocs_census_file(census, i)] == kind;
    return count;
}

static void many_are_learned_whatever_the_order(void **state)
{
    struct shelf *shelf = *state;
    struct ocs_census census;
    struct ocs_digest digest;
    char text[64];
    uint32_t id;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "layer %u", i);
        shelf_layer(shelf, text);
    }
    struct blob config = shelf_blob(shelf, CONFIG, "{}");
    struct blob layer = shelf_name(LAYER, "layer 17");
    struct blob manifest = shelf_manifest(shelf, &config, LIST(&layer), NULL);
    assert_int_equal(ocs_census_take(shelf->store, 0, &census, &shelf->err), 0);
    assert_int_equal(census.files, MANY + 2);
    assert_int_equal(count_kind(&census, OCS_NODE_OPAQUE), MANY);
    assert_int_equal(count_kind(&census, OCS_NODE_DOCUMENT), 2);
    assert_int_equal(ocs_digest_parse(manifest.digest, strlen(manifest.digest), &digest), 0);
    assert_int_equal(ocs_census_find(shelf->store, &census, &digest, &id, NULL), 0);
    assert_int_equal(census.view.first[id + 1] - census.view.first[id], 2);
    ocs_census_clear(&census);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_large_one_is_read_surely),     PLACE_TEST(a_part_does_not_pass_for_the_whole),
        PLACE_TEST(the_end_is_looked_through),      cmocka_unit_test(too_many_are_not_held),
        cmocka_unit_test(what_comes_first_decides), SHELF_TEST(many_are_learned_whatever_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

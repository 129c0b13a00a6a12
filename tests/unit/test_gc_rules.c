/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Edges that were recorded by other rules than today's are none: their documents are
 * read again, and nothing that they need goes. */

#include "shelf.h"

#include "store/document.h"
#include "store/record.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <zlib.h>

/* doc/store-format.md: version, rules, 2 zeros, parent, count, ids and roles, CRC */
#define AT_RULES  1
#define AT_PARENT 4
#define AT_COUNT  8

static uint32_t number_at(const unsigned char *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof(number));
    return number;
}

/* A record that begins there gets other rules. */
static bool make_other(unsigned char *at, size_t left)
{
    struct ocs_children children;
    if (left < ocs_record_children_size(0) || at[AT_RULES] != OCS_EDGE_RULES)
        return false;
    uint32_t count = number_at(at + AT_COUNT);
    size_t size = count < 1000 ? ocs_record_children_size(count) : left + 1;
    if (size > left || ocs_record_decode_children(number_at(at + AT_PARENT), at, size, &children))
        return false;
    at[AT_RULES] = OCS_EDGE_RULES - 1;
    uint32_t sum = (uint32_t)crc32(0, at, (unsigned)(size - 4));
    memcpy(at + size - 4, &sum, sizeof(sum));
    return ocs_record_decode_children(number_at(at + AT_PARENT), at, size, &children) == 0 &&
           children.edge_rules != OCS_EDGE_RULES;
}

static unsigned make_others(struct shelf *shelf)
{
    struct stat st;
    unsigned made = 0;
    int fd = openat(shelf->place->fd, ".ocistore/graph/data.mdb", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    size_t size = (size_t)st.st_size;
    unsigned char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(bytes != MAP_FAILED);
    for (size_t i = 0; i < size; i++)
        made += make_other(bytes + i, size - i);
    munmap(bytes, size);
    close(fd);
    return made;
}

static void edges_of_other_rules_are_read_again(void **state)
{
    struct shelf *shelf = *state;
    struct image image = shelf_image(shelf, "image");
    struct blob loose = shelf_layer(shelf, "loose");
    shelf_layout(shelf, "one", LIST(&image.manifest));
    shelf_must_gc(shelf, 0);
    ocs_store_close(shelf->store);
    shelf->store = NULL;
    assert_true(make_others(shelf) > 0);
    shelf_reopen(shelf);
    shelf->options.grace_s = 0;
    shelf_must_gc(shelf, 1);
    assert_int_equal(shelf->report.live_blobs, 3);
    assert_int_equal(shelf->report.trashed, 1);
    assert_true(shelf_has_image(shelf, &image));
    assert_false(shelf_has(shelf, &loose));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(edges_of_other_rules_are_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

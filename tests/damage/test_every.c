/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Every byte of every document, every length of a layer, every page of the
 * graph: never a crash, never a success that is none. */

#include "damage/images.h"

#define PAGE 4096

static void every_byte_of_a_document_counts(void **state)
{
    static const char *const names[] = {"index",    "manifest-a", "manifest-b", "manifest-c",
                                        "config-a", "config-b",   "config-c"};
    struct images images;
    struct verdict verdict;
    images_make_layout(&images, *state);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char finding[100];
        snprintf(finding, sizeof(finding), "error blob-digest-mismatch %s (shop:", names[i]);
        for (size_t at = 0; at < images_size(&images, names[i]); at++) {
            images_flip(&images, names[i], at);
            assert_int_equal(
                images_fsck(&images, (struct ocs_fsck_options){.jobs = 1}, NULL, &verdict), 0);
            assert_int_equal(verdict.report.status, OCS_REFUSED);
            assert_int_equal(verdict.report.errors, 1);
            assert_int_equal(strncmp(verdict.text, finding, strlen(finding)), 0);
            images_flip(&images, names[i], at);
        }
    }
    images_expect(&images, (struct ocs_fsck_options){0}, "", OCS_OK);
}

static void every_byte_of_an_index_json_is_survived(void **state)
{
    struct place *place = *state;
    struct images images;
    struct verdict verdict;
    images_make_layout(&images, place);
    char *text = place_read(place, "shop/index.json");
    size_t size = strlen(text);
    for (size_t at = 0; at < size; at++) {
        text[at] ^= 1;
        images_write_old(&images, "shop/index.json", text, size);
        text[at] ^= 1;
        assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){.jobs = 1}, NULL, &verdict),
                         0);
        assert_true(verdict.report.status == OCS_OK || verdict.report.status == OCS_REFUSED);
    }
    free(text);
}

static void every_length_of_a_layer_counts(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_layout(&images, *state);
    char *text = place_read(images.place, images_path(&images, "base"));
    for (size_t size = strlen(text); size-- > 0;) {
        images_cut(&images, "base", size);
        assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){.jobs = 1}, NULL, &verdict),
                         0);
        assert_int_equal(verdict.report.status, OCS_REFUSED);
        assert_int_equal(verdict.report.errors, size ? 2 : 1);
    }
    free(text);
}

static void every_page_of_a_layer_counts(void **state)
{
    static unsigned char bytes[50 * PAGE + 100];
    static const char *const layers[] = {"long"};
    struct images images;
    struct verdict verdict;
    images_make_empty(&images, *state);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 3 + i / 777);
    images_add_bytes(&images, "long", OCS_ALGORITHM_SHA256, bytes, sizeof(bytes));
    images_add_image(&images, "x", layers, 1);
    char *entry = images_entry(&images, MEDIA_MANIFEST, "manifest-x", "x");
    images_write_index(&images, entry);
    free(entry);
    for (size_t size = 50 * PAGE; size > 0; size -= PAGE) {
        images_cut(&images, "long", size);
        assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){.jobs = 1}, NULL, &verdict),
                         0);
        assert_string_equal(verdict.text, "error blob-digest-mismatch long (shop:x)\n"
                                          "error blob-size-mismatch long (shop:x)\n");
        assert_int_equal(verdict.report.status, OCS_REFUSED);
    }
}

/* ---- the graph ---- */

static void overwrite(struct place *place, const char *bytes, size_t size, size_t at,
                      const unsigned char *page)
{
    int fd = openat(place->fd, "store/.ocistore/graph/data.mdb", O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    size_t length = size - at < PAGE ? size - at : PAGE;
    assert_int_equal(pwrite(fd, page, length, (off_t)at), length);
    close(fd);
}

/* A damaged blob is found whatever the graph is like, and nothing else is made
 * up: the graph is right, or it is called corrupt. */
static void check_with_graph(struct images *images)
{
    struct verdict verdict;
    static const char finding[] =
        "error blob-digest-mismatch base (shop:one, shop:two, shop:multi)\n";
    assert_int_equal(images_fsck(images, (struct ocs_fsck_options){.jobs = 1}, NULL, &verdict), 0);
    assert_int_equal(verdict.report.status, OCS_REFUSED);
    assert_int_equal(strncmp(verdict.text, finding, strlen(finding)), 0);
    bool corrupt = strstr(verdict.text, "error graph-corrupt");
    assert_int_equal(verdict.report.errors, corrupt ? 2 : 1);
    assert_int_equal(verdict.report.warnings, 0);
}

static void every_page_of_the_graph_is_survived(void **state)
{
    struct place *place = *state;
    struct images images;
    unsigned char pages[3][PAGE];
    images_make_store(&images, place);
    images_expect(&images, (struct ocs_fsck_options){0}, "", OCS_OK);
    images_flip(&images, "base", 1);
    int fd = openat(place->fd, "store/.ocistore/graph/data.mdb", O_RDONLY | O_CLOEXEC);
    struct ocs_bytes graph = {0};
    assert_int_equal(ocs_io_read_all(fd, 1 << 24, &graph, "graph", NULL), 0);
    close(fd);
    memset(pages[0], 0, PAGE);
    memset(pages[1], 0xff, PAGE);
    for (size_t i = 0; i < PAGE; i++)
        pages[2][i] = (unsigned char)(i * 167 + i / 256);
    for (size_t at = 0; at < graph.size; at += PAGE) {
        for (size_t i = 0; i < 3; i++) {
            overwrite(place, graph.data, graph.size, at, pages[i]);
            check_with_graph(&images);
        }
    }
    ocs_bytes_clear(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(every_byte_of_a_document_counts),
        PLACE_TEST(every_byte_of_an_index_json_is_survived),
        PLACE_TEST(every_length_of_a_layer_counts),
        PLACE_TEST(every_page_of_a_layer_counts),
        PLACE_TEST(every_page_of_the_graph_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

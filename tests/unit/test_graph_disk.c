/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* A full disk under the graph, wherever in a transaction it is met: what was
 * committed stays, the message says why, and with room again work goes on.
 * On a tmpfs in a mount namespace of our own; skipped where that is not allowed. */

#include "graph_place.h"

#include <sched.h>
#include <sys/mount.h>

#define DISK_SIZE (1u << 20)

struct disk {
    struct place place; /* its root */
    struct graph_place at;
    struct place *outer;
};

static void set_size(const char *path, unsigned long flags, unsigned size)
{
    char options[32];
    snprintf(options, sizeof(options), "size=%u", size);
    assert_int_equal(mount("none", path, "tmpfs", flags, options), 0);
}

static void disk_open(struct place *outer, struct disk *out)
{
    place_mkdirs(outer, "disk");
    memset(out, 0, sizeof(*out));
    out->outer = outer;
    snprintf(out->place.path, sizeof(out->place.path), "%s/disk", outer->path);
    set_size(out->place.path, 0, DISK_SIZE);
    out->place.fd = open(out->place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(out->place.fd >= 0);
    graph_place_open(&out->place, &out->at);
}

static void disk_close(struct disk *disk)
{
    graph_place_close(&disk->at);
    close(disk->place.fd);
    assert_int_equal(umount(disk->place.path), 0);
}

static void make_room(struct disk *disk)
{
    set_size(disk->place.path, MS_REMOUNT, 16 * DISK_SIZE);
}

/* Takes all the space but `left` pages. */
static void leave_pages(struct disk *disk, unsigned left)
{
    static const char page[4096];
    int fd = openat(disk->place.fd, "filler", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    off_t size = 0;
    while (write(fd, page, sizeof(page)) == (ssize_t)sizeof(page))
        size += (off_t)sizeof(page);
    size -= (off_t)(left * sizeof(page));
    assert_int_equal(ftruncate(fd, size > 0 ? size : 0), 0);
    close(fd);
}

static int add_nodes(struct ocs_graph *graph, uint32_t first, uint32_t count, struct ocs_error *err)
{
    struct ocs_graph_txn *txn;
    int result = ocs_graph_begin(graph, true, &txn, err);
    if (result != 0)
        return result;
    for (uint32_t i = 0; i < count && result == 0; i++) {
        struct ocs_digest digest = graph_digest(first + i);
        uint32_t id;
        result = ocs_graph_intern(txn, &digest, &id, err);
    }
    if (result == 0)
        return ocs_graph_commit(txn, err);
    ocs_graph_abort(txn);
    return result;
}

static void assert_holds(struct ocs_graph *graph, uint32_t count)
{
    struct ocs_graph_txn *txn = graph_begin(graph, false);
    assert_int_equal(ocs_graph_count(txn), count);
    assert_int_equal(ocs_graph_check(txn, NULL), 0);
    graph_commit(txn);
}

static void test_full_disk_is_said_and_loses_nothing(void **state)
{
    struct disk disk;
    struct ocs_error err = {0};
    disk_open(*state, &disk);
    struct ocs_graph *graph = graph_open(&disk.at);
    uint32_t count = 0;
    int result;
    while ((result = add_nodes(graph, count, 100, &err)) == 0)
        count += 100;
    assert_int_equal(result, -OCS_FAILED);
    assert_non_null(strstr(err.message, "no space left on the disk"));
    assert_non_null(strstr(err.message, disk.at.path));
    assert_string_not_equal(err.hint, "");
    assert_true(count > 500);
    assert_holds(graph, count);
    make_room(&disk);
    assert_int_equal(add_nodes(graph, count, 5000, &err), 0);
    assert_holds(graph, count + 5000);
    ocs_graph_close(graph);
    disk_close(&disk);
}

static void test_disk_is_full_before_there_is_a_graph(void **state)
{
    for (unsigned left = 0; left < 8; left++) {
        struct disk disk;
        struct ocs_graph *graph = NULL;
        struct ocs_error err;
        disk_open(*state, &disk);
        leave_pages(&disk, left);
        int result = graph_try_open(&disk.at, true, &graph, &err);
        if (result == 0)
            ocs_graph_close(graph);
        else
            assert_int_equal(result, -OCS_FAILED);
        make_room(&disk);
        graph = graph_open(&disk.at);
        assert_int_equal(add_nodes(graph, 0, 1000, NULL), 0);
        assert_holds(graph, 1000);
        ocs_graph_close(graph);
        disk_close(&disk);
    }
}

/* The same transaction with every number of pages left. */
static void test_full_at_each_page(void **state)
{
    bool done = false;
    for (unsigned left = 0; !done; left++) {
        struct disk disk;
        disk_open(*state, &disk);
        struct ocs_graph *graph = graph_open(&disk.at);
        assert_int_equal(add_nodes(graph, 0, 500, NULL), 0);
        ocs_graph_close(graph);
        graph = graph_open(&disk.at); /* so that the dirty mark is made anew */
        leave_pages(&disk, left);
        int result = add_nodes(graph, 500, 1000, NULL);
        done = result == 0;
        assert_true(done || result == -OCS_FAILED);
        assert_true(left < 200);
        assert_holds(graph, done ? 1500 : 500);
        ocs_graph_close(graph);
        graph = graph_open(&disk.at);
        make_room(&disk);
        assert_int_equal(add_nodes(graph, 500, 1000, NULL), 0);
        assert_holds(graph, 1500);
        ocs_graph_close(graph);
        disk_close(&disk);
    }
}

static bool may_mount(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

int main(void)
{
    if (!may_mount())
        return 77;
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_full_disk_is_said_and_loses_nothing),
        PLACE_TEST(test_disk_is_full_before_there_is_a_graph),
        PLACE_TEST(test_full_at_each_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/cleanup.h"
#include "store/hash.h"
#include "store/streams.h"

#include "place.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/uio.h>

#define FILES       100
#define PIECE_BYTES 65536 /* what is read at a time */

/* The page cache has nothing, whatever was written just now. */
static atomic_bool nothing_cached;

ssize_t preadv2(int fd, const struct iovec *pieces, int count, off_t at, int flags)
{
    if (atomic_load(&nothing_cached) && flags & RWF_NOWAIT) {
        errno = EAGAIN;
        return -1;
    }
    return preadv(fd, pieces, count, at);
}

/* Files of all sizes, the digests of which are known. */
struct file {
    struct ocs_stream stream;
    size_t size;
    struct ocs_digest digest;
    uint64_t seen;  /* bytes that on_bytes was given */
    int stop_at;    /* on_bytes says 7 once so many bytes came; 0: never */
    int result;     /* of on_end */
    bool right;     /* the digest */
    unsigned ended; /* times */
};

struct scene {
    struct file files[FILES];
    size_t count, next, open, most_open;
    size_t large, most_large; /* of the open ones, those of more than a piece */
};

static size_t size_of(size_t i)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 65535, 65536, 65537, 300000, 2500000};
    return sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
}

static void make_file(struct file *file, int dir, size_t i)
{
    char name[16];
    size_t size = size_of(i);
    auto_free char *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t at = 0; at < size; at++)
        bytes[at] = (char)(at * 7 + i);
    snprintf(name, sizeof(name), "%zu", i);
    auto_fd int fd = openat(dir, name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, bytes, size), size);
    enum ocs_algorithm algorithm = i % 3 == 2 ? OCS_ALGORITHM_SHA512 : OCS_ALGORITHM_SHA256;
    assert_int_equal(ocs_hash_bytes(algorithm, bytes, size, &file->digest, NULL), 0);
    file->size = size;
    file->stream = (struct ocs_stream){.fd = -1, .algorithm = algorithm, .size = size};
}

static void make_scene(struct scene *scene, void **state)
{
    int dir = ((struct place *)*state)->fd;
    *scene = (struct scene){.count = FILES};
    for (size_t i = 0; i < FILES; i++) {
        char name[16];
        make_file(&scene->files[i], dir, i);
        snprintf(name, sizeof(name), "%zu", i);
        scene->files[i].stream.fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
        assert_true(scene->files[i].stream.fd >= 0);
    }
}

static struct ocs_stream *next(void *data, bool hold)
{
    struct scene *scene = data;
    if (!hold)
        assert_int_equal(scene->open, 0);
    if (scene->next == scene->count)
        return NULL;
    scene->open++;
    scene->most_open = scene->open > scene->most_open ? scene->open : scene->most_open;
    scene->large += scene->files[scene->next].size > PIECE_BYTES;
    scene->most_large = scene->large > scene->most_large ? scene->large : scene->most_large;
    return &scene->files[scene->next++].stream;
}

static int on_bytes(void *data, struct ocs_stream *stream, const void *bytes, size_t size)
{
    struct file *file = (struct file *)stream;
    (void)data;
    (void)bytes;
    file->seen += size;
    assert_int_equal(file->seen, stream->done);
    return file->stop_at && file->seen >= (uint64_t)file->stop_at ? 7 : 0;
}

static void on_end(void *data, struct ocs_stream *stream, int result,
                   const struct ocs_digest *digest, const struct ocs_error *err)
{
    struct scene *scene = data;
    struct file *file = (struct file *)stream;
    (void)err;
    scene->open--;
    scene->large -= file->size > PIECE_BYTES;
    file->ended++;
    file->result = result;
    file->right = digest && ocs_digest_equal(digest, &file->digest);
    close(stream->fd);
}

static void run_scene(struct scene *scene, const struct ocs_streams_options *options)
{
    const struct ocs_streams_visitor visitor = {
        .data = scene, .next = next, .on_bytes = on_bytes, .on_end = on_end};
    struct ocs_streams *streams;
    assert_int_equal(ocs_streams_new(options, &streams, NULL), 0);
    ocs_streams_run(streams, &visitor);
    ocs_streams_free(streams);
    assert_int_equal(scene->next, scene->count);
    assert_int_equal(scene->open, 0);
    for (size_t i = 0; i < scene->count; i++)
        assert_int_equal(scene->files[i].ended, 1);
}

static void assert_all_right(const struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++) {
        assert_int_equal(scene->files[i].result, 0);
        assert_true(scene->files[i].right);
        assert_int_equal(scene->files[i].seen, scene->files[i].size);
    }
}

static void test_digests_of_files(void **state)
{
    for (int portable = 0; portable < 2; portable++) {
        struct scene scene;
        make_scene(&scene, state);
        run_scene(&scene, &(struct ocs_streams_options){.portable = portable});
        assert_all_right(&scene);
        assert_true(scene.most_open <= OCS_STREAMS_MAX / 4); /* none waits for the disk */
    }
}

/* What is not in the page cache is come back to, and does not stay there. */
static void test_cold_files(void **state)
{
    struct scene scene;
    make_scene(&scene, state);
    for (size_t i = 0; i < scene.count; i++) {
        fsync(scene.files[i].stream.fd);
        posix_fadvise(scene.files[i].stream.fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    run_scene(&scene, &(struct ocs_streams_options){.leave_cache = true});
    assert_all_right(&scene);
    assert_true(scene.most_open <= OCS_STREAMS_MAX);
}

/* Many small files wait for the disk at the same time, but few large ones share it. */
static void test_files_share_the_disk(void **state)
{
    struct scene scene;
    make_scene(&scene, state);
    atomic_store(&nothing_cached, true);
    run_scene(&scene, &(struct ocs_streams_options){0});
    atomic_store(&nothing_cached, false);
    assert_all_right(&scene);
    assert_int_equal(scene.most_large, OCS_STREAMS_MAX / 8);
    assert_true(scene.most_open > OCS_STREAMS_MAX / 4);
}

static void test_a_stream_can_be_stopped(void **state)
{
    struct scene scene;
    make_scene(&scene, state);
    for (size_t i = 0; i < scene.count; i += 2)
        scene.files[i].stop_at = 1;
    run_scene(&scene, &(struct ocs_streams_options){0});
    for (size_t i = 0; i < scene.count; i++) {
        bool stopped = scene.files[i].stop_at && scene.files[i].size > 0;
        assert_int_equal(scene.files[i].result, stopped ? 7 : 0);
        assert_int_equal(scene.files[i].right, !stopped);
    }
}

/* A file that became shorter ends earlier; what cannot be read is said of that file
 * alone; an algorithm that is not known is read all the same. */
static void test_files_that_are_odd(void **state)
{
    struct scene scene;
    make_scene(&scene, state);
    struct place *place = *state;
    assert_int_equal(truncate(place_path(place, "9"), 1000), 0);
    close(scene.files[8].stream.fd);
    scene.files[8].stream.fd = dup(place->fd); /* a folder */
    scene.files[10].stream.algorithm = OCS_ALGORITHM_OTHER;
    run_scene(&scene, &(struct ocs_streams_options){0});
    assert_int_equal(scene.files[9].seen, 1000);
    assert_false(scene.files[9].right);
    assert_int_equal(scene.files[8].result, OCS_STREAM_UNREADABLE);
    assert_int_equal(scene.files[10].result, 0);
    assert_false(scene.files[10].right);
    assert_int_equal(scene.files[10].seen, scene.files[10].size);
    for (size_t i = 11; i < scene.count; i++)
        assert_true(scene.files[i].right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_digests_of_files),     PLACE_TEST(test_cold_files),
        PLACE_TEST(test_files_share_the_disk), PLACE_TEST(test_a_stream_can_be_stopped),
        PLACE_TEST(test_files_that_are_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

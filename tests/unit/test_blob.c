/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store/blob.h"
#include "store/hash.h"

#include "place.h"

#include <errno.h>
#include <sys/un.h>
#include <sys/socket.h>

#define HELLO      "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO_PATH "blobs/sha256/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static struct ocs_digest digest_of(const char *text)
{
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_parse(text, strlen(text), &digest), 0);
    return digest;
}

static struct ocs_blobs *open_blobs(struct place *place, unsigned flags)
{
    struct ocs_blobs *blobs = NULL;
    struct ocs_error err;
    assert_int_equal(ocs_blobs_open(place->fd, "blobs", flags, "blobs", &blobs, &err), 0);
    assert_string_equal(ocs_blobs_label(blobs), "blobs");
    return blobs;
}

static struct ocs_blobs *with_hello(struct place *place)
{
    place_mkdirs(place, "blobs/sha256");
    place_write(place, HELLO_PATH, "hello");
    return open_blobs(place, 0);
}

static void test_open_blob_and_stat(void **state)
{
    struct ocs_blobs *blobs = with_hello(*state);
    struct ocs_digest hello = digest_of(HELLO);
    struct stat st;
    int fd = -1;
    assert_int_equal(ocs_blobs_open_blob(blobs, &hello, &fd, &st, NULL), 0);
    assert_int_equal(st.st_size, 5);
    close(fd);
    assert_int_equal(ocs_blobs_open_blob(blobs, &hello, &fd, NULL, NULL), 0);
    close(fd);
    memset(&st, 0, sizeof(st));
    assert_int_equal(ocs_blobs_stat(blobs, &hello, &st, NULL), 0);
    assert_int_equal(st.st_size, 5);
    ocs_blobs_close(blobs);
}

static void test_absent_blobs_and_folders(void **state)
{
    struct ocs_blobs *blobs = with_hello(*state);
    struct stat st;
    int fd;
    struct ocs_digest digest =
        digest_of("sha256:0000000000000000000000000000000000000000000000000000000000000000");
    assert_int_equal(ocs_blobs_open_blob(blobs, &digest, &fd, &st, NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_blobs_stat(blobs, &digest, &st, NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_blobs_unlink(blobs, &digest, NULL), 0);
    digest = digest_of("other+alg:x");
    assert_int_equal(ocs_blobs_open_blob(blobs, &digest, &fd, &st, NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_blobs_stat(blobs, &digest, &st, NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_blobs_take(blobs, &digest, 0, "x", NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_blobs_swap(blobs, &digest, 0, "x", NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_blobs_unlink(blobs, &digest, NULL), 0);
    ocs_blobs_close(blobs);
}

static void test_folder_that_appears_later_is_found(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "blobs");
    struct ocs_blobs *blobs = open_blobs(place, 0);
    struct ocs_digest hello = digest_of(HELLO);
    struct stat st;
    assert_int_equal(ocs_blobs_stat(blobs, &hello, &st, NULL), OCS_IO_ABSENT);
    place_mkdirs(place, "blobs/sha256");
    place_write(place, HELLO_PATH, "hello");
    assert_int_equal(ocs_blobs_stat(blobs, &hello, &st, NULL), 0);
    ocs_blobs_close(blobs);
}

static void test_open_refuses_what_is_no_folder(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs;
    assert_int_equal(ocs_blobs_open(place->fd, "blobs", 0, "blobs", &blobs, NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_blobs_open(place->fd, "blobs", OCS_BLOBS_FOLLOW, "blobs", &blobs, NULL),
                     OCS_IO_ABSENT);
    place_write(place, "file", "");
    assert_int_equal(ocs_blobs_open(place->fd, "file", 0, "blobs", &blobs, NULL),
                     OCS_IO_NOT_REGULAR);
    assert_int_equal(ocs_blobs_open(place->fd, "file", OCS_BLOBS_FOLLOW, "blobs", &blobs, NULL),
                     OCS_IO_NOT_REGULAR);
    place_mkdirs(place, "real");
    assert_int_equal(symlinkat("real", place->fd, "blobs"), 0);
    assert_int_equal(ocs_blobs_open(place->fd, "blobs", 0, "blobs", &blobs, NULL),
                     OCS_IO_NOT_REGULAR);
    assert_int_equal(ocs_blobs_open(place->fd, "blobs", OCS_BLOBS_FOLLOW, "blobs", &blobs, NULL),
                     0);
    ocs_blobs_close(blobs);
}

static void test_linked_algorithm_folder(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "blobs");
    place_mkdirs(place, "real");
    assert_int_equal(symlinkat("../real", place->fd, "blobs/sha256"), 0);
    place_write(place, HELLO_PATH, "hello");
    struct ocs_digest hello = digest_of(HELLO);
    struct stat st;
    int fd;
    struct ocs_blobs *blobs = open_blobs(place, 0);
    assert_int_equal(ocs_blobs_open_blob(blobs, &hello, &fd, &st, NULL), OCS_IO_NOT_REGULAR);
    assert_int_equal(ocs_blobs_stat(blobs, &hello, &st, NULL), 0);
    assert_true(S_ISLNK(st.st_mode));
    struct ocs_error err;
    assert_int_equal(ocs_blobs_take(blobs, &hello, place->fd, "taken", &err), -OCS_REFUSED);
    assert_non_null(strstr(err.message, "blobs/sha256"));
    place_write(place, "staged", "hello");
    assert_int_equal(ocs_blobs_publish(blobs, place->fd, "staged", &hello, NULL), -OCS_REFUSED);
    assert_int_equal(ocs_blobs_unlink(blobs, &hello, NULL), -OCS_REFUSED);
    ocs_blobs_close(blobs);

    blobs = open_blobs(place, OCS_BLOBS_FOLLOW);
    assert_int_equal(ocs_blobs_open_blob(blobs, &hello, &fd, &st, NULL), 0);
    close(fd);
    ocs_blobs_close(blobs);
}

static void make_socket(struct place *place, const char *relative)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int at = openat(place->fd, relative, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket", at);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    close(at);
}

static void test_names_held_by_no_regular_file(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "blobs/sha256");
    struct ocs_blobs *blobs = open_blobs(place, 0);
    struct ocs_digest hello = digest_of(HELLO);
    struct ocs_bytes bytes;
    struct stat st;
    int fd;

    assert_int_equal(mkfifoat(place->fd, HELLO_PATH, 0644), 0); /* must not block */
    assert_int_equal(ocs_blobs_open_blob(blobs, &hello, &fd, &st, NULL), OCS_IO_NOT_REGULAR);
    assert_int_equal(ocs_blobs_stat(blobs, &hello, &st, NULL), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(ocs_blobs_unlink(blobs, &hello, NULL), 0);

    assert_int_equal(symlinkat("/etc/passwd", place->fd, HELLO_PATH), 0);
    assert_int_equal(ocs_blobs_open_blob(blobs, &hello, &fd, &st, NULL), OCS_IO_NOT_REGULAR);
    assert_int_equal(ocs_blobs_read(blobs, &hello, 100, &bytes, NULL, NULL), OCS_IO_NOT_REGULAR);
    assert_int_equal(ocs_blobs_take(blobs, &hello, place->fd, "taken", NULL), 0);
    assert_true(place_has(place, "taken"));

    place_mkdirs(place, HELLO_PATH);
    assert_int_equal(ocs_blobs_open_blob(blobs, &hello, &fd, &st, NULL), OCS_IO_NOT_REGULAR);
    assert_int_equal(unlinkat(place->fd, HELLO_PATH, AT_REMOVEDIR), 0);

    make_socket(place, "blobs/sha256");
    assert_int_equal(renameat(place->fd, "blobs/sha256/socket", place->fd, HELLO_PATH), 0);
    assert_int_equal(ocs_blobs_open_blob(blobs, &hello, &fd, &st, NULL), OCS_IO_NOT_REGULAR);
    ocs_blobs_close(blobs);
}

static void test_read_verifies(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    struct ocs_bytes bytes = {0};
    struct stat st;
    assert_int_equal(ocs_blobs_read(blobs, &hello, 5, &bytes, &st, NULL), 0);
    assert_string_equal(bytes.data, "hello");
    assert_int_equal(st.st_size, 5);
    ocs_bytes_clear(&bytes);
    assert_int_equal(ocs_blobs_read(blobs, &hello, 4, &bytes, NULL, NULL), OCS_BLOB_LARGE);
    place_write(place, HELLO_PATH, "hellO");
    assert_int_equal(ocs_blobs_read(blobs, &hello, 5, &bytes, NULL, NULL), OCS_BLOB_BAD);
    assert_int_equal(unlinkat(place->fd, HELLO_PATH, 0), 0);
    assert_int_equal(ocs_blobs_read(blobs, &hello, 5, &bytes, NULL, NULL), OCS_IO_ABSENT);
    ocs_blobs_close(blobs);
}

static void test_read_of_an_algorithm_that_cannot_be_verified(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "blobs/other+alg");
    place_write(place, "blobs/other+alg/x_1", "anything");
    struct ocs_blobs *blobs = open_blobs(place, 0);
    struct ocs_digest digest = digest_of("other+alg:x_1");
    struct ocs_bytes bytes = {0};
    assert_int_equal(ocs_blobs_read(blobs, &digest, 100, &bytes, NULL, NULL), 0);
    assert_string_equal(bytes.data, "anything");
    ocs_bytes_clear(&bytes);
    ocs_blobs_close(blobs);
}

static void test_publish(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "blobs");
    struct ocs_blobs *blobs = open_blobs(place, 0);
    struct ocs_digest hello = digest_of(HELLO);
    place_write(place, "staged", "hello");
    assert_int_equal(ocs_blobs_publish(blobs, place->fd, "staged", &hello, NULL), 0);
    assert_true(place_has(place, HELLO_PATH));
    assert_false(place_has(place, "staged"));
    struct stat st;
    assert_int_equal(fstatat(place->fd, "blobs/sha256", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777 & ~0755u, 0);

    place_write(place, "staged", "other");
    assert_int_equal(ocs_blobs_publish(blobs, place->fd, "staged", &hello, NULL), OCS_IO_EXISTS);
    assert_true(place_has(place, "staged"));
    struct ocs_error err;
    assert_int_equal(unlinkat(place->fd, HELLO_PATH, 0), 0);
    assert_int_equal(ocs_blobs_publish(blobs, place->fd, "no such file", &hello, &err),
                     -OCS_FAILED);

    struct ocs_digest other = digest_of("other+alg:x_1");
    assert_int_equal(ocs_blobs_publish(blobs, place->fd, "staged", &other, NULL), 0);
    assert_true(place_has(place, "blobs/other+alg/x_1"));
    assert_int_equal(ocs_blobs_sync(blobs, NULL), 0);
    assert_int_equal(ocs_blobs_sync(blobs, NULL), 0);
    ocs_blobs_close(blobs);
}

static void test_take_and_swap(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    struct ocs_digest hello = digest_of(HELLO);
    place_write(place, "other", "other");
    assert_int_equal(ocs_blobs_take(blobs, &hello, place->fd, "other", NULL), OCS_IO_EXISTS);
    assert_int_equal(ocs_blobs_swap(blobs, &hello, place->fd, "other", NULL), 0);
    char *text = place_read(place, HELLO_PATH);
    assert_string_equal(text, "other");
    free(text);
    assert_int_equal(ocs_blobs_swap(blobs, &hello, place->fd, "absent", NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_blobs_take(blobs, &hello, place->fd, "taken", NULL), 0);
    assert_int_equal(ocs_blobs_take(blobs, &hello, place->fd, "taken2", NULL), OCS_IO_ABSENT);
    assert_int_equal(ocs_blobs_sync(blobs, NULL), 0);
    ocs_blobs_close(blobs);
}

/* ---- iterating ---- */

struct seen {
    unsigned blobs, irregular, strangers;
    char names[2048];
    int result;
};

static int see_blob(void *data, const struct ocs_blobs_entry *entry, struct ocs_error *err)
{
    (void)err;
    struct seen *seen = data;
    seen->blobs += entry->regular;
    seen->irregular += !entry->regular;
    assert_true(entry->inode > 0);
    return seen->result;
}

static int see_stranger(void *data, const char *path, struct ocs_error *err)
{
    (void)err;
    struct seen *seen = data;
    seen->strangers++;
    strcat(strcat(seen->names, path), "|");
    return 0;
}

static struct seen list(struct ocs_blobs *blobs, int expected, int give)
{
    struct seen seen = {.result = give};
    const struct ocs_blobs_visitor visitor = {&seen, see_blob, see_stranger};
    assert_int_equal(ocs_blobs_each(blobs, &visitor, NULL), expected);
    return seen;
}

static void test_each_tells_blobs_from_strangers(void **state)
{
    struct place *place = *state;
    struct ocs_blobs *blobs = with_hello(place);
    place_mkdirs(place, "blobs/other+alg");
    place_write(place, "blobs/other+alg/x_1", "");
    place_write(place, "blobs/other+alg/~", "");
    place_write(place, "blobs/sha256/.tmp", "");
    place_write(place,
                "blobs/sha256/" /* upper case */
                "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824",
                "");
    place_write(place, "blobs/plain", "");
    place_mkdirs(place, "blobs/.hidden/deep");
    place_mkdirs(place, "blobs/sha512/" /* a folder with the name of a blob */
                        "0000000000000000000000000000000000000000000000000000000000000000"
                        "0000000000000000000000000000000000000000000000000000000000000000");
    assert_int_equal(symlinkat("sha256", place->fd, "blobs/blake3"), 0);

    struct seen seen = list(blobs, 0, 0);
    assert_int_equal(seen.blobs, 2);
    assert_int_equal(seen.irregular, 1);
    assert_int_equal(seen.strangers, 6);
    assert_non_null(strstr(seen.names, "plain|"));
    assert_non_null(strstr(seen.names, ".hidden|"));
    assert_non_null(strstr(seen.names, "blake3|"));
    assert_non_null(strstr(seen.names, "sha256/.tmp|"));
    assert_non_null(strstr(seen.names, "other+alg/~|"));
    list(blobs, 7, 7);
    const struct ocs_blobs_visitor nobody = {0};
    assert_int_equal(ocs_blobs_each(blobs, &nobody, NULL), 0);
    ocs_blobs_close(blobs);

    blobs = open_blobs(place, OCS_BLOBS_FOLLOW);
    seen = list(blobs, 0, 0);
    assert_int_equal(seen.blobs, 3); /* also as blake3 */
    ocs_blobs_close(blobs);
}

static void test_each_of_an_empty_folder(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "blobs");
    struct ocs_blobs *blobs = open_blobs(place, 0);
    struct seen seen = list(blobs, 0, 0);
    assert_int_equal(seen.blobs + seen.strangers, 0);
    ocs_blobs_close(blobs);
}

static void test_many_entries(void **state)
{
    struct place *place = *state;
    place_mkdirs(place, "blobs/sha256");
    char name[128];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "blobs/sha256/%064x", i);
        place_write(place, name, "");
    }
    struct ocs_blobs *blobs = open_blobs(place, 0);
    assert_int_equal(list(blobs, 0, 0).blobs, 5000);
    ocs_blobs_close(blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_open_blob_and_stat),
        PLACE_TEST(test_absent_blobs_and_folders),
        PLACE_TEST(test_folder_that_appears_later_is_found),
        PLACE_TEST(test_open_refuses_what_is_no_folder),
        PLACE_TEST(test_linked_algorithm_folder),
        PLACE_TEST(test_names_held_by_no_regular_file),
        PLACE_TEST(test_read_verifies),
        PLACE_TEST(test_read_of_an_algorithm_that_cannot_be_verified),
        PLACE_TEST(test_publish),
        PLACE_TEST(test_take_and_swap),
        PLACE_TEST(test_each_tells_blobs_from_strangers),
        PLACE_TEST(test_each_of_an_empty_folder),
        PLACE_TEST(test_many_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Disks that fail, memory that flips a bit, files that others write while they
 * are read. */

#include "damage/images.h"
#include "damage/reads.h"

#include "store/store.h"

#include <time.h>

/* What happens while the library sleeps, once. */
static void (*while_asleep)(struct images *images);
static struct images *asleep_images;

int nanosleep(const struct timespec *time, struct timespec *left)
{
    if (!while_asleep)
        return (int)syscall(SYS_nanosleep, time, left);
    while_asleep(asleep_images);
    while_asleep = NULL;
    return 0;
}

#define ALL     "(shop:one, shop:two, shop:multi)"
#define BIG     (700u << 10) /* several readings */
#define PATIENT 40           /* readings: more than a run makes in all */

static ino_t inode_of(struct images *images, const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(images->place->fd, images_path(images, name), &st, 0), 0);
    return st.st_ino;
}

/* An image "big" of one big layer. */
static void make_big(struct images *images)
{
    char *bytes = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = (char)(i * 31 + i / 1000);
    images_add_bytes(images, "big", OCS_ALGORITHM_SHA256, bytes, BIG);
    free(bytes);
    static const char *const layers[] = {"big"};
    images_add_image(images, "big", layers, 1);
    char *entry = images_entry(images, MEDIA_MANIFEST, "manifest-big", "big");
    images_write_index(images, entry);
    free(entry);
}

static void make_big_layout(struct images *images, struct place *place)
{
    images_make_empty(images, place);
    make_big(images);
}

static void expect(struct images *images, const struct reads *reads,
                   struct ocs_fsck_options options, const char *findings, enum ocs_status status)
{
    struct verdict verdict;
    options.jobs = 1;
    reads_begin(reads);
    int r = images_fsck(images, options, NULL, &verdict);
    assert_true(reads_end() > 0);
    assert_int_equal(r, 0);
    char *found = verdict_sorted(verdict.text), *expected = verdict_sorted(findings);
    assert_string_equal(found, expected);
    assert_int_equal(verdict.report.status, status);
    free(found);
    free(expected);
}

/* ---- the disk ---- */

static ssize_t fail_from(void *data, unsigned long nth, char *bytes, ssize_t size)
{
    (void)bytes;
    if (nth < *(const unsigned long *)data)
        return size;
    errno = EIO;
    return -1;
}

static void an_io_error_is_not_called_corrupt(void **state)
{
    static const struct {
        const char *name;
        const char *findings;
    } rows[] = {
        {"base", "error blob-read-error base " ALL "\n"},
        {"config-c", "error blob-read-error config-c (shop:multi)\n"},
        {"manifest-b", "error blob-read-error manifest-b (shop:two)\n"
                       "info orphan-blob config-b\n"
                       "info orphan-blob layer-b\n"},
    };
    struct images images;
    unsigned long from = 1;
    images_make_layout(&images, *state);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reads reads = {inode_of(&images, rows[i].name), &from, fail_from};
        expect(&images, &reads, (struct ocs_fsck_options){0}, rows[i].findings, OCS_REFUSED);
    }
}

static void an_io_error_in_the_middle_is_one(void **state)
{
    struct images images;
    make_big_layout(&images, *state);
    for (unsigned long from = 1; from < 5; from++) {
        struct reads reads = {inode_of(&images, "big"), &from, fail_from};
        expect(&images, &reads, (struct ocs_fsck_options){0},
               "error blob-read-error big (shop:big)\n", OCS_REFUSED);
    }
}

/* Whether anything needs it or not: it says something of the disk. */
static void an_io_error_of_an_orphan_is_an_error(void **state)
{
    struct images images;
    unsigned long from = 2;
    char *bytes = calloc(1, BIG);
    make_big_layout(&images, *state);
    images_add_bytes(&images, "lonely", OCS_ALGORITHM_SHA256, bytes, BIG);
    free(bytes);
    struct reads reads = {inode_of(&images, "lonely"), &from, fail_from};
    expect(&images, &reads, (struct ocs_fsck_options){0},
           "error blob-read-error lonely\n"
           "info orphan-blob lonely\n",
           OCS_REFUSED);
}

/* The disk may recover. */
static void what_cannot_be_read_stays_where_it_is(void **state)
{
    struct images images;
    struct place *place = *state;
    unsigned long from = 3;
    images_make_store(&images, place);
    make_big(&images);
    ino_t inode = inode_of(&images, "big");
    struct reads reads = {inode, &from, fail_from};
    struct ocs_fsck_options repair = {.repair = true};
    struct verdict verdict;
    reads_begin(&reads);
    assert_int_equal(images_fsck(&images, repair, NULL, &verdict), 0);
    reads_end();
    assert_int_equal(verdict.report.status, OCS_REFUSED);
    assert_int_equal(verdict.report.corrected, 0);
    assert_int_equal(inode_of(&images, "big"), inode);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, NULL, &verdict), 0);
    assert_int_equal(verdict.report.status, OCS_OK);
}

/* A good copy takes the name, and what cannot be read is kept. */
static void what_cannot_be_read_makes_room_for_a_copy(void **state)
{
    static struct images twin;
    struct images images;
    struct place *place = *state;
    unsigned long from = 3;
    char path[4200];
    images_make_store(&images, place);
    make_big(&images);
    make_big_layout(&twin, place);
    snprintf(path, sizeof(path), "%s/shop", place->path);
    const char *source = path;
    struct ocs_fsck_options repair = {.repair = true, .from = &source, .from_count = 1};
    ino_t inode = inode_of(&images, "big");
    struct reads reads = {inode, &from, fail_from};
    struct verdict verdict;
    reads_begin(&reads);
    int r = images_fsck(&images, repair, NULL, &verdict);
    reads_end();
    assert_int_equal(r, 0);
    assert_int_equal(verdict.report.status, OCS_CORRECTED);
    assert_int_not_equal(inode_of(&images, "big"), inode);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, NULL, &verdict), 0);
    assert_int_equal(verdict.report.status, OCS_OK);
    assert_non_null(strstr(verdict.text, "info quarantine-unresolved big"));
}

/* ---- the memory ---- */

static ssize_t flip_once(void *data, unsigned long nth, char *bytes, ssize_t size)
{
    if (nth == *(const unsigned long *)data && size > 0)
        bytes[size / 2] ^= 4;
    return size;
}

static void wrong_once_and_right_the_second_time_is_unstable(void **state)
{
    static const char *const names[] = {"base", "config-c", "manifest-b", "index"};
    static const char *const hurt[] = {ALL, "(shop:multi)", "(shop:two)", "(shop:multi)"};
    struct images images;
    unsigned long first = 1;
    images_make_layout(&images, *state);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char finding[128];
        struct reads reads = {inode_of(&images, names[i]), &first, flip_once};
        snprintf(finding, sizeof(finding), "warning blob-read-unstable %s %s\n", names[i], hurt[i]);
        expect(&images, &reads, (struct ocs_fsck_options){0}, finding, OCS_OK);
    }
}

static void a_big_blob_can_be_unstable(void **state)
{
    struct images images;
    unsigned long second = 3; /* the first one looks at its head alone */
    make_big_layout(&images, *state);
    struct reads reads = {inode_of(&images, "big"), &second, flip_once};
    expect(&images, &reads, (struct ocs_fsck_options){0},
           "warning blob-read-unstable big (shop:big)\n", OCS_OK);
    expect(&images, &reads, (struct ocs_fsck_options){.strict = true},
           "warning blob-read-unstable big (shop:big)\n", OCS_REFUSED);
}

/* ---- somebody else ---- */

/* skopeo empties oci-layout and writes it anew in place. */
static ssize_t write_layout_file(void *data, unsigned long nth, char *bytes, ssize_t size)
{
    struct images *images = data;
    (void)bytes;
    if (nth == 1)
        place_write(images->place, images_in_layout(images, "oci-layout"),
                    "{\"imageLayoutVersion\":\"1.0.0\"}");
    return size;
}

static void an_oci_layout_that_is_being_written_is_not_damaged(void **state)
{
    struct images images;
    struct stat st;
    images_make_layout(&images, *state);
    const char *path = images_in_layout(&images, "oci-layout");
    place_write(*state, path, "");
    assert_int_equal(fstatat(images.place->fd, path, &st, 0), 0);
    struct reads reads = {st.st_ino, &images, write_layout_file};
    expect(&images, &reads, (struct ocs_fsck_options){0}, "", OCS_OK);
}

static void write_index(struct images *images)
{
    assert_int_equal(renameat(images->place->fd, "index", images->place->fd,
                              images_in_layout(images, "index.json")),
                     0);
}

/* A tool has written oci-layout, and its index.json comes. */
static void a_layout_that_is_being_made_is_waited_for(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_store(&images, *state);
    assert_int_equal(renameat(images.place->fd, images_in_layout(&images, "index.json"),
                              images.place->fd, "index"),
                     0);
    while_asleep = write_index;
    asleep_images = &images;
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){.jobs = 1}, NULL, &verdict), 0);
    assert_null(while_asleep);
    assert_int_equal(verdict.report.errors, 0);
    assert_int_equal(verdict.report.images, 3);
}

/* What rm does, and a tool after it that has made the folder anew and nothing in it yet. */
struct removing {
    struct images *images;
    char entry[96]; /* of roots/ */
};

static ssize_t remove_layout(void *data, unsigned long nth, char *bytes, ssize_t size)
{
    const struct removing *removing = data;
    struct images *images = removing->images;
    int fd = images->place->fd;
    (void)bytes;
    if (nth != 1)
        return size;
    assert_int_equal(unlinkat(fd, removing->entry, 0), 0);
    assert_int_equal(unlinkat(fd, images_in_layout(images, "index.json"), 0), 0);
    assert_int_equal(unlinkat(fd, images_in_layout(images, "oci-layout"), 0), 0);
    return size;
}

static void a_layout_that_was_removed_meanwhile_is_not_missed(void **state)
{
    struct images images;
    struct verdict verdict;
    struct stat st;
    char id[OCS_ROOT_ID_SIZE];
    struct removing removing = {.images = &images};
    images_make_store(&images, *state);
    images_register(&images);
    assert_int_equal(ocs_root_id("shop", id, NULL), 0);
    snprintf(removing.entry, sizeof(removing.entry), "store/.ocistore/roots/%s.json", id);
    assert_int_equal(fstatat(images.place->fd, removing.entry, &st, 0), 0);
    struct reads reads = {st.st_ino, &removing, remove_layout};
    reads_begin(&reads);
    int r = images_fsck(&images, (struct ocs_fsck_options){.jobs = 1}, NULL, &verdict);
    assert_true(reads_end() > 0);
    assert_int_equal(r, 0);
    assert_null(strstr(verdict.text, "index-unreadable"));
    assert_null(strstr(verdict.text, "layout-file-missing"));
    assert_int_equal(verdict.report.errors,
                     1); /* store.json counts the entry: roots-entry-damaged */
    assert_int_equal(verdict.report.images, 0);
}

/* At one reading of anything, the file gets these bytes. */
struct writing {
    struct images *images;
    const char *name;
    char *bytes;
    size_t size;
    unsigned long at;
    bool by_rename;
    bool done;
};

static ssize_t write_now(void *data, unsigned long nth, char *bytes, ssize_t size)
{
    struct writing *writing = data;
    (void)bytes;
    if (nth != writing->at)
        return size;
    struct images *images = writing->images;
    const char *path = images_path(images, writing->name);
    const char *name = writing->by_rename ? "other" : path;
    int fd = openat(images->place->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, writing->bytes, writing->size), writing->size);
    assert_int_equal(close(fd), 0);
    if (writing->by_rename)
        assert_int_equal(renameat(images->place->fd, "other", images->place->fd, path), 0);
    writing->done = true;
    return size;
}

/* One run in which the file is whole only after that reading. */
static void run_beside(struct writing *writing, size_t first_size, struct verdict *verdict)
{
    struct images *images = writing->images;
    struct reads reads = {0, writing, write_now};
    writing->done = false;
    images_cut(images, writing->name, first_size);
    reads_begin(&reads);
    int r = images_fsck(images, (struct ocs_fsck_options){.jobs = 1}, NULL, verdict);
    reads_end();
    assert_int_equal(r, 0);
}

static void a_file_that_grows_is_never_called_damaged(void **state)
{
    struct images images;
    struct verdict verdict;
    unsigned flux = 0;
    images_make_layout(&images, *state);
    struct writing writing = {.images = &images, .name = "layer-c"};
    writing.bytes = place_read(images.place, images_path(&images, "layer-c"));
    writing.size = strlen(writing.bytes);
    for (size_t first = 0; first < writing.size; first += writing.size - 1) {
        for (writing.at = 1, writing.done = true; writing.done; writing.at++) {
            run_beside(&writing, first, &verdict);
            if (!writing.done)
                break;
            assert_int_equal(verdict.report.errors, 0);
            flux += strstr(verdict.text, "blob-in-flux layer-c") != NULL;
        }
        assert_true(writing.at > 8);
        assert_int_equal(verdict.report.status, OCS_REFUSED); /* nobody wrote */
    }
    assert_true(flux > 0);
    free(writing.bytes);
}

/* Whenever the manifest comes, its layer that is not there is missed. */
static void a_manifest_that_is_being_written_is_looked_at_when_it_is_whole(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_layout(&images, *state);
    images_drop(&images, "layer-b");
    struct writing writing = {.images = &images, .name = "manifest-b"};
    writing.bytes = place_read(images.place, images_path(&images, "manifest-b"));
    writing.size = strlen(writing.bytes);
    for (size_t first = 0; first < writing.size; first += writing.size / 2) {
        for (int rename = 0; rename < 2; rename++) {
            bool late = false; /* everything was read as often as it had to be */
            unsigned good = 0;
            writing.by_rename = rename;
            for (writing.at = 1, writing.done = true; writing.done; writing.at++) {
                run_beside(&writing, first, &verdict);
                if (!writing.done)
                    break;
                late |= strstr(verdict.text, "manifest-b (") && verdict.report.errors > 1;
                bool told = strstr(verdict.text, "error layer-missing layer-b (shop:two)\n");
                if (!late && (!told || verdict.report.errors != 1))
                    fail_msg("%zu bytes, whole at reading %lu:\n%s", first, writing.at,
                             verdict.text);
                good += !late;
            }
            assert_true(good >= 8);
        }
    }
    free(writing.bytes);
}

static void a_file_that_is_replaced_while_it_is_hashed_is_in_flux(void **state)
{
    struct images images;
    struct verdict verdict;
    unsigned flux = 0;
    make_big_layout(&images, *state);
    struct writing writing = {.images = &images, .name = "big", .size = BIG, .by_rename = true};
    writing.bytes = malloc(BIG);
    int fd = openat(images.place->fd, images_path(&images, "big"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(syscall(SYS_read, fd, writing.bytes, BIG), BIG);
    close(fd);
    for (writing.at = 1, writing.done = true; writing.done; writing.at++) {
        images_flip(&images, "big", BIG - 1); /* when it was replaced: damaged again */
        run_beside(&writing, BIG, &verdict);
        if (!writing.done)
            break;
        flux += strcmp(verdict.text, "info blob-in-flux big (shop:big)\n") == 0;
        bool found = strstr(verdict.text, "error blob-digest-mismatch big"); /* twice, before */
        assert_int_equal(verdict.report.errors, found);
    }
    assert_true(flux > 0 && writing.at < PATIENT);
    free(writing.bytes);
}

/* Whenever a foreign tool renames a good copy over the damaged file, it is there after
 * the repair: nothing is moved away but what was looked at. */
static void a_good_copy_that_comes_during_a_repair_stays(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_empty_store(&images, *state);
    make_big(&images);
    images_register(&images);
    struct writing writing = {.images = &images, .name = "big", .size = BIG, .by_rename = true};
    struct reads reads = {0, &writing, write_now}; /* at 0: nothing */
    writing.bytes = malloc(BIG);
    int fd = openat(images.place->fd, images_path(&images, "big"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(syscall(SYS_read, fd, writing.bytes, BIG), BIG);
    close(fd);
    struct ocs_fsck_options repair = {.repair = true, .jobs = 1, .dry_run = true};
    images_flip(&images, "big", BIG - 1);
    reads.inode = inode_of(&images, "big");
    reads_begin(&reads); /* the last one is that before the file would be moved */
    assert_int_equal(images_fsck(&images, repair, NULL, &verdict), 0);
    unsigned long count = reads_end();
    images_flip(&images, "big", BIG - 1);
    repair.dry_run = false;
    for (writing.at = 1; writing.at <= count; writing.at++) {
        images_flip(&images, "big", BIG - 1);
        reads.inode = inode_of(&images, "big");
        reads_begin(&reads);
        int r = images_fsck(&images, repair, NULL, &verdict);
        reads_end();
        assert_int_equal(r, 0);
        r = images_fsck(&images, (struct ocs_fsck_options){.jobs = 1}, NULL, &verdict);
        assert_int_equal(r, 0);
        if (!writing.done || verdict.report.errors)
            fail_msg("replaced at reading %lu:\n%s", writing.at, verdict.text);
        writing.done = false;
    }
    free(writing.bytes);
}

/* ---- how much is read ---- */

static ssize_t count_alone(void *data, unsigned long nth, char *bytes, ssize_t size)
{
    (void)data;
    (void)nth;
    (void)bytes;
    return size;
}

/* A store of so many layouts, none of which has its oci-layout, is repaired. */
static unsigned long repair_layouts(struct place *place, unsigned count)
{
    struct images images;
    struct verdict verdict;
    struct reads reads = {0, NULL, count_alone};
    images_make_store(&images, place);
    char *index = place_read(place, images_in_layout(&images, "index.json"));
    for (unsigned i = 0; i < count; i++) {
        char path[80];
        snprintf(path, sizeof(path), "store/layouts/a%u", i);
        place_mkdirs(place, path);
        strcat(path, "/index.json");
        images_write_old(&images, path, index, strlen(index));
        *strrchr(path, '/') = '\0'; /* not just now, when its oci-layout could be to come */
        struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
        assert_int_equal(utimensat(place->fd, path, times, 0), 0);
    }
    free(index);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){0}, NULL, &verdict), 0);
    assert_int_equal(verdict.report.errors, count); /* and their index.json is kept */
    reads_begin(&reads);
    int r =
        images_fsck(&images, (struct ocs_fsck_options){.repair = true, .jobs = 1}, NULL, &verdict);
    unsigned long made = reads_end();
    assert_int_equal(r, 0);
    assert_int_equal(verdict.report.corrected, count);
    assert_int_equal(ocs_io_remove_tree(place->fd, "store", "store", NULL), 0);
    return made;
}

static void each_layout_is_mended_without_a_look_at_the_others(void **state)
{
    unsigned long few = repair_layouts(*state, 8), many = repair_layouts(*state, 32);
    if (many > 5 * few)
        fail_msg("8 layouts: %lu readings, 32: %lu", few, many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(an_io_error_is_not_called_corrupt),
        PLACE_TEST(an_io_error_in_the_middle_is_one),
        PLACE_TEST(an_io_error_of_an_orphan_is_an_error),
        PLACE_TEST(what_cannot_be_read_stays_where_it_is),
        PLACE_TEST(what_cannot_be_read_makes_room_for_a_copy),
        PLACE_TEST(wrong_once_and_right_the_second_time_is_unstable),
        PLACE_TEST(a_big_blob_can_be_unstable),
        PLACE_TEST(an_oci_layout_that_is_being_written_is_not_damaged),
        PLACE_TEST(a_layout_that_is_being_made_is_waited_for),
        PLACE_TEST(a_layout_that_was_removed_meanwhile_is_not_missed),
        PLACE_TEST(a_file_that_grows_is_never_called_damaged),
        PLACE_TEST(a_manifest_that_is_being_written_is_looked_at_when_it_is_whole),
        PLACE_TEST(a_file_that_is_replaced_while_it_is_hashed_is_in_flux),
        PLACE_TEST(a_good_copy_that_comes_during_a_repair_stays),
        PLACE_TEST(each_layout_is_mended_without_a_look_at_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

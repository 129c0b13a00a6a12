/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Temporary files of other tools: which of them gc takes, and when. */

#include "shelf.h"

#include "store/in_use.h"

#include <fcntl.h>
#include <sys/file.h>

#define HEX "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

#define SKOPEO  "layouts/one/oci-put-blob123"
#define CRANE   "blobs/sha256/" HEX "456"
#define REGCTL  "blobs/sha256/" HEX ".7.tmp"
#define ORAS    "layouts/one/ingest/" HEX "_8"
#define UPLOAD  "layouts/one/ingest/" HEX
#define UMOCI   "layouts/one/.umoci-9"
#define ABANDON "layouts/never/finished/oci-put-blob10"

/* Everything that a tool could leave, and a garbage blob. */
static struct blob set(struct shelf *shelf)
{
    struct image image = shelf_image(shelf, "image");
    struct blob loose = shelf_layer(shelf, "loose");
    shelf_layout(shelf, "one", LIST(&image.manifest));
    place_mkdirs(shelf->place, UPLOAD);
    place_mkdirs(shelf->place, UMOCI);
    place_mkdirs(shelf->place, "layouts/never/finished");
    place_write(shelf->place, SKOPEO, "skopeo");
    place_write(shelf->place, CRANE, "crane");
    place_write(shelf->place, REGCTL, "regctl");
    place_write(shelf->place, ORAS, "oras");
    place_write(shelf->place, UPLOAD "/data", "buildkit");
    place_write(shelf->place, UPLOAD "/ref", "buildkit");
    place_write(shelf->place, UMOCI "/blob-1", "umoci");
    place_write(shelf->place, ABANDON, "skopeo");
    return loose;
}

#define ALL 8u

static void they_go_when_older_than_the_grace(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    shelf_must_gc(shelf, 22);
    assert_int_equal(shelf->report.temporaries, 0);
    assert_int_equal(shelf->report.temporaries_waiting, ALL);
    assert_int_equal(shelf->report.left_alone, 0);
    assert_true(place_has(shelf->place, SKOPEO));
    assert_non_null(strstr(shelf->shown, "temporary " SKOPEO " wait a temporary file of skopeo, "
                                         "podman or buildah; waits for its grace\n"));
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.temporaries, ALL);
    assert_int_equal(shelf->report.temporaries_trashed, ALL);
    assert_int_equal(shelf->report.temporaries_waiting, 0);
    assert_int_equal(shelf->report.temporaries_bytes, shelf->report.temporaries_trashed_bytes);
    assert_non_null(strstr(shelf->shown, "temporary " CRANE " trash a temporary file of crane, "
                                         "ko or kaniko\n"));
    const char *const gone[] = {SKOPEO, CRANE, REGCTL, ORAS, UPLOAD, UMOCI, ABANDON};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        assert_false(place_has(shelf->place, gone[i]));
    assert_true(place_has(shelf->place, "layouts/one/ingest"));
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.temporaries, 0);
}

static void they_lie_in_the_trash_first(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.purged, 0);
    shelf_must_gc(shelf, 24 + 4 * 24);
    assert_non_null(strstr(shelf->shown, "purge temporary/" SKOPEO " "));
    assert_int_equal(shelf->report.purged, ALL);
}

static void now_frees_them_at_once(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    shelf->options.now = true;
    shelf_must_gc(shelf, 2 * 24); /* where it cannot be told who uses them: a day */
    assert_int_equal(shelf->report.temporaries_trashed, ALL);
    assert_int_equal(shelf->report.purged, ALL + 1);
    assert_int_equal(shelf_count(shelf, ".ocistore/trash"), 0);
}

static void names_that_are_only_like_them_stay(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    place_write(shelf->place, "layouts/one/oci-put-blob", "x");
    place_write(shelf->place, "layouts/one/notes.tmp", "x");
    place_write(shelf->place, "blobs/sha256/mine.tmp", "x");
    place_write(shelf->place, "oci-put-blob1", "not in a layout");
    place_mkdirs(shelf->place, "blobs/sha256/1.tmp");
    place_mkdirs(shelf->place, "layouts/one/oci-put-blob2");
    assert_int_equal(symlinkat("index.json", shelf->place->fd, "layouts/one/oci-put-blob3"), 0);
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.temporaries_trashed, ALL);
    assert_int_equal(shelf->report.left_alone, 2);
    assert_true(place_has(shelf->place, "layouts/one/oci-put-blob"));
    assert_true(place_has(shelf->place, "layouts/one/oci-put-blob3"));
    assert_true(place_has(shelf->place, "layouts/one/notes.tmp"));
    assert_true(place_has(shelf->place, "blobs/sha256/mine.tmp"));
    assert_true(place_has(shelf->place, "oci-put-blob1"));
}

static void a_folder_with_something_else_stays(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    place_write(shelf->place, UPLOAD "/notes", "mine");
    place_mkdirs(shelf->place, UMOCI "/blob-2");
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.temporaries_trashed, ALL - 3);
    assert_true(place_has(shelf->place, UPLOAD "/data"));
    assert_true(place_has(shelf->place, UMOCI "/blob-1"));
}

static void a_folder_goes_as_a_whole(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    shelf_age(shelf, UPLOAD "/data", -10 * SHELF_HOUR); /* still growing, ten hours from now */
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.temporaries_trashed, ALL - 2);
    assert_true(place_has(shelf->place, UPLOAD "/ref"));
    shelf_must_gc(shelf, 34);
    assert_int_equal(shelf->report.temporaries_trashed, 2);
}

/* Of a tool that was killed early, or of a gc that was killed late. */
static void an_empty_folder_goes_too(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    place_mkdirs(shelf->place, "layouts/one/.umoci-10");
    place_mkdirs(shelf->place, "layouts/one/ingest/" HEX "/mine");
    place_mkdirs(shelf->place, "layouts/one/.umoci-11/mine");
    shelf_must_gc(shelf, 22);
    assert_int_equal(shelf->report.temporaries_waiting, ALL + 1 - 2);
    assert_int_equal(shelf_dry(shelf, 24), 0);
    assert_non_null(
        strstr(shelf->shown, "temporary layouts/one/.umoci-10 trash an empty folder of umoci\n"));
    assert_int_equal(shelf->report.temporaries, ALL + 1 - 2);
    assert_true(place_has(shelf->place, "layouts/one/.umoci-10"));
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf->report.temporaries_trashed, ALL + 1 - 2);
    assert_false(place_has(shelf->place, "layouts/one/.umoci-10"));
    assert_true(place_has(shelf->place, "layouts/one/.umoci-11/mine"));
    assert_true(place_has(shelf->place, "layouts/one/ingest/" HEX "/mine"));
}

/* umoci still has its flock on it. */
static void an_empty_folder_in_use_stays(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    place_mkdirs(shelf->place, "layouts/one/.umoci-10");
    int fd = openat(shelf->place->fd, "layouts/one/.umoci-10", O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    shelf_must_gc(shelf, 48);
    assert_true(place_has(shelf->place, "layouts/one/.umoci-10"));
    close(fd);
    shelf_must_gc(shelf, 48);
    assert_false(place_has(shelf->place, "layouts/one/.umoci-10"));
}

static void one_that_is_being_written_stays(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    int reading = openat(shelf->place->fd, CRANE, O_RDONLY | O_CLOEXEC);
    bool told = ocs_use_of(reading) != OCS_USE_UNTOLD;
    close(reading);
    if (!told)
        skip();
    int writing = openat(shelf->place->fd, SKOPEO, O_WRONLY | O_CLOEXEC);
    int uploading = openat(shelf->place->fd, UPLOAD "/data", O_WRONLY | O_CLOEXEC);
    shelf_must_gc(shelf, 1000);
    assert_true(place_has(shelf->place, SKOPEO));
    assert_true(place_has(shelf->place, UPLOAD "/ref"));
    assert_int_equal(shelf->report.temporaries_trashed, ALL - 3);
    assert_non_null(strstr(shelf->shown, "; in use\n"));
    close(writing);
    close(uploading);
    shelf_must_gc(shelf, 1000);
    assert_int_equal(shelf->report.temporaries_trashed, 3);
}

static void umocis_folder_stays_while_it_is_locked(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    int folder = openat(shelf->place->fd, UMOCI, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(folder, LOCK_EX | LOCK_NB), 0);
    shelf_must_gc(shelf, 1000);
    assert_true(place_has(shelf->place, UMOCI "/blob-1"));
    assert_int_equal(shelf->report.temporaries_trashed, ALL - 1);
    close(folder);
    shelf_must_gc(shelf, 1000);
    assert_false(place_has(shelf->place, UMOCI));
}

/* Somebody goes on writing after the plan. */
static void touch(void *data, enum ocs_gc_point point)
{
    struct shelf *shelf = data;
    if (point == OCS_GC_LOCKED)
        shelf_age(shelf, SKOPEO, -1); /* also where files have whole seconds */
}

static void one_that_changed_since_the_plan_stays(void **state)
{
    struct shelf *shelf = *state;
    struct blob loose = set(shelf);
    shelf_must_gc(shelf, 0);
    shelf->play.data = shelf;
    shelf->play.at = touch;
    shelf_must_gc(shelf, 24);
    assert_false(shelf_has(shelf, &loose));
    assert_int_equal(shelf->report.temporaries, ALL);
    assert_int_equal(shelf->report.temporaries_trashed, ALL - 1);
    assert_true(place_has(shelf->place, SKOPEO));
}

static void nothing_goes_when_gc_refuses(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    place_write(shelf->place, "layouts/one/index.json", "{}");
    shelf_must_refuse(shelf, 48, "index.json");
    assert_int_equal(shelf->report.temporaries_trashed, 0);
    assert_true(place_has(shelf->place, SKOPEO));
}

static void a_dry_run_tells_them_and_takes_none(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    assert_int_equal(shelf_dry(shelf, 24), 0);
    char *said = strdup(shelf->shown);
    assert_int_equal(shelf->report.temporaries, ALL);
    assert_int_equal(shelf->report.temporaries_trashed, 0);
    assert_true(place_has(shelf->place, SKOPEO));
    shelf_must_gc(shelf, 24);
    assert_string_equal(shelf->shown, said);
    free(said);
}

static void the_journal_tells_them(void **state)
{
    struct shelf *shelf = *state;
    set(shelf);
    shelf_must_gc(shelf, 24);
    assert_int_equal(shelf_count(shelf, ".ocistore/journal"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(they_go_when_older_than_the_grace),
        SHELF_TEST(they_lie_in_the_trash_first),
        SHELF_TEST(now_frees_them_at_once),
        SHELF_TEST(names_that_are_only_like_them_stay),
        SHELF_TEST(a_folder_with_something_else_stays),
        SHELF_TEST(a_folder_goes_as_a_whole),
        SHELF_TEST(an_empty_folder_goes_too),
        SHELF_TEST(an_empty_folder_in_use_stays),
        SHELF_TEST(one_that_is_being_written_stays),
        SHELF_TEST(umocis_folder_stays_while_it_is_locked),
        SHELF_TEST(one_that_changed_since_the_plan_stays),
        SHELF_TEST(nothing_goes_when_gc_refuses),
        SHELF_TEST(a_dry_run_tells_them_and_takes_none),
        SHELF_TEST(the_journal_tells_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

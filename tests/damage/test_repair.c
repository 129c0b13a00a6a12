/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The damage table of --repair: what comes back, from where, and what is left. */

#include "damage/images.h"
#include "leap.h"

#include "store/lock.h"
#include "store/store.h"

#include <dirent.h>

static const struct ocs_fsck_options CHECK = {.jobs = 2};
static const struct ocs_fsck_options REPAIR = {.jobs = 2, .repair = true};

/* A store whose layout is registered with its last good index.json. */
static void make_store(struct images *images, struct place *place)
{
    images_make_store(images, place);
    images_expect(images, CHECK, "", OCS_OK);
    images_register(images);
}

static enum ocs_status check(struct images *images, struct ocs_fsck_options options)
{
    struct verdict verdict;
    assert_int_equal(images_fsck(images, options, NULL, &verdict), 0);
    return verdict.report.status;
}

/* The same images as a plain layout beside the store: what --from leads to. */
static const char *make_twin(struct place *place, char path[4200])
{
    static struct images twin;
    images_make_layout(&twin, place);
    snprintf(path, 4200, "%s/shop", place->path);
    return path;
}

static struct ocs_fsck_options repair_from(const char *const *from)
{
    struct ocs_fsck_options options = REPAIR;
    options.from = from;
    options.from_count = 1;
    return options;
}

static void to_trash(struct images *images, const char *name)
{
    char from[512], to[512];
    place_mkdirs(images->place, "store/.ocistore/trash/20240101T000000Z-01234567/blobs/sha256");
    snprintf(from, sizeof(from), "%s", images_path(images, name));
    snprintf(to, sizeof(to), "store/.ocistore/trash/20240101T000000Z-01234567/blobs/sha256/%s",
             images_digest(images, name) + 7);
    assert_int_equal(renameat(images->place->fd, from, images->place->fd, to), 0);
}

/* Every path below `relative`, but for locks, journal and graph, in one text. */
static void list_tree(struct place *place, const char *relative, char *out, size_t size)
{
    char command[9000];
    snprintf(
        command, sizeof(command),
        "cd '%s/%s' && find . -path ./.ocistore/graph -prune -o -path ./.ocistore/locks -prune "
        "-o -printf '%%p %%s %%y %%m\\n' | sort",
        place->path, relative);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t used = fread(out, 1, size - 1, pipe);
    out[used] = '\0';
    assert_int_equal(pclose(pipe), 0);
}

/* ---- blobs ---- */

static void what_lies_in_the_trash_comes_back(void **state)
{
    struct images images;
    make_store(&images, *state);
    to_trash(&images, "layer-c");
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    assert_int_equal(check(&images, CHECK), OCS_OK);
    assert_true(place_has(*state, images_path(&images, "layer-c")));
}

static void a_damaged_blob_makes_room_for_its_copy_in_the_trash(void **state)
{
    struct images images;
    make_store(&images, *state);
    to_trash(&images, "layer-c");
    place_write(*state, images_path(&images, "layer-c"), "wrong");
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    assert_int_equal(check(&images, CHECK), OCS_OK);
    char *text = place_read(*state, images_path(&images, "layer-c"));
    assert_string_equal(text, "the bytes of layer c");
    free(text);
}

static void a_bad_copy_in_the_trash_stays_there(void **state)
{
    struct images images;
    make_store(&images, *state);
    images_flip(&images, "layer-c", 0);
    to_trash(&images, "layer-c");
    assert_int_equal(check(&images, REPAIR), OCS_REFUSED);
    assert_false(place_has(*state, images_path(&images, "layer-c")));
}

static void a_damaged_blob_is_copied_from_elsewhere(void **state)
{
    struct images images;
    char path[4200];
    make_store(&images, *state);
    const char *from = make_twin(*state, path);
    images_flip(&images, "base", 5);
    images_cut(&images, "manifest-a", 10);
    images_drop(&images, "config-b");
    assert_int_equal(check(&images, repair_from(&from)), OCS_CORRECTED);
    struct verdict verdict;
    assert_int_equal(images_fsck(&images, CHECK, NULL, &verdict), 0);
    assert_int_equal(verdict.report.status, OCS_OK);
    assert_int_equal(verdict.report.warnings, 0);
    assert_non_null(strstr(verdict.text, "info quarantine-unresolved base"));
}

static void a_whole_image_comes_back_step_by_step(void **state)
{
    static const char *const names[] = {"index", "manifest-c", "config-c", "layer-c"};
    struct place *place = *state;
    struct images images;
    char path[4200];
    images_make_store(&images, place); /* no graph yet: nothing remembers the children */
    const char *from = make_twin(place, path);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        images_drop(&images, names[i]);
    struct verdict verdict;
    assert_int_equal(images_fsck(&images, repair_from(&from), NULL, &verdict), 0);
    assert_true(verdict.report.corrected >= 1);
    images_drop(&images, "index");
    images_drop(&images, "manifest-a");
    assert_int_equal(check(&images, repair_from(&from)), OCS_CORRECTED);
    assert_true(place_has(place, images_path(&images, "index")));
    assert_true(place_has(place, images_path(&images, "manifest-a")));
}

static void a_wrong_copy_elsewhere_is_not_taken(void **state)
{
    struct images images, twin;
    struct place *place = *state;
    char path[4200];
    make_store(&images, place);
    images_make_layout(&twin, place);
    images_flip(&twin, "base", 0);
    snprintf(path, sizeof(path), "%s/shop", place->path);
    const char *from = path;
    images_drop(&images, "base");
    assert_int_equal(check(&images, repair_from(&from)), OCS_REFUSED);
    assert_false(place_has(place, images_path(&images, "base")));
}

static void without_a_copy_it_goes_to_the_quarantine_and_back(void **state)
{
    struct images images;
    struct place *place = *state;
    struct verdict verdict;
    make_store(&images, place);
    images_flip(&images, "layer-b", 5);
    assert_int_equal(images_fsck(&images, REPAIR, NULL, &verdict), 0);
    assert_string_equal(verdict.text, "error blob-digest-mismatch layer-b (shop:two)\n");
    assert_int_equal(verdict.report.status, OCS_REFUSED);
    images_expect(&images, CHECK,
                  "error layer-missing layer-b (shop:two)\n"
                  "error quarantine-unresolved layer-b (shop:two)\n",
                  OCS_REFUSED);
    /* undone by moving it back */
    char command[9000];
    snprintf(command, sizeof(command), "mv '%s'/store/.ocistore/quarantine/sha256/* '%s/%s'",
             place->path, place->path, images_path(&images, "layer-b"));
    assert_int_equal(system(command), 0);
    images_flip(&images, "layer-b", 5);
    assert_int_equal(check(&images, CHECK), OCS_OK);
}

static void a_quarantined_blob_that_is_right_comes_back(void **state)
{
    struct images images;
    struct place *place = *state;
    char from[512], to[512];
    make_store(&images, place);
    place_mkdirs(place, "store/.ocistore/quarantine/sha256");
    snprintf(from, sizeof(from), "%s", images_path(&images, "config-a"));
    snprintf(to, sizeof(to), "store/.ocistore/quarantine/sha256/%s.1700000000.1",
             images_digest(&images, "config-a") + 7);
    assert_int_equal(renameat(place->fd, from, place->fd, to), 0);
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    assert_int_equal(check(&images, CHECK), OCS_OK);
}

static void a_damaged_orphan_is_put_away(void **state)
{
    struct images images;
    make_store(&images, *state);
    images_add(&images, "orphan", "nobody knows this one");
    images_flip(&images, "orphan", 0);
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    assert_false(place_has(*state, images_path(&images, "orphan")));
    images_expect(&images, CHECK, "info quarantine-unresolved orphan\n", OCS_OK);
}

static void a_link_in_place_of_a_blob_is_put_away(void **state)
{
    struct images images;
    struct place *place = *state;
    char path[4200];
    make_store(&images, place);
    const char *from = make_twin(place, path);
    images_drop(&images, "layer-b");
    assert_int_equal(symlinkat("/etc/passwd", place->fd, images_path(&images, "layer-b")), 0);
    assert_int_equal(check(&images, repair_from(&from)), OCS_CORRECTED);
    assert_int_equal(check(&images, CHECK), OCS_OK);
}

static bool is_link(struct images *images, const char *name)
{
    struct stat st;
    return fstatat(images->place->fd, images_path(images, name), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISLNK(st.st_mode);
}

/* Others read the image through it: it goes only for a good copy. */
static void a_link_to_the_right_bytes_stays(void **state)
{
    struct images images;
    struct place *place = *state;
    char path[4200];
    make_store(&images, place);
    place_mkdirs(place, "elsewhere");
    assert_int_equal(
        renameat(place->fd, images_path(&images, "layer-b"), place->fd, "elsewhere/blob"), 0);
    assert_int_equal(
        symlinkat("../../../elsewhere/blob", place->fd, images_path(&images, "layer-b")), 0);
    assert_int_equal(check(&images, REPAIR), OCS_REFUSED);
    assert_true(is_link(&images, "layer-b"));
    const char *from = make_twin(place, path);
    assert_int_equal(check(&images, repair_from(&from)), OCS_CORRECTED);
    assert_false(is_link(&images, "layer-b"));
    assert_int_equal(check(&images, CHECK), OCS_OK);
}

/* What it leads to may be mounted again; other bytes would be taken for the blob. */
static void a_link_goes_when_it_leads_to_other_bytes(void **state)
{
    struct images images;
    struct place *place = *state;
    make_store(&images, place);
    images_drop(&images, "layer-b");
    assert_int_equal(symlinkat("/not/mounted", place->fd, images_path(&images, "layer-b")), 0);
    assert_int_equal(check(&images, REPAIR), OCS_REFUSED);
    assert_true(is_link(&images, "layer-b"));
    images_drop(&images, "layer-b");
    assert_int_equal(symlinkat("/etc/passwd", place->fd, images_path(&images, "layer-b")), 0);
    assert_int_equal(check(&images, REPAIR), OCS_REFUSED);
    assert_false(place_has(place, images_path(&images, "layer-b")));
}

static void rights_are_taken_from_others(void **state)
{
    struct images images;
    struct place *place = *state;
    struct stat st;
    make_store(&images, place);
    assert_int_equal(fchmodat(place->fd, images_path(&images, "base"), 0666, 0), 0);
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    assert_int_equal(fstatat(place->fd, images_path(&images, "base"), &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0664);
}

/* ---- layouts ---- */

static bool has_damaged_index(struct place *place)
{
    char path[4200];
    snprintf(path, sizeof(path), "%s/store/layouts/shop", place->path);
    DIR *dir = opendir(path);
    bool found = false;
    for (struct dirent *entry; (entry = readdir(dir));)
        found |= strncmp(entry->d_name, "index.json.damaged.", 19) == 0;
    closedir(dir);
    return found;
}

static void a_lost_index_comes_back(void **state)
{
    struct images images;
    make_store(&images, *state);
    assert_int_equal(unlinkat(images.place->fd, "store/layouts/shop/index.json", 0), 0);
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    images_expect(&images, CHECK, "", OCS_OK);
}

static void a_half_index_is_written_anew_and_kept_beside(void **state)
{
    struct images images;
    make_store(&images, *state);
    images_write_old(&images, "store/layouts/shop/index.json", "{\"schemaVersion\":2,", 19);
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    images_expect(&images, CHECK, "", OCS_OK);
    assert_true(has_damaged_index(*state));
}

/* Two writers at once: a short new document, and the tail of a longer old one. */
static void what_begins_a_torn_index_is_kept(void **state)
{
    struct images images;
    struct place *place = *state;
    make_store(&images, place);
    char *entry = images_entry(&images, MEDIA_MANIFEST, "manifest-c", "new"), torn[4096];
    snprintf(torn, sizeof(torn), "{\"schemaVersion\":2,\"manifests\":[%s]}}]}", entry);
    free(entry);
    images_write_old(&images, "store/layouts/shop/index.json", torn, strlen(torn));
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    char *text = place_read(place, "store/layouts/shop/index.json");
    const char *const refs[] = {"\"new\"", "\"one\"", "\"two\"", "\"multi\""};
    for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++)
        assert_non_null(strstr(text, refs[i]));
    free(text);
    images_expect(&images, CHECK, "", OCS_OK);
}

/* "store/.ocistore/roots/<id>.json" of the one layout. */
static void entry_path(char path[128])
{
    char id[OCS_ROOT_ID_SIZE];
    assert_int_equal(ocs_root_id("shop", id, NULL), 0);
    snprintf(path, 128, "store/.ocistore/roots/%s.json", id);
}

static void a_damaged_entry_of_roots_is_written_from_the_layout(void **state)
{
    struct images images;
    struct place *place = *state;
    char path[128];
    struct ocs_fsck_options dry = REPAIR;
    dry.dry_run = true;
    make_store(&images, place);
    entry_path(path);
    char *before = place_read(place, path);
    place_write(place, path, "{\"name\":\"sh");
    assert_int_equal(check(&images, dry), OCS_REFUSED);
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    images_expect(&images, CHECK, "", OCS_OK);
    char *after = place_read(place, path);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* store.json knows which there were. */
static void a_lost_entry_of_roots_comes_back(void **state)
{
    struct images images;
    struct place *place = *state;
    struct ocs_fsck_options dry = REPAIR;
    dry.dry_run = true;
    char path[128];
    make_store(&images, place);
    entry_path(path);
    char *before = place_read(place, path);
    assert_int_equal(unlinkat(place->fd, path, 0), 0);
    assert_int_equal(check(&images, dry), OCS_REFUSED);
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    images_expect(&images, CHECK, "", OCS_OK);
    char *after = place_read(place, path);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* It may have been that of a layout elsewhere: nobody knows what that keeps. */
static void a_lost_entry_that_nobody_knows_is_left(void **state)
{
    struct images images;
    struct place *place = *state;
    char path[128];
    make_store(&images, place);
    char *marker = place_read(place, "store/.ocistore/store.json");
    char *ids = strstr(marker, "\"root_ids\"");
    assert_non_null(ids);
    ids[1] = '?'; /* as an older version wrote it */
    place_write(place, "store/.ocistore/store.json", marker);
    free(marker);
    entry_path(path);
    assert_int_equal(unlinkat(place->fd, path, 0), 0);
    assert_int_equal(check(&images, REPAIR), OCS_REFUSED);
    assert_int_equal(check(&images, CHECK), OCS_REFUSED);
}

static void a_lost_layout_file_is_written(void **state)
{
    struct images images;
    make_store(&images, *state);
    assert_int_equal(unlinkat(images.place->fd, "store/layouts/shop/oci-layout", 0), 0);
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    images_expect(&images, CHECK, "", OCS_OK);
}

/* ---- the graph ---- */

static void a_damaged_graph_is_built_anew(void **state)
{
    struct images images;
    struct place *place = *state;
    make_store(&images, place);
    int fd = openat(place->fd, "store/.ocistore/graph/data.mdb", O_RDWR | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 4096 * 3), 0);
    close(fd);
    assert_int_equal(check(&images, REPAIR), OCS_CORRECTED);
    images_expect(&images, CHECK, "", OCS_OK);
}

/* ---- in general ---- */

static void a_dry_run_changes_nothing(void **state)
{
    static char before[1 << 16], after[1 << 16];
    struct images images;
    struct place *place = *state;
    char path[4200];
    make_store(&images, place);
    const char *from = make_twin(place, path);
    images_flip(&images, "base", 5);
    images_drop(&images, "layer-a");
    to_trash(&images, "layer-c");
    images_cut(&images, "layer-b", 3);
    images_write_old(&images, "store/layouts/shop/oci-layout", "{}", 2);
    struct ocs_fsck_options options = repair_from(&from);
    options.dry_run = true;
    list_tree(place, "store", before, sizeof(before));
    assert_int_equal(check(&images, options), OCS_REFUSED);
    list_tree(place, "store", after, sizeof(after));
    assert_string_equal(before, after);
    options.dry_run = false;
    assert_int_equal(check(&images, options), OCS_CORRECTED);
    assert_int_equal(check(&images, CHECK), OCS_OK);
}

static void a_repair_of_nothing_is_fine(void **state)
{
    struct images images;
    make_store(&images, *state);
    images_expect(&images, REPAIR, "", OCS_OK);
}

/* Repairs while somebody else holds the store, with status 4; how long it waited. */
static int64_t repair_in_use(struct images *images)
{
    int dir = openat(images->place->fd, "store/.ocistore", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct ocs_lock_wait at_once = {.timeout_ms = 0};
    struct ocs_locks *writer = NULL;
    assert_int_equal(ocs_locks_open(dir, &writer, NULL), 0);
    assert_int_equal(ocs_lock_writer(writer, &at_once, NULL), 0);
    int64_t begin = leap_ms();
    leaping = true;
    assert_int_equal(check(images, REPAIR), OCS_REFUSED);
    leaping = false;
    int64_t waited = leap_ms() - begin;
    ocs_locks_close(writer);
    close(dir);
    return waited;
}

/* A minute for all actions together, and nothing of it is done. */
static void a_store_in_use_is_left(void **state)
{
    struct images images;
    make_store(&images, *state);
    to_trash(&images, "layer-c");
    place_write(*state, images_path(&images, "base"), "wrong");
    int64_t waited = repair_in_use(&images);
    assert_true(waited >= 60000 && waited < 120000);
    assert_false(place_has(*state, images_path(&images, "layer-c")));
    assert_true(place_has(*state, images_path(&images, "base")));
    assert_int_equal(check(&images, REPAIR), OCS_REFUSED); /* of "base" there is no copy */
    assert_true(place_has(*state, images_path(&images, "layer-c")));
    assert_false(place_has(*state, images_path(&images, "base")));
}

/* No lock is waited for: every entry has its digest, so that there is nothing to do. */
static void an_invalid_index_is_left_at_once(void **state)
{
    struct images images;
    make_store(&images, *state);
    char *entry =
        images_descriptor(&images, MEDIA_MANIFEST, "manifest-a", ",\"annotations\":{\"n\":5}");
    images_write_index(&images, entry);
    free(entry);
    assert_true(repair_in_use(&images) < 60000);
}

static void wrong_usage_is_refused(void **state)
{
    static const char *const nowhere[] = {"/nonexistent"};
    struct images images, plain;
    struct verdict verdict;
    make_store(&images, *state);
    struct ocs_fsck_options dry = {.dry_run = true}, from = {.from = nowhere, .from_count = 1};
    assert_int_equal(images_fsck(&images, dry, NULL, &verdict), -OCS_USAGE);
    assert_int_equal(images_fsck(&images, from, NULL, &verdict), -OCS_USAGE);
    assert_int_equal(images_fsck(&images, repair_from(nowhere), NULL, &verdict), -OCS_USAGE);
    images_make_layout(&plain, *state);
    assert_int_equal(images_fsck(&plain, REPAIR, NULL, &verdict), -OCS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(what_lies_in_the_trash_comes_back),
        PLACE_TEST(a_damaged_blob_makes_room_for_its_copy_in_the_trash),
        PLACE_TEST(a_bad_copy_in_the_trash_stays_there),
        PLACE_TEST(a_damaged_blob_is_copied_from_elsewhere),
        PLACE_TEST(a_whole_image_comes_back_step_by_step),
        PLACE_TEST(a_wrong_copy_elsewhere_is_not_taken),
        PLACE_TEST(without_a_copy_it_goes_to_the_quarantine_and_back),
        PLACE_TEST(a_quarantined_blob_that_is_right_comes_back),
        PLACE_TEST(a_damaged_orphan_is_put_away),
        PLACE_TEST(a_link_in_place_of_a_blob_is_put_away),
        PLACE_TEST(a_link_to_the_right_bytes_stays),
        PLACE_TEST(a_link_goes_when_it_leads_to_other_bytes),
        PLACE_TEST(rights_are_taken_from_others),
        PLACE_TEST(a_lost_index_comes_back),
        PLACE_TEST(a_half_index_is_written_anew_and_kept_beside),
        PLACE_TEST(what_begins_a_torn_index_is_kept),
        PLACE_TEST(a_damaged_entry_of_roots_is_written_from_the_layout),
        PLACE_TEST(a_lost_entry_of_roots_comes_back),
        PLACE_TEST(a_lost_entry_that_nobody_knows_is_left),
        PLACE_TEST(a_lost_layout_file_is_written),
        PLACE_TEST(a_damaged_graph_is_built_anew),
        PLACE_TEST(a_dry_run_changes_nothing),
        PLACE_TEST(a_repair_of_nothing_is_fine),
        PLACE_TEST(a_store_in_use_is_left),
        PLACE_TEST(an_invalid_index_is_left_at_once),
        PLACE_TEST(wrong_usage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

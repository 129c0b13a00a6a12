/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* One wrong bit in an index.json: whatever gc makes of it, nothing goes that the right
 * one needs. */

#include "shelf.h"

#include "store/layout.h"

#define FILE_NAME "layouts/one/index.json"

struct scene {
    struct image images[2];
    struct blob garbage;
    char text[SHELF_TEXT];
    size_t size;
};

static void set(struct shelf *shelf, struct scene *scene)
{
    struct blob *first = &scene->images[0].manifest;
    scene->images[0] = shelf_image(shelf, "first");
    scene->images[1] = shelf_image(shelf, "second");
    scene->garbage = shelf_layer(shelf, "garbage");
    shelf_layout(shelf, "one", LIST(first, &scene->images[1].manifest));
    /* the first has a name */
    shelf_index_text(scene->text, LIST(first, &scene->images[1].manifest));
    char *entry_end = strchr(strstr(scene->text, first->digest), '}');
    char rest[SHELF_TEXT];
    snprintf(rest, sizeof(rest), "%s", entry_end);
    *entry_end = '\0';
    shelf_add_text(scene->text, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}");
    shelf_add_text(scene->text, rest);
    scene->size = strlen(scene->text);
    /* only what gc knows is to keep it from anything */
    shelf->options.grace_s = 0;
    shelf->options.max_delete_percent = 100;
}

static void put_index(struct shelf *shelf, const char *bytes, size_t size)
{
    int fd = openat(shelf->place->fd, FILE_NAME, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(close(fd), 0);
    shelf_age(shelf, FILE_NAME, 60); /* nobody is writing it just now */
}

static bool takes_a_needed_one(struct shelf *shelf, const struct scene *scene)
{
    bool takes = false;
    for (size_t i = 0; i < 2; i++) {
        const struct image *image = &scene->images[i];
        takes = takes || strstr(shelf->shown, image->manifest.digest) ||
                strstr(shelf->shown, image->config.digest) ||
                strstr(shelf->shown, image->layer.digest);
    }
    return takes;
}

enum kind {
    NO_INDEX,      /* no JSON, or no index */
    NO_DIGEST,     /* an entry that names nothing */
    OTHER_DIGESTS, /* valid ones, and not those of the right one */
    SAME_DIGESTS,
    KINDS
};

static bool lists(const struct ocs_index *index, const struct blob *blob)
{
    struct ocs_digest digest;
    assert_int_equal(ocs_digest_parse(blob->digest, strlen(blob->digest), &digest), 0);
    bool found = false;
    for (size_t i = 0; i < index->document.count; i++)
        found = found || ocs_digest_equal(&index->document.descriptors[i].digest, &digest);
    return found;
}

static enum kind kind_of(const struct scene *scene, const char *text, size_t size)
{
    auto_index struct ocs_index index = {0};
    struct ocs_bytes bytes = {.data = malloc(size + 1), .size = size};
    assert_non_null(bytes.data);
    memcpy(bytes.data, text, size);
    bytes.data[size] = '\0';
    if (ocs_index_parse(&bytes, &index, NULL) != 0)
        return NO_INDEX;
    if (ocs_index_known(&index, NULL) != 0)
        return NO_DIGEST;
    bool same =
        lists(&index, &scene->images[0].manifest) && lists(&index, &scene->images[1].manifest);
    return same ? SAME_DIGESTS : OTHER_DIGESTS;
}

/* What remains: OTHER_DIGESTS. The document that such an entry names is not there, so gc
 * refuses; a tag, a size or a media type is nothing that gc needs. */
static void each_bit_of_an_index(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    size_t counts[KINDS] = {0};
    set(shelf, &scene);
    put_index(shelf, scene.text, scene.size);
    assert_int_equal(shelf_dry(shelf, 0), 0);
    assert_true(shelf_told(shelf, &scene.garbage, "trash"));
    for (size_t bit = 0; bit < 8 * scene.size; bit++) {
        char byte = scene.text[bit / 8];
        scene.text[bit / 8] = (char)(byte ^ 1 << bit % 8);
        enum kind kind = kind_of(&scene, scene.text, scene.size);
        counts[kind]++;
        put_index(shelf, scene.text, scene.size);
        int result = shelf_dry(shelf, 0);
        bool right = kind == SAME_DIGESTS ? result == 0 : result == -OCS_REFUSED;
        if (!right || takes_a_needed_one(shelf, &scene))
            fail_msg("bit %zu of byte %zu: result %d: %s\n%s\n%s", bit % 8, bit / 8, result,
                     shelf->err.message, scene.text, shelf->shown);
        scene.text[bit / 8] = byte;
    }
    for (size_t kind = 0; kind < KINDS; kind++)
        assert_true(counts[kind] > 10);
}

static void an_entry_without_a_digest(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    char *digest = strstr(scene.text, scene.images[1].manifest.digest);
    digest[strlen("sha256")] = ';';
    put_index(shelf, scene.text, scene.size);
    shelf_must_refuse(shelf, 0, "layout 'one': index.json: manifests[1] has no valid digest");
    assert_true(shelf_has_image(shelf, &scene.images[1]));
    assert_true(shelf_has(shelf, &scene.garbage));
}

/* It is legal, and what it needs is not known. */
static void a_digest_of_something_else(void **state)
{
    struct shelf *shelf = *state;
    struct scene scene;
    set(shelf, &scene);
    char *digest = strstr(scene.text, scene.images[1].manifest.digest);
    digest[0] = 'r';
    put_index(shelf, scene.text, scene.size);
    shelf_must_refuse(shelf, 0, "rha256:");
    digest[0] = 's';
    char *last = digest + strlen(scene.images[1].manifest.digest) - 1;
    *last = *last == '0' ? '1' : '0';
    put_index(shelf, scene.text, scene.size);
    shelf_must_refuse(shelf, 0, "sha256:");
    assert_true(shelf_has_image(shelf, &scene.images[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(each_bit_of_an_index),
        SHELF_TEST(an_entry_without_a_digest),
        SHELF_TEST(a_digest_of_something_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

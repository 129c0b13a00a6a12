/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The damage table of --deep: one layer, exactly these findings. */

#include "damage/images.h"

#include <zlib.h>
#include <zstd.h>

#define MEDIA_PLAIN  "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_ZSTD   "application/vnd.oci.image.layer.v1.tar+zstd"
#define MEDIA_DOCKER "application/vnd.docker.image.rootfs.diff.tar"

#define PLAIN_SIZE 300000

struct bytes {
    unsigned char data[2 * PLAIN_SIZE];
    size_t size;
};

/* Like a tar: "ustar" where it belongs, and some content. */
static void make_plain(struct bytes *out)
{
    unsigned seed = 12345;
    for (size_t i = 0; i < PLAIN_SIZE; i++) {
        seed = seed * 1103515245 + 12345;
        out->data[i] = (unsigned char)((seed >> 16) % 7);
    }
    memcpy(out->data, "etc/motd", 9);
    memcpy(out->data + 257, "ustar", 6);
    out->size = PLAIN_SIZE;
}

static void append_gzip(struct bytes *out, const unsigned char *data, size_t size)
{
    z_stream z = {
        .next_in = (unsigned char *)(uintptr_t)data,
        .avail_in = (unsigned)size,
        .next_out = out->data + out->size,
        .avail_out = (unsigned)(sizeof(out->data) - out->size),
    };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->size = sizeof(out->data) - z.avail_out;
    deflateEnd(&z);
}

static void append_zstd(struct bytes *out, const unsigned char *data, size_t size)
{
    size_t used =
        ZSTD_compress(out->data + out->size, sizeof(out->data) - out->size, data, size, 3);
    assert_false(ZSTD_isError(used));
    out->size += used;
}

static void append(struct bytes *out, const void *data, size_t size)
{
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

/* ---- the layer of each row ---- */

static void plain(const struct bytes *tar, struct bytes *out)
{
    append(out, tar->data, tar->size);
}

static void gzip(const struct bytes *tar, struct bytes *out)
{
    append_gzip(out, tar->data, tar->size);
}

/* As eStargz and pigz -i write it. */
static void gzip_members(const struct bytes *tar, struct bytes *out)
{
    for (size_t at = 0; at < tar->size; at += 30000)
        append_gzip(out, tar->data + at, tar->size - at < 30000 ? tar->size - at : 30000);
}

static void gzip_and_zeros(const struct bytes *tar, struct bytes *out)
{
    gzip(tar, out);
    append(out, "\0\0\0\0\0\0\0\0", 8);
}

static void half_a_gzip(const struct bytes *tar, struct bytes *out)
{
    gzip(tar, out);
    out->size /= 2;
}

static void zstd(const struct bytes *tar, struct bytes *out)
{
    append_zstd(out, tar->data, tar->size);
}

/* As zstd:chunked writes it. */
static void zstd_frames(const struct bytes *tar, struct bytes *out)
{
    append_zstd(out, tar->data, 1000);
    append(out, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
    append_zstd(out, tar->data + 1000, tar->size - 1000);
}

static void other_content(const struct bytes *tar, struct bytes *out)
{
    static struct bytes other;
    other = *tar;
    other.data[100]++;
    gzip(&other, out);
}

static void bzip2(const struct bytes *tar, struct bytes *out)
{
    (void)tar;
    append(out, "BZh91AY&SY and more", 19);
}

static void text(const struct bytes *tar, struct bytes *out)
{
    (void)tar;
    append(out, "neither a tar nor compressed", 28);
}

static const struct {
    const char *name;
    const char *media;
    void (*layer)(const struct bytes *tar, struct bytes *out);
    const char *findings;
    enum ocs_status status;
} rows[] = {
    {"a plain tar", MEDIA_PLAIN, plain, "", OCS_OK},
    {"gzip", MEDIA_LAYER, gzip, "", OCS_OK},
    {"gzip of many members", MEDIA_LAYER, gzip_members, "", OCS_OK},
    {"zstd", MEDIA_ZSTD, zstd, "", OCS_OK},
    {"zstd of many frames", MEDIA_ZSTD, zstd_frames, "", OCS_OK},
    {"zeros behind gzip", MEDIA_LAYER, gzip_and_zeros,
     "error layer-compression-invalid base (shop:x)\n", OCS_REFUSED},
    {"half a gzip", MEDIA_LAYER, half_a_gzip, "error layer-compression-invalid base (shop:x)\n",
     OCS_REFUSED},
    {"other content", MEDIA_LAYER, other_content, "error diff-id-mismatch base (shop:x)\n",
     OCS_REFUSED},
    {"Docker's type that lies", MEDIA_DOCKER, gzip, "warning layer-type-mismatch base (shop:x)\n",
     OCS_OK},
    {"a tar called gzip", MEDIA_LAYER, plain, "warning layer-type-mismatch base (shop:x)\n",
     OCS_OK},
    {"zstd called gzip", MEDIA_LAYER, zstd, "warning layer-type-mismatch base (shop:x)\n", OCS_OK},
    {"text called gzip", MEDIA_LAYER, text, "error layer-compression-invalid base (shop:x)\n",
     OCS_REFUSED},
    {"bzip2", MEDIA_LAYER, bzip2,
     "warning layer-type-mismatch base (shop:x)\n"
     "info diff-id-unchecked base (shop:x)\n",
     OCS_OK},
    {"bzip2 called tar", MEDIA_PLAIN, bzip2,
     "warning layer-type-mismatch base (shop:x)\n"
     "info diff-id-unchecked base (shop:x)\n",
     OCS_OK},
};

/* An image "x" of one layer, "base", which is there; `diff_ids` are JSON strings. */
static void make_image_of(struct images *images, const char *media, const char *diff_ids)
{
    char config[1024];
    snprintf(config, sizeof(config),
             "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
             "\"diff_ids\":[%s]}}",
             diff_ids);
    images_add(images, "config", config);
    char *descriptor = images_descriptor(images, media, "base", "");
    images_add_manifest(images, "m", "config", descriptor, "");
    free(descriptor);
    char *entry = images_entry(images, MEDIA_MANIFEST, "m", "x");
    images_write_index(images, entry);
    free(entry);
}

static void make_image(struct images *images, const char *media, const struct bytes *layer,
                       const char *diff_ids)
{
    images_add_bytes(images, "base", OCS_ALGORITHM_SHA256, layer->data, layer->size);
    make_image_of(images, media, diff_ids);
}

static const char *quoted_digest(enum ocs_algorithm algorithm, const struct bytes *bytes,
                                 char out[OCS_DIGEST_BUF + 2])
{
    struct ocs_digest digest;
    char text_form[OCS_DIGEST_BUF];
    assert_int_equal(ocs_hash_bytes(algorithm, bytes->data, bytes->size, &digest, NULL), 0);
    snprintf(out, OCS_DIGEST_BUF + 2, "\"%s\"", ocs_digest_format(&digest, text_form));
    return out;
}

static const struct ocs_fsck_options DEEP = {.deep = true};

static void every_row(void **state)
{
    static struct bytes tar, layer;
    char diff_id[OCS_DIGEST_BUF + 2];
    (void)state;
    make_plain(&tar);
    quoted_digest(OCS_ALGORITHM_SHA256, &tar, diff_id);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        void *place;
        struct images images;
        place_setup(&place);
        images_make_empty(&images, place);
        layer.size = 0;
        rows[i].layer(&tar, &layer);
        make_image(&images, rows[i].media, &layer, diff_id);
        images_expect_with(&images, DEEP, rows[i].name, rows[i].findings, rows[i].status);
        images_expect(&images, (struct ocs_fsck_options){0}, "", OCS_OK);
        place_teardown(&place);
    }
}

/* The plain bytes of the last large layer are hashed in a thread of their own. */
static void a_large_layer_alone(void **state)
{
    enum { LARGE = 9 << 20 };
    unsigned char *plain_tar = malloc(LARGE);
    struct images images;
    struct ocs_digest digest;
    char text_form[OCS_DIGEST_BUF], diff_id[OCS_DIGEST_BUF + 2];
    (void)state;
    assert_non_null(plain_tar);
    for (size_t i = 0; i < LARGE; i++)
        plain_tar[i] = (unsigned char)(i * i >> 7);
    memcpy(plain_tar + 257, "ustar", 6);
    for (unsigned run = 0; run < 4; run++) {
        void *place;
        place_setup(&place);
        images_make_empty(&images, place);
        images_add_bytes(&images, "base", OCS_ALGORITHM_SHA256, plain_tar, LARGE);
        plain_tar[LARGE - 1] ^= run % 2;
        assert_int_equal(ocs_hash_bytes(OCS_ALGORITHM_SHA256, plain_tar, LARGE, &digest, NULL), 0);
        plain_tar[LARGE - 1] ^= run % 2;
        snprintf(diff_id, sizeof(diff_id), "\"%s\"", ocs_digest_format(&digest, text_form));
        make_image_of(&images, MEDIA_PLAIN, diff_id);
        images_expect_with(&images, (struct ocs_fsck_options){.deep = true, .jobs = 1 + run / 2},
                           "a large layer", run % 2 ? "error diff-id-mismatch base (shop:x)\n" : "",
                           run % 2 ? OCS_REFUSED : OCS_OK);
        place_teardown(&place);
    }
    free(plain_tar);
}

static void a_diff_id_can_be_sha512(void **state)
{
    static struct bytes tar, layer;
    char diff_id[OCS_DIGEST_BUF + 2];
    struct images images;
    make_plain(&tar);
    layer.size = 0;
    gzip(&tar, &layer);
    images_make_empty(&images, *state);
    make_image(&images, MEDIA_LAYER, &layer, quoted_digest(OCS_ALGORITHM_SHA512, &tar, diff_id));
    images_expect(&images, DEEP, "", OCS_OK);
}

static void an_unknown_diff_id_is_unchecked(void **state)
{
    static struct bytes tar, layer;
    struct images images;
    make_plain(&tar);
    layer.size = 0;
    gzip(&tar, &layer);
    images_make_empty(&images, *state);
    make_image(&images, MEDIA_LAYER, &layer, "\"crc32:cbf43926\"");
    images_expect(&images, DEEP, "info diff-id-unchecked base (shop:x)\n", OCS_OK);
}

static void layers_and_diff_ids_are_counted(void **state)
{
    static struct bytes tar, layer;
    char one[OCS_DIGEST_BUF + 2], two[2 * OCS_DIGEST_BUF + 8];
    struct images images;
    make_plain(&tar);
    layer.size = 0;
    gzip(&tar, &layer);
    images_make_empty(&images, *state);
    quoted_digest(OCS_ALGORITHM_SHA256, &tar, one);
    snprintf(two, sizeof(two), "%s,%s", one, one);
    make_image(&images, MEDIA_LAYER, &layer, two);
    images_expect(&images, DEEP, "error document-invalid m (shop:x)\n", OCS_REFUSED);
    images_expect(&images, (struct ocs_fsck_options){0}, "error document-invalid m (shop:x)\n",
                  OCS_REFUSED);
}

/* A config without any is one with none. */
static void no_diff_ids_for_a_layer_is_an_error(void **state)
{
    static struct bytes tar;
    struct images images;
    make_plain(&tar);
    images_make_empty(&images, *state);
    images_add_bytes(&images, "base", OCS_ALGORITHM_SHA256, tar.data, tar.size);
    images_add(&images, "config",
               "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\"}}");
    char *descriptor = images_descriptor(&images, MEDIA_PLAIN, "base", "");
    images_add_manifest(&images, "m", "config", descriptor, "");
    free(descriptor);
    char *entry = images_entry(&images, MEDIA_MANIFEST, "m", "x");
    images_write_index(&images, entry);
    free(entry);
    images_expect(&images, (struct ocs_fsck_options){0},
                  "error document-invalid m (shop:x)\n"
                  "warning document-invalid config (shop:x)\n",
                  OCS_REFUSED);
}

static void a_damaged_layer_is_not_looked_into(void **state)
{
    static struct bytes tar, layer;
    char diff_id[OCS_DIGEST_BUF + 2];
    struct images images;
    make_plain(&tar);
    layer.size = 0;
    gzip(&tar, &layer);
    images_make_empty(&images, *state);
    make_image(&images, MEDIA_LAYER, &layer, quoted_digest(OCS_ALGORITHM_SHA256, &tar, diff_id));
    images_flip(&images, "base", 5000);
    images_expect(&images, DEEP, "error blob-digest-mismatch base (shop:x)\n", OCS_REFUSED);
}

static void quick_and_deep_contradict_each_other(void **state)
{
    struct images images;
    struct verdict verdict;
    images_make_layout(&images, *state);
    assert_int_equal(images_fsck(&images, (struct ocs_fsck_options){.quick = true, .deep = true},
                                 NULL, &verdict),
                     -OCS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),
        cmocka_unit_test(a_large_layer_alone),
        PLACE_TEST(a_diff_id_can_be_sha512),
        PLACE_TEST(an_unknown_diff_id_is_unchecked),
        PLACE_TEST(layers_and_diff_ids_are_counted),
        PLACE_TEST(no_diff_ids_for_a_layer_is_an_error),
        PLACE_TEST(a_damaged_layer_is_not_looked_into),
        PLACE_TEST(quick_and_deep_contradict_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

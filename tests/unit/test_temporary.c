/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The names of other tools' temporary files, and names that are only like them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/temporary.h"

#define HEX "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

struct row {
    enum ocs_temporary_place place;
    const char *name;
    enum ocs_temporary_place is;
};

static void known_names(void **state)
{
    static const struct row rows[] = {
        {OCS_TEMPORARY_IN_LAYOUT, "oci-put-blob1", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_LAYOUT, "oci-put-blob4294967295", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_LAYOUT, "index.json.123456.tmp", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_LAYOUT, "index.json.0123456789abcdef.tmp", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_LAYOUT, ".umoci-123456", OCS_TEMPORARY_IN_UMOCI},
        {OCS_TEMPORARY_IN_LAYOUT, "ingest", OCS_TEMPORARY_IN_INGEST},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/" HEX "77", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_BLOBS, "sha512/" HEX HEX "77", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/" HEX ".77.tmp", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_BLOBS, "sha512/" HEX HEX ".77.tmp", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/77.tmp", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_BLOBS, "sha512/77.tmp", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_INGEST, HEX "_77", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_INGEST, HEX HEX "_77", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_INGEST, HEX, OCS_TEMPORARY_IN_UPLOAD},
        {OCS_TEMPORARY_IN_UPLOAD, "data", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_UPLOAD, "ref", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_UPLOAD, "startedat", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_UPLOAD, "updatedat", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_UPLOAD, "total", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_UMOCI, "blob-1", OCS_TEMPORARY_FILE},
        {OCS_TEMPORARY_IN_UMOCI, "index-1", OCS_TEMPORARY_FILE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct ocs_temporary *found = ocs_temporary_find(rows[i].place, rows[i].name);
        if (!found)
            fail_msg("not known: %s", rows[i].name);
        assert_int_equal(found->is, rows[i].is);
        assert_non_null(found->tool);
    }
}

static void names_like_them(void **state)
{
    static const struct row rows[] = {
        {OCS_TEMPORARY_IN_LAYOUT, "oci-put-blob", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "oci-put-blobx1", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "oci-put-blob1x", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "oci-put-blob12345678901", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "Oci-put-blob1", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "index.json", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "index.json.tmp", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "index.json.mine.tmp", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "index.json.0123456789ABCDEF.tmp", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "index.json.lock", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "index.json.1.tmp.1", 0},
        {OCS_TEMPORARY_IN_LAYOUT, ".umoci-", 0},
        {OCS_TEMPORARY_IN_LAYOUT, ".umoci-mine", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "umoci.json", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "ingest2", 0},
        {OCS_TEMPORARY_IN_LAYOUT, "", 0},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/" HEX, 0},
        {OCS_TEMPORARY_IN_BLOBS, "sha512/" HEX "77", 0},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/" HEX "x7", 0},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/" HEX HEX, 0},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/" HEX ".tmp", 0},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/mine.tmp", 0},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/.tmp", 0},
        {OCS_TEMPORARY_IN_BLOBS, "blake3/77.tmp", 0},
        {OCS_TEMPORARY_IN_BLOBS, "77.tmp", 0},
        {OCS_TEMPORARY_IN_BLOBS, "sha256/oci-put-blob1", 0},
        {OCS_TEMPORARY_IN_INGEST, HEX "_", 0},
        {OCS_TEMPORARY_IN_INGEST, "77", 0},
        {OCS_TEMPORARY_IN_UPLOAD, "data1", 0},
        {OCS_TEMPORARY_IN_UPLOAD, "dat", 0},
        {OCS_TEMPORARY_IN_UMOCI, "blob-", 0},
        {OCS_TEMPORARY_IN_UMOCI, "data", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (ocs_temporary_find(rows[i].place, rows[i].name))
            fail_msg("taken for a temporary file: %s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_names),
        cmocka_unit_test(names_like_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

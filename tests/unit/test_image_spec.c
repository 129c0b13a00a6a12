/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The samples of the image specification with their verdicts: a sample counts as
 * invalid when it gets a warning or an error.  $OCS_CONFORMANCE/image-spec. */

#include "store/document_check.h"

#include "store/cleanup.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int folder;
static FILE *expected;

static int count_flaw(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    (void)err;
    print_message("  %s: %s: %s\n", problem->id, problem->member, problem->text);
    *(unsigned *)data += problem->severity >= OCS_SEVERITY_WARNING;
    return 0;
}

static unsigned count_flaws(const struct ocs_bytes *bytes, const char *media_type)
{
    unsigned flaws = 0;
    if (strcmp(media_type, "application/vnd.oci.layout.header.v1+json") == 0) {
        assert_int_equal(ocs_layout_file_check(bytes->data, bytes->size, &flaws, count_flaw, NULL),
                         0);
        return flaws;
    }
    auto_document struct ocs_document document;
    assert_int_equal(
        ocs_document_read(bytes->data, bytes->size, OCS_JSON_DOCUMENT_LIMITS, &document, NULL), 0);
    bool lone = strcmp(media_type, "application/vnd.oci.descriptor.v1+json") == 0;
    int result = lone ? ocs_descriptor_check(&document, &flaws, count_flaw, NULL)
                      : ocs_document_check(&document, media_type, &flaws, count_flaw, NULL);
    assert_int_equal(result, 0);
    return flaws;
}

static void check_sample(const char *file, const char *media_type, const char *verdict)
{
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    print_message("%s: %s\n", file, verdict);
    assert_int_equal(ocs_io_open_regular(folder, file, &fd, NULL, file, NULL), 0);
    assert_int_equal(ocs_io_read_all(fd, 1 << 20, &bytes, file, NULL), 0);
    bool invalid = count_flaws(&bytes, media_type) > 0;
    assert_int_equal(invalid, strcmp(verdict, "invalid") == 0);
}

static void test_every_sample_gets_its_verdict(void **state)
{
    (void)state;
    char line[1024], file[256], media_type[256], verdict[64];
    unsigned samples = 0;
    while (fgets(line, sizeof(line), expected)) {
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%255[^\t]\t%255[^\t]\t%63[^\t]", file, media_type, verdict),
                         3);
        check_sample(file, media_type, verdict);
        samples++;
    }
    assert_int_equal(samples, 84);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sample_gets_its_verdict),
    };
    const char *conformance = getenv("OCS_CONFORMANCE");
    char path[4096];
    snprintf(path, sizeof(path), "%s/image-spec", conformance ? conformance : "");
    auto_fd int opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int listing = opened < 0 ? -1 : openat(opened, "expected.tsv", O_RDONLY | O_CLOEXEC);
    if (listing < 0)
        return 77;
    folder = opened;
    expected = fdopen(listing, "r");
    int result = expected ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    if (expected)
        fclose(expected);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What a large blob is taken for: its edges must not depend on where reading ends. */

#include "place.h"

#include "store/document.h"
#include "store/learn.h"

#include <fcntl.h>

#define HEX  "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define TEXT "{\"note\":\"sha256:" HEX "\"}"

/* TEXT, blanks up to `size`, and `last` as the last byte. */
static void write_blob(struct place *place, size_t size, char last)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, ' ', size);
    memcpy(text, TEXT, strlen(TEXT));
    text[size - 1] = last;
    text[size] = '\0';
    place_write(place, "blob", text);
    free(text);
}

static void expect(struct place *place, size_t size, char last, enum ocs_document_state state,
                   size_t edges)
{
    struct ocs_bytes bytes;
    struct ocs_document document;
    write_blob(place, size, last);
    int fd = openat(place->fd, "blob", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ocs_learn_blob(fd, &bytes, &document, "blob", NULL), 0);
    assert_int_equal(document.state, state);
    assert_int_equal(document.count, edges);
    ocs_document_clear(&document);
    ocs_bytes_clear(&bytes);
    close(fd);
}

static void a_large_one_is_read_surely(void **state)
{
    expect(*state, 5u << 20, ' ', OCS_DOCUMENT_STRICT, 0);
    expect(*state, OCS_JSON_DOCUMENT_BYTES, ' ', OCS_DOCUMENT_STRICT, 0);
}

/* What is read of it is good JSON, and it is none: every digest counts. */
static void a_part_does_not_pass_for_the_whole(void **state)
{
    expect(*state, OCS_LEARN_BYTES_MAX, ' ', OCS_DOCUMENT_TOO_LARGE, 1);
    expect(*state, OCS_LEARN_BYTES_MAX + 1, 'x', OCS_DOCUMENT_TOO_LARGE, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_large_one_is_read_surely),
        PLACE_TEST(a_part_does_not_pass_for_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

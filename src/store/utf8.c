/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "utf8.h"

#include <string.h>

/* Bytes that a lead byte announces; 0 for a continuation byte or no lead. */
static size_t announced(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

size_t ocs_utf8_decode(const char *text, size_t size, uint32_t *rune)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = size > 0 ? announced((unsigned char)text[0]) : 0;
    if (length == 0 || length > size)
        return 0;
    if (length == 1) {
        *rune = (unsigned char)text[0];
        return 1;
    }
    uint32_t decoded = (unsigned char)text[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte & 0xc0) != 0x80)
            return 0;
        decoded = decoded << 6 | (byte & 0x3f);
    }
    if (decoded < smallest[length] || decoded > 0x10ffff ||
        (decoded >= 0xd800 && decoded <= 0xdfff))
        return 0;
    *rune = decoded;
    return length;
}

bool ocs_utf8_valid(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        uint32_t rune;
        size_t length = ocs_utf8_decode(text, left, &rune);
        if (length == 0)
            return false;
        text += length;
        left -= length;
    }
    return true;
}

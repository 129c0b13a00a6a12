/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "nearest.h"

#include "error.h"

#include <stdio.h>
#include <string.h>

#define LENGTH_MAX 128 /* longer names are compared by their beginnings */
#define SHOWN_MAX  80  /* and shown by them */
#define MORE_MAX   32  /* room for " and N more" */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* Levenshtein's, row by row. */
static size_t changes_between(const char *a, const char *b)
{
    size_t row[LENGTH_MAX + 1];
    size_t height = strnlen(a, LENGTH_MAX), width = strnlen(b, LENGTH_MAX);
    for (size_t x = 0; x <= width; x++)
        row[x] = x;
    for (size_t y = 1; y <= height; y++) {
        size_t diagonal = row[0];
        row[0] = y;
        for (size_t x = 1; x <= width; x++) {
            size_t above = row[x];
            row[x] = least(above + 1, row[x - 1] + 1, diagonal + (a[y - 1] != b[x - 1]));
            diagonal = above;
        }
    }
    return row[width];
}

void ocs_nearest_offer(struct ocs_nearest *nearest, const char *name)
{
    size_t changes = changes_between(nearest->wanted, name);
    size_t place = nearest->count;
    for (size_t i = 0; i < nearest->count; i++) {
        if (strcmp(nearest->best[i].name, name) == 0)
            return;
    }
    nearest->total++;
    while (place > 0 && nearest->best[place - 1].changes > changes)
        place--;
    if (place == OCS_NEAREST_MAX)
        return;
    if (nearest->count < OCS_NEAREST_MAX)
        nearest->count++;
    for (size_t i = nearest->count - 1; i > place; i--)
        nearest->best[i] = nearest->best[i - 1];
    nearest->best[place].name = name;
    nearest->best[place].changes = changes;
}

int ocs_nearest_hint(const struct ocs_nearest *nearest, struct ocs_error *err, int result,
                     const char *before)
{
    char text[512];
    size_t used = (size_t)snprintf(text, sizeof(text), "%s", before);
    if (nearest->count == 0)
        return result;
    size_t told = 0;
    for (; told < nearest->count; told++) {
        char name[SHOWN_MAX + 16];
        const char *whole = nearest->best[told].name;
        size_t size = (size_t)snprintf(name, sizeof(name), "%s '%.*s%s'", told ? "," : "",
                                       SHOWN_MAX, whole, strlen(whole) > SHOWN_MAX ? "..." : "");
        if (used + size + MORE_MAX > sizeof(text))
            break;
        memcpy(text + used, name, size + 1);
        used += size;
    }
    if (nearest->total > told)
        snprintf(text + used, sizeof(text) - used, " and %zu more", nearest->total - told);
    return ocs_error_hint(err, result, "%s", text);
}

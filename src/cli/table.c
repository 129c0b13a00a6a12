/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "table.h"

#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_DIGEST 12 /* digits behind "sha256:", at least */

void ocs_table_init(struct ocs_table *table, struct ocs_output *out,
                    const struct ocs_table_column *columns, size_t column_count)
{
    *table = (struct ocs_table){.out = out, .columns = columns, .column_count = column_count};
}

void ocs_table_add(struct ocs_table *table, const char *format, ...)
{
    if (table->cell_count == table->capacity) {
        table->capacity = table->capacity ? 2 * table->capacity : 64;
        table->cells = ocs_text_grow(table->cells, table->capacity * sizeof(*table->cells));
    }
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    table->cells[table->cell_count++] = text ? text : ocs_text_format("?");
}

void ocs_table_clear(struct ocs_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->cell_count = table->capacity = 0;
}

/* ---- digests ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t common_prefix(const char *a, const char *b)
{
    size_t size = 0;
    while (a[size] && a[size] == b[size])
        size++;
    return size;
}

/* Digits that tell every two different digests of the column apart. */
static size_t digits_needed(const struct ocs_table *table, size_t column)
{
    size_t rows = table->cell_count / table->column_count;
    char **sorted = ocs_text_grow(NULL, (rows + 1) * sizeof(*sorted));
    for (size_t i = 0; i < rows; i++)
        sorted[i] = table->cells[i * table->column_count + column];
    qsort(sorted, rows, sizeof(*sorted), compare_texts);
    size_t needed = SHORT_DIGEST;
    for (size_t i = 1; i < rows; i++) {
        const char *colon = strchr(sorted[i], ':');
        size_t head = colon ? (size_t)(colon - sorted[i]) + 1 : 0;
        size_t common = common_prefix(sorted[i - 1], sorted[i]);
        if (strcmp(sorted[i - 1], sorted[i]) != 0 && common >= head + needed)
            needed = common - head + 1;
    }
    free(sorted);
    return needed;
}

static void shorten_digests(struct ocs_table *table, size_t column)
{
    size_t digits = digits_needed(table, column);
    for (size_t i = column; i < table->cell_count; i += table->column_count) {
        char *colon = strchr(table->cells[i], ':');
        if (colon && strlen(colon + 1) > digits)
            colon[1 + digits] = '\0';
    }
}

/* ---- printing ---- */

static size_t column_width(const struct ocs_table *table, size_t column)
{
    const char *title = table->columns[column].title;
    size_t width = title ? ocs_text_width(title) : 0;
    for (size_t i = column; i < table->cell_count; i += table->column_count) {
        size_t cell = ocs_text_width(table->cells[i]);
        width = cell > width ? cell : width;
    }
    return width;
}

/* Nothing behind the last cell that has something to say. */
static void print_row(const struct ocs_table *table, char *const *cells, const size_t *widths,
                      enum ocs_style style)
{
    size_t last = table->column_count;
    while (last > 0 && !*cells[last - 1])
        last--;
    for (size_t i = 0; i < last; i++) {
        size_t gap = widths[i] - ocs_text_width(cells[i]);
        bool right = table->columns[i].kind == OCS_TABLE_RIGHT;
        size_t before = (i ? 2 : 0) + (right ? gap : 0);
        size_t behind = right || i + 1 == last ? 0 : gap;
        if (before)
            ocs_output_put(table->out, OCS_STYLE_PLAIN, "%*s", (int)before, "");
        ocs_output_put(table->out, style, "%s", cells[i]);
        if (behind)
            ocs_output_put(table->out, OCS_STYLE_PLAIN, "%*s", (int)behind, "");
    }
    ocs_output_end_line(table->out);
}

static void print_head(const struct ocs_table *table, const size_t *widths)
{
    char *titles[OCS_TABLE_COLUMNS];
    if (!table->columns[0].title)
        return;
    for (size_t i = 0; i < table->column_count; i++)
        titles[i] = (char *)table->columns[i].title;
    print_row(table, titles, widths, OCS_STYLE_BOLD);
}

void ocs_table_print(struct ocs_table *table)
{
    size_t widths[OCS_TABLE_COLUMNS];
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].kind == OCS_TABLE_DIGEST && !table->whole_digests)
            shorten_digests(table, i);
        widths[i] = column_width(table, i);
    }
    print_head(table, widths);
    for (size_t i = 0; i < table->cell_count; i += table->column_count)
        print_row(table, table->cells + i, widths, OCS_STYLE_PLAIN);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_TABLE_H
#define OCS_CLI_TABLE_H

/* Aligned columns on stdout.  Rows are kept until ocs_table_print. */

#include "output.h"

#define OCS_TABLE_COLUMNS 8

enum ocs_table_kind {
    OCS_TABLE_LEFT,
    OCS_TABLE_RIGHT,
    OCS_TABLE_DIGEST, /* cut to what tells the digests of this table apart */
};

struct ocs_table_column {
    const char *title; /* NULL: the table has no head */
    enum ocs_table_kind kind;
};

struct ocs_table {
    struct ocs_output *out;
    const struct ocs_table_column *columns;
    size_t column_count;
    bool whole_digests;
    char **cells; /* row by row */
    size_t cell_count;
    size_t capacity;
};

/* `columns` is borrowed. */
void ocs_table_init(struct ocs_table *table, struct ocs_output *out,
                    const struct ocs_table_column *columns, size_t column_count);
/* The next cell; rows fill up from left to right. */
void ocs_table_add(struct ocs_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ocs_table_print(struct ocs_table *table);
void ocs_table_clear(struct ocs_table *table);

#endif

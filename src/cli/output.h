/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_OUTPUT_H
#define OCS_CLI_OUTPUT_H

/* Everything that is printed: text for people, or JSON lines, one object each.
 * Whatever text comes in, names of hostile images included, goes out escaped. */

#include "progress.h"

enum ocs_style {
    OCS_STYLE_PLAIN,
    OCS_STYLE_BOLD,
    OCS_STYLE_DIM,
    OCS_STYLE_GOOD,
    OCS_STYLE_WARNING,
    OCS_STYLE_ERROR,
};

enum ocs_color { OCS_COLOR_AUTO, OCS_COLOR_ALWAYS, OCS_COLOR_NEVER };

struct ocs_output {
    bool json;
    bool quiet; /* no words about what went well */
    bool color_out;
    bool color_err;
    bool in_summary;
    bool members; /* the JSON object that is open has some */
    struct ocs_progress_bar bar;
};

void ocs_output_init(struct ocs_output *out, bool json, bool quiet, enum ocs_color color);

/* ---- text on stdout ---- */

/* A piece of a line; the piece is escaped, so a line ends with ocs_output_end_line. */
void ocs_output_put(struct ocs_output *out, enum ocs_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ocs_output_end_line(struct ocs_output *out);
void ocs_output_line(struct ocs_output *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- words on stderr ---- */

void ocs_output_notice(struct ocs_output *out, const char *text);
/* The same, also with --quiet. */
void ocs_output_warning(struct ocs_output *out, const char *text);
/* "ocistore: [doing: ]message", then the hint; with JSON also the error object. */
void ocs_output_error(struct ocs_output *out, const char *doing, const struct ocs_error *err);

/* ---- JSON lines on stdout ---- */

void ocs_output_open(struct ocs_output *out, const char *type);
void ocs_output_close(struct ocs_output *out);
/* `name` NULL inside arrays.  NULL text is null; bytes that are no UTF-8 become U+FFFD. */
void ocs_output_string(struct ocs_output *out, const char *name, const char *text);
/* null when it is not known. */
void ocs_output_known(struct ocs_output *out, const char *name, bool known, uint64_t number);
void ocs_output_integer(struct ocs_output *out, const char *name, uint64_t number);
void ocs_output_number(struct ocs_output *out, const char *name, double number);
void ocs_output_bool(struct ocs_output *out, const char *name, bool value);
void ocs_output_time(struct ocs_output *out, const char *name, int64_t when);
/* Valid JSON of any shape, printed on this one line; NULL is null. */
void ocs_output_document(struct ocs_output *out, const char *name, const char *json);
void ocs_output_begin(struct ocs_output *out, const char *name, char bracket); /* '{' or '[' */
void ocs_output_end(struct ocs_output *out, char bracket);                     /* '}' or ']' */

/* ---- the end ---- */

/* Opens the summary, to which a command adds its numbers. */
void ocs_output_summary(struct ocs_output *out);
/* Closes it, or prints one without numbers; everything must have been written.
 * Returns the exit status.  Of a command that `changes` something it is said that it was
 * done, when that alone could not be written. */
int ocs_output_finish(struct ocs_output *out, int status, bool changes);

#endif

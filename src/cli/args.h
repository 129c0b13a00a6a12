/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_ARGS_H
#define OCS_CLI_ARGS_H

/* The arguments of the command line, driven by tables.  The same tables print
 * the help. */

#include "ocistore.h"

enum ocs_option_kind {
    OCS_OPTION_FLAG,         /* bool */
    OCS_OPTION_STOP,         /* bool; nothing after it is looked at: --help, --version */
    OCS_OPTION_TEXT,         /* const char * into argv */
    OCS_OPTION_TEXTS,        /* struct ocs_texts; may be given several times */
    OCS_OPTION_COUNT,        /* unsigned, at least 1 */
    OCS_OPTION_JOBS,         /* the same, of threads */
    OCS_OPTION_SECONDS,      /* int64_t: 90s, 24h, 7d, 1d12h; a bare 0 needs no unit */
    OCS_OPTION_MILLISECONDS, /* int64_t, written in the same way */
    OCS_OPTION_SIZE,         /* uint64_t: 4M, 10GiB, 500MB; without a unit in bytes */
    OCS_OPTION_PERCENT,      /* unsigned: 50% */
    OCS_OPTION_CHOICE,       /* unsigned: index in `choices` */
};

#define OCS_TEXTS_MAX 64

/* Of an option that may be given several times, into argv. */
struct ocs_texts {
    const char *items[OCS_TEXTS_MAX];
    size_t count;
};

struct ocs_option {
    const char *name; /* without the dashes; NULL: there is only the letter */
    char letter;      /* or 0 */
    enum ocs_option_kind kind;
    size_t offset;              /* of its variable in the values of the table */
    const char *value;          /* how the help calls the value */
    const char *const *choices; /* ends with NULL */
    const char *help;           /* meaning and default; lines end with '\n' */
};

struct ocs_option_table {
    const struct ocs_option *options; /* ends with one that has neither name nor letter */
    void *values;
};

/* What is being parsed.  Words (everything that is no option) are collected in
 * `words`, in their order. */
struct ocs_args {
    char **argv;
    int argc;
    int at;
    char **words;
    int word_count;
    bool words_only; /* after `--` */
    bool stopped;    /* by an OCS_OPTION_STOP */
};

/* `words` has room for argc pointers. */
void ocs_args_init(struct ocs_args *args, int argc, char **argv, char **words);

/* Parse up to the end, or behind the next word.  An option is looked up in the
 * tables in their order.  Errors: OCS_USAGE. */
int ocs_args_parse(struct ocs_args *args, const struct ocs_option_table *tables, size_t count,
                   bool one_word, struct ocs_error *err);

/* Whether `option` stands anywhere before `--`: for what must be known before
 * anything else can be reported. */
bool ocs_args_has(int argc, char **argv, const char *option);

/* The name among `names` (ends with NULL) that looks most like `word`, which
 * has `size` bytes; NULL when none does. */
const char *ocs_args_similar(const char *word, size_t size, const char *const *names);

/* Raises OCS_USAGE; returns the negative status. */
int ocs_args_error(struct ocs_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

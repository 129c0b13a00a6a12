/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_CHECKER_H
#define OCS_STORE_CHECKER_H

/* Walking a document while checking it: where it is ("layers[3].digest"), what
 * its members have to be (tables of fields), and what it reports. */

#include "document.h"
#include "problem.h"

#define OCS_CHECKER_PATH_MAX 256

struct ocs_checker {
    const struct ocs_document *document;
    void *data;
    ocs_problem_fn *on_problem;
    struct ocs_error *err;
    int result;         /* of on_problem, or fatal; when not 0 nothing more is reported */
    size_t reported[2]; /* problems, by whether they refuse */
    size_t used;        /* of path */
    char path[OCS_CHECKER_PATH_MAX];
};

/* At the top of `document`. */
static inline void ocs_checker_init(struct ocs_checker *checker,
                                    const struct ocs_document *document, void *data,
                                    ocs_problem_fn *on_problem, struct ocs_error *err)
{
    *checker = (struct ocs_checker){
        .document = document, .data = data, .on_problem = on_problem, .err = err};
}

/* One step into a member or an item; leave with what enter returned.  A path
 * that is too long is cut. */
size_t ocs_checker_enter(struct ocs_checker *checker, const char *member);
size_t ocs_checker_enter_item(struct ocs_checker *checker, size_t item);
void ocs_checker_leave(struct ocs_checker *checker, size_t used);

/* Reports about where the checker stands; problem->member is not looked at.
 * After many of those that refuse, or of the others, the rest is summed up in one. */
void ocs_checker_report(struct ocs_checker *checker, struct ocs_problem problem);
/* document-invalid, not refused. */
void ocs_checker_invalid(struct ocs_checker *checker, enum ocs_severity severity, const char *text);

/* ---- what members have to be ---- */

typedef void ocs_check_fn(struct ocs_checker *checker, const struct ocs_json_value *value);

enum ocs_presence {
    OCS_OPTIONAL,        /* null is as good as absent: Go writes it for what is empty */
    OCS_REQUIRED,        /* absent or null is an error */
    OCS_REQUIRED_REFUSE, /* and import refuses */
    OCS_NULL_WARNS,      /* absent is an error, null a warning */
    OCS_ABSENT_WARNS,    /* absent or null is a warning */
};

struct ocs_field {
    const char *name;
    enum ocs_presence presence;
    ocs_check_fn *check;
};

void ocs_checker_fields(struct ocs_checker *checker, const struct ocs_json_value *object,
                        const struct ocs_field *fields, size_t count);
#define OCS_CHECK_FIELDS(checker, object, fields)                                                  \
    ocs_checker_fields(checker, object, fields, sizeof(fields) / sizeof((fields)[0]))

/* Calls `check` for every item; an error where `value` is no array. */
void ocs_check_items(struct ocs_checker *checker, const struct ocs_json_value *value,
                     ocs_check_fn *check);
/* The same for every member of an object, whatever it is called. */
void ocs_check_members(struct ocs_checker *checker, const struct ocs_json_value *value,
                       ocs_check_fn *check);
void ocs_check_string(struct ocs_checker *checker, const struct ocs_json_value *value);
void ocs_check_strings(struct ocs_checker *checker, const struct ocs_json_value *value);
void ocs_check_object(struct ocs_checker *checker, const struct ocs_json_value *value);
void ocs_check_string_map(struct ocs_checker *checker, const struct ocs_json_value *value);
void ocs_check_media_type(struct ocs_checker *checker, const struct ocs_json_value *value);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "checker.h"

#include "grammar.h"

#include <stdio.h>
#include <string.h>

/* A hostile document of 4 MiB could have 100,000 of them. */
#define REPORTED_MAX 200

static void append(struct ocs_checker *checker, const char *text)
{
    size_t room = sizeof(checker->path) - 1 - checker->used;
    size_t length = strnlen(text, room);
    memcpy(checker->path + checker->used, text, length);
    checker->used += length;
    checker->path[checker->used] = '\0';
}

size_t ocs_checker_enter(struct ocs_checker *checker, const char *member)
{
    size_t used = checker->used;
    if (used > 0)
        append(checker, ".");
    append(checker, member);
    return used;
}

size_t ocs_checker_enter_item(struct ocs_checker *checker, size_t item)
{
    size_t used = checker->used;
    char text[24];
    snprintf(text, sizeof(text), "[%zu]", item);
    append(checker, text);
    return used;
}

void ocs_checker_leave(struct ocs_checker *checker, size_t used)
{
    checker->used = used;
    checker->path[used] = '\0';
}

void ocs_checker_report(struct ocs_checker *checker, struct ocs_problem problem)
{
    if (checker->result != 0)
        return;
    size_t reported = ++checker->reported[problem.refuse];
    if (reported > REPORTED_MAX) {
        if (reported > REPORTED_MAX + 1)
            return;
        problem.text = "there are more problems like those before; they are not listed";
    }
    problem.member = checker->path;
    checker->result = checker->on_problem(checker->data, &problem, checker->err);
}

void ocs_checker_invalid(struct ocs_checker *checker, enum ocs_severity severity, const char *text)
{
    ocs_checker_report(checker, (struct ocs_problem){
                                    .id = "document-invalid",
                                    .severity = severity,
                                    .text = text,
                                });
}

/* ---- what members have to be ---- */

static void report_missing(struct ocs_checker *checker, enum ocs_presence presence, bool is_null)
{
    bool warns = presence == OCS_ABSENT_WARNS || (presence == OCS_NULL_WARNS && is_null);
    ocs_checker_report(checker, (struct ocs_problem){
                                    .id = "document-invalid",
                                    .severity = warns ? OCS_SEVERITY_WARNING : OCS_SEVERITY_ERROR,
                                    .refuse = presence == OCS_REQUIRED_REFUSE,
                                    .text = is_null ? "is null" : "is missing",
                                });
}

void ocs_checker_fields(struct ocs_checker *checker, const struct ocs_json_value *object,
                        const struct ocs_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct ocs_json_value *value = ocs_json_member(object, fields[i].name);
        bool is_null = value && ocs_json_type(value) == OCS_JSON_NULL;
        bool absent = !value || is_null;
        if (absent && fields[i].presence == OCS_OPTIONAL)
            continue;
        size_t used = ocs_checker_enter(checker, fields[i].name);
        if (absent)
            report_missing(checker, fields[i].presence, is_null);
        else
            fields[i].check(checker, value);
        ocs_checker_leave(checker, used);
    }
}

/* Is of the type, or is reported. */
static bool expect(struct ocs_checker *checker, const struct ocs_json_value *value,
                   enum ocs_json_type type, const char *text)
{
    if (ocs_json_type(value) == type)
        return true;
    ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, text);
    return false;
}

void ocs_check_items(struct ocs_checker *checker, const struct ocs_json_value *value,
                     ocs_check_fn *check)
{
    if (!expect(checker, value, OCS_JSON_ARRAY, "is no array"))
        return;
    size_t item = 0;
    const struct ocs_json_value *child = ocs_json_first(value);
    for (; child && checker->result == 0; child = ocs_json_next(child)) {
        size_t used = ocs_checker_enter_item(checker, item++);
        check(checker, child);
        ocs_checker_leave(checker, used);
    }
}

void ocs_check_string(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    expect(checker, value, OCS_JSON_STRING, "is no string");
}

void ocs_check_strings(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_items(checker, value, ocs_check_string);
}

void ocs_check_object(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    expect(checker, value, OCS_JSON_OBJECT, "is no object");
}

void ocs_check_members(struct ocs_checker *checker, const struct ocs_json_value *value,
                       ocs_check_fn *check)
{
    if (!expect(checker, value, OCS_JSON_OBJECT, "is no object"))
        return;
    const struct ocs_json_value *child = ocs_json_first(value);
    for (; child && checker->result == 0; child = ocs_json_next(child)) {
        size_t used = ocs_checker_enter(checker, ocs_json_name(child));
        check(checker, child);
        ocs_checker_leave(checker, used);
    }
}

void ocs_check_string_map(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_members(checker, value, ocs_check_string);
}

void ocs_check_media_type(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    const char *text = ocs_json_string(checker->document->json, value);
    if (!text)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is no string");
    else if (!ocs_grammar_media_type(text))
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is no media type (RFC 6838)");
}

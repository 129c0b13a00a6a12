/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "config_check.h"

#include "descriptor_check.h"
#include "grammar.h"

#include <string.h>

static void check_rootfs_type(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    const char *text = ocs_json_string(checker->document->json, value);
    if (!text || strcmp(text, "layers") != 0)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is not \"layers\"");
}

/* A wrong diff_id is not refused: it never becomes a path. */
static void check_diff_id(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    struct ocs_digest digest;
    const char *text = ocs_json_string(checker->document->json, value);
    if (!text || ocs_digest_parse(text, strlen(text), &digest) != 0)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is no digest");
}

static void check_diff_ids(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_items(checker, value, check_diff_id);
}

static void check_rootfs(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    static const struct ocs_field fields[] = {
        {"type", OCS_REQUIRED, check_rootfs_type},
        {"diff_ids", OCS_ABSENT_WARNS, check_diff_ids}, /* Docker leaves an empty one out */
    };
    ocs_check_object(checker, value);
    if (ocs_json_type(value) == OCS_JSON_OBJECT)
        OCS_CHECK_FIELDS(checker, value, fields);
}

static void check_environment_entry(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    const char *text = ocs_json_string(checker->document->json, value);
    if (!text || !ocs_grammar_environment(text))
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is not NAME=value");
}

static void check_environment(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_items(checker, value, check_environment_entry);
}

/* null is as good as absent, as it is for Go. */
static bool is_null(const struct ocs_json_value *value)
{
    return ocs_json_type(value) == OCS_JSON_NULL;
}

static void check_label(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    if (!is_null(value))
        ocs_check_string(checker, value);
}

static void check_labels(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_members(checker, value, check_label);
}

static void check_element(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    if (!is_null(value))
        ocs_check_object(checker, value);
}

/* Volumes, ports: an object whose members are the elements, with {} for each. */
static void check_set(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_members(checker, value, check_element);
}

static void check_execution(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    static const struct ocs_field fields[] = {
        {"User", OCS_OPTIONAL, ocs_check_string},
        {"WorkingDir", OCS_OPTIONAL, ocs_check_string},
        {"StopSignal", OCS_OPTIONAL, ocs_check_string},
        {"Env", OCS_OPTIONAL, check_environment},
        {"Entrypoint", OCS_OPTIONAL, ocs_check_strings},
        {"Cmd", OCS_OPTIONAL, ocs_check_strings},
        {"Volumes", OCS_OPTIONAL, check_set},
        {"ExposedPorts", OCS_OPTIONAL, check_set},
        {"Labels", OCS_OPTIONAL, check_labels},
    };
    ocs_check_object(checker, value);
    if (ocs_json_type(value) == OCS_JSON_OBJECT)
        OCS_CHECK_FIELDS(checker, value, fields);
}

/* Most readers do not look at it, and umoci unpacks none that it cannot read. */
static void check_time(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    const char *text = ocs_json_string(checker->document->json, value);
    if (!text)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is no string");
    else if (!ocs_grammar_date_time(text))
        ocs_checker_invalid(checker, OCS_SEVERITY_WARNING, "is no date and time (RFC 3339)");
}

static void check_boolean(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    if (ocs_json_type(value) != OCS_JSON_BOOL)
        ocs_checker_invalid(checker, OCS_SEVERITY_ERROR, "is neither true nor false");
}

static void check_history_entry(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    static const struct ocs_field fields[] = {
        {"created", OCS_OPTIONAL, check_time},          {"author", OCS_OPTIONAL, ocs_check_string},
        {"created_by", OCS_OPTIONAL, ocs_check_string}, {"comment", OCS_OPTIONAL, ocs_check_string},
        {"empty_layer", OCS_OPTIONAL, check_boolean},
    };
    ocs_check_object(checker, value);
    if (ocs_json_type(value) == OCS_JSON_OBJECT)
        OCS_CHECK_FIELDS(checker, value, fields);
}

static void check_history(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_items(checker, value, check_history_entry);
}

void ocs_check_config(struct ocs_checker *checker, const struct ocs_json_value *root)
{
    static const struct ocs_field fields[] = {
        {"architecture", OCS_REQUIRED, ocs_check_string},
        {"os", OCS_REQUIRED, ocs_check_string},
        {"rootfs", OCS_REQUIRED, check_rootfs},
        {"created", OCS_OPTIONAL, check_time},
        {"author", OCS_OPTIONAL, ocs_check_string},
        {"variant", OCS_OPTIONAL, ocs_check_string},
        {"os.version", OCS_OPTIONAL, ocs_check_string},
        {"os.features", OCS_OPTIONAL, ocs_check_strings},
        {"config", OCS_OPTIONAL, check_execution},
        {"history", OCS_OPTIONAL, check_history},
    };
    OCS_CHECK_FIELDS(checker, root, fields);
}

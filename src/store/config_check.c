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

static void check_execution(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    static const struct ocs_field fields[] = {
        {"User", OCS_OPTIONAL, ocs_check_string},
        {"WorkingDir", OCS_OPTIONAL, ocs_check_string},
        {"StopSignal", OCS_OPTIONAL, ocs_check_string},
        {"Env", OCS_OPTIONAL, check_environment},
        {"Entrypoint", OCS_OPTIONAL, ocs_check_strings},
        {"Cmd", OCS_OPTIONAL, ocs_check_strings},
        {"Volumes", OCS_OPTIONAL, ocs_check_object},
        {"ExposedPorts", OCS_OPTIONAL, ocs_check_object},
        {"Labels", OCS_OPTIONAL, ocs_check_object},
    };
    ocs_check_object(checker, value);
    if (ocs_json_type(value) == OCS_JSON_OBJECT)
        OCS_CHECK_FIELDS(checker, value, fields);
}

static void check_history(struct ocs_checker *checker, const struct ocs_json_value *value)
{
    ocs_check_items(checker, value, ocs_check_object);
}

void ocs_check_config(struct ocs_checker *checker, const struct ocs_json_value *root)
{
    static const struct ocs_field fields[] = {
        {"architecture", OCS_REQUIRED, ocs_check_string},
        {"os", OCS_REQUIRED, ocs_check_string},
        {"rootfs", OCS_REQUIRED, check_rootfs},
        {"created", OCS_OPTIONAL, ocs_check_string},
        {"author", OCS_OPTIONAL, ocs_check_string},
        {"variant", OCS_OPTIONAL, ocs_check_string},
        {"os.version", OCS_OPTIONAL, ocs_check_string},
        {"os.features", OCS_OPTIONAL, ocs_check_strings},
        {"config", OCS_OPTIONAL, check_execution},
        {"history", OCS_OPTIONAL, check_history},
    };
    OCS_CHECK_FIELDS(checker, root, fields);
}

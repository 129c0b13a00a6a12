/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "document_check.h"

#include "checker.h"
#include "cleanup.h"
#include "error.h"
#include "grammar.h"

#include <stdio.h>
#include <string.h>

/* ---- index.json ---- */

struct named_entry {
    const char *name;
    size_t entry; /* its place in manifests[] */
};

static void report_name(struct ocs_checker *checker, const struct named_entry *named,
                        const char *id, const char *trouble)
{
    char text[512];
    snprintf(text, sizeof(text), "%s: %s", trouble, named->name);
    size_t used = ocs_checker_enter(checker, "manifests");
    ocs_checker_enter_item(checker, named->entry);
    ocs_checker_enter(checker, "annotations.org.opencontainers.image.ref.name");
    ocs_checker_report(checker, (struct ocs_problem){
                                    .id = id,
                                    .severity = OCS_SEVERITY_WARNING,
                                    .text = text,
                                });
    ocs_checker_leave(checker, used);
}

static int compare_names(const void *a, const void *b)
{
    const struct named_entry *left = a;
    const struct named_entry *right = b;
    int order = strcmp(left->name, right->name);
    if (order != 0)
        return order;
    return left->entry < right->entry ? -1 : left->entry > right->entry;
}

/* The names of all items of manifests[], whether or not they are edges. */
static size_t collect_names(const struct ocs_document *document,
                            const struct ocs_json_value *manifests, struct named_entry *out)
{
    size_t count = 0;
    size_t entry = 0;
    const struct ocs_json_value *child = ocs_json_first(manifests);
    for (; child; child = ocs_json_next(child), entry++) {
        struct ocs_descriptor descriptor = {.value = child};
        const char *name = ocs_descriptor_ref_name(document, &descriptor);
        if (name)
            out[count++] = (struct named_entry){name, entry};
    }
    return count;
}

static int check_names(struct ocs_checker *checker, const struct ocs_json_value *manifests)
{
    size_t items = 0;
    const struct ocs_json_value *child = ocs_json_first(manifests);
    for (; child; child = ocs_json_next(child))
        items++;
    auto_free struct named_entry *names = calloc(items + 1, sizeof(*names));
    if (!names)
        return ocs_error_memory(checker->err);
    size_t count = collect_names(checker->document, manifests, names);
    for (size_t i = 0; i < count; i++) {
        if (!ocs_grammar_ref_name(names[i].name))
            report_name(checker, &names[i], "ref-name-invalid", "is no reference name");
    }
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1].name, names[i].name) == 0)
            report_name(checker, &names[i], "index-duplicate-ref",
                        "names an entry before it as well");
    }
    return 0;
}

/* umoci and Docker write null for no entries: that is no flaw of an index.json. */
struct without_null {
    void *data;
    ocs_problem_fn *on_problem;
};

static int drop_null_manifests(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    const struct without_null *filter = data;
    if (strcmp(problem->member, "manifests") == 0 && problem->severity == OCS_SEVERITY_WARNING)
        return 0;
    return filter->on_problem(filter->data, problem, err);
}

int ocs_index_check(const struct ocs_document *document, void *data, ocs_problem_fn *on_problem,
                    struct ocs_error *err)
{
    struct without_null filter = {data, on_problem};
    int result = ocs_document_check(document, "application/vnd.oci.image.index.v1+json", &filter,
                                    drop_null_manifests, err);
    if (result != 0 || document->state != OCS_DOCUMENT_STRICT)
        return result;
    const struct ocs_json_value *manifests =
        ocs_json_member(ocs_json_root(document->json), "manifests");
    if (!manifests || ocs_json_type(manifests) != OCS_JSON_ARRAY)
        return 0;
    struct ocs_checker checker;
    ocs_checker_init(&checker, document, data, on_problem, err);
    result = check_names(&checker, manifests);
    return result != 0 ? result : checker.result;
}

/* ---- oci-layout ---- */

#define LAYOUT_FILE_LIMITS                                                                         \
    (struct ocs_json_limits)                                                                       \
    {                                                                                              \
        .bytes = 1u << 16, .values = 1u << 12                                                      \
    }

int ocs_layout_file_check(const char *bytes, size_t size, void *data, ocs_problem_fn *on_problem,
                          struct ocs_error *err)
{
    auto_document struct ocs_document document = {0};
    int result = ocs_document_read(bytes, size, LAYOUT_FILE_LIMITS, &document, err);
    if (result < 0)
        return result;
    struct ocs_checker checker;
    ocs_checker_init(&checker, &document, data, on_problem, err);
    const char *text = document.flaw.reason ? document.flaw.reason : "is no JSON object";
    if (document.state == OCS_DOCUMENT_STRICT) {
        const char *version = ocs_json_string(
            document.json, ocs_json_member(ocs_json_root(document.json), "imageLayoutVersion"));
        if (version && strcmp(version, "1.0.0") == 0)
            return 0;
        ocs_checker_enter(&checker, "imageLayoutVersion");
        text = version ? "is not \"1.0.0\"" : "is missing or no string";
    }
    ocs_checker_report(&checker, (struct ocs_problem){
                                     .id = "layout-version",
                                     .severity = OCS_SEVERITY_ERROR,
                                     .text = text,
                                 });
    return checker.result;
}

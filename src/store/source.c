/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "source.h"

#include "cleanup.h"
#include "document_check.h"
#include "error.h"
#include "nearest.h"
#include "roots.h"
#include "shell_word.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static const char *skip_prefix(const char *text)
{
    static const char *const prefixes[] = {"oci:", "oci-archive:"};
    for (size_t i = 0; i < 2; i++) {
        size_t size = strlen(prefixes[i]);
        if (strncmp(text, prefixes[i], size) == 0)
            return text + size;
    }
    return text;
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* An existing path wins over PATH:TAG; the shortest existing PATH else. */
static int split_tag(const char *text, struct ocs_source *out, struct ocs_error *err)
{
    out->path = strdup(text);
    if (!out->path)
        return ocs_error_memory(err);
    if (exists(text))
        return 0;
    for (char *colon = strchr(out->path, ':'); colon; colon = strchr(colon + 1, ':')) {
        *colon = '\0';
        if (exists(out->path)) {
            out->tag = strdup(colon + 1);
            return out->tag ? 0 : ocs_error_memory(err);
        }
        *colon = ':';
    }
    return ocs_error_raise(err, OCS_USAGE, "%s: No such file or directory", text);
}

/* The last component, without what marks an archive. */
static int default_name(const char *path, char **out, struct ocs_error *err)
{
    static const char *const endings[] = {".tar.gz", ".tar.zst", ".tgz", ".tar"};
    char *name = ocs_layout_name_of_path(path);
    if (!name)
        return ocs_error_memory(err);
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t end = strlen(endings[i]);
        if (size > end && strcmp(name + size - end, endings[i]) == 0) {
            name[size - end] = '\0';
            break;
        }
    }
    *out = name;
    return 0;
}

static int choose_name(struct ocs_source *source, const char *name, struct ocs_error *err)
{
    int result = 0;
    if (!name)
        result = default_name(source->path, &source->layout, err);
    else if (!(source->layout = strdup(name)))
        result = ocs_error_memory(err);
    if (result < 0)
        return result;
    if (strcmp(source->layout, ".") != 0 && ocs_layout_name_valid(source->layout))
        return 0;
    return ocs_error_hint(err,
                          ocs_error_raise(err, OCS_USAGE, "%s: '%s' cannot be a layout's name",
                                          source->text, source->layout),
                          "give one with --name: letters, digits, '_', '.', '-', parts separated "
                          "by '/'");
}

/* ---- the folder ---- */

static int no_layout(const struct ocs_source *source, struct ocs_error *err)
{
    struct stat st;
    int result = ocs_error_raise(err, OCS_USAGE,
                                 "%s is no OCI layout: neither oci-layout nor index.json is there",
                                 source->path);
    if (fstatat(source->dir, ".ocistore", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return result;
    return ocs_error_hint(err, result,
                          "it is a store: ocistore import --shared-blobs %s/blobs %s/layouts/*",
                          ocs_shell_word(source->path).text, ocs_shell_word(source->path).text);
}

static int open_layout(struct ocs_source *source, struct ocs_error *err)
{
    source->dir = open(source->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source->dir < 0 && errno == ENOTDIR)
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_USAGE,
                                              "%s is no folder; archives cannot be imported",
                                              source->path),
                              "skopeo copy oci-archive:FILE oci:DIR:TAG, then ocistore import DIR");
    if (source->dir < 0)
        return ocs_error_errno(err, "%s", source->path);
    struct stat st;
    if (fstatat(source->dir, "index.json", &st, AT_SYMLINK_NOFOLLOW) < 0 &&
        fstatat(source->dir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return no_layout(source, err);
    return 0;
}

static int open_blobs(struct ocs_source *source, const char *shared, struct ocs_error *err)
{
    int root = shared ? AT_FDCWD : source->dir;
    const char *path = shared ? shared : "blobs";
    char label[512];
    snprintf(label, sizeof(label), "%s%s%s", shared ? "" : source->path, shared ? "" : "/", path);
    int result = ocs_blobs_open(root, path, OCS_BLOBS_FOLLOW, label, &source->blobs, err);
    if (result > 0 && shared)
        return ocs_error_raise(err, OCS_USAGE, "%s is no folder with blobs", shared);
    if (result == OCS_IO_NOT_REGULAR)
        return ocs_error_raise(err, OCS_REFUSED, "%s is no folder", label);
    return result < 0 ? result : 0; /* none of its own: they may be in the store */
}

int ocs_source_open(const char *text, const struct ocs_source_options *options,
                    struct ocs_source *out, struct ocs_error *err)
{
    struct ocs_source source = {.text = text, .dir = -1};
    int result = strcmp(text, "-") == 0
                     ? ocs_error_raise(err, OCS_USAGE, "archives cannot be imported")
                     : split_tag(skip_prefix(text), &source, err);
    if (result == 0)
        result = open_layout(&source, err);
    if (result == 0)
        result = choose_name(&source, options->name, err);
    if (result == 0)
        result = open_blobs(&source, options->shared_blobs, err);
    if (result < 0)
        ocs_source_close(&source);
    else
        *out = source;
    return result;
}

/* ---- oci-layout ---- */

#define LAYOUT_FILE      "oci-layout"
#define LAYOUT_FILE_SIZE 65536

struct telling {
    const struct ocs_source *source;
    const struct ocs_hooks *hooks;
};

static void tell(const struct telling *telling, const char *member, const char *text)
{
    char notice[1024];
    if (!telling->hooks || !telling->hooks->notice)
        return;
    snprintf(notice, sizeof(notice),
             "%.500s/" LAYOUT_FILE ": %s%s%s: taken as a layout of version 1.0.0",
             telling->source->path, member, *member ? " " : "", text);
    telling->hooks->notice(telling->hooks->data, notice);
}

static int tell_problem(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    (void)err;
    tell(data, problem->member, problem->text);
    return 0;
}

/* Its images are what they are, whatever the file says that marks it as a layout. */
static int look_at_layout_file(const struct ocs_source *source, const struct ocs_hooks *hooks,
                               struct ocs_error *err)
{
    struct telling telling = {source, hooks};
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    int result = ocs_io_open_regular(source->dir, LAYOUT_FILE, &fd, NULL, LAYOUT_FILE, NULL);
    if (result == 0)
        result = ocs_io_read_all(fd, LAYOUT_FILE_SIZE, &bytes, LAYOUT_FILE, NULL);
    if (result == 0)
        return ocs_layout_file_check(bytes.data, bytes.size, &telling, tell_problem, err);
    tell(&telling, "", result == OCS_IO_ABSENT ? "is not there" : "cannot be read");
    return 0;
}

/* ---- the index ---- */

static int refuse_problem(void *data, const struct ocs_problem *problem, struct ocs_error *err)
{
    (void)data;
    if (!problem->refuse)
        return 0;
    return ocs_error_raise(err, OCS_REFUSED, "index.json%s%s: %s", problem->member[0] ? ": " : "",
                           problem->member, problem->text);
}

static int no_such_tag(const struct ocs_source *source, struct ocs_error *err)
{
    struct ocs_nearest tags = {.wanted = source->tag};
    for (size_t i = 0; i < source->index.document.count; i++) {
        if (ocs_index_ref(&source->index, i))
            ocs_nearest_offer(&tags, ocs_index_ref(&source->index, i));
    }
    int result = ocs_error_raise(err, OCS_USAGE, "no image is tagged '%s' there", source->tag);
    return ocs_nearest_hint(&tags, err, result, "its tags:");
}

static int choose_entries(struct ocs_source *source, struct ocs_error *err)
{
    const struct ocs_document *document = &source->index.document;
    source->entries = malloc((document->count + 1) * sizeof(*source->entries));
    if (!source->entries)
        return ocs_error_memory(err);
    for (size_t i = 0; i < document->count; i++) {
        const char *ref = ocs_index_ref(&source->index, i);
        if (document->descriptors[i].role != OCS_ROLE_MANIFEST ||
            (source->tag && (!ref || strcmp(ref, source->tag) != 0)))
            continue;
        source->entries[source->count++] = (uint32_t)i;
    }
    return source->tag && source->count == 0 ? no_such_tag(source, err) : 0;
}

int ocs_source_read(struct ocs_source *source, const struct ocs_source_options *options,
                    struct ocs_error *err)
{
    struct ocs_index_wait wait = {
        .patience_ms = 5000, .hooks = options->hooks, .any_entries = true};
    int result = ocs_index_read(source->dir, source->path, &wait, &source->index, err);
    if (result > 0)
        return -OCS_REFUSED;
    if (result == 0)
        result = ocs_index_check(&source->index.document, NULL, refuse_problem, err);
    if (result == 0)
        result = choose_entries(source, err);
    if (result == 0)
        result = look_at_layout_file(source, options->hooks, err);
    return ocs_error_context(err, result, "%s", source->path);
}

void ocs_source_close(struct ocs_source *source)
{
    if (source->dir >= 0)
        close(source->dir);
    if (source->blobs)
        ocs_blobs_close(source->blobs);
    ocs_index_clear(&source->index);
    free(source->entries);
    free(source->path);
    free(source->tag);
    free(source->layout);
    *source = (struct ocs_source){.dir = -1};
}

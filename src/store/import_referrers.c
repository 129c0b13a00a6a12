/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * Referrers that no entry leads to: what lies in a source's own `blobs`, beside all that
 * was reached, is opened once, and a document there that has a subject comes along when
 * the subject does, as gc would have kept it (doc/documents.md).  A folder that others
 * share is not searched: it may hold a million blobs of theirs.  What looks like a document
 * and cannot be read surely may be a referrer, too: it is named when it names what came in.
 */

#include "import.h"

#include "cleanup.h"
#include "error.h"
#include "learn.h"

#include <string.h>

/* ---- the files that nothing has reached ---- */

struct ocs_import_file {
    struct ocs_work work;
    struct ocs_import_file *others;
    uint32_t source;
    bool unread;
    bool unsure;                       /* it may be one: a document that cannot be read surely */
    struct ocs_import_referrer *found; /* when it is one */
    uint16_t key_size;
    unsigned char key[];
};

struct search {
    struct ocs_import *import;
    uint32_t source; /* that is listed */
    struct ocs_import_file *files;
    size_t capacity; /* of import->referrers */
    size_t unread;
};

static int note_file(void *data, const struct ocs_blobs_entry *entry, struct ocs_error *err)
{
    struct search *search = data;
    uint32_t place;
    if (!entry->regular || ocs_digest_set_find(search->import->set, &entry->digest, &place))
        return 0;
    struct ocs_import_file *file = calloc(1, sizeof(*file) + entry->digest.size);
    if (!file)
        return ocs_error_memory(err);
    file->source = search->source;
    file->key_size = entry->digest.size;
    memcpy(file->key, entry->digest.key, entry->digest.size);
    file->others = search->files;
    file->work.next = file->others ? &file->others->work : NULL;
    search->files = file;
    return 0;
}

/* PATH:ONE and PATH:TWO are one folder. */
static bool was_listed(const struct ocs_import *import, uint32_t source)
{
    for (uint32_t i = 0; i < source; i++) {
        if (!import->sources[i].failed &&
            strcmp(import->sources[i].source.path, import->sources[source].source.path) == 0)
            return true;
    }
    return false;
}

static void list_files(struct search *search)
{
    struct ocs_import *import = search->import;
    struct ocs_blobs_visitor visitor = {.data = search, .on_blob = note_file};
    for (uint32_t i = 0; i < import->source_count; i++) {
        struct ocs_import_source *source = &import->sources[i];
        struct ocs_error error = {0};
        if (source->failed || !source->source.blobs || was_listed(import, i))
            continue;
        search->source = i;
        source->failed = ocs_blobs_each(source->source.blobs, &visitor, &error) < 0;
        if (source->failed)
            ocs_import_failed(import, &error);
    }
}

/* ---- on the workers' threads ---- */

static int make_referrer(struct ocs_import_file *file, const struct ocs_document *document,
                         const struct ocs_descriptor *subject, const struct stat *st)
{
    struct ocs_import_referrer *found = calloc(1, sizeof(*found));
    if (!found)
        return -OCS_FAILED;
    file->found = found;
    found->source = file->source;
    found->size = (int64_t)st->st_size;
    found->subject = subject->digest;
    ocs_digest_from_key(file->key, file->key_size, &found->digest);
    found->place = OCS_IMPORT_NOWHERE;
    if (!document->media_type)
        return 0;
    found->media_type = strdup(document->media_type);
    return found->media_type ? 0 : -OCS_FAILED;
}

static int open_file(const struct ocs_import *import, const struct ocs_import_file *file, int *fd,
                     struct stat *st, struct ocs_error *err)
{
    struct ocs_digest digest;
    ocs_digest_from_key(file->key, file->key_size, &digest);
    return ocs_blobs_open_blob(import->sources[file->source].source.blobs, &digest, fd, st, err);
}

static int read_file(const struct ocs_import *import, struct ocs_import_file *file)
{
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    auto_document struct ocs_document document = {0};
    struct stat st;
    int result = open_file(import, file, &fd, &st, NULL);
    if (result != 0)
        return result < 0 ? result : 0;
    result = ocs_learn_blob(fd, &bytes, &document, "a blob", NULL);
    file->unsure = result > 0 ||
                   (document.state != OCS_DOCUMENT_OPAQUE && document.state != OCS_DOCUMENT_STRICT);
    for (size_t i = 0; result == 0 && i < document.count; i++) {
        if (document.descriptors[i].role == OCS_ROLE_SUBJECT)
            return make_referrer(file, &document, &document.descriptors[i], &st);
    }
    return result;
}

static void work(struct ocs_workers *workers, void *data)
{
    struct ocs_work *taken;
    while ((taken = ocs_workers_take(workers, false))) {
        struct ocs_import_file *file = (struct ocs_import_file *)taken;
        const struct search *search = data;
        file->unread = read_file(search->import, file) < 0;
        ocs_workers_give(workers, taken);
    }
}

/* ---- those among them that have a subject ---- */

static int on_done(struct ocs_workers *workers, void *data, struct ocs_work *done,
                   struct ocs_error *err)
{
    struct search *search = data;
    struct ocs_import *import = search->import;
    struct ocs_import_file *file = (struct ocs_import_file *)done;
    (void)workers;
    search->unread += file->unread;
    if (!file->found)
        return 0;
    if (import->referrer_count == search->capacity) {
        size_t capacity = search->capacity ? search->capacity * 2 : 16;
        struct ocs_import_referrer **grown =
            realloc(import->referrers, capacity * sizeof(struct ocs_import_referrer *));
        if (!grown)
            return ocs_error_memory(err);
        import->referrers = grown;
        search->capacity = capacity;
    }
    import->referrers[import->referrer_count++] = file->found;
    file->found = NULL;
    return 0;
}

static int by_subject(const void *left, const void *right)
{
    const struct ocs_import_referrer *a = *(struct ocs_import_referrer *const *)left;
    const struct ocs_import_referrer *b = *(struct ocs_import_referrer *const *)right;
    int order = ocs_digest_compare(&a->subject, &b->subject);
    return order ? order : ocs_digest_compare(&a->digest, &b->digest);
}

/* The images are whole nevertheless; but what belongs to them may be left behind. */
static void tell_unread(const struct search *search)
{
    struct ocs_error error;
    ocs_error_raise(&error, OCS_FAILED,
                    "of the sources' blobs that no entry leads to, %zu cannot be read: referrers "
                    "among them are left out",
                    search->unread);
    ocs_import_failed(search->import, &error);
}

static int read_files(struct search *search, struct ocs_error *err)
{
    struct ocs_import *import = search->import;
    uint64_t count = 0;
    for (const struct ocs_import_file *file = search->files; file; file = file->others)
        count++;
    struct ocs_workers_options options = {
        .threads = import->options->jobs,
        .phase = "read",
        .blobs_total = count,
        .hooks = &import->store->hooks,
        .data = search,
        .work = work,
        .on_done = on_done,
    };
    int result = count ? ocs_workers_run(&options, &search->files->work, err) : 0;
    if (result == 0 && import->referrer_count)
        qsort(import->referrers, import->referrer_count, sizeof(struct ocs_import_referrer *),
              by_subject);
    if (result == 0 && search->unread)
        tell_unread(search);
    return result;
}

static void referrer_free(struct ocs_import_referrer *referrer)
{
    if (referrer)
        free(referrer->media_type);
    free(referrer);
}

static void files_free(struct ocs_import_file *files)
{
    while (files) {
        struct ocs_import_file *file = files;
        files = file->others;
        referrer_free(file->found);
        free(file);
    }
}

/* Looked at once more when it is known what comes in. */
static void keep_unsure(struct search *search)
{
    struct ocs_import_file **from = &search->files;
    while (*from) {
        struct ocs_import_file *file = *from;
        if (!file->unsure) {
            from = &file->others;
            continue;
        }
        *from = file->others;
        file->others = search->import->unsure;
        search->import->unsure = file;
    }
}

int ocs_import_find_referrers(struct ocs_import *import, struct ocs_error *err)
{
    struct search search = {.import = import};
    if (import->options->shared_blobs)
        return 0;
    list_files(&search);
    int result = read_files(&search, err);
    keep_unsure(&search);
    files_free(search.files);
    return result;
}

void ocs_import_referrers_free(struct ocs_import *import)
{
    for (size_t i = 0; i < import->referrer_count; i++)
        referrer_free(import->referrers[i]);
    free(import->referrers);
    files_free(import->unsure);
}

/* ---- whose subject comes in ---- */

size_t ocs_import_referrers_of(const struct ocs_import *import, uint32_t place, size_t *count)
{
    struct ocs_digest subject;
    size_t low = 0, high = import->referrer_count;
    *count = 0;
    if (high == 0)
        return 0;
    ocs_digest_set_get(import->set, place, &subject);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ocs_digest_compare(&import->referrers[middle]->subject, &subject) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + *count < import->referrer_count &&
           ocs_digest_equal(&import->referrers[low + *count]->subject, &subject))
        (*count)++;
    return low;
}

int ocs_import_follow_referrers(struct ocs_import *import, struct ocs_work **list,
                                struct ocs_error *err)
{
    while (import->referrer_count && import->followed < ocs_digest_set_count(import->set)) {
        size_t count;
        size_t first = ocs_import_referrers_of(import, import->followed++, &count);
        for (size_t i = first; i < first + count; i++) {
            int result = ocs_import_seed_referrer(import, import->referrers[i], list, err);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

/* ---- what may be one ---- */

/* A document that comes in and that somebody may refer to; NULL: it names none. */
static const struct ocs_import_item *named_item(const struct ocs_import *import,
                                                const struct ocs_document *document)
{
    for (size_t i = 0; i < document->count; i++) {
        uint32_t place;
        if (ocs_digest_set_find(import->set, &document->descriptors[i].digest, &place) &&
            import->items[place]->edge_count)
            return import->items[place];
    }
    return NULL;
}

/* `item` may be NULL: it names more than could be looked for. */
static void tell_unsure(struct ocs_import *import, const struct ocs_import_file *file,
                        const struct ocs_import_item *item, const struct ocs_document *document)
{
    char name[OCS_DIGEST_BUF], subject[OCS_DIGEST_BUF] = "too many blobs";
    struct ocs_digest digest;
    struct ocs_error error;
    bool ambiguous = document->state == OCS_DOCUMENT_AMBIGUOUS;
    const char *reason = document->flaw.reason ? document->flaw.reason : "too many digests";
    if (item && ocs_digest_from_key(item->key, item->key_size, &digest) == 0)
        ocs_digest_format(&digest, subject);
    ocs_digest_from_key(file->key, file->key_size, &digest);
    ocs_error_raise(&error, OCS_REFUSED,
                    "%s: %s, which no entry leads to, names %s and may be a referrer; it cannot "
                    "be read surely (%s%s), and is left out",
                    import->sources[file->source].source.text, ocs_digest_format(&digest, name),
                    subject, ambiguous ? "ambiguous: " : "", reason);
    ocs_import_failed(import, &error);
}

static int look_at_unsure(struct ocs_import *import, const struct ocs_import_file *file,
                          struct ocs_error *err)
{
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    auto_document struct ocs_document document = {0};
    struct stat st;
    int result = open_file(import, file, &fd, &st, err);
    if (result != 0)
        return result;
    result = ocs_learn_blob(fd, &bytes, &document, "a blob that no entry leads to", err);
    if (result < 0)
        return result;
    const struct ocs_import_item *item = named_item(import, &document);
    if (item || result == OCS_DOCUMENT_TOO_MANY)
        tell_unsure(import, file, item, &document);
    return 0;
}

void ocs_import_tell_unsure(struct ocs_import *import)
{
    for (const struct ocs_import_file *file = import->unsure; file; file = file->others) {
        struct ocs_digest digest;
        struct ocs_error error;
        uint32_t place;
        ocs_digest_from_key(file->key, file->key_size, &digest);
        if (ocs_digest_set_find(import->set, &digest, &place)) /* it is told with the others */
            continue;
        if (look_at_unsure(import, file, &error) < 0)
            ocs_import_failed(import, &error);
    }
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "import.h"

#include "cleanup.h"
#include "error.h"
#include "heal.h"
#include "merge.h"

#include <fcntl.h>
#include <string.h>

/* ---- failures of one source do not end the others ---- */

void ocs_import_failed(struct ocs_import *import, const struct ocs_error *error)
{
    const struct ocs_import_options *options = import->options;
    if (import->first_failure.status == OCS_OK)
        import->first_failure = *error;
    else if (options->on_failure)
        options->on_failure(options->data, error);
    else
        ocs_store_notice(import->store, "%s", error->message);
}

/* ---- the run ---- */

static int fetch(struct ocs_import *import, struct ocs_work *list, struct ocs_error *err)
{
    uint64_t count = 0;
    for (const struct ocs_work *work = list; work; work = work->next)
        count++;
    struct ocs_workers_options options = {
        .threads = import->options->jobs,
        .phase = "import",
        .blobs_total = count,
        .hooks = &import->store->hooks,
        .data = import,
        .work = ocs_import_fetch,
        .on_done = ocs_import_on_done,
    };
    return list ? ocs_workers_run(&options, list, err) : 0;
}

static int fetch_referrers(struct ocs_import *import, struct ocs_error *err)
{
    struct ocs_work *list = NULL;
    int result = ocs_import_find_referrers(import, err);
    do {
        list = NULL;
        if (result == 0)
            result = ocs_import_follow_referrers(import, &list, err);
        if (result == 0)
            result = fetch(import, list, err);
    } while (result == 0 && list);
    if (result == 0)
        ocs_import_tell_unsure(import);
    return result;
}

static int fetch_all(struct ocs_import *import, struct ocs_error *err)
{
    struct ocs_work *list = NULL;
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < import->source_count; i++) {
        if (!import->sources[i].failed)
            result = ocs_import_seed(import, i, &list, err);
    }
    if (result == 0)
        result = fetch(import, list, err);
    return result == 0 ? fetch_referrers(import, err) : result;
}

/* ---- the layouts ---- */

static int compare_tags(const void *left, const void *right)
{
    const struct ocs_import_tag *a = left, *b = right;
    int order = strcmp(a->ref, b->ref);
    return order ? order : (a->source > b->source) - (a->source < b->source);
}

static void add_tags(struct ocs_import *import, uint32_t number)
{
    const struct ocs_source *source = &import->sources[number].source;
    for (size_t i = 0; i < source->count; i++) {
        const char *ref = ocs_index_ref(&source->index, source->entries[i]);
        if (ref)
            import->tags[import->tag_count++] = (struct ocs_import_tag){ref, number};
    }
}

/* With --name all sources make one layout. */
static int list_tags(struct ocs_import *import, struct ocs_error *err)
{
    size_t most = 1;
    if (!import->options->name)
        return 0;
    for (uint32_t i = 0; i < import->source_count; i++)
        most += import->sources[i].source.count;
    import->tags = calloc(most, sizeof(*import->tags));
    if (!import->tags)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < import->source_count; i++) {
        if (!import->sources[i].failed)
            add_tags(import, i);
    }
    qsort(import->tags, import->tag_count, sizeof(*import->tags), compare_tags);
    return 0;
}

/* A source after this one has the same tag, and takes it over. */
static bool is_taken_over(const struct ocs_import *import, const struct ocs_import_source *source,
                          const char *ref)
{
    const struct ocs_import_tag after = {ref, (uint32_t)(source - import->sources) + 1};
    size_t low = 0, high = ref ? import->tag_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_tags(&import->tags[middle], &after) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return ref && low < import->tag_count && strcmp(import->tags[low].ref, ref) == 0;
}

static void report_images(const struct ocs_import *import, const struct ocs_import_source *source,
                          const struct ocs_merge_entry *entries)
{
    for (size_t i = 0; i < source->source.count; i++) {
        if (is_taken_over(import, source, entries[i].ref))
            continue;
        char digest[OCS_DIGEST_BUF];
        struct ocs_image image = {
            .layout = source->source.layout,
            .ref = entries[i].ref,
            .digest = ocs_digest_format(&entries[i].digest, digest),
            .media_type = import->items[source->places[i]]->media_type,
        };
        import->report->images++;
        if (import->options->on_image)
            import->options->on_image(import->options->data, &image);
    }
}

static int make_entry(const struct ocs_import *import, const struct ocs_source *source,
                      uint32_t place, struct ocs_merge_entry *out, struct ocs_error *err)
{
    const struct ocs_descriptor *descriptor = &source->index.document.descriptors[place];
    out->digest = descriptor->digest;
    out->ref = ocs_index_ref(&source->index, place);
    if (import->options->tag) {
        out->ref = import->options->tag;
        return ocs_index_retag(&source->index, place, out->ref, &out->text, err);
    }
    size_t size = 0;
    const char *text = ocs_index_entry_text(&source->index, place, &size);
    out->text = strndup(text, size);
    return out->text ? 0 : ocs_error_memory(err);
}

static int commit_source(struct ocs_import *import, struct ocs_import_source *source,
                         struct ocs_error *err)
{
    size_t count = source->source.count;
    struct ocs_merge_entry *entries = calloc(count + 1, sizeof(*entries));
    int result = entries ? 0 : ocs_error_memory(err);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = make_entry(import, &source->source, source->source.entries[i], &entries[i], err);
    if (result == 0)
        result = ocs_merge(import->store, source->source.layout, entries, count, err);
    if (result == 0)
        report_images(import, source, entries);
    for (size_t i = 0; entries && i < count; i++)
        free(entries[i].text);
    free(entries);
    return result;
}

static void count_referrers(const struct ocs_import *import)
{
    for (size_t i = 0; i < import->referrer_count; i++) {
        uint32_t place = import->referrers[i]->place;
        if (place != OCS_IMPORT_NOWHERE && import->items[place]->needed)
            import->report->referrers++;
    }
}

static int commit_all(struct ocs_import *import, struct ocs_error *err)
{
    int result = list_tags(import, err);
    for (size_t i = 0; result == 0 && i < import->source_count; i++) {
        if (!import->sources[i].failed)
            result = commit_source(import, &import->sources[i], err);
    }
    return result;
}

/* What an error left done. */
static int tell_how_far(const struct ocs_import *import, int result, struct ocs_error *err)
{
    const struct ocs_import_report *report = import->report;
    unsigned long long images = 0;
    for (size_t i = 0; i < import->source_count; i++)
        images += import->sources[i].failed ? 0 : import->sources[i].source.count;
    if (result != -OCS_FAILED || !err)
        return result;
    if (!err->hint[0])
        ocs_error_hint(err, result,
                       "when that is mended, import again: what is in the store by "
                       "now is not copied again");
    if (report->images > 0)
        return ocs_error_context(err, result, "%llu of %llu images are imported, then",
                                 (unsigned long long)report->images, images);
    if (report->blobs_copied > 0)
        return ocs_error_context(err, result, "none of %llu images is imported, %llu blobs are",
                                 images, (unsigned long long)report->blobs_copied);
    return ocs_error_context(err, result, "nothing is imported");
}

static int run(struct ocs_import *import, struct ocs_error *err)
{
    uint64_t healed = 0;
    int result = ocs_heal(import->store, &healed, err);
    if (result == 0)
        result = ocs_digest_set_new(&import->set, err);
    if (result == 0)
        result = ocs_staging_open(import->store->state, &import->staging, err);
    if (result == 0)
        result = fetch_all(import, err);
    if (result == 0)
        result = ocs_import_judge(import, err);
    if (result == 0)
        result = ocs_import_publish(import, err);
    if (result == 0)
        count_referrers(import);
    return result == 0 ? commit_all(import, err) : result;
}

/* ---- before anything is done ---- */

static int open_sources(struct ocs_import *import, const char *const *texts,
                        const struct ocs_source_options *options, struct ocs_error *err)
{
    for (size_t i = 0; i < import->source_count; i++) {
        struct ocs_source *source = &import->sources[i].source;
        int result = ocs_source_open(texts[i], options, source, err);
        if (result < 0)
            return result;
        for (size_t j = 0; !options->name && j < i; j++) {
            if (strcmp(import->sources[j].source.layout, source->layout) == 0)
                return ocs_error_hint(err,
                                      ocs_error_raise(err, OCS_USAGE,
                                                      "%s and %s would both become the layout '%s'",
                                                      texts[j], texts[i], source->layout),
                                      "--name %s merges them into one", source->layout);
        }
    }
    return 0;
}

/* A damaged index fails its source alone; wrong usage ends everything. */
static int read_sources(struct ocs_import *import, const struct ocs_source_options *options,
                        struct ocs_error *err)
{
    size_t images = 0;
    for (size_t i = 0; i < import->source_count; i++) {
        struct ocs_error error = {0};
        struct ocs_import_source *source = &import->sources[i];
        int result = ocs_source_read(&source->source, options, &error);
        if (result < 0 && result != -OCS_REFUSED) {
            if (err)
                *err = error;
            return result;
        }
        source->failed = result < 0;
        if (source->failed)
            ocs_import_failed(import, &error);
        images += source->source.count;
    }
    int valid = import->options->tag ? ocs_image_new_tag(import->options->tag, err) : 0;
    if (valid < 0)
        return valid;
    if (import->options->tag && images > 1)
        return ocs_error_raise(err, OCS_USAGE, "--tag names one image, and there are %zu", images);
    return 0;
}

static void import_clear(struct ocs_import *import)
{
    uint32_t total = import->set ? ocs_digest_set_count(import->set) : 0;
    for (uint32_t i = 0; i < total && i < import->capacity; i++) {
        if (import->items[i])
            ocs_import_item_free(import->items[i]);
    }
    free(import->items);
    free(import->tags);
    ocs_import_referrers_free(import);
    ocs_digest_set_free(import->set);
    ocs_staging_close(&import->staging);
    for (size_t i = 0; import->sources && i < import->source_count; i++) {
        ocs_source_close(&import->sources[i].source);
        free(import->sources[i].places);
    }
    free(import->sources);
}

static int import_all(struct ocs_import *import, const char *const *texts, struct ocs_error *err)
{
    struct ocs_source_options options = {
        .name = import->options->name,
        .shared_blobs = import->options->shared_blobs,
        .hooks = &import->store->hooks,
    };
    int result = ocs_store_refuse_in_place(import->store, err);
    if (result == 0)
        result = open_sources(import, texts, &options, err);
    if (result == 0)
        result = read_sources(import, &options, err);
    if (result == 0)
        result = ocs_store_writer(import->store, err);
    if (result < 0)
        return result;
    result = tell_how_far(import, run(import, err), err);
    ocs_store_writer_end(import->store);
    if (result < 0 || import->first_failure.status == OCS_OK)
        return result;
    if (err)
        *err = import->first_failure;
    return -(int)import->first_failure.status;
}

int ocs_import(struct ocs_store *store, const char *const *sources, size_t count,
               const struct ocs_import_options *options, struct ocs_import_report *report,
               struct ocs_error *err)
{
    static const struct ocs_import_options none = {0};
    struct ocs_import_report unused;
    struct ocs_import import = {
        .store = store,
        .options = options ? options : &none,
        .report = report ? report : &unused,
        .source_count = count,
        .sources = calloc(count + 1, sizeof(*import.sources)),
        .staging = {.parent = -1, .dir = -1},
    };
    *import.report = (struct ocs_import_report){0};
    if (!import.sources)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++)
        import.sources[i].source.dir = -1;
    int result = import_all(&import, sources, err);
    import_clear(&import);
    return result;
}

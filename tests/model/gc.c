/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* Random operations on a store and on its model (model.h), compared after each:
 *
 *     model_gc [--runs N] [--seed S] [--steps N] [--random]
 *
 * Every run has its own seed, which is printed when it fails: --seed S repeats it.
 * --random begins somewhere else each time. */

#include "world.h"

#include "store/heal.h"
#include "store/trash.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what we do ---- */

static void reopen(struct world *world)
{
    struct ocs_error err;
    ocs_store_close(world->store);
    world->store = NULL;
    must(world, ocs_store_open(world->path, NULL, &world->store, &err), &err, "open");
}

static void lose_graph(struct world *world)
{
    tell(world, "  lose the graph\n");
    ocs_store_close(world->store);
    world->store = NULL;
    ocs_io_remove_tree(world->dir, ".ocistore/graph", "graph", NULL);
    reopen(world);
    model_lose_graph(&world->model);
}

static void remove_entry(struct world *world)
{
    int layout = (int)draw(world, LAYOUTS);
    model_set entries = world->model.exists[layout] ? world->model.listed[layout] : 0;
    for (int i = 0; i < world->model.count; i++) {
        if (!(entries & BIT(i)) || draw(world, 2))
            continue;
        char name[512];
        const char *names[] = {name};
        struct ocs_remove_report report;
        struct ocs_error err = {0};
        snprintf(name, sizeof(name), "%s@%s", layout_names[layout], world->files[i].name);
        tell(world, "  rm %d from %d\n", i, layout);
        must(world, ocs_remove(world->store, names, 1, NULL, NULL, &report, &err), &err, "rm");
        model_rm(&world->model, layout, i, 0);
        return;
    }
}

/* A layout of its own, with everything that the image is made of. */
static void write_source(struct world *world, int image, const char *source)
{
    char path[512], text[TEXT_MAX];
    model_set closure = model_closure(&world->model, image);
    snprintf(path, sizeof(path), "%s/blobs/sha256", source);
    must(world, ocs_io_mkdirs(world->dir, path, 0755, path, NULL), NULL, "mkdir");
    for (int i = 0; i < world->model.count; i++) {
        if (!(closure & BIT(i)))
            continue;
        snprintf(path, sizeof(path), "%s/%s", source, world->files[i].path);
        write_at(world, world->dir, path, world->files[i].text);
    }
    snprintf(path, sizeof(path), "%s/oci-layout", source);
    write_at(world, world->dir, path, "{\"imageLayoutVersion\":\"1.0.0\"}");
    snprintf(path, sizeof(path), "%s/index.json", source);
    index_text(world, BIT(image), text);
    write_at(world, world->dir, path, text);
}

static void heal(struct world *world);

static void import(struct world *world)
{
    int layout = (int)draw(world, LAYOUTS), image = any_image(world);
    char path[sizeof(world->path) + 16];
    const char *sources[] = {path};
    struct ocs_import_options options = {.name = layout_names[layout]};
    struct ocs_import_report report;
    struct ocs_error err = {0};
    tell(world, "  import %d into %d\n", image, layout);
    heal(world);
    write_source(world, image, "source");
    snprintf(path, sizeof(path), "%s/source", world->path);
    int result = ocs_import(world->store, sources, 1, &options, &report, &err);
    ocs_io_remove_tree(world->dir, "source", "source", NULL);
    must(world, result, &err, "import");
    model_set closure = model_closure(&world->model, image);
    for (int i = 0; i < world->model.count; i++) {
        if ((closure & BIT(i)) && !world->model.blobs[i].present)
            model_put(&world->model, i, 0);
    }
    world->model.listed[layout] |= BIT(image);
    world->model.exists[layout] = true;
}

/* ---- comparing ---- */

struct trash_look {
    struct world *world;
    int64_t runs[BLOBS][RUNS];
    int counts[BLOBS];
};

static int on_trash(void *data, const char *run, const char *path, const struct ocs_digest *digest,
                    const struct stat *st, struct ocs_error *err)
{
    struct trash_look *look = data;
    (void)path;
    (void)st;
    (void)err;
    for (int i = 0; digest && i < look->world->model.count; i++) {
        if (ocs_digest_equal(digest, &look->world->files[i].digest))
            look->runs[i][look->counts[i]++] = (ocs_run_time(run) - look->world->begin) / MINUTE;
    }
    return 0;
}

static void look_at_trash(struct world *world, struct trash_look *look)
{
    struct ocs_trash_visitor visitor = {.data = look, .on_entry = on_trash};
    struct ocs_error err;
    memset(look, 0, sizeof(*look));
    look->world = world;
    must(world, ocs_trash_each(world->store->state, &visitor, &err), &err, "trash");
}

/* Import and gc begin so; here, because of several copies any may come back, and
 * the model has to ask which one did. */
static void heal(struct world *world)
{
    struct model before = world->model;
    struct trash_look look;
    struct ocs_error err = {0};
    uint64_t healed;
    must(world, ocs_store_writer(world->store, &err), &err, "lock");
    must(world, ocs_heal(world->store, &healed, &err), &err, "heal");
    ocs_store_writer_end(world->store);
    model_heal(&world->model);
    look_at_trash(world, &look);
    for (int i = 0; i < world->model.count; i++) {
        struct model_blob *blob = &world->model.blobs[i];
        const struct model_blob *was = &before.blobs[i];
        struct stat st;
        if (was->trash_count < 2 || blob->trash_count == was->trash_count ||
            fstatat(world->dir, world->files[i].path, &st, 0) != 0)
            continue;
        blob->mtime = (st.st_mtim.tv_sec - world->begin) / MINUTE;
        blob->trash_count = 0;
        for (int k = 0; k < was->trash_count; k++) {
            bool left = false;
            for (int j = 0; j < look.counts[i]; j++)
                left |= look.runs[i][j] == was->trash[k];
            if (!left)
                continue;
            blob->trash[blob->trash_count] = was->trash[k];
            blob->trash_mtime[blob->trash_count++] = was->trash_mtime[k];
        }
    }
}

static void compare_blobs(struct world *world)
{
    for (int i = 0; i < world->model.count; i++) {
        bool there = is_there(world, i);
        if (there != world->model.blobs[i].present)
            differ(world, "blob %d (%s) is %s; the last run said\n%s", i, world->files[i].name,
                   there ? "still there" : "gone", world->shown);
    }
}

static void compare_trash(struct world *world)
{
    struct trash_look look;
    look_at_trash(world, &look);
    for (int i = 0; i < world->model.count; i++) {
        if (look.counts[i] != world->model.blobs[i].trash_count)
            differ(world, "blob %d lies %d times in the trash, not %d", i, look.counts[i],
                   world->model.blobs[i].trash_count);
    }
}

/* ---- gc ---- */

static void on_candidate(void *data, const struct ocs_gc_candidate *candidate)
{
    struct world *world = data;
    size_t left = sizeof(world->shown) - world->shown_size;
    int size =
        snprintf(world->shown + world->shown_size, left, "%s %s %lld %s\n", candidate->digest,
                 candidate->action, (long long)candidate->due, candidate->reason);
    world->shown_size += size > 0 && (size_t)size < left ? (size_t)size : 0;
}

static struct ocs_gc_report run_gc(struct world *world, const struct ocs_gc_options *wanted,
                                   const struct ocs_gc_play *wanted_play)
{
    struct ocs_gc_options options = *wanted;
    struct ocs_gc_play play = *wanted_play;
    struct ocs_gc_report report;
    struct ocs_error err = {0};
    play.now = world->begin + world->now * MINUTE;
    options.data = world;
    options.on_candidate = on_candidate;
    world->shown_size = 0;
    world->shown[0] = '\0';
    must(world, ocs_gc_run(world->store, &options, &play, &report, &err), &err, "gc");
    return report;
}

static void at(void *data, enum ocs_gc_point point)
{
    struct world *world = data;
    if (!world->event || point != world->event_at)
        return;
    world->event = false;
    tell(world, "  in the middle of it:\n");
    switch (draw(world, 3)) {
    case 0:
        foreign_copy(world);
        break;
    case 1:
        foreign_write(world);
        break;
    default:
        foreign_unlist(world);
    }
}

static bool same_roots(const struct model *a, const struct model *b)
{
    for (int i = 0; i < LAYOUTS; i++) {
        if (a->exists[i] != b->exists[i] || a->listed[i] != b->listed[i])
            return false;
    }
    return true;
}

/*
 * The first mark is remembered as it was; what goes was due by it, and is due by
 * what is there after the event.  There is a further look when something was due,
 * or when the roots changed; else the trash is emptied by the first one.
 */
static void model_gc(struct world *world, const struct model *first, bool now)
{
    struct model *model = &world->model;
    struct model remembered = *first;
    int64_t grace = now ? 0 : model->grace, trash_for = now ? 0 : model->trash_for;
    model_set due = model_due(first, world->now, grace);
    bool again = due || !same_roots(first, model);
    model_remember(&remembered, world->now);
    model_purge(&remembered, world->now, trash_for, grace);
    for (int i = 0; i < model->count; i++) {
        model->blobs[i].since = remembered.blobs[i].since;
        model->blobs[i].was_listed = remembered.blobs[i].was_listed;
    }
    if (again || now) {
        model_sweep(model, due & model_due(model, world->now, grace), world->now);
        if (!same_roots(first, model)) /* the last look at the roots brings back */
            heal(world);
        if (again)
            model_remember(model, world->now);
        model_purge(model, world->now, trash_for, grace);
        return;
    }
    for (int i = 0; i < model->count; i++) {
        struct model_blob *blob = &model->blobs[i];
        const struct model_blob *left = &remembered.blobs[i];
        memcpy(blob->trash, left->trash, sizeof(blob->trash));
        memcpy(blob->trash_mtime, left->trash_mtime, sizeof(blob->trash_mtime));
        blob->trash_count = left->trash_count;
    }
}

static void check_dry_run(struct world *world, const struct ocs_gc_options *options)
{
    struct ocs_gc_options dry = *options;
    struct ocs_gc_play play = {0};
    dry.dry_run = true;
    run_gc(world, &dry, &play);
    model_read_trash(&world->model);
    model_set due = model_due(&world->model, world->now, dry.now ? 0 : GRACE);
    for (int i = 0; i < world->model.count; i++) {
        char line[OCS_DIGEST_BUF + 16];
        snprintf(line, sizeof(line), "%s trash ", world->files[i].name);
        bool said = strstr(world->shown, line);
        if (said != ((due & BIT(i)) != 0))
            differ(world, "the plan %s blob %d (%s):\n%s", said ? "takes" : "leaves", i,
                   world->files[i].name, world->shown);
    }
    model_remember(&world->model, world->now);
}

static void collect(struct world *world)
{
    struct ocs_gc_options options = OCS_GC_OPTIONS_INIT;
    struct ocs_gc_play play = {.data = world, .at = at, .batch = draw(world, 4)};
    options.grace_s = GRACE * MINUTE;
    options.trash_for_s = TRASH * MINUTE;
    options.max_delete_percent = 100;
    options.allow_empty = true;
    options.now = draw(world, 6) == 0;
    tell(world, "  gc%s, batches of %u\n", options.now ? " --now" : "", play.batch);
    static char said[sizeof(world->shown)];
    check_dry_run(world, &options);
    strcpy(said, world->shown);
    heal(world);
    world->event = draw(world, 3) == 0;
    world->event_at = draw(world, 2) ? OCS_GC_SURVEYED : OCS_GC_LOCKED;
    struct model first = world->model;
    struct ocs_gc_report report = run_gc(world, &options, &play);
    world->event = false;
    world->swept += report.trashed;
    world->rescued += report.rescued;
    world->purged += report.purged;
    if (strcmp(said, world->shown) != 0)
        differ(world, "the dry run said\n%sthe run said\n%s", said, world->shown);
    model_gc(world, &first, options.now);
}

/* ---- runs ---- */

static void step(struct world *world)
{
    static void (*const operations[])(struct world * world) = {
        foreign_copy, foreign_write, foreign_unlist, foreign_relist, age,     import,
        remove_entry, lose_graph,    collect,        collect,        collect,
    };
    world->step++;
    world->now += (int64_t)draw(world, 5) * 60;
    tell(world, "%u: at %lld h\n", world->step, (long long)world->now / 60);
    operations[draw(world, sizeof(operations) / sizeof(operations[0]))](world);
    compare_blobs(world);
    compare_trash(world);
}

static void begin_world(struct world *world, uint64_t seed)
{
    struct ocs_init_report report;
    struct ocs_error err = {0};
    const char *tmp = getenv("TMPDIR");
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* fsync is free */
    *world =
        (struct world){.swept = world->swept, .rescued = world->rescued, .purged = world->purged};
    world->seed = seed;
    world->random = seed * 0x9E3779B97F4A7C15u + 1;
    world->begin = ocs_now_s();
    snprintf(world->path, sizeof(world->path), "%s/ocs-model-XXXXXX", tmp && *tmp ? tmp : memory);
    if (!mkdtemp(world->path))
        differ(world, "no temporary folder");
    world->dir = open(world->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(world, ocs_store_init(world->path, NULL, &report, &err), &err, "init");
    ocs_io_mkdirs(world->dir, "blobs/sha256", 0755, "blobs", NULL);
    reopen(world);
    for (unsigned i = 0; i < 8; i++)
        draw(world, 2);
    make_universe(world);
}

static void end_world(struct world *world)
{
    ocs_store_close(world->store);
    close(world->dir);
    char *base = strrchr(world->path, '/');
    *base = '\0';
    int parent = open(world->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ocs_io_remove_tree(parent, base + 1, "model", NULL);
    close(parent);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, runs = 1;
    unsigned steps = 40;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--runs") == 0 && more)
            runs = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && more)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--steps") == 0 && more)
            steps = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--random") == 0)
            seed = (uint64_t)ocs_now_ns();
        else
            return OCS_USAGE;
    }
    struct world *world = calloc(1, sizeof(*world));
    for (uint64_t run = 0; world && run < runs; run++) {
        begin_world(world, seed + run);
        for (unsigned i = 0; i < steps; i++)
            step(world);
        end_world(world);
    }
    printf("%llu runs of %u steps from seed %llu: %llu blobs swept, %llu rescued, %llu purged\n",
           (unsigned long long)runs, steps, (unsigned long long)seed,
           (unsigned long long)world->swept, (unsigned long long)world->rescued,
           (unsigned long long)world->purged);
    free(world);
    return 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "world.h"

#include "store/hash.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *const layout_names[LAYOUTS] = {"one", "two", "team/three"};

/* ---- chance, and telling ---- */

uint32_t draw(struct world *world, uint32_t below)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (uint32_t)(world->random >> 32) % below;
}

void tell(struct world *world, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t left = sizeof(world->history) - world->history_size;
    int size = vsnprintf(world->history + world->history_size, left, format, args);
    va_end(args);
    if (size > 0 && (size_t)size < left)
        world->history_size += (size_t)size;
}

void differ(struct world *world, const char *format, ...)
{
    va_list args;
    fputs(world->history, stderr);
    fprintf(stderr, "seed %llu, step %u: ", (unsigned long long)world->seed, world->step);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n(%s is left for you)\n", world->path);
    exit(1);
}

void must(struct world *world, int result, const struct ocs_error *err, const char *what)
{
    if (result != 0)
        differ(world, "%s: %d: %s", what, result, err ? err->message : "");
}

/* ---- blobs ---- */

static void add_text(char *text, const char *more)
{
    strncat(text, more, TEXT_MAX - strlen(text) - 1);
}

static void add_descriptor(char *text, const struct file *file)
{
    char descriptor[512];
    snprintf(descriptor, sizeof(descriptor),
             "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", file->media_type, file->name,
             strlen(file->text));
    add_text(text, descriptor);
}

static struct model_blob *new_blob(struct world *world, const char *media_type)
{
    struct model_blob *blob = &world->model.blobs[world->model.count];
    *blob = (struct model_blob){.subject = NEVER, .since = NEVER};
    world->files[world->model.count].media_type = media_type;
    return blob;
}

static void finish_blob(struct world *world)
{
    struct file *file = &world->files[world->model.count++];
    char path[OCS_DIGEST_BUF];
    ocs_hash_bytes(OCS_ALGORITHM_SHA256, file->text, strlen(file->text), &file->digest, NULL);
    ocs_digest_format(&file->digest, file->name);
    snprintf(file->path, sizeof(file->path), "blobs/%s", ocs_digest_path(&file->digest, path));
}

static void make_layer(struct world *world)
{
    new_blob(world, "application/vnd.oci.image.layer.v1.tar");
    snprintf(world->files[world->model.count].text, TEXT_MAX, "layer %d", world->model.count);
    finish_blob(world);
}

static void make_config(struct world *world)
{
    new_blob(world, "application/vnd.oci.image.config.v1+json")->document = true; /* it looks so */
    snprintf(world->files[world->model.count].text, TEXT_MAX,
             "{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"%d\","
             "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
             world->model.count);
    finish_blob(world);
}

static void make_manifest(struct world *world, int layers, int configs)
{
    struct model_blob *blob = new_blob(world, "application/vnd.oci.image.manifest.v1+json");
    char *text = world->files[world->model.count].text;
    blob->document = true;
    blob->children[blob->child_count++] = layers + (int)draw(world, (uint32_t)configs);
    strcpy(text,
           "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
           "\"config\":");
    add_descriptor(text, &world->files[blob->children[0]]);
    add_text(text, ",\"layers\":[");
    for (unsigned i = 0, count = 1 + draw(world, 4); i < count; i++) {
        int layer = (int)draw(world, (uint32_t)layers);
        blob->children[blob->child_count++] = layer;
        add_text(text, i ? "," : "");
        add_descriptor(text, &world->files[layer]);
    }
    add_text(text, "]");
    int first = layers + configs;
    if (world->model.count > first && draw(world, 3) == 0) {
        blob->subject = first + (int)draw(world, (uint32_t)(world->model.count - first));
        add_text(text, ",\"subject\":");
        add_descriptor(text, &world->files[blob->subject]);
    }
    size_t used = strlen(text);
    snprintf(text + used, TEXT_MAX - used, ",\"annotations\":{\"n\":\"%d\"}}", world->model.count);
    finish_blob(world);
}

static void make_index(struct world *world, int first)
{
    struct model_blob *blob = new_blob(world, "application/vnd.oci.image.index.v1+json");
    char *text = world->files[world->model.count].text;
    blob->document = true;
    strcpy(text, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
                 "\"manifests\":[");
    for (unsigned i = 0, count = 1 + draw(world, 3); i < count; i++) {
        int child = first + (int)draw(world, (uint32_t)(world->model.count - first));
        blob->children[blob->child_count++] = child;
        add_text(text, i ? "," : "");
        add_descriptor(text, &world->files[child]);
    }
    size_t used = strlen(text);
    snprintf(text + used, TEXT_MAX - used, "],\"annotations\":{\"n\":\"%d\"}}", world->model.count);
    finish_blob(world);
}

void make_universe(struct world *world)
{
    int layers = 3 + (int)draw(world, 8), configs = 1 + (int)draw(world, 5);
    int manifests = 3 + (int)draw(world, 12), indexes = 1 + (int)draw(world, 5);
    for (int i = 0; i < layers; i++)
        make_layer(world);
    for (int i = 0; i < configs; i++)
        make_config(world);
    for (int i = 0; i < manifests; i++)
        make_manifest(world, layers, configs);
    for (int i = 0; i < indexes; i++)
        make_index(world, layers + configs);
    world->model.grace = GRACE;
    world->model.trash_for = TRASH;
}

/* ---- what other tools do ---- */

void write_at(struct world *world, int dir, const char *path, const char *text)
{
    int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0)
        differ(world, "cannot write %s", path);
}

static void set_mtime(struct world *world, int blob, int64_t minutes)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = world->begin + minutes * MINUTE}};
    utimensat(world->dir, world->files[blob].path, times, 0);
}

bool is_there(const struct world *world, int blob)
{
    return faccessat(world->dir, world->files[blob].path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Unless it is there, as every copying tool looks first. */
static void put(struct world *world, int blob)
{
    if (is_there(world, blob))
        return;
    write_at(world, world->dir, world->files[blob].path, world->files[blob].text);
    set_mtime(world, blob, world->now);
    model_put(&world->model, blob, world->now);
}

void index_text(const struct world *world, model_set entries, char *text)
{
    bool comma = false;
    strcpy(text, "{\"schemaVersion\":2,\"manifests\":[");
    for (int i = 0; i < world->model.count; i++) {
        if (!(entries & BIT(i)))
            continue;
        add_text(text, comma ? "," : "");
        add_descriptor(text, &world->files[i]);
        comma = true;
    }
    add_text(text, "]}");
}

static void write_index(struct world *world, int layout)
{
    char path[256], text[TEXT_MAX];
    snprintf(path, sizeof(path), "layouts/%s", layout_names[layout]);
    must(world, ocs_io_mkdirs(world->dir, path, 0755, path, NULL), NULL, "mkdir");
    strcat(path, "/oci-layout");
    write_at(world, world->dir, path, "{\"imageLayoutVersion\":\"1.0.0\"}");
    snprintf(path, sizeof(path), "layouts/%s/index.json", layout_names[layout]);
    index_text(world, world->model.listed[layout], text);
    write_at(world, world->dir, path, text);
    world->model.exists[layout] = true;
}

int any_image(struct world *world)
{
    for (;;) {
        int blob = (int)draw(world, (uint32_t)world->model.count);
        if (world->model.blobs[blob].child_count > 0)
            return blob;
    }
}

void foreign_copy(struct world *world)
{
    int layout = (int)draw(world, LAYOUTS), image = any_image(world);
    model_set closure = model_closure(&world->model, image);
    tell(world, "  copy %d to %d\n", image, layout);
    for (int i = 0; i < world->model.count; i++) {
        if (closure & BIT(i))
            put(world, i);
    }
    world->model.listed[layout] |= BIT(image);
    write_index(world, layout);
}

void foreign_write(struct world *world)
{
    bool image = draw(world, 2);
    int blob = image ? any_image(world) : (int)draw(world, (uint32_t)world->model.count);
    tell(world, "  write %d\n", blob);
    put(world, blob);
}

void foreign_unlist(struct world *world)
{
    int layout = (int)draw(world, LAYOUTS);
    if (!world->model.exists[layout])
        return;
    tell(world, "  unlist from %d\n", layout);
    for (int i = 0; i < world->model.count; i++) {
        if (draw(world, 2))
            world->model.listed[layout] &= ~BIT(i);
    }
    write_index(world, layout);
}

/* An index brings back what may lie in the trash by now. */
void foreign_relist(struct world *world)
{
    int layout = (int)draw(world, LAYOUTS), image = any_image(world);
    const struct model_blob *blob = &world->model.blobs[image];
    if (!blob->present && blob->trash_count == 0)
        return;
    tell(world, "  relist %d in %d\n", image, layout);
    world->model.listed[layout] |= BIT(image);
    write_index(world, layout);
}

void age(struct world *world)
{
    int blob = (int)draw(world, (uint32_t)world->model.count);
    struct model_blob *aged = &world->model.blobs[blob];
    if (!aged->present)
        return;
    aged->mtime = world->now + (int64_t)draw(world, 80) * 60 - 70 * 60;
    tell(world, "  age %d to %lld\n", blob, (long long)aged->mtime);
    set_mtime(world, blob, aged->mtime);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* What the kernel alone takes for many small files: bench_read FOLDER [THREADS].
 * Opens, stats, reads (64 KiB at most) and closes every file of the folder in its own
 * order, nothing else; prints the seconds of the clock, the best of five. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define ROUNDS      5
#define READ_BYTES  (64u << 10)
#define THREADS_MAX 64

struct names {
    int folder;
    char **list;
    size_t count;
};

struct part {
    const struct names *names;
    size_t first, step;
    uv_thread_t thread;
};

static void add(struct names *names, const char *name)
{
    names->list = reallocarray(names->list, names->count + 1, sizeof(char *));
    if (!names->list || !(names->list[names->count++] = strdup(name)))
        exit(1);
}

static void list(struct names *names, const char *folder)
{
    DIR *stream = opendir(folder);
    names->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!stream || names->folder < 0) {
        perror(folder);
        exit(1);
    }
    struct dirent *entry;
    while ((entry = readdir(stream))) {
        if (entry->d_name[0] != '.')
            add(names, entry->d_name);
    }
    closedir(stream);
}

static void read_part(void *arg)
{
    const struct part *part = arg;
    char *buffer = malloc(READ_BYTES);
    struct stat st;
    for (size_t i = part->first; buffer && i < part->names->count; i += part->step) {
        int fd = openat(part->names->folder, part->names->list[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || pread(fd, buffer, READ_BYTES, 0) < 0) {
            perror(part->names->list[i]);
            exit(1);
        }
        close(fd);
    }
    free(buffer);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double read_all(const struct names *names, size_t threads)
{
    struct part parts[THREADS_MAX];
    double begin = seconds();
    for (size_t i = 0; i < threads; i++) {
        parts[i] = (struct part){.names = names, .first = i, .step = threads};
        if (uv_thread_create(&parts[i].thread, read_part, &parts[i]) != 0)
            exit(1);
    }
    for (size_t i = 0; i < threads; i++)
        uv_thread_join(&parts[i].thread);
    return seconds() - begin;
}

int main(int argc, char **argv)
{
    struct names names = {0};
    size_t threads = argc > 2 ? strtoul(argv[2], NULL, 10) : uv_available_parallelism();
    if (argc < 2 || threads < 1 || threads > THREADS_MAX)
        return 2;
    list(&names, argv[1]);
    double best = read_all(&names, threads);
    for (int round = 1; round < ROUNDS; round++) {
        double took = read_all(&names, threads);
        best = took < best ? took : best;
    }
    printf("%zu files, %zu threads: %.3f s\n", names.count, threads, best);
    return 0;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * Memory that is not there: malloc and its like, mmap, and libcrypto, when it says
 * that it has none.  The C library's own allocations come by here too.  Those of two
 * libraries do not count, since without memory they end the program by themselves:
 * libcrypto (3.0) takes a lock that it could not make, libuv calls abort().
 */

#include "inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOILED_MAX 65536

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct library {
    const char *name;
    uintptr_t begin, end;
} spared_libraries[] = {{.name = "libcrypto"}, {.name = "libuv"}};
#define SPARED (sizeof(spared_libraries) / sizeof(spared_libraries[0]))

static void find(struct library *library, const struct dl_phdr_info *info)
{
    if (!strstr(info->dlpi_name, library->name))
        return;
    library->begin = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (end > library->end)
            library->end = end;
    }
}

static int on_library(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    for (size_t i = 0; i < SPARED; i++)
        find(&spared_libraries[i], info);
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    dl_iterate_phdr(on_library, NULL);
}

static _Thread_local int spared;

static int is_missing(void *caller)
{
    for (size_t i = 0; i < SPARED; i++) {
        const struct library *library = &spared_libraries[i];
        if ((uintptr_t)caller >= library->begin && (uintptr_t)caller < library->end)
            return 0;
    }
    return !spared && judge(MEMORY, -1, "") == GIVE_ERROR;
}

/* What is never written must not be zero by chance. */
static void *soiled(void *memory, size_t size)
{
    return memory ? memset(memory, 0xa5, size < SOILED_MAX ? size : SOILED_MAX) : NULL;
}

void *malloc(size_t size)
{
    return is_missing(__builtin_return_address(0)) ? NULL : soiled(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
    return is_missing(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    if (is_missing(__builtin_return_address(0)))
        return NULL;
    return old ? __libc_realloc(old, size) : soiled(__libc_malloc(size), size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (is_missing(__builtin_return_address(0)))
        return ENOMEM;
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (judge(MAP, fd, "") == GIVE_ERROR)
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset)
    __attribute__((alias("mmap")));

/* ---- libuv ---- */

/* What pthread_atfork() is. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                      void *object)
{
    int (*next)(void (*)(void), void (*)(void), void (*)(void), void *) =
        (int (*)(void (*)(void), void (*)(void), void (*)(void), void *))dlsym(RTLD_NEXT,
                                                                               "__register_atfork");
    spared++;
    int result = next(prepare, parent, child, object);
    spared--;
    return result;
}

/* ---- libcrypto ---- */

void *EVP_MD_CTX_new(void)
{
    void *(*next)(void) = (void *(*)(void))dlsym(RTLD_NEXT, "EVP_MD_CTX_new");
    return judge(CRYPTO, -1, "") == GIVE_ERROR ? NULL : next();
}

void *EVP_MD_fetch(void *context, const char *algorithm, const char *properties)
{
    void *(*next)(void *, const char *, const char *) =
        (void *(*)(void *, const char *, const char *))dlsym(RTLD_NEXT, "EVP_MD_fetch");
    if (judge(CRYPTO, -1, "") == GIVE_ERROR)
        return NULL;
    return next(context, algorithm, properties);
}

int EVP_DigestInit_ex2(void *context, const void *type, const void *parameters)
{
    int (*next)(void *, const void *, const void *) =
        (int (*)(void *, const void *, const void *))dlsym(RTLD_NEXT, "EVP_DigestInit_ex2");
    if (judge(CRYPTO, -1, "") == GIVE_ERROR)
        return 0;
    return next(context, type, parameters);
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * Memory that is not there: malloc and its like, mmap, and libcrypto, when it says
 * that it has none.  The C library's own allocations come by here too; those of
 * libcrypto do not count, since out of memory it may take a lock that it could not
 * make (3.0) and end the program.
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

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static uintptr_t crypto_begin;
static uintptr_t crypto_end;

static int find_crypto(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    if (!strstr(info->dlpi_name, "libcrypto"))
        return 0;
    crypto_begin = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (end > crypto_end)
            crypto_end = end;
    }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    dl_iterate_phdr(find_crypto, NULL);
}

static int is_missing(void *caller)
{
    if ((uintptr_t)caller >= crypto_begin && (uintptr_t)caller < crypto_end)
        return 0;
    return judge(MEMORY, -1, "") == GIVE_ERROR;
}

void *malloc(size_t size)
{
    return is_missing(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_missing(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return is_missing(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
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

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph_tables.h"

#include "cleanup.h"
#include "error.h"

#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

/* Below this it is no lack of address space. */
#define MAP_LEAST (1ull << 20)

struct ocs_tables {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi[OCS_TABLE_KINDS];
    char *folder;
    bool read_only;
    bool full;     /* a write met MDB_MAP_FULL */
    bool unmapped; /* the map could not be made again: nothing works any more */
};

static const struct {
    const char *name;
    unsigned flags;
} layout[OCS_TABLE_KINDS] = {
    [OCS_TABLE_META] = {"meta", 0},
    [OCS_TABLE_IDS] = {"ids", 0},
    [OCS_TABLE_NODES] = {"nodes", MDB_INTEGERKEY},
    [OCS_TABLE_CHILDREN] = {"children", MDB_INTEGERKEY},
};

/* ---- what LMDB's codes mean ---- */

static bool disk_full(const char *folder)
{
    struct statvfs fs;
    return statvfs(folder, &fs) == 0 && fs.f_bavail == 0;
}

/* LMDB gives a short write as EIO, whatever the reason was. */
static int failed(const struct ocs_tables *tables, int code, const char *what,
                  struct ocs_error *err)
{
    bool full = code == ENOSPC || (code == EIO && disk_full(tables->folder));
    int result = ocs_error_raise(err, OCS_FAILED, "graph in '%s': %s: %s", tables->folder, what,
                                 full ? "no space left on the disk" : mdb_strerror(code));
    if (full || code == EDQUOT)
        ocs_error_hint(err, result, "make room on the file system of %s", tables->folder);
    return result;
}

static int outcome(struct ocs_tables *tables, int code, const char *what, struct ocs_error *err)
{
    switch (code) {
    case MDB_SUCCESS:
        return 0;
    case MDB_NOTFOUND:
        return OCS_TABLES_NONE;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_KEYEXIST: /* from MDB_APPEND alone: the order is not what it was */
    case MDB_BAD_DBI:
    case MDB_BAD_RSLOT:
    case MDB_BAD_TXN:
    case MDB_BAD_VALSIZE:
        return OCS_TABLES_CORRUPT;
    case ENOMEM:
        return ocs_error_memory(err);
    case MDB_MAP_FULL:
        tables->full = true;
        /* fall through */
    default:
        return failed(tables, code, what, err);
    }
}

/* ---- open ---- */

static int open_with_map(struct ocs_tables *tables, unsigned flags, uint64_t size)
{
    int code = mdb_env_create(&tables->env);
    if (code == 0)
        code = mdb_env_set_maxdbs(tables->env, OCS_TABLE_KINDS);
    if (code == 0)
        code = mdb_env_set_mapsize(tables->env, size);
    /* default durability, always; readers and writers exclude each other by graph.lock */
    if (code == 0)
        code = mdb_env_open(tables->env, tables->folder, MDB_NOLOCK | flags, 0666);
    if (code != 0 && tables->env) {
        mdb_env_close(tables->env);
        tables->env = NULL;
    }
    return code;
}

static int open_environment(struct ocs_tables *tables, uint64_t size)
{
    unsigned flags = 0;
    int code;
    do {
        code = open_with_map(tables, flags, size);
        if ((code == EACCES || code == EROFS) && !flags) {
            flags = MDB_RDONLY;
            tables->read_only = true;
            code = open_with_map(tables, flags, size);
        }
        size /= 2;
    } while (code == ENOMEM && size >= MAP_LEAST);
    return code;
}

int ocs_tables_open(const char *folder, uint64_t map, struct ocs_tables **out,
                    struct ocs_error *err)
{
    struct ocs_tables *tables = calloc(1, sizeof(*tables));
    char *name = strdup(folder);
    if (!tables || !name) {
        free(tables);
        free(name);
        return ocs_error_memory(err);
    }
    tables->folder = name;
    int code = open_environment(tables, map);
    if (code != 0) {
        int result = outcome(tables, code, "open", err);
        ocs_tables_close(tables);
        return result == OCS_TABLES_NONE ? OCS_TABLES_CORRUPT : result;
    }
    *out = tables;
    return 0;
}

void ocs_tables_close(struct ocs_tables *tables)
{
    if (tables->txn)
        mdb_txn_abort(tables->txn);
    if (tables->env)
        mdb_env_close(tables->env);
    free(tables->folder);
    free(tables);
}

bool ocs_tables_read_only(const struct ocs_tables *tables)
{
    return tables->read_only;
}

bool ocs_tables_full(const struct ocs_tables *tables)
{
    return tables->full;
}

/* ---- the map: the one place where its size changes; no transaction is open ---- */

/* LMDB unmaps first and is lost when the new map cannot be made. */
static bool address_space_for(uint64_t size)
{
    void *probe = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED)
        return false;
    munmap(probe, size);
    return true;
}

static int resize(struct ocs_tables *tables, uint64_t size, struct ocs_error *err)
{
    int code = mdb_env_set_mapsize(tables->env, size);
    if (code == 0)
        return 0;
    tables->unmapped = true;
    return failed(tables, code, "map the file again", err);
}

/* Half of what is mapped must be free, so that one transaction can hardly fill it. */
static int make_room(struct ocs_tables *tables, struct ocs_error *err)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(tables->env, &info);
    mdb_env_stat(tables->env, &stat);
    uint64_t used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
    if (!tables->full && used <= info.me_mapsize / 2)
        return 0;
    tables->full = false;
    uint64_t wanted = (uint64_t)info.me_mapsize * 2;
    return address_space_for(wanted) ? resize(tables, wanted, err) : 0;
}

/* Another process made the file larger than our map. */
static int follow_growth(struct ocs_tables *tables, struct ocs_error *err)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(tables->env, &info);
    mdb_env_stat(tables->env, &stat);
    uint64_t used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
    if (!address_space_for(used * 2))
        return ocs_error_raise(err, OCS_FAILED, "graph in '%s': no address space for %llu bytes",
                               tables->folder, (unsigned long long)used * 2);
    return resize(tables, used * 2, err);
}

/* ---- transactions ---- */

int ocs_tables_begin(struct ocs_tables *tables, bool write, struct ocs_error *err)
{
    assert(!tables->txn);
    if (tables->unmapped)
        return ocs_error_raise(err, OCS_FAILED, "graph in '%s': it is not mapped any more",
                               tables->folder);
    if (write && tables->read_only)
        return ocs_error_raise(err, OCS_FAILED, "graph in '%s': may not be written",
                               tables->folder);
    int result = write ? make_room(tables, err) : 0;
    if (result < 0)
        return result;
    unsigned flags = write ? 0 : MDB_RDONLY;
    int code = mdb_txn_begin(tables->env, NULL, flags, &tables->txn);
    if (code == MDB_MAP_RESIZED) {
        result = follow_growth(tables, err);
        if (result < 0)
            return result;
        code = mdb_txn_begin(tables->env, NULL, flags, &tables->txn);
    }
    if (code != 0)
        tables->txn = NULL;
    return outcome(tables, code, "begin", err);
}

int ocs_tables_commit(struct ocs_tables *tables, struct ocs_error *err)
{
    MDB_txn *txn = TAKE_PTR(tables->txn);
    return outcome(tables, mdb_txn_commit(txn), "commit", err);
}

void ocs_tables_abort(struct ocs_tables *tables)
{
    MDB_txn *txn = TAKE_PTR(tables->txn);
    mdb_txn_abort(txn);
}

static int attach_table(struct ocs_tables *tables, enum ocs_table table, unsigned create)
{
    unsigned flags = 0;
    int code = mdb_dbi_open(tables->txn, layout[table].name, layout[table].flags | create,
                            &tables->dbi[table]);
    if (code == 0)
        code = mdb_dbi_flags(tables->txn, tables->dbi[table], &flags);
    if (code == 0 && flags != layout[table].flags)
        code = MDB_CORRUPTED;
    return code;
}

int ocs_tables_attach(struct ocs_tables *tables, bool create, struct ocs_error *err)
{
    int code = 0;
    for (int i = 0; i < OCS_TABLE_KINDS && code == 0; i++)
        code = attach_table(tables, (enum ocs_table)i, create ? MDB_CREATE : 0);
    return outcome(tables, code, "open the tables", err);
}

/* ---- records ---- */

static MDB_val to_val(struct ocs_slice slice)
{
    return (MDB_val){.mv_data = (void *)(uintptr_t)slice.bytes, .mv_size = slice.size};
}

static struct ocs_slice from_val(MDB_val val)
{
    return (struct ocs_slice){.bytes = val.mv_data, .size = val.mv_size};
}

int ocs_tables_get(struct ocs_tables *tables, enum ocs_table table, struct ocs_slice key,
                   struct ocs_slice *value, struct ocs_error *err)
{
    MDB_val key_val = to_val(key);
    MDB_val value_val;
    int code = mdb_get(tables->txn, tables->dbi[table], &key_val, &value_val);
    if (code == 0)
        *value = from_val(value_val);
    return outcome(tables, code, "read", err);
}

int ocs_tables_put(struct ocs_tables *tables, enum ocs_table table, struct ocs_slice key,
                   struct ocs_slice value, bool last, struct ocs_error *err)
{
    MDB_val key_val = to_val(key);
    MDB_val value_val = to_val(value);
    int code =
        mdb_put(tables->txn, tables->dbi[table], &key_val, &value_val, last ? MDB_APPEND : 0);
    int result = outcome(tables, code, "write", err);
    return result == OCS_TABLES_NONE ? OCS_TABLES_CORRUPT : result;
}

int ocs_tables_entries(struct ocs_tables *tables, enum ocs_table table, uint64_t *count,
                       struct ocs_error *err)
{
    MDB_stat stat;
    int code = mdb_stat(tables->txn, tables->dbi[table], &stat);
    if (code == 0)
        *count = stat.ms_entries;
    return outcome(tables, code, "read", err);
}

int ocs_tables_last_key(struct ocs_tables *tables, enum ocs_table table, struct ocs_slice *key,
                        struct ocs_error *err)
{
    MDB_cursor *cursor;
    MDB_val key_val;
    MDB_val value_val;
    int code = mdb_cursor_open(tables->txn, tables->dbi[table], &cursor);
    if (code != 0)
        return outcome(tables, code, "read", err);
    code = mdb_cursor_get(cursor, &key_val, &value_val, MDB_LAST);
    mdb_cursor_close(cursor);
    if (code == 0)
        *key = from_val(key_val);
    return outcome(tables, code, "read", err);
}

int ocs_tables_each(struct ocs_tables *tables, enum ocs_table table, void *data,
                    int (*visit)(void *data, struct ocs_slice key, struct ocs_slice value,
                                 struct ocs_error *err),
                    struct ocs_error *err)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result = 0;
    int code = mdb_cursor_open(tables->txn, tables->dbi[table], &cursor);
    if (code != 0)
        return outcome(tables, code, "read", err);
    while (result == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        result = visit(data, from_val(key), from_val(value), err);
    mdb_cursor_close(cursor);
    if (result != 0 || code == MDB_NOTFOUND)
        return result;
    return outcome(tables, code, "read", err);
}

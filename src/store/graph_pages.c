/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph_pages.h"

#include "cleanup.h"
#include "error.h"

#include <errno.h>
#include <string.h>

/*
 * The file format of LMDB 0.9 (its data version 1), as far as a reader needs it.
 * Numbers are in the machine's own order and width: the file is no exchange format.
 *
 *   page 0, 1   meta pages; the one with the higher transaction id counts
 *   meta        free tree (transaction -> list of free pages), main tree
 *   main tree   name of a table -> struct tree_head
 *   a page      struct page_head, an array of offsets growing up from there to
 *               `lower`, nodes growing down from the end to `upper`
 *   overflow    struct page_head with a count of pages, then one long value
 */
#define DATA_VERSION 1
#define MAGIC        0xBEEFC0DEu
#define NO_PAGE      UINT64_MAX
#define DEPTH_MAX    32
#define KEY_MAX      511
#define PAGE_MIN     512u
#define PAGE_MAX     32768u
#define FIRST_PAGE   2 /* after the metas */

enum page_flag {
    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
};

enum node_flag {
    NODE_BIG = 0x01,  /* the value is the number of an overflow page */
    NODE_TREE = 0x02, /* the value is a tree_head */
};

enum tree_flag {
    TREE_INTEGER_KEYS = 0x08,
};

struct page_head {
    uint64_t number;
    uint16_t pad;
    uint16_t flags;
    union {
        struct {
            uint16_t lower;
            uint16_t upper;
        };
        uint32_t pages; /* of an overflow page */
    };
};

struct tree_head {
    uint32_t pad; /* of the free tree: the page size */
    uint16_t flags;
    uint16_t depth;
    uint64_t pages[3]; /* branch, leaf, overflow: not looked at */
    uint64_t entries;
    uint64_t root;
};

struct meta {
    struct page_head head;
    uint32_t magic;
    uint32_t version;
    uint64_t map[2]; /* address, size */
    struct tree_head free;
    struct tree_head main;
    uint64_t last_page;
    uint64_t transaction;
};

struct node_head {
    uint16_t half[2]; /* of the value's size, or with `flags` of a child's page */
    uint16_t flags;
    uint16_t key_size;
};

_Static_assert(sizeof(size_t) == 8, "LMDB numbers pages by size_t; this is its 64-bit format");
_Static_assert(sizeof(struct page_head) == 16 && sizeof(struct tree_head) == 48 &&
                   sizeof(struct meta) == 152 && sizeof(struct node_head) == 8,
               "as LMDB lays them out");

static const struct table {
    const char *name;
    uint16_t flags;
} tables[] = {
    {"children", TREE_INTEGER_KEYS},
    {"ids", 0},
    {"meta", 0},
    {"nodes", TREE_INTEGER_KEYS},
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* ---- the meta pages ---- */

/* 0, OCS_PAGES_BROKEN when the file ends before, or negative. */
static int read_at(int fd, void *buffer, size_t size, uint64_t offset, struct ocs_error *err)
{
    ssize_t n;
    do
        n = pread(fd, buffer, size, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return ocs_error_errno(err, "data.mdb: read");
    return (size_t)n == size ? 0 : OCS_PAGES_BROKEN;
}

static bool page_size_sound(uint32_t size)
{
    return size >= PAGE_MIN && size <= PAGE_MAX && (size & (size - 1)) == 0;
}

static bool meta_sound(const struct meta *meta)
{
    return (meta->head.flags & PAGE_META) && meta->magic == MAGIC &&
           meta->version == DATA_VERSION && page_size_sound(meta->free.pad) &&
           (meta->free.flags & TREE_INTEGER_KEYS) && meta->last_page >= FIRST_PAGE - 1;
}

/* Both are written at once, when the file is made: with one alone it was never done. */
static int read_meta(int fd, uint64_t size, struct meta *out, struct ocs_error *err)
{
    struct meta second;
    int result = read_at(fd, out, sizeof(*out), 0, err);
    if (result != 0)
        return result;
    if (!meta_sound(out))
        return OCS_PAGES_BROKEN;
    if (size < (uint64_t)FIRST_PAGE * out->free.pad) /* LMDB maps both metas whole */
        return OCS_PAGES_EMPTY;
    result = read_at(fd, &second, sizeof(second), out->free.pad, err);
    if (result != 0)
        return result;
    if (!meta_sound(&second) || second.free.pad != out->free.pad)
        return OCS_PAGES_BROKEN;
    if (second.transaction > out->transaction)
        *out = second;
    return 0;
}

static int file_size(int fd, uint64_t *out, struct ocs_error *err)
{
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return ocs_error_errno(err, "data.mdb: read");
    *out = (uint64_t)end;
    return end == 0 ? OCS_PAGES_EMPTY : 0;
}

int ocs_pages_look(int fd, struct ocs_pages *out, struct ocs_error *err)
{
    struct meta meta;
    int result = file_size(fd, &out->file_size, err);
    if (result == 0)
        result = read_meta(fd, out->file_size, &meta, err);
    if (result != 0)
        return result;
    out->last_page = meta.last_page;
    out->page_size = meta.free.pad;
    out->transaction = meta.transaction;
    return 0;
}

/* ---- walking ---- */

struct walk {
    int fd;
    uint32_t page_size;
    uint64_t last_page;
    uint64_t file_pages;
    unsigned char *seen; /* a bit for each page: in use or free */
    struct ocs_error *err;
};

struct node {
    unsigned flags;
    const unsigned char *key;
    size_t key_size;
    const unsigned char *value; /* in the page, or the number of an overflow page */
    uint64_t value_size;
    uint64_t child; /* of a branch page */
};

struct tree {
    const struct tree_head *head;
    bool free_tree;
    int (*value)(struct walk *walk, struct tree *tree, const struct node *node);
    struct tree_head *found; /* main tree: for each of `tables`; root NO_PAGE when absent */
    unsigned char *pages;    /* one buffer a level */
    uint64_t entries;
    unsigned char last_key[KEY_MAX];
    size_t last_size;
    bool any_key;
    bool may_repeat; /* the last key came from a branch: the next may be the same */
};

/* False when the page does not exist or was met before. */
static bool claim(struct walk *walk, uint64_t page)
{
    if (page < FIRST_PAGE || page > walk->last_page)
        return false;
    unsigned char bit = (unsigned char)(1u << (page & 7));
    if (walk->seen[page >> 3] & bit)
        return false;
    walk->seen[page >> 3] |= bit;
    return true;
}

static uint64_t integer_key(const unsigned char *key, size_t size)
{
    uint64_t wide;
    uint32_t narrow;
    if (size == sizeof(wide)) {
        memcpy(&wide, key, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, key, sizeof(narrow));
    return narrow;
}

static int compare_keys(const struct tree *tree, const struct node *node)
{
    if (tree->head->flags & TREE_INTEGER_KEYS) {
        uint64_t key = integer_key(node->key, node->key_size);
        uint64_t last = integer_key(tree->last_key, tree->last_size);
        return (key > last) - (key < last);
    }
    size_t common = node->key_size < tree->last_size ? node->key_size : tree->last_size;
    int order = memcmp(node->key, tree->last_key, common);
    if (order != 0)
        return order;
    return (node->key_size > tree->last_size) - (node->key_size < tree->last_size);
}

static bool key_size_sound(const struct tree *tree, size_t size)
{
    if (tree->head->flags & TREE_INTEGER_KEYS)
        return size == (tree->free_tree ? sizeof(uint64_t) : sizeof(uint32_t));
    return size >= 1 && size <= KEY_MAX;
}

/* Keys and the separators of branch pages, met in order, ascend. */
static bool next_key(struct tree *tree, const struct node *node, bool separator)
{
    if (!key_size_sound(tree, node->key_size))
        return false;
    if (tree->any_key) {
        int order = compare_keys(tree, node);
        if (order < 0 || (order == 0 && !tree->may_repeat))
            return false;
    }
    memcpy(tree->last_key, node->key, node->key_size);
    tree->last_size = node->key_size;
    tree->any_key = true;
    tree->may_repeat = separator;
    return true;
}

static size_t node_count(const struct page_head *head)
{
    return (head->lower - sizeof(*head)) / sizeof(uint16_t);
}

static bool page_sound(const struct walk *walk, const struct tree *tree,
                       const struct page_head *head, uint64_t number, bool leaf)
{
    if (head->number != number || head->flags != (leaf ? PAGE_LEAF : PAGE_BRANCH))
        return false;
    if (head->lower < sizeof(*head) || head->lower % 2 || head->lower > head->upper ||
        head->upper > walk->page_size)
        return false;
    /* the free tree may keep a branch of one */
    return node_count(head) >= (leaf || tree->free_tree ? 1u : 2u);
}

static uint64_t join_halves(const struct node_head *head)
{
    unsigned low = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 1;
    return head->half[low] | (uint64_t)head->half[1 - low] << 16;
}

/* The i-th node of a page; false when it leaves the page. */
static bool read_node(const struct walk *walk, const unsigned char *page, size_t i, bool leaf,
                      struct node *out)
{
    struct page_head page_head;
    struct node_head head;
    uint16_t offset;
    memcpy(&page_head, page, sizeof(page_head));
    memcpy(&offset, page + sizeof(page_head) + i * sizeof(offset), sizeof(offset));
    if (offset < page_head.upper || offset + sizeof(head) > walk->page_size)
        return false;
    memcpy(&head, page + offset, sizeof(head));
    *out = (struct node){
        .flags = leaf ? head.flags : 0,
        .key = page + offset + sizeof(head),
        .key_size = head.key_size,
        .value = page + offset + sizeof(head) + head.key_size,
        .value_size = leaf ? join_halves(&head) : 0,
        .child = leaf ? 0 : join_halves(&head) | (uint64_t)head.flags << 32,
    };
    uint64_t inside = out->flags & NODE_BIG ? sizeof(uint64_t) : out->value_size;
    return offset + sizeof(head) + out->key_size + inside <= walk->page_size;
}

/* The value of a NODE_BIG node: claims its pages. */
static int overflow_page(struct walk *walk, const struct node *node, uint64_t *first)
{
    struct page_head head;
    memcpy(first, node->value, sizeof(*first));
    if (*first >= walk->file_pages)
        return OCS_PAGES_BROKEN;
    int result = read_at(walk->fd, &head, sizeof(head), *first * walk->page_size, walk->err);
    if (result != 0)
        return result;
    uint64_t needed = (sizeof(head) + node->value_size + walk->page_size - 1) / walk->page_size;
    if (head.number != *first || head.flags != PAGE_OVERFLOW || head.pages < needed ||
        *first + needed > walk->file_pages)
        return OCS_PAGES_BROKEN;
    for (uint64_t i = 0; i < head.pages; i++) {
        if (!claim(walk, *first + i))
            return OCS_PAGES_BROKEN;
    }
    return 0;
}

static int plain_value(struct walk *walk, struct tree *tree, const struct node *node)
{
    (void)tree;
    uint64_t first;
    if (node->flags == NODE_BIG)
        return overflow_page(walk, node, &first);
    return node->flags == 0 ? 0 : OCS_PAGES_BROKEN;
}

static int main_value(struct walk *walk, struct tree *tree, const struct node *node)
{
    (void)walk;
    if (node->flags != NODE_TREE || node->value_size != sizeof(struct tree_head))
        return OCS_PAGES_BROKEN;
    for (size_t i = 0; i < TABLES; i++) {
        if (node->key_size != strlen(tables[i].name) ||
            memcmp(node->key, tables[i].name, node->key_size) != 0)
            continue;
        memcpy(&tree->found[i], node->value, sizeof(tree->found[i]));
        return tree->found[i].flags == tables[i].flags ? 0 : OCS_PAGES_BROKEN;
    }
    return OCS_PAGES_BROKEN;
}

/* A list of free pages: a count, then page numbers in descending order. */
static bool claim_free(struct walk *walk, const unsigned char *value, uint64_t size)
{
    uint64_t count;
    uint64_t above = NO_PAGE;
    if (size < sizeof(count) || size % sizeof(count))
        return false;
    memcpy(&count, value, sizeof(count));
    if (count > size / sizeof(count) - 1)
        return false;
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t page;
        memcpy(&page, value + i * sizeof(page), sizeof(page));
        if (page >= above || !claim(walk, page))
            return false;
        above = page;
    }
    return true;
}

static int free_value(struct walk *walk, struct tree *tree, const struct node *node)
{
    (void)tree;
    if (node->flags == 0)
        return claim_free(walk, node->value, node->value_size) ? 0 : OCS_PAGES_BROKEN;
    uint64_t first;
    int result = node->flags == NODE_BIG ? overflow_page(walk, node, &first) : OCS_PAGES_BROKEN;
    if (result != 0)
        return result;
    auto_free unsigned char *value = malloc(node->value_size + 1); /* is within the file */
    if (!value)
        return ocs_error_memory(walk->err);
    result = read_at(walk->fd, value, node->value_size,
                     first * walk->page_size + sizeof(struct page_head), walk->err);
    if (result == 0 && !claim_free(walk, value, node->value_size))
        result = OCS_PAGES_BROKEN;
    return result;
}

static int walk_page(struct walk *walk, struct tree *tree, uint64_t number, unsigned level);

static int walk_node(struct walk *walk, struct tree *tree, const struct node *node, bool leaf,
                     bool leftmost, unsigned level)
{
    if (leaf) {
        tree->entries++;
        return next_key(tree, node, false) ? tree->value(walk, tree, node) : OCS_PAGES_BROKEN;
    }
    /* the first key of a branch page is never looked at */
    if (!leftmost && !next_key(tree, node, true))
        return OCS_PAGES_BROKEN;
    return walk_page(walk, tree, node->child, level + 1);
}

/* Recursion ends at head->depth, which is at most DEPTH_MAX. */
static int walk_page(struct walk *walk, struct tree *tree, uint64_t number, unsigned level)
{
    bool leaf = level + 1 == tree->head->depth;
    unsigned char *page = tree->pages + (size_t)level * walk->page_size;
    struct page_head head;
    if (!claim(walk, number))
        return OCS_PAGES_BROKEN;
    int result = read_at(walk->fd, page, walk->page_size, number * walk->page_size, walk->err);
    if (result != 0)
        return result;
    memcpy(&head, page, sizeof(head));
    if (!page_sound(walk, tree, &head, number, leaf))
        return OCS_PAGES_BROKEN;
    size_t count = node_count(&head);
    for (size_t i = 0; i < count && result == 0; i++) {
        struct node node;
        if (!read_node(walk, page, i, leaf, &node))
            return OCS_PAGES_BROKEN;
        result = walk_node(walk, tree, &node, leaf, i == 0, level);
    }
    return result;
}

static int walk_tree(struct walk *walk, struct tree *tree)
{
    const struct tree_head *head = tree->head;
    if (head->root == NO_PAGE)
        return head->entries == 0 ? 0 : OCS_PAGES_BROKEN;
    if (head->depth < 1 || head->depth > DEPTH_MAX)
        return OCS_PAGES_BROKEN;
    auto_free unsigned char *pages = malloc((size_t)head->depth * walk->page_size);
    if (!pages)
        return ocs_error_memory(walk->err);
    tree->pages = pages;
    int result = walk_page(walk, tree, head->root, 0);
    tree->pages = NULL;
    if (result == 0 && tree->entries != head->entries)
        result = OCS_PAGES_BROKEN;
    return result;
}

static int walk_all(struct walk *walk, const struct meta *meta)
{
    struct tree_head found[TABLES];
    for (size_t i = 0; i < TABLES; i++)
        found[i] = (struct tree_head){.root = NO_PAGE};
    struct tree main_tree = {.head = &meta->main, .value = main_value, .found = found};
    int result = walk_tree(walk, &main_tree);
    for (size_t i = 0; i < TABLES && result == 0; i++) {
        struct tree table = {.head = &found[i], .value = plain_value};
        result = walk_tree(walk, &table);
    }
    struct tree free_tree = {.head = &meta->free, .free_tree = true, .value = free_value};
    return result == 0 ? walk_tree(walk, &free_tree) : result;
}

int ocs_pages_check(int fd, struct ocs_error *err)
{
    struct meta meta;
    struct ocs_pages pages;
    int result = ocs_pages_look(fd, &pages, err);
    if (result == 0)
        result = read_meta(fd, pages.file_size, &meta, err);
    if (result != 0)
        return result;
    /* a garbage number must not become an allocation: what lies beyond the end of
     * the file can only be free, and no more than the last transaction freed */
    uint64_t file_pages = pages.file_size / pages.page_size;
    if (pages.last_page / 2 > file_pages + (1u << 20))
        return OCS_PAGES_BROKEN;
    auto_free unsigned char *seen = calloc(1, (size_t)(pages.last_page / 8 + 1));
    if (!seen)
        return ocs_error_memory(err);
    struct walk walk = {
        .fd = fd,
        .page_size = pages.page_size,
        .last_page = pages.last_page,
        .file_pages = file_pages,
        .seen = seen,
        .err = err,
    };
    return walk_all(&walk, &meta);
}

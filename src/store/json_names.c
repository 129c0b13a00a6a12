/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "json_names.h"

#include "error.h"
#include "json_escape.h"
#include "utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct ocs_json_name {
    uint64_t hash; /* of the decoded name */
    uint32_t start;
};

/* What the specification defines for edges and identity, where it stands and
 * what it is.  All ASCII: so the only foreign letters that fold to one of
 * these are U+017F and U+212A. */
static const struct {
    const char *name;
    unsigned places; /* enum ocs_json_place bits */
    enum ocs_json_type type;
    bool edge; /* without such a member, the object names nobody */
} known_members[] = {
    {"manifests", OCS_JSON_PLACE_ROOT, OCS_JSON_ARRAY, true},
    {"layers", OCS_JSON_PLACE_ROOT, OCS_JSON_ARRAY, true},
    {"blobs", OCS_JSON_PLACE_ROOT, OCS_JSON_ARRAY, true},
    {"fsLayers", OCS_JSON_PLACE_ROOT, OCS_JSON_ARRAY, true},
    {"config", OCS_JSON_PLACE_ROOT, OCS_JSON_OBJECT, true},
    {"subject", OCS_JSON_PLACE_ROOT, OCS_JSON_OBJECT, true},
    {"schemaVersion", OCS_JSON_PLACE_ROOT, OCS_JSON_NUMBER, false},
    {"mediaType", OCS_JSON_PLACE_ROOT | OCS_JSON_PLACE_DESCRIPTOR, OCS_JSON_STRING, false},
    {"artifactType", OCS_JSON_PLACE_ROOT | OCS_JSON_PLACE_DESCRIPTOR, OCS_JSON_STRING, false},
    {"annotations", OCS_JSON_PLACE_ROOT | OCS_JSON_PLACE_DESCRIPTOR, OCS_JSON_OBJECT, false},
    {"digest", OCS_JSON_PLACE_DESCRIPTOR, OCS_JSON_STRING, true},
    {"blobSum", OCS_JSON_PLACE_DESCRIPTOR, OCS_JSON_STRING, true},
    {"size", OCS_JSON_PLACE_DESCRIPTOR, OCS_JSON_NUMBER, false},
    {"data", OCS_JSON_PLACE_DESCRIPTOR, OCS_JSON_STRING, false},
    {"urls", OCS_JSON_PLACE_DESCRIPTOR, OCS_JSON_ARRAY, false},
    {"platform", OCS_JSON_PLACE_DESCRIPTOR, OCS_JSON_OBJECT, false},
};

#define KNOWN_COUNT  ((int)(sizeof(known_members) / sizeof(known_members[0])))
#define END_OF_NAME  UINT32_MAX
#define UTF8_LONGEST 4

/* ---- decoding a name that the scanner found valid ---- */

static uint32_t decode_escape(const char **at)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    char letter = *(*at)++;
    if (letter != 'u') {
        const char *found = strchr(letters, letter);
        return (unsigned char)(found ? meanings[found - letters] : letter);
    }
    uint32_t rune = (uint32_t)ocs_json_escape_unit(*at, 4);
    *at += 4;
    if (rune >= 0xd800 && rune <= 0xdbff) {
        rune = 0x10000 + ((rune - 0xd800) << 10) +
               ((uint32_t)ocs_json_escape_unit(*at + 2, 4) - 0xdc00);
        *at += 6;
    }
    return rune;
}

/* The next code point, or END_OF_NAME at the closing quote. */
static uint32_t next_rune(const char **at)
{
    if (**at == '"')
        return END_OF_NAME;
    if (**at == '\\') {
        ++*at;
        return decode_escape(at);
    }
    if ((unsigned char)**at < 0x80)
        return (unsigned char)*(*at)++;
    uint32_t rune = 0;
    size_t length = ocs_utf8_decode(*at, UTF8_LONGEST, &rune);
    assert(length > 0);
    *at += length;
    return rune;
}

static uint32_t fold(uint32_t rune)
{
    if (rune >= 'A' && rune <= 'Z')
        return rune + ('a' - 'A');
    if (rune == 0x17f) /* long s */
        return 's';
    return rune == 0x212a ? 'k' : rune; /* Kelvin sign */
}

/* ---- judging ---- */

static void report(struct ocs_json_names *names, const char *reason, uint32_t start)
{
    if (names->ambiguous)
        return;
    names->ambiguous = true;
    names->flaw = (struct ocs_json_flaw){.reason = reason, .offset = start};
    /* as it is written, so that an escape shows */
    const char *at = names->bytes + start;
    for (;;) {
        const char *before = at;
        if (next_rune(&at) == END_OF_NAME)
            break;
        size_t used = (size_t)(before - names->bytes) - start;
        size_t size = (size_t)(at - before);
        if (used + size >= sizeof(names->flaw.name))
            break;
        memcpy(names->flaw.name + used, before, size);
    }
}

static int compare_names(const void *left, const void *right, void *bytes)
{
    const struct ocs_json_name *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    const char *a_at = (const char *)bytes + a->start;
    const char *b_at = (const char *)bytes + b->start;
    for (;;) {
        uint32_t a_rune = next_rune(&a_at), b_rune = next_rune(&b_at);
        if (a_rune != b_rune)
            return a_rune < b_rune ? -1 : 1;
        if (a_rune == END_OF_NAME)
            return 0;
    }
}

static void find_duplicates(struct ocs_json_names *names, size_t first)
{
    size_t count = names->count - first;
    if (count < 2)
        return;
    struct ocs_json_name *list = names->list + first;
    qsort_r(list, count, sizeof(*list), compare_names, (void *)names->bytes);
    for (size_t i = 1; i < count; i++) {
        if (compare_names(&list[i - 1], &list[i], (void *)names->bytes) == 0) {
            uint32_t a = list[i - 1].start, b = list[i].start;
            report(names, "duplicate member name", a > b ? a : b);
            return;
        }
    }
}

/* ---- the member that was named last ---- */

static bool matches(const char *bytes, uint32_t start, const char *name, bool *exact)
{
    const char *at = bytes + start;
    *exact = true;
    for (;; name++) {
        uint32_t rune = next_rune(&at);
        if (rune == END_OF_NAME)
            return *name == '\0';
        if (*name == '\0' || fold(rune) != fold((unsigned char)*name))
            return false; /* a NUL in the name is no end of it */
        if (rune != (unsigned char)*name)
            *exact = false;
    }
}

static void recognise(const struct ocs_json_names *names, struct ocs_json_scope *scope)
{
    scope->known = -1;
    for (int i = 0; i < KNOWN_COUNT; i++) {
        if ((known_members[i].places & scope->place) &&
            matches(names->bytes, scope->name, known_members[i].name, &scope->exact)) {
            scope->known = i;
            return;
        }
    }
}

static int append(struct ocs_json_names *names, struct ocs_json_name name, struct ocs_error *err)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 32;
        void *grown = reallocarray(names->list, capacity, sizeof(*names->list));
        if (!grown)
            return ocs_error_memory(err);
        names->list = grown;
        names->capacity = capacity;
    }
    names->list[names->count++] = name;
    return 0;
}

/* ---- interface ---- */

void ocs_json_names_clear(struct ocs_json_names *names)
{
    free(names->list);
    *names = (struct ocs_json_names){0};
}

struct ocs_json_scope ocs_json_scope_open(const struct ocs_json_names *names,
                                          const struct ocs_json_scope *parent,
                                          enum ocs_json_type type)
{
    struct ocs_json_scope scope = {.first = names->count, .known = -1};
    if (!parent)
        scope.place = type == OCS_JSON_OBJECT ? OCS_JSON_PLACE_ROOT : OCS_JSON_PLACE_OTHER;
    else if (parent->place == OCS_JSON_PLACE_LIST && type == OCS_JSON_OBJECT)
        scope.place = OCS_JSON_PLACE_DESCRIPTOR;
    else if (parent->place == OCS_JSON_PLACE_ROOT && parent->known >= 0 &&
             known_members[parent->known].edge && known_members[parent->known].type == type)
        scope.place = type == OCS_JSON_ARRAY ? OCS_JSON_PLACE_LIST : OCS_JSON_PLACE_DESCRIPTOR;
    return scope;
}

int ocs_json_scope_name(struct ocs_json_names *names, struct ocs_json_scope *scope, uint32_t start,
                        struct ocs_error *err)
{
    const char *at = names->bytes + start;
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a over code points */
    bool nul = false;
    for (uint32_t rune; (rune = next_rune(&at)) != END_OF_NAME;) {
        hash = (hash ^ rune) * 0x100000001b3;
        nul = nul || rune == 0;
    }
    if (nul)
        report(names, "NUL in a member name", start);
    scope->name = start;
    recognise(names, scope);
    return append(names, (struct ocs_json_name){.hash = hash, .start = start}, err);
}

void ocs_json_scope_value(struct ocs_json_scope *scope, enum ocs_json_type type)
{
    /* a Go reader refuses a document whose member has another type, except null */
    if (scope->known < 0 || (type != known_members[scope->known].type && type != OCS_JSON_NULL))
        return;
    if (known_members[scope->known].edge)
        scope->edge = true;
    if (!scope->exact && !scope->odd) {
        scope->odd = true;
        scope->odd_name = scope->name;
    }
}

void ocs_json_scope_close(struct ocs_json_names *names, const struct ocs_json_scope *scope)
{
    if (scope->odd && scope->edge)
        report(names, "member name differs from a specified one in case only", scope->odd_name);
    if (!names->ambiguous)
        find_duplicates(names, scope->first);
    names->count = scope->first;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "args.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ocs_args_error(struct ocs_error *err, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(err->message, sizeof(err->message), format, list);
    va_end(list);
    err->status = OCS_USAGE;
    err->hint[0] = '\0';
    return -OCS_USAGE;
}

void ocs_args_init(struct ocs_args *args, int argc, char **argv, char **words)
{
    *args = (struct ocs_args){.argv = argv, .argc = argc, .at = 1, .words = words};
}

bool ocs_args_has(int argc, char **argv, const char *option)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], option) == 0)
            return true;
    return false;
}

/* ---- values ---- */

/* Digits at *text, which moves behind them; false when there are none or too many. */
static bool scan_number(const char **text, uint64_t limit, uint64_t *out)
{
    const char *at = *text;
    uint64_t number = 0;
    while (*at >= '0' && *at <= '9') {
        uint64_t digit = (uint64_t)(*at++ - '0');
        if (number > (limit - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    bool any = at != *text;
    *text = at;
    *out = number;
    return any;
}

/* The unit at *text in milliseconds, or 0; *text moves behind it. */
static int64_t scan_unit(const char **text)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t size = strlen(units[i].name);
        if (strncmp(*text, units[i].name, size) != 0)
            continue;
        *text += size;
        return units[i].ms;
    }
    return 0;
}

static bool parse_duration(const char *text, int64_t *ms)
{
    static const uint64_t limit = (uint64_t)INT64_MAX / 1000; /* callers count in seconds, too */
    *ms = 0;
    if (strcmp(text, "0") == 0)
        return true;
    do {
        uint64_t number;
        if (!scan_number(&text, limit, &number))
            return false;
        int64_t unit = scan_unit(&text);
        if (unit == 0 || number > (limit - (uint64_t)*ms) / (uint64_t)unit)
            return false;
        *ms += (int64_t)number * unit;
    } while (*text);
    return true;
}

/* K, KiB are 1024, KB is 1000, and so on up to E. */
static bool parse_size(const char *text, uint64_t *out)
{
    static const char letters[] = "KMGTPE";
    uint64_t number;
    if (!scan_number(&text, UINT64_MAX, &number))
        return false;
    const char *letter = *text ? strchr(letters, *text) : NULL;
    if (!letter) {
        *out = number;
        return *text == '\0' || strcmp(text, "B") == 0;
    }
    bool decimal = strcmp(text + 1, "B") == 0;
    if (!decimal && text[1] && strcmp(text + 1, "iB") != 0)
        return false;
    for (const char *at = letters; at <= letter; at++) {
        if (number > UINT64_MAX / 1024)
            return false;
        number *= decimal ? 1000 : 1024;
    }
    *out = number;
    return true;
}

static bool parse_percent(const char *text, unsigned *out)
{
    uint64_t number;
    if (!scan_number(&text, 100, &number))
        return false;
    *out = (unsigned)number;
    return strcmp(text, "%") == 0 || *text == '\0';
}

#define COUNT_MAX 1000000000
#define JOBS_MAX  4096

static bool parse_count(const char *text, uint64_t most, unsigned *out)
{
    uint64_t number;
    if (!scan_number(&text, most, &number) || *text || number == 0)
        return false;
    *out = (unsigned)number;
    return true;
}

static bool parse_choice(const char *text, const char *const *choices, unsigned *out)
{
    for (unsigned i = 0; choices[i]; i++) {
        if (strcmp(text, choices[i]) != 0)
            continue;
        *out = i;
        return true;
    }
    return false;
}

static bool parse_seconds(const char *text, int64_t *out)
{
    int64_t ms;
    if (!parse_duration(text, &ms))
        return false;
    *out = ms / 1000;
    return true;
}

static bool add_text(const char *text, struct ocs_texts *out)
{
    if (out->count == OCS_TEXTS_MAX)
        return false;
    out->items[out->count++] = text;
    return true;
}

static bool store_value(const struct ocs_option *option, const char *text, void *target)
{
    switch (option->kind) {
    case OCS_OPTION_FLAG:
    case OCS_OPTION_STOP:
        *(bool *)target = true;
        return true;
    case OCS_OPTION_TEXT:
        *(const char **)target = text;
        return true;
    case OCS_OPTION_TEXTS:
        return add_text(text, target);
    case OCS_OPTION_COUNT:
        return parse_count(text, COUNT_MAX, target);
    case OCS_OPTION_JOBS:
        return parse_count(text, JOBS_MAX, target);
    case OCS_OPTION_SECONDS:
        return parse_seconds(text, target);
    case OCS_OPTION_MILLISECONDS:
        return parse_duration(text, target);
    case OCS_OPTION_SIZE:
        return parse_size(text, target);
    case OCS_OPTION_PERCENT:
        return parse_percent(text, target);
    case OCS_OPTION_CHOICE:
        return parse_choice(text, option->choices, target);
    }
    return false;
}

static void describe_choices(const char *const *choices, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "one of %s", choices[0]);
    for (size_t i = 1; choices[i] && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, ", %s", choices[i]);
}

static void describe_expected(const struct ocs_option *option, char *out, size_t size)
{
    switch (option->kind) {
    case OCS_OPTION_COUNT:
        snprintf(out, size, "a number from 1 to %u", COUNT_MAX);
        break;
    case OCS_OPTION_JOBS:
        snprintf(out, size, "a number from 1 to %u", JOBS_MAX);
        break;
    case OCS_OPTION_SECONDS:
    case OCS_OPTION_MILLISECONDS:
        snprintf(out, size, "a duration with its unit, like 90s, 24h or 7d");
        break;
    case OCS_OPTION_SIZE:
        snprintf(out, size, "a size, like 500K, 4M or 10GiB");
        break;
    case OCS_OPTION_PERCENT:
        snprintf(out, size, "a share from 0%% to 100%%");
        break;
    case OCS_OPTION_CHOICE:
        describe_choices(option->choices, out, size);
        break;
    case OCS_OPTION_TEXTS:
        snprintf(out, size, "taken: %d are the most", OCS_TEXTS_MAX);
        break;
    default:
        snprintf(out, size, "%s", option->value);
    }
}

static bool is_flag(const struct ocs_option *option)
{
    return option->kind == OCS_OPTION_FLAG || option->kind == OCS_OPTION_STOP;
}

/* ---- options ---- */

struct match {
    const struct ocs_option *option;
    void *values;
};

static bool is_end(const struct ocs_option *option)
{
    return !option->name && !option->letter;
}

/* By `name` (of `size` bytes), or by `letter` when name is NULL. */
static struct match find_option(const struct ocs_option_table *tables, size_t count,
                                const char *name, size_t size, char letter)
{
    for (size_t i = 0; i < count; i++) {
        for (const struct ocs_option *o = tables[i].options; !is_end(o); o++) {
            bool same = name ? o->name && strlen(o->name) == size && !memcmp(o->name, name, size)
                             : o->letter == letter;
            if (same)
                return (struct match){o, tables[i].values};
        }
    }
    return (struct match){0};
}

static int set_option(struct ocs_args *args, struct match match, const char *shown,
                      const char *text, struct ocs_error *err)
{
    bool named = match.option->kind == OCS_OPTION_TEXT || match.option->kind == OCS_OPTION_TEXTS;
    if (named && !*text) /* a variable that is not set, in most cases */
        return ocs_args_error(err, "%s needs a value: %s", shown, match.option->value);
    if (!store_value(match.option, text, (char *)match.values + match.option->offset)) {
        char expected[128];
        describe_expected(match.option, expected, sizeof(expected));
        return ocs_args_error(err, "%s: '%s' is not %s", shown, text, expected);
    }
    args->stopped = match.option->kind == OCS_OPTION_STOP;
    return 0;
}

static int unknown_option(const struct ocs_option_table *tables, size_t count, const char *name,
                          struct ocs_error *err)
{
    size_t size = strcspn(name, "=");
    const char *names[128];
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        for (const struct ocs_option *o = tables[i].options; !is_end(o); o++)
            if (o->name && known < sizeof(names) / sizeof(names[0]) - 1)
                names[known++] = o->name;
    names[known] = NULL;
    const char *similar = ocs_args_similar(name, size, names);
    int result = ocs_args_error(err, "unknown option '--%.*s'", (int)size, name);
    if (similar)
        snprintf(err->hint, sizeof(err->hint), "did you mean '--%s'?", similar);
    return result;
}

static int parse_long(struct ocs_args *args, const struct ocs_option_table *tables, size_t count,
                      struct ocs_error *err)
{
    const char *shown = args->argv[args->at++];
    const char *name = shown + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    struct match match = find_option(tables, count, name, size, 0);
    if (!match.option)
        return unknown_option(tables, count, name, err);
    char label[64];
    snprintf(label, sizeof(label), "--%s", match.option->name);
    if (is_flag(match.option))
        return equals ? ocs_args_error(err, "%s takes no value", label)
                      : set_option(args, match, label, "", err);
    if (!equals && args->at == args->argc)
        return ocs_args_error(err, "%s needs a value: %s", label, match.option->value);
    return set_option(args, match, label, equals ? equals + 1 : args->argv[args->at++], err);
}

/* A cluster of letters; the value of the last one follows at once or as the next argument. */
static int parse_letters(struct ocs_args *args, const struct ocs_option_table *tables, size_t count,
                         struct ocs_error *err)
{
    const char *at = args->argv[args->at++] + 1;
    int result = 0;
    while (*at && result == 0 && !args->stopped) {
        char label[] = {'-', *at, '\0'};
        struct match match = find_option(tables, count, NULL, 0, *at++);
        if (!match.option)
            return ocs_args_error(err, "unknown option '%s'", label);
        if (is_flag(match.option)) {
            result = set_option(args, match, label, "", err);
            continue;
        }
        if (!*at && args->at == args->argc)
            return ocs_args_error(err, "%s needs a value: %s", label, match.option->value);
        return set_option(args, match, label, *at ? at : args->argv[args->at++], err);
    }
    return result;
}

int ocs_args_parse(struct ocs_args *args, const struct ocs_option_table *tables, size_t count,
                   bool one_word, struct ocs_error *err)
{
    while (args->at < args->argc && !args->stopped) {
        char *text = args->argv[args->at];
        if (args->words_only || text[0] != '-' || text[1] == '\0') {
            args->words[args->word_count++] = text;
            args->at++;
            if (one_word)
                return 0;
            continue;
        }
        if (strcmp(text, "--") == 0) {
            args->words_only = true;
            args->at++;
            continue;
        }
        int result = text[1] == '-' ? parse_long(args, tables, count, err)
                                    : parse_letters(args, tables, count, err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* ---- suggestions ---- */

#define SIMILAR_MAX 32

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned least_of_two = a < b ? a : b;
    return least_of_two < c ? least_of_two : c;
}

/* Insertions, deletions and replacements from `a` to `b` (Levenshtein); `b` is
 * shorter than SIMILAR_MAX. */
static unsigned distance(const char *a, size_t a_size, const char *b)
{
    unsigned row[SIMILAR_MAX + 1];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; i < a_size; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < width; j++) {
            unsigned replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = least(row[j] + 1, row[j + 1] + 1, replaced);
        }
    }
    return row[width];
}

const char *ocs_args_similar(const char *word, size_t size, const char *const *names)
{
    if (size == 0 || size >= SIMILAR_MAX)
        return NULL;
    const char *best = NULL;
    unsigned nearest = size < 4 ? 2 : 3; /* at most one, or two, changes */
    for (; *names; names++) {
        if (strlen(*names) >= SIMILAR_MAX)
            continue;
        unsigned changes = distance(word, size, *names);
        if (changes >= nearest)
            continue;
        nearest = changes;
        best = *names;
    }
    return best;
}

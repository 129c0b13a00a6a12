/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "progress.h"

#include "signals.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LINE_EVERY_MS 60000
#define BAR_LEAST     5
#define BAR_MOST      30

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void ocs_progress_init(struct ocs_progress_bar *bar, bool quiet)
{
    const char *term = getenv("TERM");
    *bar = (struct ocs_progress_bar){
        .terminal = isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0),
        .quiet = quiet,
        .last_line_ms = now_ms(),
    };
}

/* Bytes tell best; what has none is told by its blobs.  Negative: not known. */
static double share_done(const struct ocs_progress *p)
{
    double share = -1;
    if (p->bytes_total)
        share = (double)p->bytes_done / (double)p->bytes_total;
    else if (p->blobs_total)
        share = (double)p->blobs_done / (double)p->blobs_total;
    return share > 1 ? 1 : share;
}

static void put_bar(FILE *to, double share, int columns)
{
    int filled = (int)(share * columns);
    fputs(" [", to);
    for (int i = 0; i < columns; i++)
        fputc(i < filled ? '#' : '.', to);
    fputc(']', to);
}

/* "1.5/3.0 GiB", "800.0 KiB/1.2 MiB" */
static void put_part(FILE *to, uint64_t done, uint64_t total)
{
    struct ocs_text_short part = ocs_text_size(done);
    struct ocs_text_short whole = ocs_text_size(total);
    char *unit = strchr(part.text, ' ');
    if (unit && strcmp(unit, strchr(whole.text, ' ')) == 0)
        *unit = '\0';
    fprintf(to, "  %s/%s", part.text, whole.text);
}

static void put_amounts(FILE *to, const struct ocs_progress *p)
{
    if (p->bytes_total)
        put_part(to, p->bytes_done, p->bytes_total);
    else if (p->bytes_done)
        fprintf(to, "  %s", ocs_text_size(p->bytes_done).text);
    if (p->blobs_total)
        fprintf(to, "  %" PRIu64 "/%" PRIu64 " blobs", p->blobs_done, p->blobs_total);
    else if (p->blobs_done)
        fprintf(to, "  %s", ocs_text_count(p->blobs_done, "blob").text);
}

static void put_speed(FILE *to, const struct ocs_progress *p, double seconds)
{
    if (seconds < 0.2)
        return; /* too early to tell */
    if (p->bytes_done)
        fprintf(to, "  %s/s", ocs_text_size((uint64_t)((double)p->bytes_done / seconds)).text);
    double share = share_done(p);
    if (share > 0 && share < 1 && seconds > 2)
        fprintf(to, "  %s left", ocs_text_span(seconds * (1 - share) / share).text);
}

/* `bar_columns` 0: no bar.  The caller's to free; NULL: no memory. */
static char *describe(const struct ocs_progress_bar *bar, const struct ocs_progress *p,
                      int bar_columns)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    fputs(p->phase ? p->phase : "working", to);
    double share = share_done(p);
    if (bar_columns > 0 && share >= 0)
        put_bar(to, share, bar_columns);
    if (share >= 0)
        fprintf(to, "%4d%%", (int)(share * 100));
    put_amounts(to, p);
    put_speed(to, p, (double)(now_ms() - bar->started_ms) / 1000);
    if (p->errors)
        fprintf(to, "  %s", ocs_text_count(p->errors, "error").text);
    fclose(to);
    return text;
}

static int terminal_columns(void)
{
    struct winsize window;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1;
    return known ? window.ws_col - 1 : 79;
}

/* What the words leave free is for the bar, if it is enough to be one. */
static char *describe_in(const struct ocs_progress_bar *bar, const struct ocs_progress *now,
                         int columns)
{
    char *words = describe(bar, now, 0);
    int left = words ? columns - (int)strlen(words) - 3 : 0;
    if (left < BAR_LEAST)
        return words;
    free(words);
    int bar_columns = left > BAR_MOST ? BAR_MOST : left - left % BAR_LEAST; /* no flicker */
    return describe(bar, now, bar_columns);
}

static void draw_bar(struct ocs_progress_bar *bar, const struct ocs_progress *now)
{
    int columns = terminal_columns();
    char *text = describe_in(bar, now, columns);
    if (!text)
        return;
    fprintf(stderr, "\r%.*s\x1b[K", columns, text);
    fflush(stderr);
    free(text);
    bar->shown = true;
}

static void print_line(struct ocs_progress_bar *bar, const struct ocs_progress *now)
{
    ocs_progress_hide(bar);
    char *text = describe(bar, now, 0);
    fprintf(stderr, "ocistore: %s\n", text ? text : "working");
    free(text);
    bar->last_line_ms = now_ms();
}

void ocs_progress_update(struct ocs_progress_bar *bar, const struct ocs_progress *now)
{
    const char *phase = now->phase ? now->phase : "";
    if (bar->started_ms == 0 || strncmp(bar->phase, phase, sizeof(bar->phase) - 1) != 0) {
        snprintf(bar->phase, sizeof(bar->phase), "%s", phase);
        bar->started_ms = now_ms();
    }
    if (ocs_signals_progress_wanted()) {
        print_line(bar, now);
        return;
    }
    if (bar->quiet)
        return;
    if (bar->terminal)
        draw_bar(bar, now);
    else if (now_ms() - bar->last_line_ms >= LINE_EVERY_MS)
        print_line(bar, now);
}

void ocs_progress_hide(struct ocs_progress_bar *bar)
{
    if (!bar->shown)
        return;
    fputs("\r\x1b[K", stderr);
    fflush(stderr);
    bar->shown = false;
}

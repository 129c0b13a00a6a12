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
#define BAR_WIDTH     20

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

static void put_bar(FILE *to, double share)
{
    int filled = (int)(share * BAR_WIDTH);
    fputs(" [", to);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : '.', to);
    fputc(']', to);
}

static void put_amounts(FILE *to, const struct ocs_progress *p)
{
    if (p->bytes_total)
        fprintf(to, "  %s of %s", ocs_text_size(p->bytes_done).text,
                ocs_text_size(p->bytes_total).text);
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

static char *describe(const struct ocs_progress_bar *bar, const struct ocs_progress *p,
                      bool with_bar)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    fputs(p->phase ? p->phase : "working", to);
    double share = share_done(p);
    if (with_bar && share >= 0)
        put_bar(to, share);
    if (share >= 0)
        fprintf(to, "%4d%%", (int)(share * 100));
    put_amounts(to, p);
    put_speed(to, p, (double)(now_ms() - bar->started_ms) / 1000);
    if (p->errors)
        fprintf(to, "  %s", ocs_text_count(p->errors, "error").text);
    fclose(to);
    return text;
}

static void draw_bar(struct ocs_progress_bar *bar, const struct ocs_progress *now)
{
    char *text = describe(bar, now, true);
    if (!text)
        return;
    struct winsize window;
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1
                    ? window.ws_col - 1
                    : 79;
    fprintf(stderr, "\r%.*s\x1b[K", width, text);
    fflush(stderr);
    free(text);
    bar->shown = true;
}

static void print_line(struct ocs_progress_bar *bar, const struct ocs_progress *now)
{
    ocs_progress_hide(bar);
    char *text = describe(bar, now, false);
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

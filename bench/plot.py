# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Line charts as SVG, readable on light and dark."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 680, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 44, 50
COLOURS = ("#2a78d6", "#eb6834", "#1baf7a", "#8f5fd0", "#c79a00", "#d14a8b")
LABEL_HEIGHT = 15
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #52514e }
  .title { font-size: 14px; font-weight: 600; fill: #0b0b0b }
  .grid { stroke: #e1e0d9; stroke-width: 1 }
  .ground { fill: #fcfcfb }
  @media (prefers-color-scheme: dark) {
    text { fill: #c3c2b7 }
    .title { fill: #ffffff }
    .grid { stroke: #383835 }
    .ground { fill: #1a1a19 }
  }"""


class Axis:
    """Values to places between `start` and `end`."""

    def __init__(self, values, start, end, log):
        self.log, self.start, self.end = log, start, end
        if log:
            self.low = math.floor(math.log10(min(values)) + 1e-9)
            self.high = max(math.ceil(math.log10(max(values)) - 1e-9), self.low + 1)
            self.ticks = [10.0 ** n for n in range(self.low, self.high + 1)]
        else:
            step = nice_step(max(values))
            self.low, self.high = 0.0, math.ceil(max(values) / step) * step
            self.ticks = [n * step for n in range(round(self.high / step) + 1)]

    def at(self, value):
        if self.log:
            value = math.log10(value)
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def nice_step(top):
    """A round number that divides `top` in about five."""
    unit = 10.0 ** math.floor(math.log10(top / 5))
    return next(unit * n for n in (1, 2, 5, 10) if unit * n * 5 >= top)


class Chart:
    """`series` is {name: [(x, y), ...]}; ticks are named by `name_x` and `name_y`."""

    def __init__(self, title, x_title, series, name_x, name_y, log_x=True, log_y=True,
                 ticks_x=None):
        self.title, self.x_title = title, x_title
        self.series = {name: points for name, points in series.items() if points}
        self.name_x, self.name_y = name_x, name_y
        xs, ys = zip(*(point for points in self.series.values() for point in points))
        self.x = Axis(xs, LEFT, WIDTH - RIGHT, log_x)
        self.y = Axis(ys, HEIGHT - BOTTOM, TOP, log_y)
        if log_x:    # from edge to edge
            self.x.low, self.x.high = math.log10(min(xs)), max(math.log10(max(xs)),
                                                               math.log10(min(xs)) + 0.1)
        self.ticks_x = ticks_x or [t for t in self.x.ticks if min(xs) <= t <= max(xs)]

    def grid(self):
        for tick in self.y.ticks:
            at = self.y.at(tick)
            yield f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
            yield (f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">'
                   f"{escape(self.name_y(tick))}</text>")
        for tick in self.ticks_x:
            at = self.x.at(tick)
            yield f'<path class="grid" d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
            yield (f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                   f"{escape(self.name_x(tick))}</text>")

    def label_places(self):
        """Beside the last point of each line, apart from each other."""
        ends = sorted((self.y.at(points[-1][1]), name) for name, points in self.series.items())
        places, last = {}, -math.inf
        for at, name in ends:
            last = places[name] = max(at, last + LABEL_HEIGHT)
        return places

    def lines(self):
        places = self.label_places()
        for (name, points), colour in zip(self.series.items(), COLOURS):
            at = [(self.x.at(x), self.y.at(y)) for x, y in points]
            way = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
            yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>'
            for x, y in at:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
            yield (f'<text x="{at[-1][0] + 10:.1f}" y="{places[name] + 4:.1f}">'
                   f'<tspan fill="{colour}">●</tspan> {escape(name)}</text>')

    def svg(self):
        parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
                 f' role="img" aria-label="{escape(self.title)}">',
                 f"<style>{STYLE}\n</style>",
                 f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
                 f'<text class="title" x="{LEFT}" y="24">{escape(self.title)}</text>',
                 *self.grid(), *self.lines(),
                 f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}"'
                 f' text-anchor="middle">{escape(self.x_title)}</text>', "</svg>"]
        return "\n".join(parts) + "\n"


def size_name(size):
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"


def count_name(count):
    return f"{count:,.0f}"


def seconds_name(value):
    return f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"

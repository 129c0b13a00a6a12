# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""How time grows with the number of blobs, with their size, and falls with threads."""
import os
import time

import cases
import measure
import plot
import stores

BLOBS_IN_LAYOUT = 1000
BYTES_OF_A_SIZE = 256 << 20
MOST_BLOBS_OF_A_SIZE = 20_000
SIZES = [1 << n for n in range(10, 27, 2)]
THREADS = (1, 2, 4)
REPEATS = 3
REPEATS_OF_A_BLINK = 15     # of what takes milliseconds: another process is as long
# Of issue and design: the plan of a million blobs in a thousand layouts.
MILLION = 1_000_000
PLAN_SECONDS, PLAN_BYTES, LS_SECONDS, FIRST_PLAN_RATIO, LINEAR_RATIO = 1.5, 250e6, 0.050, 3, 1.5


def middle(costs):
    """The median of each member."""
    return {key: measure.quartiles([one[key] for one in costs])[1] for key in costs[0]}


def repeat(session, command, times=REPEATS, memory=False):
    costs = [measure.run(command, session.log).as_dict() for _ in range(times)]
    result = middle(costs)
    if memory:    # apart, since looking takes time
        seen = measure.run(command, session.log, memory=True)
        result.update(memory=seen.memory, own_memory=seen.own_memory)
    return result


def interleave(session, commands):
    """The median of the seconds of each, in rounds of another order each."""
    names, costs = list(commands), {name: [] for name in commands}
    for _ in range(REPEATS):
        session.random.shuffle(names)
        for name in names:
            costs[name].append(measure.run(commands[name], session.log).seconds)
    return {name: measure.quartiles(costs[name])[1] for name in commands}


# ---- by number of blobs -----------------------------------------------------

def write_names(path, folder, names):
    with open(path, "wb") as out:
        out.write(b"".join(f"{folder}/{name}\0".encode() for name in names))


def layouts_of(blobs):
    return max(1, blobs // BLOBS_IN_LAYOUT)


def many(session, blobs):
    """A store of so many blobs, and beside it lists of its documents and other blobs."""
    folder = session.place("data", f"many-{blobs}")
    made = stores.many_of(folder, blobs, layouts_of(blobs)).make()
    where = f"{folder}/blobs/sha256"
    documents = {one.split(":")[1] for one in made}
    write_names(f"{folder}.documents", where, documents)
    write_names(f"{folder}.others", where, set(os.listdir(where)) - documents)
    session.do(f"{session.program} init -q {folder}")
    os.sync()
    return folder


def reading(session, folder, times):
    """Every document read and every other blob opened, by one process at a time."""
    return repeat(session, f"xargs -0 -n1000 cat <{folder}.documents >/dev/null &&"
                           f" xargs -0 -n1000 head -qc0 <{folder}.others", times)


def point_of_growth(session, blobs):
    folder = many(session, blobs)
    program = f"exec {session.program} --store {folder}"
    plan = f"{program} -q gc --dry-run"
    dropped = measure.times_dropped()
    point = {"blobs": blobs, "first_plan": measure.run(plan, session.log).as_dict()}
    times = REPEATS_OF_A_BLINK if blobs < 100_000 else REPEATS
    point["plan"] = repeat(session, plan, times, memory=True)
    point["ls"] = repeat(session, f"{program} ls", REPEATS_OF_A_BLINK, memory=True)
    # Minutes for a million: once each.
    point["fsck"] = measure.run(f"{program} -q fsck", session.log, memory=True).as_dict()
    point["reading"] = reading(session, folder, REPEATS if blobs < MILLION else 1)
    point["dropped"] = measure.times_dropped() > dropped
    return point


def growth(session, largest):
    """Ten times as many blobs, as long as there is time for ten times the last."""
    points, blobs, took = [], min(1000, largest), 0.0
    while blobs <= largest:
        if took * 10 > session.time_left():
            session.failures.append(f"growth: no time for {blobs:,} blobs")
            break
        session.say(f"growth: {blobs:,} blobs")
        before = time.monotonic()
        points.append(point_of_growth(session, blobs))
        took = time.monotonic() - before
        blobs *= 10
    return points


def goal(what, value, limit, form):
    return {"what": what, "value": value, "limit": limit, "form": form}


def goals_of_growth(points):
    """The limits for a million blobs, held against the largest store that there is."""
    last = points[-1]
    size = f"{last['blobs']:,} blobs"
    share = min(1.0, max(0.1, last["blobs"] / MILLION))    # starting costs something, too
    # Then one of the two may have had the files in memory, and the other not.
    unlike = " (somebody dropped the caches meanwhile)" if last["dropped"] else ""
    some = [
        goal(f"plan of {size}, graph known", last["plan"]["seconds"], PLAN_SECONDS * share,
             "{:.3f} s"),
        goal("own memory of that plan", last["plan"]["own_memory"] / 1e6, PLAN_BYTES / 1e6,
             "{:.0f} MB"),
        goal(f"first plan of {size}, times reading documents and opening all{unlike}",
             last["first_plan"]["seconds"] / last["reading"]["seconds"], FIRST_PLAN_RATIO,
             "{:.2f}"),
        goal(f"ls, {size} in {layouts_of(last['blobs']):,} layouts",
             last["ls"]["seconds"], LS_SECONDS, "{:.3f} s"),
    ]
    large = [p["plan"]["seconds"] / p["blobs"] for p in points if p["blobs"] >= 10_000]
    if len(large) > 1:
        some.append(goal(f"plan per blob, 10,000 to {size}: largest by smallest",
                         max(large) / min(large), LINEAR_RATIO, "{:.2f}"))
    return some


def growth_chart(points):
    series = {name: [(p["blobs"], p[key]["seconds"]) for p in points]
              for name, key in (("first plan", "first_plan"), ("fsck", "fsck"),
                                ("plan, graph known", "plan"), ("ls", "ls"))}
    return plot.Chart("Time by number of blobs", "blobs", series, plot.count_name,
                      plot.seconds_name).svg()


# ---- by size of the blobs ---------------------------------------------------

def point_of_size(session, size):
    count = max(1, min(MOST_BLOBS_OF_A_SIZE, session.scaled(BYTES_OF_A_SIZE) // size))
    folder = session.place("data", f"size-{size}")
    stores.load_pool()
    stores.Sized(folder, [size] * count, layers=100).make()
    whole = sum(os.path.getsize(path) for path in session.blobs(folder))
    session.do(f"{session.program} init -q {folder}")
    os.sync()
    at_once = min(1000, max(1, count // 8))
    blobs = cases.BLOBS.format(data=folder)
    return {"size": size, "bytes": whole, **interleave(session, {
        "fsck": f"exec {session.program} --store {folder} -q fsck",
        "openssl": f"{blobs} -P2 -n{at_once} openssl dgst -sha256",
        "sha256sum": f"{blobs} -P2 -n{at_once} sha256sum"})}


def sizes(session):
    session.say("throughput by size")
    return [point_of_size(session, size) for size in SIZES]


def sizes_chart(points):
    series = {name: [(p["size"], p["bytes"] / p[name] / 1e6) for p in points]
              for name in ("fsck", "openssl", "sha256sum")}
    return plot.Chart("Throughput by size of the blobs, warm (MB/s)", "size of a blob", series,
                      plot.size_name, lambda v: f"{v:,.0f}", ticks_x=SIZES[::2]).svg()


# ---- by threads -------------------------------------------------------------

def threads(session):
    session.say("threads")
    points = [{"threads": count} for count in THREADS]
    for name in ("mixed", "small"):
        folder = session.data(name)
        measure.make_warm(folder)
        took = interleave(session, {
            count: f"exec {session.program} --store {folder} -q fsck -j {count}"
            for count in THREADS})
        for point in points:
            point[name] = took[point["threads"]]
    return points


def threads_chart(points):
    series = {f"fsck, {name}": [(p["threads"], points[0][name] / p[name]) for p in points]
              for name in ("mixed", "small")}
    return plot.Chart("Times as fast by threads, warm", "threads", series, plot.count_name,
                      lambda v: f"{v:.3g}", log_x=False, log_y=False, ticks_x=THREADS).svg()

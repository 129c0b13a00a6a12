# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Where the time of our own contenders goes: samples of perf, system calls by strace."""
import collections
import os
import shlex
import shutil
import subprocess

import measure

SYMBOLS = 14
CALLS = 10


def shares_of(report):
    """(percent, where) from lines of perf; addresses without a name are one per library."""
    shares = collections.Counter()
    for line in report.splitlines():
        words = line.split()
        if line.startswith("#") or len(words) < 4:
            continue
        percent, library, kind, symbol = words[:4]
        symbol = "(no names)" if symbol.startswith("0x") else symbol
        shares["kernel" if kind == "[k]" else library, symbol] += float(percent.rstrip("%"))
    return shares.most_common(SYMBOLS)


def samples(session, command):
    """Where most samples of the processor's clock fell."""
    data = os.path.join(session.folder, "perf.data")
    measure.run(f"perf record -q -F 1999 -o {data} -- sh -c {shlex.quote(command)}", session.log)
    said = subprocess.run(["perf", "report", "--stdio", "--no-children", "--sort", "dso,symbol",
                           "-i", data], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout.decode(errors="replace")
    return [f"{share:6.2f} %  {library} {symbol}"
            for (library, symbol), share in shares_of(said)]


def calls(session, command):
    """The system calls that took longest, by the clock."""
    counts = os.path.join(session.folder, "strace.counts")
    measure.run(f"strace -f -c -w -U calls,time,syscall -o {counts} sh -c {shlex.quote(command)}",
                session.log)
    with open(counts, encoding="ascii") as lines:
        return [line.rstrip() for line in lines][:CALLS + 2]


def of_contender(session, case, name):
    parts = [f"## {case.name}: {name}"]
    for tool, look in (("perf", samples), ("strace", calls)):
        if not shutil.which(tool):
            parts.append(f"{tool} is not installed")
            continue
        run = session.prepare(case, name, f"profile-{tool}")
        parts += look(session, run.command)
    return "\n".join(parts)


def of_case(session, case):
    own = dict.fromkeys(row.ours for row in case.rows)
    return "\n\n".join(of_contender(session, case, name)
                       for name in session.usable(case) if name in own)

# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Running one command and what it cost; caches; medians; the machine."""
import os
import platform
import signal
import statistics
import subprocess
import time

READ_AT_ONCE = 1 << 20
LOOK_EVERY = 0.002


class Failed(Exception):
    """A command that was to be measured did not do its work."""


class Cost:
    """What one run took: seconds of the clock and of the processors, bytes of memory."""

    def __init__(self, seconds, user, system):
        self.seconds = seconds
        self.user = user
        self.system = system
        self.memory = 0
        self.own_memory = 0

    def as_dict(self):
        return {key: round(value, 6) for key, value in vars(self).items()}


def start(command, output, env):
    return subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=output,
                            stderr=subprocess.STDOUT, env={**os.environ, **(env or {})},
                            start_new_session=True)


def wait(process, limit, look=None):
    """Its exit status and rusage; everything that it started is killed after `limit` seconds."""
    end = time.monotonic() + limit
    # Waiting without polling, so that the clock is not rounded up.
    if not look:
        old = signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        return status, usage
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            return status, usage
        if time.monotonic() > end:
            os.killpg(process.pid, signal.SIGKILL)
        look(process.pid)
        time.sleep(LOOK_EVERY)


class Memory:
    """The most that a process had.  Own: without the pages of files, which the
    kernel takes back as it likes."""

    def __init__(self):
        self.all = self.own = 0

    def look(self, pid):
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as lines:
                values = dict(line.split(":", 1) for line in lines)
            self.all = max(self.all, int(values["VmHWM"].split()[0]) << 10)
            self.own = max(self.own, int(values["RssAnon"].split()[0]) << 10)
        except (OSError, KeyError, ValueError):
            pass  # it ended just now


def run(command, log, env=None, limit=600, memory=False):
    """Run a shell command; its output goes to the file `log`."""
    seen = Memory()
    with open(log, "wb") as output:
        before = time.monotonic()
        process = start(command, output, env)
        try:
            status, usage = wait(process, limit, seen.look if memory else None)
        except BaseException:    # we are to end: so is what we started
            os.killpg(process.pid, signal.SIGKILL)
            raise
        seconds = time.monotonic() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        with open(log, "rb") as output:
            tail = output.read()[-500:].decode(errors="replace")
        raise Failed(f"ended with {process.returncode} after {seconds:.1f} s: {tail.strip()}")
    cost = Cost(seconds, usage.ru_utime, usage.ru_stime)
    cost.memory, cost.own_memory = seen.all, seen.own
    return cost


def files_below(folder):
    for where, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(where, name)


def times_dropped():
    """How often anybody made the kernel drop its caches since it started."""
    with open("/proc/vmstat", encoding="ascii") as lines:
        values = dict(line.split() for line in lines)
    return int(values.get("drop_pagecache", 0)) + int(values.get("drop_slab", 0))


def can_drop_caches():
    return os.access("/proc/sys/vm/drop_caches", os.W_OK)


def make_cold(folder, how):
    """Nothing of `folder` is in memory: pages, and with `drop` names and inodes, too."""
    os.sync()
    if how == "drop":
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as kernel:
            kernel.write("3\n")
        return
    for path in files_below(folder):
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def make_warm(folder):
    buffer = bytearray(READ_AT_ONCE)
    for path in files_below(folder):
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def quartiles(values):
    """First quartile, median, third quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def first_match(path, start_of_line):
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(start_of_line):
                return line.split(":", 1)[1].strip()
    return ""


def file_system(folder):
    """Its kind, and the options that matter here."""
    best = ("", "", "")
    folder = os.path.realpath(folder)
    with open("/proc/mounts", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            _, point, kind, options = line.split()[:4]
            inside = point == "/" or folder == point or folder.startswith(point + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, kind, options)
    wanted = [o for o in best[2].split(",") if o in ("discard", "noatime", "relatime", "sync")]
    return f"{best[1]} ({', '.join(wanted)})" if wanted else best[1]


def one_stream(algorithm):
    """Bytes a second that libcrypto hashes in one thread."""
    said = subprocess.run(["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "262144", "-evp",
                           algorithm], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout.decode()
    return max(float(line.rsplit(":", 1)[1]) for line in said.splitlines()
               if line.startswith("+F:"))


def machine(folder):
    flags = first_match("/proc/cpuinfo", "flags").split()
    return {
        "processors": len(os.sched_getaffinity(0)),
        "model": first_match("/proc/cpuinfo", "model name") or platform.machine(),
        "features": [f for f in ("sha_ni", "avx2", "avx512f") if f in flags],
        "memory": first_match("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "file_system": file_system(folder),
        "one_stream": {name: one_stream(name) for name in ("sha256", "sha512")},
        "load": os.getloadavg()[0],
    }

# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""What a folder with a store in it holds, but for times, inodes and names drawn at
random: two of equal outcome are as good or as bad as each other."""

import hashlib
import os
import re
import struct
import zlib

TIMES_AND_NAMES = re.compile(
    rb"\d{8}T\d{6}Z(?:-[0-9a-f]{8})?"  # a run; in the quarantine
    rb"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.]*Z?"
    rb"|(?<=index\.json\.)[0-9a-f]{16}(?=\.tmp)"
    rb"|(?<![0-9a-f])1\d{9}(?:\d{9})?(?![0-9a-f])"  # seconds or nanoseconds
    rb"|(?<=tmp/)[0-9a-f]{16}")


def plain(text):
    return TIMES_AND_NAMES.sub(b"*", text)


# ---- the graph: enough of LMDB 0.9 to read it ----

PAGE, HEADER = 4096, 16
BRANCH, LEAF = 1, 2
BIG, SUB = 1, 2


class Graph:
    def __init__(self, data):
        self.data = data
        metas = [struct.unpack_from("<Q", data, at * PAGE + HEADER + 8 + 16 + 96 + 8)[0]
                 for at in range(2)]
        newest = 0 if metas[0] > metas[1] else 1
        self.main = self.root(newest * PAGE + HEADER + 8 + 16 + 48)

    def root(self, at):
        """Of a tree, given where its MDB_db stands; None when it is empty."""
        page = struct.unpack_from("<Q", self.data, at + 40)[0]
        return None if page == 2**64 - 1 else page

    def nodes(self, page):
        if page is None:
            return
        base = page * PAGE
        flags, lower = struct.unpack_from("<HH", self.data, base + 10)
        for i in range((lower - HEADER) // 2):
            at = base + struct.unpack_from("<H", self.data, base + HEADER + 2 * i)[0]
            low, high, node_flags, key_size = struct.unpack_from("<HHHH", self.data, at)
            if flags & BRANCH:
                yield from self.nodes(low | high << 16 | node_flags << 32)
                continue
            key = self.data[at + 8:at + 8 + key_size]
            start, size = at + 8 + key_size, low | high << 16
            if node_flags & BIG:
                start = struct.unpack_from("<Q", self.data, start)[0] * PAGE + HEADER
            yield key, node_flags, start, size

    def tables(self):
        for name, flags, start, _ in self.nodes(self.main):
            if flags & SUB:
                yield name.rstrip(b"\0").decode(), [
                    (key, self.data[at:at + size])
                    for key, _, at, size in self.nodes(self.root(start))]


def node(record, files):
    """A node's record: what it says, and whether its stamp is that of a file that is there."""
    unreferenced, verified, *stamp = struct.unpack_from("<QQQQQQ", record, 16)
    sound = zlib.crc32(record[:-4]) == struct.unpack_from("<I", record, len(record) - 4)[0]
    return (record[:16], unreferenced > 0, verified > 0,
            any(stamp), tuple(stamp) in files, record[64:-4], sound)


def graph(data, files):
    told = []
    for name, rows in Graph(data).tables():
        for key, value in rows:
            if name == "nodes":
                value = node(value, files)
            elif name == "meta":
                value = key, len(value)
            told.append((name, key, value))
    return repr(told).encode()


# ---- all of it ----


def stamps(place):
    """Of every file and folder: equal when nobody has touched any of them."""
    found = set()
    for folder, folders, names in os.walk(place):
        for name in folders + names:
            st = os.lstat(os.path.join(folder, name))
            found.add((st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns))
    return found


def contents(path, place, files):
    if os.path.basename(path) == "reserve":
        return b"%d" % os.lstat(path).st_size
    with open(path, "rb") as file:
        data = file.read()
    if os.path.basename(path) == "data.mdb":
        try:
            return graph(data, files)
        except (struct.error, IndexError, RecursionError):
            return data  # whatever it is
    inside = os.path.relpath(path, place).split(os.sep)
    return plain(data) if ".ocistore" in inside and "blobs" not in inside else data


def of(place, files, begun):
    """`files` are its stamps.  `begun` is when the first of the runs that are compared began (ns): a file that has
    changed since is merely new."""
    digest, lines = hashlib.sha256(), []
    for folder, folders, names in os.walk(place):
        for name in folders + names:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            line = [plain(os.fsencode(os.path.relpath(path, place))), b"%o" % st.st_mode]
            if name in names:
                line += [b"new" if st.st_mtime_ns >= begun else b"%d" % st.st_mtime_ns,
                         hashlib.sha256(contents(path, place, files)).digest()]
            lines.append(b" ".join(line))
    for line in sorted(lines):
        digest.update(line + b"\n")
    return digest.digest()

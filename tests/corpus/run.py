#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Runs the program on every case of the corpus and compares the verdicts."""

import argparse
import concurrent.futures
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile

import corpus

SERIOUS = ("warning", "error", "fatal")
IN_STORES_ALONE = ["warning manifest-absent-sparse"]  # information, of a plain layout


class Wrong(Exception):
    pass


def fingerprint(path):
    """What a file is, without following links or opening special files."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return "link " + os.readlink(path)
    if not stat.S_ISREG(status.st_mode):
        return "special %o" % stat.S_IFMT(status.st_mode)
    if status.st_size > 100 << 20:
        return "large %d" % status.st_size
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except PermissionError:
        return "unreadable"


def snapshot(root):
    """Path to fingerprint for everything below root but the store's own state."""
    found = {}
    todo = [""]
    while todo:
        folder = todo.pop()
        for entry in os.scandir(os.path.join(root, folder)):
            path = os.path.join(folder, entry.name)
            if path == ".ocistore":
                continue
            if entry.is_dir(follow_symlinks=False):
                todo.append(path)
            else:
                found[path] = fingerprint(os.path.join(root, path))
    return found


def compare(what, before, after, dead=()):
    lost = sorted(path for path in before if path not in after and path not in dead)
    changed = sorted(path for path in before if path in after and before[path] != after[path])
    new = sorted(path for path in after if path not in before)
    left = sorted(path for path in dead if path in after)
    for title, paths in (("lost", lost), ("changed", changed), ("new", new), ("left", left)):
        if paths:
            raise Wrong(f"{what}: {title}: {', '.join(paths[:5])} ({len(paths)})")


class Runner:
    def __init__(self, options):
        self.options = options

    def run(self, *arguments, status, what):
        command = [self.options.program, *arguments]
        if self.options.memory:
            command = ["sh", "-c", f'ulimit -d {self.options.memory << 10}; exec "$@"', "sh",
                       *command]
        try:
            done = subprocess.run(command, capture_output=True, timeout=self.options.timeout,
                                  stdin=subprocess.DEVNULL, check=False,
                                  env={**os.environ, "LC_ALL": "C", "OCISTORE": ""})
        except subprocess.TimeoutExpired:
            raise Wrong(f"{what}: not done after {self.options.timeout} s") from None
        text = done.stderr.decode(errors="replace")
        if done.returncode != status:
            raise Wrong(f"{what}: exit status {done.returncode} instead of {status}\n"
                        f"{text}{done.stdout[-1500:].decode(errors='replace')}")
        if b"\x1b" in done.stderr or b"\x1b" in done.stdout:
            raise Wrong(f"{what}: an escape sequence reached the terminal")
        return done.stdout, text

    def fsck(self, expected, what, *arguments):
        serious = {line.split()[0] for line in expected}
        status = 8 if "fatal" in serious else 4 if "error" in serious else 0
        output, _ = self.run("--json", *arguments, status=status, what=what)
        lines = [json.loads(line) for line in output.splitlines()]
        found = sorted({f"{line['severity']} {line['id']}" for line in lines
                        if line["type"] == "finding" and line["severity"] in SERIOUS})
        if found != expected:
            raise Wrong(f"{what}: found {found} instead of {expected}\n"
                        f"{output[-1500:].decode(errors='replace')}")
        for line in lines:  # what tells of the time
            line.pop("seconds", None)
            line.pop("oldest_verified", None)
        return lines

    def fsck_layout(self, one, layout):
        """Plain, so that nothing is written; whatever the number of threads."""
        what = "fsck of the layout"
        expected = [line for line in one.fsck if line not in IN_STORES_ALONE]
        alone = self.fsck(expected, what, "fsck", "-j", "1", layout)
        eight = self.fsck(expected, what, "fsck", "-j", "8", layout)
        if alone != eight:
            raise Wrong(f"{what}: -j 8 says {str(eight)[:1500]}\nbut -j 1 {str(alone)[:1500]}")

    def check_import(self, one, layout, store, dead):
        self.run("init", store, status=0, what="init of an empty store")
        _, text = self.run("--store", store, "import", "--name", "it", layout,
                           status=one.imports, what="import")
        for part in one.says:
            if part not in text:
                raise Wrong(f"import: says nothing of {part!r}:\n{text}")
        if one.imports != corpus.DONE:
            return
        if one.complete:
            blobs = {path: mark for path, mark in snapshot(layout).items()
                     if path.startswith("blobs/") and path not in dead}
            brought = {path: mark for path, mark in snapshot(store).items()
                       if path.startswith("blobs/")}
            compare("import", blobs, brought)
        before = snapshot(store)
        self.run("--store", store, "gc", "--now", status=one.gc, what="gc after import")
        compare("gc after import", before, snapshot(store))

    def check_in_place(self, one, layout, dead):
        before = snapshot(layout)
        self.run("init", layout, status=one.init, what="init in place")
        compare("init in place", before, snapshot(layout))
        if one.init != corpus.DONE:
            return
        self.fsck(one.fsck, "fsck of the store", "--store", layout, "fsck")
        for turn in ("gc", "gc again"):
            self.run("--store", layout, "gc", "--now", status=one.gc, what=turn)
            compare(turn, before, snapshot(layout), dead if one.gc == corpus.DONE else ())

    def check(self, one, root):
        layout = os.path.join(root, "layout")
        dead = one.build(layout)
        before = snapshot(layout)
        self.fsck_layout(one, layout)
        compare("fsck of the layout", before, snapshot(layout))
        self.check_import(one, layout, os.path.join(root, "store"), dead)
        compare("the source of an import", before, snapshot(layout))
        self.check_in_place(one, layout, dead)

    def wrong(self, one):
        root = tempfile.mkdtemp(prefix="ocs-corpus-")
        try:
            self.check(one, root)
            return None
        except Wrong as wrong:
            return str(wrong)
        finally:
            if not self.options.keep:
                subprocess.run(["chmod", "-R", "u+rwX", root], check=False, stderr=-3)
                shutil.rmtree(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--only", help="the name of one case")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one command")
    parser.add_argument("--memory", type=int, help="MiB that one command may allocate")
    parser.add_argument("--keep", action="store_true", help="leave the folders there")
    parser.add_argument("topics", nargs="*")
    options = parser.parse_args()
    cases = [one for one in corpus.load(options.topics) if options.only in (None, one.name)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for one, wrong in zip(cases, pool.map(Runner(options).wrong, cases)):
            print(f"{'not ok' if wrong else 'ok'} {one.name}", flush=True)
            if wrong:
                failed += 1
                print("    " + one.about + "\n    " + wrong.replace("\n", "\n    "), flush=True)
    if failed:
        sys.exit(f"{failed} of {len(cases)} cases are not as expected")


if __name__ == "__main__":
    main()

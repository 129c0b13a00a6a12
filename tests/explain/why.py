#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""why names every way to every blob of random stores, and no other.

    why.py SEED...
"""
import random
import sys
import tempfile

from stores import Walk, check, make, of_type, remove_some, run

MANY = 4096


def ways(walk):
    """digest -> the ways to it; None when there are too many to compare."""
    steps, found = walk.steps(walk.once), {}
    count = 0
    for layout, ref, digest, role in walk.roots():
        left = [((digest, role),)]
        while left:
            way = left.pop()
            found.setdefault(way[-1][0], []).append((layout, ref, way))
            count += 1
            if count > 50 * MANY:
                return None
            for role, child in steps.get(way[-1][0], []):
                if child not in {one for one, _ in way}:
                    left.append(way + ((child, role),))
    return found


def told(objects):
    return [(one["layout"], one["ref"], tuple((step["digest"], step["role"])
                                              for step in one["steps"]))
            for one in of_type(objects, "path")]


def compare_live(store, walk, digest, expected):
    objects = run(store, "why", "--paths", str(MANY), digest)
    paths, summary = told(objects), objects[-1]
    check(summary["paths"] == len(expected) and not summary["more_paths"],
          "the count of ways to " + digest)
    if len(expected) > MANY:
        return
    key = lambda path: (path[0], path[1] or "", path[2])
    check(sorted(paths, key=key) == sorted(expected, key=key), "ways to " + digest)
    check(summary["live"], digest + " is live")
    check(summary["layouts"] == len({path[0] for path in expected}), "layouts of " + digest)
    images = [root for root in walk.roots()
              if root[3] == "manifest" and digest in walk.reach([root[2]], walk.once)]
    check(summary["images"] == len(images), "images of " + digest)
    check(len(paths[0][2]) == min(len(path[2]) for path in expected), "a shortest way first")


def compare_garbage(store, digest):
    objects = run(store, "why", "--grace", "1h", digest)
    check(not objects[-1]["live"] and not of_type(objects, "path"), digest + " is garbage")
    garbage, = of_type(objects, "garbage")
    check(garbage["digest"] == digest, "another digest")
    return garbage


def compare_store(seed):
    with tempfile.TemporaryDirectory(prefix="ocistore-test.") as store:
        make(store, seed)
        walk = Walk(store)
        if seed % 2:
            walk = remove_some(store, random.Random(seed), walk)
        expected = ways(walk)
        if expected is None:
            return
        for digest in walk.edges:
            if digest in expected:
                compare_live(store, walk, digest, expected[digest])
        plan = {one["digest"]: one for one in of_type(run(store, "gc", "-n", "--grace", "1h"),
                                                      "candidate")}
        check(set(plan) == set(walk.edges) - set(expected), "what is garbage, seed %s" % seed)
        for digest, candidate in plan.items():
            garbage = compare_garbage(store, digest)
            for member in ("due", "reason", "size"):
                check(garbage[member] == candidate[member], "%s of %s" % (member, digest))
        run(store, "why", "sha256:" + "0" * 64, status=16)


for argument in sys.argv[1:]:
    compare_store(int(argument))

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""prune drops what its rules say in random stores, does what its dry run says, and
gc frees what both say.

    prune.py SEED...
"""
import os
import random
import sys
import tempfile
import time

from stores import Walk, blob_path, check, make, of_type, run

DAY = 86400


def subject(walk, digest):
    found = [child for role, child in walk.edges.get(digest, []) if role == "subject"]
    return found[0] if found else None


def age_documents(store, walk, rng):
    """Days since each document came, all different."""
    days = {}
    for digest in walk.edges:
        days[digest] = 1 + len(days) + rng.random() / 2
        when = time.time() - days[digest] * DAY
        os.utime(blob_path(store, digest), (when, when))
    return days


def dropped_by_rules(walk, days, untagged, older, last):
    """(layout, ref, digest) of what is no referrer."""
    gone = set()
    for layout, entries in walk.layouts.items():
        own = [one for one in entries if not subject(walk, one[1])]
        if untagged and any(ref is not None for ref, _ in own):
            gone |= {(layout, ref, digest) for ref, digest in own if ref is None}
        left = [one for one in own if (layout, *one) not in gone]
        if older is None and last is None:
            continue
        young = sorted({digest for _, digest in left}, key=days.get)[:last or 0]
        gone |= {(layout, ref, digest) for ref, digest in left if digest not in young
                 and (older is None or days[digest] > older)}
    return gone


def settle(walk, digests, referrers):
    """What is reached, with the listed referrers of what is reached."""
    found = walk.reach(digests, walk.listed())
    while True:
        more = {one for one in referrers if subject(walk, one) in found} - found
        if not more:
            return found
        found |= walk.reach(more, walk.listed())


def expected(walk, days, **rules):
    gone = dropped_by_rules(walk, days, **rules)
    every = [(layout, *one) for layout, entries in walk.layouts.items() for one in entries]
    referrers = {one[2] for one in every if subject(walk, one[2])}
    before = settle(walk, [one[2] for one in every if one[2] not in referrers], referrers)
    alone = [one for one in referrers if subject(walk, one) not in before]
    kept = [one[2] for one in every if one[2] not in referrers and one not in gone]
    after = settle(walk, kept + alone, referrers)
    return gone | {one for one in every if one[2] in referrers
                   and subject(walk, one[2]) in before and subject(walk, one[2]) not in after}


def arguments(untagged, older, last):
    return ((["--untagged"] if untagged else []) +
            (["--older-than", "%dh" % (older * 24)] if older is not None else []) +
            (["--keep-last", str(last)] if last is not None else []))


def garbage(store):
    return run(store, "du")[-1]["garbage_bytes"]


def compare_store(seed):
    rng = random.Random(seed)
    rules = {"untagged": rng.random() < 0.5, "older": rng.choice((None, 3, 10)),
             "last": rng.choice((None, 1, 2))}
    if rules == {"untagged": False, "older": None, "last": None}:
        rules["last"] = 1
    with tempfile.TemporaryDirectory(prefix="ocistore-test.") as store:
        make(store, seed)
        walk = Walk(store)
        days = age_documents(store, walk, rng)
        planned = run(store, "prune", "--dry-run", *arguments(**rules))
        told = [(one["layout"], one["ref"], one["digest"]) for one in of_type(planned, "change")]
        check(set(told) == expected(walk, days, **rules), "seed %d, %s" % (seed, rules))
        before = garbage(store)
        check(run(store, "prune", *arguments(**rules)) == planned, "the dry run is the run")
        left = {(layout, *one) for layout, entries in Walk(store).layouts.items()
                for one in entries}
        check(left == {(layout, *one) for layout, entries in walk.layouts.items()
                       for one in entries} - set(told), "what is left")
        check(bool(walk.saved) or garbage(store) - before == planned[-1]["freed_bytes"],
              "what gc frees, seed %d" % seed)


for argument in sys.argv[1:]:
    compare_store(int(argument))

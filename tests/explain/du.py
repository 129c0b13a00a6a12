#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""du's sums are those of an independent walk over random stores, and what it says
would be freed is what rm and gc then free, to the byte.

    du.py SEED...
"""
import os
import random
import shutil
import sys
import tempfile

from stores import Walk, check, make, of_type, remove_some, run


def gone(walk, out):
    """What is unreferenced without these (layout, ref, digest); what stood in an
    index.json is no referrer once it is out."""
    once = walk.once | walk.listed()
    before = walk.reach((root[2] for root in walk.roots()), once)
    roots = walk.roots(out)
    return before - walk.reach((root[2] for root in roots), once)


def compare(usage, walk, own, leaves, name):
    total = walk.reach(own, walk.once | walk.listed())
    expected = {
        "blobs": len(total & set(walk.stat)),
        "total_bytes": walk.allocated(total),
        "exclusive_bytes": walk.allocated(leaves),
        "shared_bytes": walk.allocated(total - leaves),
        "freed_bytes": walk.freed(leaves),
        "apparent_bytes": walk.size(total),
    }
    for member, value in expected.items():
        check(usage[member] == value, "%s of %s: %s is not %d" % (member, name, usage, value))


def compare_all(store, walk):
    """The usage of each layout and image, compared; returned by the name rm knows."""
    objects = run(store, "du", "--images")
    found = {}
    for usage in of_type(objects, "usage"):
        layout, ref, digest = usage["layout"], usage["ref"], usage["digest"]
        if digest is None:
            own = [one for _, one in walk.layouts[layout]] + walk.saved.get(layout, [])
            leaves = gone(walk, lambda l, r, d: l == layout)
            found[layout] = usage
        else:
            own, key = [digest], (layout, ref, digest)
            leaves = gone(walk, lambda l, r, d: (l, r, d) == key)
            if [one for _, one in walk.layouts[layout]].count(digest) > 1:
                leaves = set() # the other entry keeps it all
            elif ref is not None:
                found["%s:%s" % (layout, ref)] = usage
            else:
                found["%s@%s" % (layout, digest)] = usage
        compare(usage, walk, own, leaves, (layout, ref, digest))
    compare_summary(store, walk, objects[-1])
    return found


def compare_summary(store, walk, summary):
    live = walk.live()
    garbage = set(walk.stat) - live
    check(summary["total_bytes"] == walk.allocated(live), "the total")
    check(summary["garbage_bytes"] == walk.freed(garbage), "the garbage")
    plan = run(store, "gc", "--dry-run")[-1]
    check(summary["apparent_bytes"] == plan["live_bytes"], "live_bytes of gc")
    check(summary["live_blobs"] == plan["live_blobs"], "live_blobs of gc")
    check(summary["garbage_bytes"] == plan["candidate_bytes"] + plan["waiting_bytes"],
          "the garbage of gc")
    check(summary["garbage_blobs"] == plan["candidates"] + plan["waiting"], "the count of it")


def compare_removal(store, copy, name, usage, garbage, told):
    shutil.rmtree(copy, ignore_errors=True)
    os.system("cp -a '%s' '%s'" % (store, copy))
    removed = run(copy, "rm", name)[-1]
    check(not told or removed["freed_bytes"] == usage["freed_bytes"],
          "rm %s: freed_bytes" % name)
    swept = run(copy, "gc", "--now", "--max-delete", "100%", "--allow-empty")[-1]
    check(swept["trashed_bytes"] == usage["freed_bytes"] + garbage, "gc after rm %s" % name)


def compare_store(seed):
    with tempfile.TemporaryDirectory(prefix="ocistore-test.") as folder:
        store, copy = os.path.join(folder, "store"), os.path.join(folder, "copy")
        make(store, seed)
        walk = Walk(store)
        if seed % 2:
            walk = remove_some(store, random.Random(seed), walk)
        names = compare_all(store, walk)
        garbage = run(store, "du")[-1]["garbage_bytes"]
        for name, usage in names.items():
            # rm does not know what manifest.json keeps
            compare_removal(store, copy, name, usage, garbage, not walk.saved)


for argument in sys.argv[1:]:
    compare_store(int(argument))

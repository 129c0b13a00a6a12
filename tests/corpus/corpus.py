# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""The table of cases: each is a function that fills a layout, with its verdicts."""

import dataclasses
import importlib
import json
import os
from typing import Callable

from layout import Layout

TOPICS = ["cases_layout", "cases_blobs", "cases_documents", "cases_edges", "cases_wild",
          "cases_hostile"]
DONE, REFUSED = 0, 4


@dataclasses.dataclass
class Case:
    name: str
    about: str
    fill: Callable
    imports: int  # exit status of an import of the layout into an empty store
    says: list  # what the refusal of that import mentions
    complete: bool  # an import brings every blob but the garbage
    fsck: list  # "severity id" of every finding that is a warning or worse
    init: int  # exit status of adopting the layout in place
    gc: int  # exit status of a collection there that keeps nothing for a grace
    garbage: bool  # an unreferenced blob is added, which a collection removes

    def build(self, root):
        """Makes the layout in the folder `root`; returns the paths a gc removes."""
        layout = Layout(root)
        if self.garbage:
            layout.garbage(b"nobody refers to this")
        self.fill(layout)
        return layout.dead

    def verdicts(self, dead):
        return {"name": self.name, "about": self.about, "import": self.imports,
                "import_says": self.says, "fsck": self.fsck, "init": self.init, "gc": self.gc,
                "gc_removes": sorted(dead)}


CASES = {}


def case(imports=DONE, fsck=(), gc=DONE, init=DONE, says=(), complete=True, garbage=True):
    def register(fill):
        name = fill.__name__.replace("_", "-")
        assert name not in CASES, name
        about = " ".join(fill.__doc__.split())
        CASES[name] = Case(name, about, fill, imports, list(says), complete, sorted(fsck), init,
                           gc, garbage)
        return fill
    return register


def load(topics=None):
    for topic in topics or TOPICS:
        importlib.import_module(topic)
    return list(CASES.values())


def generate(cases, root):
    """Writes every case to root/NAME, and root/expected.json with the verdicts."""
    expected = []
    for one in cases:
        dead = one.build(os.path.join(root, one.name))
        expected.append(one.verdicts(dead))
    with open(os.path.join(root, "expected.json"), "w", encoding="utf-8") as out:
        json.dump(expected, out, indent=1)
        out.write("\n")

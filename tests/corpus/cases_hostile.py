# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Input that is meant to cost time or memory: bounded, and nothing is lost."""

from corpus import REFUSED, case
from layout import INDEX, MANIFEST, digest_of, named


@case()
def indexes_nested_20000_deep(l):
    """A chain of 20,000 indexes: no recursion."""
    inner = l.image()
    for _ in range(20000):
        inner = l.index([inner])
    l.finish([inner])


def doubled(l, depth):
    inner = l.image()
    for _ in range(depth):
        inner = l.index([inner, inner])
    l.finish([inner])


@case()
def indexes_doubled_24_times(l):
    """Every index lists its child twice: 2^24 paths to one image."""
    doubled(l, 24)


@case()
def indexes_doubled_40_times(l):
    """2^40 paths."""
    doubled(l, 40)


@case()
def one_child_15000_times(l):
    """An index that lists the same image 15,000 times."""
    image = l.image()
    l.finish([l.index([image] * 15000)])


@case()
def one_entry_15000_times(l):
    """An index.json that does."""
    l.finish([l.image()] * 15000)


@case(fsck=["error document-too-large"])
def one_child_100000_times(l):
    """More than a document may hold: read leniently."""
    image = l.image()
    l.finish([l.index([image] * 100000)])


@case(fsck=["warning manifest-absent-sparse"])
def index_of_20000_absent_children(l):
    """A sparse index with nothing in it."""
    l.finish([l.index([{"mediaType": MANIFEST, "digest": digest_of(b"%d" % n), "size": 7}
                       for n in range(20000)])])


@case(imports=REFUSED, fsck=["error document-invalid"])
def index_of_100000_wrong_entries(l):
    """100,000 problems in one document."""
    image = l.image()
    l.finish([l.blob(b'{"schemaVersion":2,"manifests":[' + b"{}," * 100000
                     + b'{"mediaType":"%s","digest":"%s","size":%d}]}'
                     % (MANIFEST.encode(), image["digest"].encode(), image["size"]), INDEX)])


@case()
def manifest_with_100000_annotations(l):
    """As many names in one object: no look-up may be quadratic."""
    l.finish([l.image(annotations={f"key{n}": "v" for n in range(100000)})])


@case(fsck=["error document-too-large"])
def document_of_a_million_zeros(l):
    """4 MiB that would become 64 bytes each in a tree."""
    image = l.image()
    text = b'{"schemaVersion":2,"manifests":[{"mediaType":"%s","digest":"%s","size":%d}],"x":[' % (
        MANIFEST.encode(), image["digest"].encode(), image["size"])
    l.finish([l.blob(text + b"0," * 1900000 + b"0]}", INDEX)])


@case()
def manifest_with_2000_layers(l):
    """Many layers in one manifest."""
    config, layers = l.parts(2000)
    l.finish([named(l.manifest(config, layers), "v1")])


@case(fsck=["warning index-duplicate-ref"])
def one_name_10000_times(l):
    """Many entries with one name."""
    l.finish([named(l.image(), "v1")] * 10000)


@case()
def lists_of_long_names(l):
    """Reference names and annotation keys of 100,000 bytes."""
    l.finish([named(l.image(annotations={"k" * 100000: "v"}), "n" * 100000)])

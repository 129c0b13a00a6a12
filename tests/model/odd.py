#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Odd but legal layouts, in random order imported, copied in as others do it, renamed,
removed and collected by the real program; after each step a walk that shares nothing with
ours says what must still be there, byte for byte.

    odd.py --program PROGRAM [--first SEED] [--count N]

Documents are of every kind that the specifications know and some that they do not: nested
indexes, sparse ones, the same blob as manifest and as layer, BuildKit's caches, schema 1,
artifacts, subjects, foreign layers, content in descriptors, sha512, no media types."""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "corpus"))
import layout  # noqa: E402

EDGES = {"manifests": "digest", "config": "digest", "layers": "digest", "blobs": "digest",
         "fsLayers": "blobSum", "subject": "digest"}
NAMES = ("v1", "v2", "latest")


class Wrong(Exception):
    pass


# ---- what must be there ----

def edges(data):
    """(digest, whether it is the subject) of each edge."""
    if not data.startswith(b"{"):
        return
    document = json.loads(data)
    for member, name in EDGES.items():
        value = document.get(member)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and isinstance(one.get(name), str) and ":" in one[name]:
                yield one[name], member == "subject"


def closure(roots, blobs, forgotten=()):
    """All that the roots reach, with the referrers of it; but not those that were listed
    once and are no more."""
    referrers = {}
    for digest, data in blobs.items():
        for child, is_subject in edges(data):
            if is_subject and digest not in forgotten:
                referrers.setdefault(child, []).append(digest)
    live, stack = set(), list(roots)
    while stack:
        digest = stack.pop()
        if digest in live:
            continue
        live.add(digest)
        stack += [child for child, _ in edges(blobs.get(digest, b""))]
        stack += referrers.get(digest, [])
    return live


def blobs_of(root):
    found = {}
    for base, _, files in os.walk(os.path.join(root, "blobs")):
        for name in files:
            digest = os.path.basename(base) + ":" + name
            with open(os.path.join(base, name), "rb") as file:
                found[digest] = file.read()
            if layout.digest_of(found[digest], os.path.basename(base)) != digest:
                raise Wrong("other bytes: " + digest)
    return found


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


# ---- layouts ----

class Maker:
    """One source after the other; later ones use what the earlier ones made."""

    def __init__(self, rng):
        self.rng, self.out, self.known, self.gone = rng, None, [], []

    def layer(self):
        kind = self.rng.randrange(8)
        text = b"layer %d" % self.rng.randrange(40)
        if kind == 0 and self.known:
            return self.again()
        if kind == 1:
            one = self.out.blob(text + b" of others", self.rng.choice(
                (layout.FOREIGN, layout.DOCKER_FOREIGN)))
            self.gone.append(one)
            return {**one, "urls": ["https://example.com/layer"]}
        if kind == 2:
            one = layout.embedded(text + b" inside", "application/vnd.example.part")
            self.gone.append(self.out.blob(text + b" inside"))
            return one
        if kind == 3:
            return self.out.blob(b'{"any":"json %d"}' % self.rng.randrange(9), "application/json")
        algorithm = "sha512" if kind == 4 else "sha256"
        return self.out.blob(text, self.rng.choice((layout.LAYER, layout.GZIP)),
                             algorithm=algorithm)

    def again(self):
        """A document of another source, with all that belongs to it."""
        one, blobs = self.rng.choice(self.known)
        for digest, data in blobs.items():
            self.out.blob(data, digest=digest)
        return dict(one)

    def write(self, members, media_type):
        data = json.dumps(members).encode()
        algorithm = "sha512" if self.rng.random() < 0.1 else "sha256"
        one = self.out.blob(data, media_type, algorithm=algorithm)
        here = blobs_of(self.out.root)
        whole = closure([one["digest"]], here, forgotten=here)
        self.known.append((one, {digest: here[digest] for digest in whole if digest in here}))
        return one

    def image(self, **members):
        layers = [self.layer() for _ in range(self.rng.randint(1, 3))]
        kind = self.rng.randrange(6)
        media_type = layout.DOCKER_MANIFEST if kind == 0 else layout.MANIFEST
        members = {"schemaVersion": 2, "mediaType": media_type, "layers": layers, **members}
        if kind == 1:
            del members["mediaType"]
        if kind == 2:
            members["artifactType"] = "application/vnd.example"
            members["config"] = {**self.out.blob(b"{}", layout.EMPTY), "data": "e30="}
        elif kind == 3:
            members["config"] = self.out.blob(b"no JSON", "application/vnd.example.config")
        else:
            archives = [one for one in layers if "tar" in one["mediaType"]]
            members["config"] = self.out.config([one["digest"] for one in archives])
        return self.write(members, media_type)

    def artifact(self, **members):
        return self.write({"mediaType": layout.ARTIFACT, "artifactType": "application/vnd.example",
                           "blobs": [self.layer()], **members}, layout.ARTIFACT)

    def index(self, depth=0, **members):
        makers = [self.image, self.artifact] + [lambda: self.index(depth + 1)] * (depth < 3)
        parts = [self.rng.choice(makers)() for _ in range(self.rng.randint(1, 3))]
        parts += parts[:1] * (self.rng.random() < 0.2)
        if self.rng.random() < 0.3:
            self.gone.append(self.rng.choice(parts))  # sparse
        media_type = self.rng.choice((layout.INDEX, layout.INDEX, layout.LIST))
        return self.write({"schemaVersion": 2, "mediaType": media_type, "manifests": parts,
                           **members}, media_type)

    def cache(self):
        """BuildKit lists layers under `manifests`."""
        return self.write({"schemaVersion": 2, "mediaType": layout.INDEX, "manifests": [
            self.out.blob(b"cached %d" % self.rng.randrange(9), layout.GZIP),
            self.out.blob(b"{}", "application/vnd.buildkit.cacheconfig.v0")]}, layout.INDEX)

    def schema1(self):
        layers = [self.out.blob(b"old %d" % n)["digest"] for n in range(2)]
        return self.write({"schemaVersion": 1, "name": "x", "tag": "y", "architecture": "amd64",
                           "fsLayers": [{"blobSum": one} for one in layers],
                           "history": [{"v1Compatibility": "{}"} for _ in layers]},
                          "application/vnd.docker.distribution.manifest.v1+json")

    def about(self, one):
        """A referrer, and sometimes one of it."""
        made = [self.rng.choice((self.image, self.artifact, self.index))(subject=one)]
        if self.rng.random() < 0.3:
            made.append(self.image(subject=made[0]))
        return made

    def entry(self, one):
        one = dict(one)
        if self.rng.random() < 0.7:
            one = layout.named(one, self.rng.choice(NAMES))
        if self.rng.random() < 0.2:
            one["platform"] = {"architecture": "amd64", "os": "linux"}
        return one

    def source(self, root):
        self.out, self.gone = layout.Layout(root), []
        entries = []
        for _ in range(self.rng.randint(1, 3)):
            one = self.rng.choice((self.index, self.image, self.image, self.artifact, self.cache,
                                   self.schema1))()
            entries.append(self.entry(one))
            entries += [self.entry(one)] * (self.rng.random() < 0.2)
            if self.rng.random() < 0.4:
                referrers = self.about(one)
                entries += [self.entry(two) for two in referrers] * (self.rng.random() < 0.4)
        self.out.finish(entries)
        needed = self.needed_whole(entries)
        for one in self.gone:
            path = self.out.path(self.out.blob_path(one))
            if one["digest"] not in needed and os.path.exists(path):
                os.unlink(path)

    def needed_whole(self, entries):
        """What may not be absent."""
        needed = {one["digest"] for one in entries}
        for data in blobs_of(self.out.root).values():
            if data.startswith(b"{"):
                document = json.loads(data)
                parts = document.get("layers", []) + document.get("blobs", [])
                needed |= {one["digest"] for one in parts
                           if isinstance(one, dict) and not {"urls", "data"} & one.keys()}
        return needed


# ---- what happens to them ----

class World:
    def __init__(self, program, seed, root):
        self.program, self.rng, self.root = program, random.Random(seed), root
        self.store = os.path.join(root, "store")
        self.log, self.listed_once, self.ever = [], set(), {}
        self.sources = []
        maker = Maker(self.rng)
        for n in range(self.rng.randint(1, 3)):
            self.sources.append(os.path.join(root, f"source{n}"))
            maker.source(self.sources[-1])
        self.run("init", self.store)

    def run(self, *arguments):
        command = [self.program, "--store", self.store, *arguments]
        done = subprocess.run(command, capture_output=True, check=False)
        self.log.append(" ".join(arguments))
        if done.returncode != 0:
            raise Wrong(f"{arguments[0]} ended with {done.returncode}: "
                        f"{done.stderr.decode()}{done.stdout.decode()[-2000:]}")

    def indexes(self):
        found = {}
        top = os.path.join(self.store, "layouts")
        for base, _, files in os.walk(top):
            if "index.json" in files:
                found[os.path.relpath(base, top)] = read_json(os.path.join(base, "index.json"))
        return found

    def roots(self):
        return {one["digest"] for index in self.indexes().values() for one in index["manifests"]}

    def some_entry(self):
        entries = [(name, one) for name, index in sorted(self.indexes().items())
                   for one in index["manifests"]]
        return self.rng.choice(entries) if entries else (None, None)

    def bring(self):
        source = self.rng.choice(self.sources)
        self.run("import", "--name", self.rng.choice("ab"), source)
        blobs = blobs_of(source)
        roots = [one["digest"] for one in read_json(source + "/index.json")["manifests"]]
        needed = closure(roots, blobs, self.listed_once)
        self.lacks({digest for digest in needed if digest in blobs}, "import left behind")

    def copy_in(self):
        """As skopeo does: blobs, then index.json."""
        source = self.rng.choice(self.sources)
        folder = os.path.join(self.store, "layouts", self.rng.choice("xy"))
        self.log.append(f"copy {source} to {folder}")
        shutil.copytree(source + "/blobs", self.store + "/blobs", dirs_exist_ok=True)
        os.makedirs(folder, exist_ok=True)
        for name in ("oci-layout", "index.json"):
            shutil.copy(os.path.join(source, name), folder)

    def copy_layout(self):
        name, _ = self.some_entry()
        target = os.path.join(self.store, "layouts", "copy")
        if name and not os.path.exists(target):
            self.log.append(f"cp {name}")
            shutil.copytree(os.path.join(self.store, "layouts", name), target)

    def drop_entry(self):
        """Another tool takes one out."""
        name, one = self.some_entry()
        if name:
            self.log.append(f"drop {one['digest']} of {name}")
            index = self.indexes()[name]
            index["manifests"].remove(one)
            with open(f"{self.store}/layouts/{name}/index.json", "w", encoding="utf-8") as file:
                json.dump(index, file)

    def remove(self):
        name, one = self.some_entry()
        if name:
            self.run("rm", name if self.rng.random() < 0.5 else f"{name}@{one['digest']}")

    def move(self):
        name, _ = self.some_entry()
        if name:
            self.run("mv", name, f"moved{len(self.log)}")

    def prune(self):
        if self.indexes():
            self.run("prune", "--keep-last", self.rng.choice("12"))

    def lose_graph(self):
        self.log.append("lose the graph")
        shutil.rmtree(self.store + "/.ocistore/graph", ignore_errors=True)
        self.listed_once = set()

    def collect(self):
        self.run("gc", "--grace", "0", "--max-delete", "100%", "--allow-empty")

    def collect_now(self):
        self.run("gc", "--now", "--max-delete", "100%", "--allow-empty")
        live = closure(self.roots(), self.ever)
        left = {digest for digest in blobs_of(self.store) if digest not in live}
        if left:
            raise Wrong(f"gc left {sorted(left)}")

    # ---- after each step ----

    def lacks(self, digests, what):
        lost = digests - blobs_of(self.store).keys()
        if lost:
            raise Wrong(f"{what}: {sorted(lost)}")

    def step(self, what):
        before = blobs_of(self.store)
        self.ever.update(before)
        self.listed_once |= self.roots()
        what()
        roots = self.roots()
        needed = closure(roots, before, self.listed_once - roots)
        self.lacks({digest for digest in needed if digest in before}, "lost")
        self.ever.update(blobs_of(self.store))

    def play(self):
        steps = [self.bring, self.bring, self.copy_in, self.copy_layout, self.drop_entry,
                 self.remove, self.remove, self.move, self.prune, self.lose_graph, self.collect,
                 self.collect_now]
        self.step(self.bring)
        for _ in range(self.rng.randint(2, 8)):
            self.step(self.rng.choice(steps))
        self.step(self.collect_now)
        self.run("fsck")


def wrong(program, seed):
    root = tempfile.mkdtemp(prefix="ocs-odd-")
    world = None
    try:
        world = World(program, seed, root)
        world.play()
        return None
    except Wrong as error:
        return f"seed {seed}: {error}\n  " + "\n  ".join(world.log if world else [])
    finally:
        shutil.rmtree(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    for seed in range(options.first, options.first + options.count):
        text = wrong(options.program, seed)
        if text:
            sys.exit(text)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Random stores, and a walk over one that shares nothing with ours but the files."""
import hashlib
import json
import os
import random
import subprocess
import sys

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REF = "org.opencontainers.image.ref.name"
LONG_AGO = 1600000000


def fail(text):
    print("FAILED: " + text, file=sys.stderr)
    sys.exit(1)


def check(holds, text):
    if not holds:
        fail(text)


# ---- the program ----

def run(store, *args, status=0):
    """The objects of a run with --json, the summary last."""
    command = [os.environ["OCISTORE_BIN"], "--store", store, "--json", *args]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != status:
        sys.stderr.write(done.stderr.decode("utf-8", "replace"))
        fail("%s ended with %d instead of %d" % (" ".join(args), done.returncode, status))
    return [json.loads(line) for line in done.stdout.splitlines()]


def of_type(objects, name):
    return [one for one in objects if one["type"] == name]


# ---- making one ----

class Maker:
    """Blobs in STORE/blobs and layouts in STORE/layouts, as other tools write them."""

    def __init__(self, store, rng):
        self.store, self.rng = store, rng
        os.makedirs(os.path.join(store, "blobs", "sha256"), exist_ok=True)

    def name(self, data, media_type):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def put(self, data, media_type):
        descriptor = self.name(data, media_type)
        path = blob_path(self.store, descriptor["digest"])
        with open(path, "wb") as out:
            out.write(data)
        os.utime(path, (LONG_AGO, LONG_AGO))
        return descriptor

    def document(self, members, media_type):
        members = dict(members, schemaVersion=2, mediaType=media_type)
        members["annotations"] = {"n": str(self.rng.random())}
        return self.put(json.dumps(members).encode(), media_type)

    def layout(self, name, entries):
        folder = os.path.join(self.store, "layouts", name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "oci-layout"), "w") as out:
            out.write('{"imageLayoutVersion":"1.0.0"}')
        with open(os.path.join(folder, "index.json"), "w") as out:
            json.dump({"schemaVersion": 2, "manifests": entries}, out)

    def saved(self, name, digests):
        paths = ["blobs/" + digest.replace(":", "/") for digest in digests]
        with open(os.path.join(self.store, "layouts", name, "manifest.json"), "w") as out:
            json.dump([{"Config": paths[0], "Layers": paths[1:]}], out)


def some(rng, things, least, most):
    return [rng.choice(things) for _ in range(rng.randint(least, most))] if things else []


def make_blobs(maker, rng):
    blobs = [maker.put(b"x" + rng.randbytes(rng.choice((0, 10, 3000, 9000))) + bytes([n]), LAYER)
             for n in range(rng.randint(3, 12))]
    absent = [maker.name(b"never here %d" % n, LAYER) for n in range(2)]
    return blobs, absent


def make_documents(maker, rng, blobs, absent):
    documents = []
    for _ in range(rng.randint(3, 14)):
        kind = rng.random()
        members = {}
        if documents and rng.random() < 0.35:
            members["subject"] = rng.choice(documents)
        if documents and kind < 0.35:
            members["manifests"] = some(rng, documents + blobs[:1], 0, 4)
            documents.append(maker.document(members, INDEX))
            continue
        config = json.dumps({"architecture": "amd64", "os": "linux", "n": rng.random()})
        members["config"] = maker.put(config.encode(), CONFIG)
        members["layers"] = some(rng, blobs + absent, 0, 5)
        documents.append(maker.document(members, MANIFEST))
    return documents


def entry(rng, document, n):
    if rng.random() < 0.3:
        return document
    return dict(document, annotations={REF: "t%d" % n})


def make(store, seed):
    """Init a store and fill it; the same seed makes the same store."""
    rng = random.Random(seed)
    run(store, "init")
    maker = Maker(store, rng)
    blobs, absent = make_blobs(maker, rng)
    documents = make_documents(maker, rng, blobs, absent)
    for n in range(rng.randint(1, 4)):
        listed = [entry(rng, document, k)
                  for k, document in enumerate(some(rng, documents, 0, 5))]
        maker.layout("l%d" % n, listed)
        if rng.random() < 0.2:
            maker.saved("l%d" % n, [one["digest"] for one in rng.sample(blobs, 2)])
    for n, blob in enumerate(blobs):
        if rng.random() < 0.15:
            os.link(blob_path(store, blob["digest"]), os.path.join(store, "link%d" % n))
    return maker


# ---- looking at one ----

def remove_some(store, rng, walk):
    """Let gc see what is listed, then take an image out; looked at afterwards."""
    run(store, "gc", "--dry-run")
    images = ["%s@%s" % (layout, digest)
              for layout, entries in walk.layouts.items() for _, digest in entries]
    if images:
        run(store, "rm", rng.choice(images))
    return Walk(store, walk.listed())


def blob_path(store, digest):
    return os.path.join(store, "blobs", *digest.split(":"))


def edges_of(data):
    """What a document names, each (role, digest) once."""
    if not data.startswith(b"{"):
        return []
    document = json.loads(data)
    found = [("manifest", one) for one in document.get("manifests") or []]
    found += [("layer", one) for one in document.get("layers") or []]
    found += [(role, document[role]) for role in ("config", "subject") if role in document]
    return list(dict.fromkeys((role, one["digest"]) for role, one in found))


class Walk:
    """Everything that stands in a store: files, edges, roots; and what stood in some
    index.json `once`, as a gc has seen it."""

    def __init__(self, store, once=()):
        self.store, self.once = store, set(once)
        self.stat, self.edges, self.layouts, self.saved = {}, {}, {}, {}
        folder = os.path.join(store, "blobs", "sha256")
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            self.stat["sha256:" + name] = os.stat(path)
            with open(path, "rb") as file:
                self.edges["sha256:" + name] = edges_of(file.read())
        self.read_layouts(os.path.join(store, "layouts"))

    def read_layouts(self, folder):
        for name in os.listdir(folder):
            with open(os.path.join(folder, name, "index.json")) as file:
                self.layouts[name] = [(one.get("annotations", {}).get(REF), one["digest"])
                                      for one in json.load(file)["manifests"]]
            path = os.path.join(folder, name, "manifest.json")
            if os.path.exists(path):
                with open(path) as file:
                    image = json.load(file)[0]
                paths = [image["Config"]] + image["Layers"]
                self.saved[name] = ["sha256:" + one.split("/")[-1] for one in paths]

    def listed(self):
        return {digest for entries in self.layouts.values() for _, digest in entries}

    def roots(self, without=lambda layout, ref, digest: False):
        """(layout, ref, digest, role) of every root."""
        found = [(layout, ref, digest, "manifest")
                 for layout, entries in self.layouts.items() for ref, digest in entries
                 if not without(layout, ref, digest)]
        return found + [(layout, None, digest, "saved")
                        for layout, digests in self.saved.items() for digest in digests
                        if not without(layout, None, None)]

    def steps(self, once=()):
        """digest -> (role, digest): what it names, and its referrers but those of `once`."""
        out = {digest: list(edges) for digest, edges in self.edges.items()}
        for digest, edges in self.edges.items():
            for role, child in edges:
                if role == "subject" and digest not in once:
                    out.setdefault(child, []).append(("referrer", digest))
        return out

    def reach(self, digests, once=()):
        steps = self.steps(once)
        found, left = set(), list(digests)
        while left:
            digest = left.pop()
            if digest not in found:
                found.add(digest)
                left += [child for _, child in steps.get(digest, [])]
        return found

    def live(self):
        return self.reach((root[2] for root in self.roots()), self.once | self.listed())

    def allocated(self, digests):
        return sum(self.stat[one].st_blocks * 512 for one in digests if one in self.stat)

    def freed(self, digests):
        """What unlinking them gives back."""
        return sum(self.stat[one].st_blocks * 512 for one in digests
                   if one in self.stat and self.stat[one].st_nlink == 1)

    def size(self, digests):
        return sum(self.stat[one].st_size for one in digests if one in self.stat)

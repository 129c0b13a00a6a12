# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""What the sweep runs, and what has to be true afterwards.

The checks read the store by themselves, so that fsck is checked as well."""

import hashlib
import json
import os
import shutil
import subprocess

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REF = "org.opencontainers.image.ref.name"


class Broken(Exception):
    pass


# ---- making layouts ----


def put_blob(blobs, data):
    hexdigest = hashlib.sha256(data).hexdigest()
    os.makedirs(os.path.join(blobs, "sha256"), exist_ok=True)
    with open(os.path.join(blobs, "sha256", hexdigest), "wb") as out:
        out.write(data)
    return "sha256:" + hexdigest


def put_document(blobs, media_type, members):
    data = json.dumps({"schemaVersion": 2, "mediaType": media_type, **members}).encode()
    return {"mediaType": media_type, "digest": put_blob(blobs, data), "size": len(data)}


def put_data(blobs, media_type, data):
    return {"mediaType": media_type, "digest": put_blob(blobs, data), "size": len(data)}


def make_image(blobs, name, layers, **members):
    config = json.dumps({"architecture": "amd64", "os": "linux", "author": name,
                         "rootfs": {"type": "layers", "diff_ids": [
                             "sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}})
    return put_document(blobs, MANIFEST, {
        "config": put_data(blobs, CONFIG, config.encode()),
        "layers": [put_data(blobs, LAYER, layer) for layer in layers], **members})


def make_layout(path, images):
    """images: tag -> list of layers (bytes); returns their descriptors."""
    blobs = os.path.join(path, "blobs")
    entries = []
    for tag, layers in images.items():
        entry = make_image(blobs, tag, layers)
        entry["annotations"] = {REF: tag}
        entries.append(entry)
    write(os.path.join(path, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}')
    write(os.path.join(path, "index.json"),
          json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))
    return [{key: value for key, value in entry.items() if key != "annotations"}
            for entry in entries]


def add_referrers(path, subject):
    """One that no index.json lists, and one of that."""
    blobs = os.path.join(path, "blobs")
    sbom = make_image(blobs, "sbom", [layer("s")], subject=subject)
    make_image(blobs, "signature", [layer("t")], subject=sbom)


def write(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def layer(name, size=3000):
    return (name.encode() + b"\n") * (size // (len(name) + 1))


# ---- reading a store ----


def layouts(store):
    for folder, folders, files in os.walk(os.path.join(store, "layouts")):
        folders.sort()
        if "index.json" in files:
            yield os.path.relpath(folder, os.path.join(store, "layouts")), folder
    if os.path.exists(os.path.join(store, "index.json")):
        yield ".", store


def entries_of(folder):
    try:
        with open(os.path.join(folder, "index.json"), encoding="utf-8") as index:
            return json.load(index)["manifests"] or []
    except (ValueError, KeyError, OSError) as error:
        raise Broken(f"{folder}/index.json: {error}") from None


def read_blob(store, descriptor):
    algorithm, hexdigest = descriptor["digest"].split(":")
    path = os.path.join(store, "blobs", algorithm, hexdigest)
    try:
        with open(path, "rb") as blob:
            data = blob.read()
    except OSError as error:
        raise Broken(f"{descriptor['digest']} is needed: {error.strerror}") from None
    if hashlib.new(algorithm, data).hexdigest() != hexdigest:
        raise Broken(f"{descriptor['digest']} has other bytes")
    return data


def check_whole(store, descriptor):
    data = read_blob(store, descriptor)
    if len(data) != descriptor["size"]:
        raise Broken(f"{descriptor['digest']} has another size")
    if descriptor["mediaType"] not in (INDEX, MANIFEST):
        return
    document = json.loads(data)
    children = document.get("manifests", []) + document.get("layers", [])
    for child in children + [document[k] for k in ("config",) if k in document]:
        check_whole(store, child)


def blobs(store):
    found = set()
    for folder, _, files in os.walk(os.path.join(store, "blobs")):
        found.update(os.path.relpath(os.path.join(folder, f), store) for f in files)
    return found


def check_blobs(store):
    for path in blobs(store):
        with open(os.path.join(store, path), "rb") as blob:
            if hashlib.sha256(blob.read()).hexdigest() != os.path.basename(path):
                raise Broken(f"{path} has other bytes")


def images(store):
    return {(name, entry.get("annotations", {}).get(REF), entry["digest"])
            for name, folder in layouts(store) for entry in entries_of(folder)}


# ---- scenarios ----


class Scenario:
    store = "store"
    repeatable = True
    status = 0  # of an undisturbed run
    gone = ()  # images that the command takes away
    excuse = None  # what it says when it leaves something undone and goes on
    meets_gc = False  # nothing of what it is about is garbage, before, within or afterwards
    open_to = {}  # kind of call: the part of the state that it may leave undone silently

    def __init__(self, program, steps):
        self.program, self.steps = program, steps

    def ocistore(self, place, *args, status=0):
        done = subprocess.run([self.program, *args], cwd=place, capture_output=True, text=True,
                              errors="replace", check=False, stdin=subprocess.DEVNULL)
        if done.returncode != status:
            raise Broken(f"{' '.join(args)}: status {done.returncode}: "
                         f"{(done.stdout + done.stderr).strip()[-500:]}")
        return done.stdout

    def path(self, place):
        return os.path.join(place, self.store)

    def state(self, place):
        """What an undisturbed run has to lead to, comparable."""
        store = self.path(place)
        try:
            return {"images": images(store), "blobs": blobs(store),
                    "store": {os.path.exists(os.path.join(store, ".ocistore", "store.json"))}}
        except Broken as broken:
            return {"broken": str(broken)}

    def difference(self, place, reference):
        now = self.state(place)
        return "; ".join(f"{key}: more {sorted(now.get(key, set()) - reference[key], key=str)}, "
                         f"less {sorted(reference[key] - now.get(key, set()), key=str)}"
                         for key in reference)

    def check(self, place, base):
        store = self.path(place)
        now = images(store)
        for image in images(self.path(base)):
            if image not in now and image[:2] not in self.gone:
                raise Broken(f"{image} is not listed any more")
        for _, folder in layouts(store):
            for entry in entries_of(folder):
                check_whole(store, entry)
        check_blobs(store)
        self.fsck(place)

    def fsck(self, place):
        if os.path.exists(os.path.join(self.path(place), ".ocistore", "store.json")):
            self.ocistore(place, "--store", self.store, "fsck")


class Io(Scenario):
    """The lowest modules by themselves."""

    repeatable = False

    def prepare(self, base):
        os.mkdir(os.path.join(base, "store"))

    @property
    def argv(self):
        return [self.steps, "store"]

    def state(self, place):
        return {"done": {"yes"} if os.path.isdir(
            os.path.join(place, "store", "quarantine")) else set()}

    def check(self, place, base):
        pass


class Init(Scenario):
    def prepare(self, base):
        pass

    @property
    def argv(self):
        return [self.program, "init", self.store]


class InitInPlace(Init):
    def prepare(self, base):
        make_layout(self.path(base), {"one": [layer("a"), layer("b")], "two": [layer("a")]})


class InStore(Scenario):
    """A store with two layouts; `args` is the command."""

    args = ()

    def prepare(self, base):
        make_layout(os.path.join(base, "kept"), {"one": [layer("a"), layer("b")]})
        make_layout(os.path.join(base, "other"), {"one": [layer("a"), layer("c")],
                                                  "two": [layer("d")]})
        self.ocistore(base, "init", self.store)
        self.command(base, "import", "kept", "other")

    def command(self, place, *args):
        return self.ocistore(place, "--store", self.store, *args)

    @property
    def argv(self):
        return [self.program, "--store", self.store, *self.args]

    def blob(self, place, data):
        return os.path.join(self.path(place), "blobs", "sha256", hashlib.sha256(data).hexdigest())

    def everywhere(self, place):
        """Digests in blobs/, in the trash and in the quarantine."""
        store = self.path(place)
        state = os.path.join(store, ".ocistore")
        names = [name for path in (os.path.join(store, "blobs"), os.path.join(state, "trash"),
                                   os.path.join(state, "quarantine"))
                 for _, _, files in os.walk(path) for name in files]
        return {name.split(".")[0] for name in names}

    conserves = True  # nothing is deleted

    def check(self, place, base):
        super().check(place, base)
        if self.conserves and not self.everywhere(base) <= self.everywhere(place):
            raise Broken(f"lost: {sorted(self.everywhere(base) - self.everywhere(place))}")


class Import(InStore):
    args = ("import", "-j1", "new", "more")
    meets_gc = True

    def prepare(self, base):
        super().prepare(base)
        new = os.path.join(base, "new")
        one, _ = make_layout(new, {"one": [layer("a"), layer("e", 200000)],
                                   "two": [layer("f"), layer("e", 200000)]})
        add_referrers(new, one)
        make_layout(os.path.join(base, "more"), {"three": [layer("e", 200000), layer("g")]})


class ImportWithoutGraph(Import):
    def prepare(self, base):
        super().prepare(base)
        shutil.rmtree(os.path.join(self.path(base), ".ocistore", "graph"))


class ImportOverDamage(Import):
    """The store has wrong bytes for a blob that the source has right."""

    def prepare(self, base):
        super().prepare(base)
        write(self.blob(base, layer("a")), "wrong".ljust(len(layer("a"))))

    def check(self, place, base):
        path = self.blob(place, layer("a"))
        if not os.path.exists(path):
            raise Broken("wrong bytes were taken away and nothing is in their place")
        with open(path, "rb") as blob:
            if blob.read() == layer("a"):
                super().check(place, base)


class ImportTrashed(Import):
    """A blob that a layout needs lies in the trash."""

    def prepare(self, base):
        super().prepare(base)
        trash_blob(self.path(base), self.blob(base, layer("a")))

    def check(self, place, base):
        if os.path.exists(self.blob(place, layer("a"))):
            super().check(place, base)
        elif not self.everywhere(base) <= self.everywhere(place):
            raise Broken("lost")


def trash_blob(store, path):
    folder = os.path.join(store, ".ocistore", "trash", "20240506T070809Z-0123abcd", "blobs",
                          "sha256")
    os.makedirs(folder, exist_ok=True)
    os.rename(path, os.path.join(folder, os.path.basename(path)))


class Remove(InStore):
    args = ("rm", "other:two", "kept")
    gone = (("other", "two"), ("kept", "one"))
    repeatable = False  # the second time there is no such image


class GcTrash(InStore):
    args = ("gc", "--grace", "0", "--max-delete", "100%")

    def prepare(self, base):
        super().prepare(base)
        self.command(base, "rm", "other:two", "kept")
        for name in ("x", "y", "z"):
            put_blob(os.path.join(self.path(base), "blobs"), layer(name))


class GcTemporary(GcTrash):
    """What killed tools left goes the same way."""

    # whether umoci still has its folder, the lock cannot tell then: it stays; and so does
    # what lies in a folder that may not be read
    open_to = {"lock": "left", "open": "left"}

    left = ("layouts/other/oci-put-blob1", "layouts/other/.umoci-2/blob-3",
            "layouts/other/ingest/" + "a" * 64 + "/data")

    def prepare(self, base):
        super().prepare(base)
        for path in self.left:
            path = os.path.join(self.path(base), path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write(path, "half a blob")

    def state(self, place):
        store = self.path(place)
        return {**super().state(place),
                "left": {path for path in self.left if os.path.exists(os.path.join(store, path))}}


class GcTrashWithoutGraph(GcTrash):
    def prepare(self, base):
        super().prepare(base)
        shutil.rmtree(os.path.join(self.path(base), ".ocistore", "graph"))


class GcNow(GcTrash):
    args = ("gc", "--now", "--max-delete", "100%")
    conserves = False


class GcPurge(GcTrash):
    args = ("gc", "--trash-for", "0")
    conserves = False

    def prepare(self, base):
        super().prepare(base)
        self.command(base, *GcTrash.args)


class GcHeal(ImportTrashed):
    args = ("gc",)
    meets_gc = False
    excuse = "stays in the trash: that copy cannot be read"


class Tag(InStore):
    args = ("tag", "kept:one", "new")
    meets_gc = True


class TagMoves(InStore):
    args = ("tag", "other:one", "two")
    gone = (("other", "two"),)


class Move(InStore):
    args = ("mv", "kept", "moved/there")
    meets_gc = True
    gone = (("kept", "one"),)
    repeatable = False

    def prepare(self, base):  # with something that rm took from it
        super().prepare(base)
        self.command(base, "tag", "kept:one", "two")
        self.command(base, "rm", "kept:two")

    def check(self, place, base):
        super().check(place, base)
        if not {("kept", "one"), ("moved/there", "one")} & {i[:2] for i in images(self.path(place))}:
            raise Broken("the image is neither under its old nor under its new name")


class Attach(InStore):
    """A layout outside that keeps its blobs in the store."""

    args = ("attach", "outside")

    def prepare(self, base):
        super().prepare(base)
        outside = os.path.join(base, "outside")
        make_layout(outside, {"one": [layer("a"), layer("o")]})
        shutil.copytree(os.path.join(outside, "blobs"), os.path.join(self.path(base), "blobs"),
                        dirs_exist_ok=True)
        shutil.rmtree(os.path.join(outside, "blobs"))

    def state(self, place):
        folder = os.path.join(self.path(place), ".ocistore", "roots")
        return {**super().state(place), "entries": {n for n in os.listdir(folder)
                                                    if n.endswith(".json")}}

    def check(self, place, base):
        super().check(place, base)
        for entry in entries_of(os.path.join(place, "outside")):
            check_whole(self.path(place), entry)


class Forget(Attach):
    """What it alone kept alive stays until a gc comes."""

    args = ("forget", "outside")
    repeatable = False  # the second time there is no such layout

    def prepare(self, base):
        super().prepare(base)
        self.command(base, *Attach.args)


class ForgetLost(Attach):
    """One entry of roots/ is lost, one is damaged.  Whatever is left of it half way,
    gc refuses until it is done."""

    args = ("forget", "--lost")

    def prepare(self, base):
        super().prepare(base)
        self.command(base, *Attach.args)
        folder = os.path.join(self.path(base), ".ocistore", "roots")
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as entry:
                owner = json.loads(entry.readline())["name"]
            if owner == "other":
                os.unlink(path)
            elif owner == "outside":
                write(path, "garbage")

    def fsck(self, place):
        try:
            super().fsck(place)
        except Broken as broken:
            if "forget --lost" not in str(broken):
                raise
            self.ocistore(place, "--store", self.store, "gc", "--now", status=4)


class Prune(InStore):
    args = ("prune", "--keep-last", "1")
    excuse = "is left alone"
    gone = (("other", "one"),)

    def prepare(self, base):
        super().prepare(base)
        for entry in entries_of(os.path.join(self.path(base), "layouts", "other")):
            if entry["annotations"][REF] == "one":
                path = os.path.join(self.path(base), "blobs", *entry["digest"].split(":"))
                os.utime(path, (1, 1))


class Fsck(InStore):
    args = ("fsck", "-j1")


class FsckRepair(InStore):
    """A blob has wrong bytes and lies whole in the trash, another is missing and lies
    there too, and an index.json is lost."""

    args = ("fsck", "-j1", "--repair")
    status = 1  # something was wrong, and is mended

    def prepare(self, base):
        super().prepare(base)
        self.command(base, "fsck")
        wrong = self.blob(base, layer("a"))
        trash_blob(self.path(base), wrong)
        write(wrong, "wrong".ljust(len(layer("a"))))
        trash_blob(self.path(base), self.blob(base, layer("d")))
        os.unlink(self.index(base))

    def index(self, place):
        return os.path.join(self.path(place), "layouts", "kept", "index.json")

    def is_mended(self, place):
        path = self.blob(place, layer("a"))
        if not all(map(os.path.exists, (path, self.blob(place, layer("d")), self.index(place)))):
            return False  # what is damaged goes first, then the good copy comes
        with open(path, "rb") as blob:
            return blob.read() == layer("a")

    def state(self, place):
        return super().state(place) if self.is_mended(place) else {"broken": "not mended"}

    def check(self, place, base):
        if not self.everywhere(base) <= self.everywhere(place):
            raise Broken("lost")
        for _, folder in layouts(self.path(place)) if self.is_mended(place) else ():
            for entry in entries_of(folder):
                check_whole(self.path(place), entry)


class FsckLostRoots(InStore):
    """All of roots/ is lost, and every layout is still there."""

    args = ("fsck", "-j1", "--repair")
    status = 1

    def prepare(self, base):
        super().prepare(base)
        shutil.rmtree(os.path.join(self.path(base), ".ocistore", "roots"))

    def state(self, place):
        state = os.path.join(self.path(place), ".ocistore")
        with open(os.path.join(state, "store.json"), encoding="utf-8") as marker:
            counted = marker.read()
        roots = os.path.join(state, "roots")
        entries = os.listdir(roots) if os.path.isdir(roots) else []
        return super().state(place) | {
            "counted": {counted}, "roots": {e for e in entries if e.endswith(".json")}}

    def fsck(self, place):
        if len(self.state(place)["roots"]) == 2:
            super().fsck(place)
        else:
            self.ocistore(place, "--store", self.store, "gc", "--now", status=4)


class Hold(InStore):
    args = ("hold", "--", "true")
    meets_gc = True


class Adopt(InStore):
    """A complete image that no layout lists."""

    def prepare(self, base):
        super().prepare(base)
        self.digest = make_image(os.path.join(self.path(base), "blobs"), "lost",
                                 [layer("a"), layer("lost")])["digest"]

    @property
    def args(self):
        return ("adopt", self.digest, "kept:lost")


class TrashRestore(InStore):
    args = ("trash", "restore", "other")
    repeatable = False  # there is nothing left to restore

    def everywhere(self, place):
        layouts_of_it = os.path.join(self.path(place), "layouts")
        return super().everywhere(place) | {name.split(".")[0] for _, _, files
                                            in os.walk(layouts_of_it) for name in files}

    def prepare(self, base):
        super().prepare(base)
        os.mkdir(os.path.join(self.path(base), "layouts", "other", "notes"))
        write(os.path.join(self.path(base), "layouts", "other", "notes", "README"), "of somebody")
        self.command(base, "rm", "other")
        self.command(base, *GcTrash.args)


class TrashRestoreLost(InStore):
    """Nobody took it by rm: its folder is gone.  It is there or not there."""

    args = ("trash", "restore", "other")
    repeatable = False
    gone = (("other", "one"), ("other", "two"))

    def prepare(self, base):
        super().prepare(base)
        shutil.rmtree(os.path.join(self.path(base), "layouts", "other"))

    def fsck(self, place):
        try:
            super().fsck(place)
        except Broken as broken:
            if "layout-missing" not in str(broken):
                raise
            self.ocistore(place, "--store", self.store, "gc", "--now", status=4)


class TrashEmpty(InStore):
    args = ("trash", "empty")
    conserves = False

    def prepare(self, base):
        super().prepare(base)
        self.command(base, "rm", "other")
        self.command(base, *GcTrash.args)


ALL = {
    "io": Io,
    "init": Init,
    "init-in-place": InitInPlace,
    "import": Import,
    "import-without-graph": ImportWithoutGraph,
    "import-over-damage": ImportOverDamage,
    "import-trashed": ImportTrashed,
    "rm": Remove,
    "gc-trash": GcTrash,
    "gc-trash-without-graph": GcTrashWithoutGraph,
    "gc-temporary": GcTemporary,
    "gc-now": GcNow,
    "gc-purge": GcPurge,
    "gc-heal": GcHeal,
    "tag": Tag,
    "tag-moves": TagMoves,
    "mv": Move,
    "attach": Attach,
    "forget": Forget,
    "forget-lost": ForgetLost,
    "fsck-lost-roots": FsckLostRoots,
    "prune": Prune,
    "hold": Hold,
    "fsck": Fsck,
    "fsck-repair": FsckRepair,
    "adopt": Adopt,
    "trash-restore": TrashRestore,
    "trash-restore-lost": TrashRestoreLost,
    "trash-empty": TrashEmpty,
}

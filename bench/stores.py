# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Layouts to measure with.  The same arguments make the same bytes."""
import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import struct
import subprocess
import threading
import zlib

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
NAME = "org.opencontainers.image.ref.name"
PROCESSES = len(os.sched_getaffinity(0))
IMAGES_AT_ONCE = 500
POOL_SIZE = 32 << 20
SMALL = 1 << 16
UNLINKERS = 16


def parallel(work, items, at_once=1):
    """What `work` gives for each of the items, in their order, from a process for each
    processor."""
    with concurrent.futures.ProcessPoolExecutor(
            PROCESSES, multiprocessing.get_context("fork")) as workers:
        return list(workers.map(work, items, chunksize=at_once))


class Blobs:
    """A folder of blobs; put() gives the digest and the size."""

    def __init__(self, layout, algorithm="sha256"):
        self.algorithm = algorithm
        self.folder = os.path.join(layout, "blobs", algorithm)
        os.makedirs(self.folder, exist_ok=True)

    def put(self, data):
        name = hashlib.new(self.algorithm, data).hexdigest()
        try:
            file = os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return f"{self.algorithm}:{name}", len(data)
        os.write(file, data)
        os.close(file)
        return f"{self.algorithm}:{name}", len(data)

    def stream(self, name, chunks):
        """A blob that is too large to be had in one piece; `name` is a file of nobody else's."""
        digest, size = hashlib.new(self.algorithm), 0
        path = os.path.join(self.folder, name)
        with open(path, "wb", buffering=0) as out:
            for chunk in chunks:
                digest.update(chunk)
                out.write(chunk)
                size += len(chunk)
        os.rename(path, os.path.join(self.folder, digest.hexdigest()))
        return f"{self.algorithm}:{digest.hexdigest()}", size


def descriptor(media, digest_and_size):
    return {"mediaType": media, "digest": digest_and_size[0], "size": digest_and_size[1]}


def put_image(blobs, tag, layers, diff_ids, media=LAYER):
    """The entry of an image for index.json."""
    config = {"architecture": "amd64", "os": "linux", "author": f"bench {tag}", "config": {},
              "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": descriptor(CONFIG, blobs.put(json.dumps(config).encode())),
                "layers": [descriptor(media, one) for one in layers]}
    entry = descriptor(MANIFEST, blobs.put(json.dumps(manifest).encode()))
    entry["annotations"] = {NAME: tag}
    return entry, manifest["config"]["digest"]


def write_layout(folder, entries):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "oci-layout"), "w", encoding="ascii") as out:
        out.write('{"imageLayoutVersion":"1.0.0"}')
    with open(os.path.join(folder, "index.json"), "w", encoding="ascii") as out:
        json.dump({"schemaVersion": 2, "manifests": entries}, out)


# ---- many small images ------------------------------------------------------

class Many:
    """Images of small layers that are drawn from a pool.  Each image has its share of
    the pool and draws the rest, so all of the pool is used when there are enough."""

    def __init__(self, folder, layouts, images, layers, pool, garbage, size=64, seed=1,
                 standalone=False):
        self.folder = folder
        self.layouts, self.images, self.layers = layouts, images, layers
        self.pool, self.garbage, self.size, self.seed = pool, garbage, size, seed
        self.standalone = standalone

    def layer(self, number):
        unit = b"layer %d\n" % number
        return (unit * (self.size // len(unit) + 1))[:self.size + number % 61]

    def numbers(self, image):
        rng = random.Random(f"{self.seed} {image}")
        share = min(self.layers, max(1, self.pool // self.images))
        numbers = {(image * share + i) % self.pool for i in range(share)}
        while len(numbers) < min(self.layers, self.pool):
            numbers.add(rng.randrange(self.pool))
        return sorted(numbers)

    def layout_folder(self, which):
        return os.path.join(self.folder, "layouts", f"l{which}")

    def blobs(self, which):
        return Blobs(self.layout_folder(which) if self.standalone else self.folder)

    def put_images(self, task):
        """Some images of one layout: (layout, entries, digests of their documents)."""
        which, numbers = task
        blobs, entries, documents = self.blobs(which), [], []
        for number in numbers:
            data = [self.layer(n) for n in self.numbers(number)]
            layers = [blobs.put(one) for one in data] if self.standalone else [
                ("sha256:" + hashlib.sha256(one).hexdigest(), len(one)) for one in data]
            entry, config = put_image(blobs, f"v{number}", layers, [d for d, _ in layers])
            entries.append(entry)
            documents += [entry["digest"], config]
        return which, entries, documents

    def put_layers(self, numbers):
        blobs = self.blobs(0)
        for number in numbers:
            blobs.put(self.layer(number))

    def tasks(self):
        for which in range(self.layouts):
            numbers = range(which, self.images, self.layouts)
            for first in range(0, len(numbers), IMAGES_AT_ONCE):
                yield which, numbers[first:first + IMAGES_AT_ONCE]

    def make(self):
        """Returns the digests of all documents."""
        entries, documents = [[] for _ in range(self.layouts)], []
        first = -self.garbage
        last = 0 if self.standalone else self.pool
        parallel(self.put_layers, [range(first + i, last, PROCESSES * 8)
                                   for i in range(PROCESSES * 8)])
        for which, some, names in parallel(self.put_images, self.tasks()):
            entries[which] += some
            documents += names
        for which, some in enumerate(entries):
            write_layout(self.layout_folder(which), some)
        return documents


def many_of(folder, blobs, layouts, standalone=False):
    """`blobs` in all: a fifth manifests, a fifth configs, two fifths layers, a fifth garbage."""
    images = max(1, blobs // 5)
    return Many(folder, layouts=layouts, images=images, layers=min(8, 2 * images),
                pool=2 * images, garbage=blobs - 4 * images, standalone=standalone)


# ---- blobs of given sizes ---------------------------------------------------

def pool_of_bytes():
    """Random bytes, the same always: blobs are cut from them, each with a head of its own."""
    seed = random.Random(1).randbytes(1 << 20)
    return b"".join(hashlib.shake_128(seed[i:i + 4096]).digest(1 << 20)
                    for i in range(0, POOL_SIZE >> 8, 4096))[:POOL_SIZE]


POOL = b""


def pieces(number, size):
    """The bytes of blob `number`, in pieces."""
    head = struct.pack(">QQ", number, size)[:size]
    yield head
    left, pool = size - len(head), memoryview(POOL)
    at = number * 7919 % len(pool)
    while left:
        piece = pool[at:at + min(left, 1 << 20)]
        yield piece
        left -= len(piece)
        at = (at + len(piece)) % len(pool)


def stored_gzip(chunks, plain):
    """gzip without compression, which costs nothing to make; `plain` learns the bytes inside."""
    packer = zlib.compressobj(0, zlib.DEFLATED, 31)
    for chunk in chunks:
        plain.update(chunk)
        yield packer.compress(chunk)
    yield packer.flush()


class Sized:
    """Blobs of given sizes as layers of images, in one layout."""

    def __init__(self, folder, sizes, layers, algorithm="sha256", gzip=False):
        self.folder, self.sizes, self.layers = folder, sizes, layers
        self.algorithm, self.gzip = algorithm, gzip

    def put_one(self, number, size):
        """(digest, size, diff_id)"""
        blobs = Blobs(self.folder, self.algorithm)
        if size < SMALL and not self.gzip:
            digest, size = blobs.put(b"".join(pieces(number, size)))
            return digest, size, digest
        plain = hashlib.new(self.algorithm)
        chunks = stored_gzip(pieces(number, size), plain) if self.gzip else pieces(number, size)
        digest, size = blobs.stream(f".{number}", chunks)
        return digest, size, f"{self.algorithm}:{plain.hexdigest()}" if self.gzip else digest

    def put(self, number):
        return self.put_one(number, self.sizes[number])

    def list(self, done, at_once):
        """Makes the images of the layers."""
        blobs, entries = Blobs(self.folder, self.algorithm), []
        media = LAYER + "+gzip" if self.gzip else LAYER
        for first in range(0, len(done), at_once):
            some = done[first:first + at_once]
            entry, _ = put_image(blobs, f"v{first}", [(d, s) for d, s, _ in some],
                                 [plain for _, _, plain in some], media)
            entries.append(entry)
        write_layout(self.folder, entries)

    def make(self):
        order = sorted(range(len(self.sizes)), key=lambda i: -self.sizes[i])
        done = parallel(self.put, order, max(1, len(order) // 1000))
        self.list([one for _, one in sorted(zip(order, done))], self.layers)


def load_pool():
    """Before anything of given sizes is made; the workers get it by fork."""
    global POOL
    POOL = POOL or pool_of_bytes()


def mixed_sizes(total, seed=1):
    """Sizes of layers as they are met: KB to hundreds of MB, most of the bytes in few
    blobs, none above a tenth of all."""
    rng, sizes, left = random.Random(seed), [], total
    while left > 0:
        size = min(int(rng.lognormvariate(14.0, 2.2)) + 200, total // 10, left)
        sizes.append(size)
        left -= size
    return sizes


def small_sizes(count, seed=1):
    rng = random.Random(seed)
    return [rng.randrange(1024, 4097) for _ in range(count)]


# ---- real files in gzip layers ----------------------------------------------

def walk_files(folders):
    """Paths and sizes of the ordinary files."""
    for folder in folders:
        for where, inside, names in os.walk(folder):
            inside.sort()
            for path in (os.path.join(where, name) for name in sorted(names)):
                if os.path.isfile(path) and not os.path.islink(path):
                    yield path, os.path.getsize(path)


def system_files(total, folders=("/usr/bin", "/usr/lib", "/usr/share")):
    """Files of this system with `total` bytes together, drawn from many more."""
    found, some, enough = [], [], 4 * total
    for path, size in walk_files(folders):
        found.append((path, size))
        enough -= size
        if enough < 0:
            break
    random.Random(1).shuffle(found)
    for path, size in found:
        if total <= 0:
            break
        some.append(path)
        total -= size
    return some


class Deep:
    """Real files of this system in gzip layers, each layer with more of them than the
    one before, and with the diff_ids that they have."""

    def __init__(self, folder, total, layers):
        self.folder, self.total, self.layers = folder, total, layers

    def shares(self):
        files = system_files(self.total)
        ends = [len(files) * n * n // self.layers ** 2 for n in range(self.layers + 1)]
        return [(number, files[first:end])
                for number, (first, end) in enumerate(zip(ends, ends[1:]))]

    def put(self, share):
        """(digest, size, diff_id)"""
        number, files = share
        archive = os.path.join(self.folder, f"{number}.tar")
        subprocess.run(["tar", "-cPf", archive, "--null", "-T", "-"], check=True,
                       input=b"".join(os.fsencode(one) + b"\0" for one in files))
        with open(archive, "rb") as file:
            plain = hashlib.file_digest(file, "sha256").hexdigest()
        packed = subprocess.run(["pigz", "-p1", "-nc", archive], stdout=subprocess.PIPE, check=True)
        os.unlink(archive)
        digest, size = Blobs(self.folder).stream(f".{number}", [packed.stdout])
        return digest, size, f"sha256:{plain}"

    def make(self):
        blobs = Blobs(self.folder)
        done = parallel(self.put, self.shares()[::-1])
        entry, _ = put_image(blobs, "v0", [(d, s) for d, s, _ in done], [p for _, _, p in done],
                             LAYER + "+gzip")
        write_layout(self.folder, [entry])


# ---- layouts over common bases ----------------------------------------------

class Shared:
    """Layouts with blobs of their own, as skopeo leaves them: one image each, with
    the layers of one of some bases and two more."""

    def __init__(self, folder, layouts, bases, base_size, own_size):
        self.folder, self.layouts, self.bases = folder, layouts, bases
        self.base_size, self.own_size = base_size, own_size

    def put(self, which):
        parts = 4
        base, own = self.base_size // parts, self.own_size // 2
        numbers = [which % self.bases * parts + i for i in range(parts)]
        numbers += [self.bases * parts + 2 * which + i for i in range(2)]
        layers = Sized(os.path.join(self.folder, f"l{which}"), [], 0, gzip=True)
        done = [layers.put_one(number, size)
                for number, size in zip(numbers, [base] * parts + [own] * 2)]
        layers.list(done, len(done))

    def make(self):
        parallel(self.put, range(self.layouts))


# ---- trash ------------------------------------------------------------------

class Trash:
    """What a run of gc took away: blobs of 64 bytes and more, in `folder`."""

    def __init__(self, folder, count):
        self.folder, self.count = folder, count

    def put(self, numbers):
        blobs = Blobs(self.folder)
        for number in numbers:
            blobs.put(b"trash %d\n" % number * (8 + number % 5))

    def make(self):
        parallel(self.put, [range(i, self.count, PROCESSES) for i in range(PROCESSES)])


# ---- away with it -----------------------------------------------------------

def unlink_some(paths):
    for path in paths:
        os.unlink(path)


def remove(folder):
    """rm -r by several threads: unlinking waits more than it computes."""
    files = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]
    if len(files) > 1000:
        threads = [threading.Thread(target=unlink_some, args=(files[i::UNLINKERS],))
                   for i in range(UNLINKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    shutil.rmtree(folder, ignore_errors=True)

# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""What is compared with what.

A case is a list of contenders that do the same work in the same round, and the rows
that it gives in the table.  Commands are for sh; {program} is ocistore ({without_isal}
as well, built without ISA-L), {data} the folder of the case's data, {fresh} a folder
that is made for the one run.
"""
import os

import stores

GB = 10 ** 9
BLOBS = "find {data}/blobs -type f -print0 | xargs -0"
LARGEST_FIRST = ("find {data}/blobs -type f -printf '%s %p\\0' | sort -znr | cut -zd' ' -f2- |"
                 " xargs -0")
OPENSSL = "openssl dgst -sha256"
SKOPEO = "skopeo --insecure-policy copy --quiet"


class Contender:
    """The program must know the variables of `env`."""

    def __init__(self, command, env=None, prepare=None, verify=None, keep=False):
        self.command, self.env = command, env or {}
        self.prepare, self.verify = prepare, verify
        self.keep = keep    # its fresh folder until the end: it has many files


class Row:
    """The time of `peer` divided by that of `ours`, two contenders."""

    def __init__(self, work, against, ours, peer, gate=None, stretch=None, caveat="", needs=b""):
        self.work, self.against = work, against
        self.ours, self.peer = ours, peer
        self.gate, self.stretch = gate, stretch
        self.caveat = caveat
        self.needs = needs    # bytes in the program, else the row means nothing


class Case:
    def __init__(self, name, data, contenders, rows, cold=False, seconds=60):
        self.name, self.data = name, data
        self.contenders, self.rows = contenders, rows
        self.cold, self.seconds = cold, seconds    # at most, for all rounds


# ---- data -------------------------------------------------------------------

def mixed(bench, folder):
    stores.Sized(folder, stores.mixed_sizes(bench.scaled(4 * GB)), layers=8).make()


def small(bench, folder):
    stores.Sized(folder, stores.small_sizes(bench.scaled(200_000)), layers=100).make()


def sha512(bench, folder):
    sizes = stores.mixed_sizes(bench.scaled(GB), seed=2)
    stores.Sized(folder, sizes, layers=8, algorithm="sha512").make()


def dominated(bench, folder):
    total = bench.scaled(GB)
    sizes = [total * 9 // 10] + stores.mixed_sizes(total // 10, seed=3)
    stores.Sized(folder, sizes, layers=8).make()


def deep(bench, folder):
    os.makedirs(folder)
    stores.Deep(folder, bench.scaled(600_000_000), layers=16).make()


def image(bench, folder):
    total = bench.scaled(2 * GB)
    sizes = [total * n // 435 for n in range(1, 30)]    # 1 + 2 + ... + 29 = 435
    stores.Sized(folder, sizes, layers=29, gzip=True).make()


def shared(bench, folder):
    stores.Shared(folder, layouts=14, bases=3, base_size=bench.scaled(90_000_000),
                  own_size=bench.scaled(30_000_000)).make()


def garbage(bench, folder):
    made = os.path.join(folder, "made")
    stores.many_of(made, bench.scaled(100_000), layouts=1, standalone=False).make()
    for name in ("oci-layout", "index.json"):
        os.rename(os.path.join(made, "layouts/l0", name), os.path.join(folder, name))
    os.rename(os.path.join(made, "blobs"), os.path.join(folder, "blobs"))


def nothing(_bench, folder):
    os.makedirs(folder)


# How each is made; which become stores in place; which have many files.
DATA = {
    "mixed": mixed, "small": small, "sha512": sha512, "dominated": dominated, "deep": deep,
    "image": image, "shared": shared, "garbage": garbage, "nothing": nothing,
}
IN_PLACE = ("mixed", "small", "sha512", "dominated", "deep", "garbage")
MANY_FILES = ("small", "garbage", "nothing")
# Bytes on the disk at scale 1, with what the runs make.
NEEDED = {"mixed": 4.3 * GB, "small": 0.9 * GB, "sha512": 1.1 * GB, "dominated": 1.1 * GB,
          "deep": 1.2 * GB, "image": 5 * GB, "shared": 4 * GB, "garbage": 8 * GB,
          "nothing": 3 * GB}


# ---- preparations and verdicts ----------------------------------------------

def checked_all(bench, run):
    """fsck looked at every blob that is there, and found nothing."""
    summary = run.summary()
    there = sum(1 for _ in bench.blobs(run.data))
    if summary["blobs_checked"] != there or summary["errors"] or summary["fatal"]:
        raise bench.Failed(f"fsck checked {summary['blobs_checked']} of {there} blobs")


def same_blobs(bench, run, folder):
    """Every blob of the data is in `folder` of the run, whole."""
    have = bench.sizes(run.fresh + folder + "/blobs")
    for name, size in bench.sizes(run.data).items():
        if len(name) == 64 and have.get(name) != size:
            raise bench.Failed(f"{name} did not arrive")


def arrived(folder):
    return lambda bench, run: same_blobs(bench, run, folder)


def new_store(bench, run):
    bench.do(f"{bench.program} init -q {run.fresh}")


def folder_of_layouts(_bench, run):
    os.makedirs(f"{run.fresh}/layouts")


def copy_of_layout(bench, run):
    bench.do(f"cp -r {run.data}/blobs {run.data}/oci-layout {run.data}/index.json {run.fresh}/")


def known_copy(bench, run):
    """A store whose graph knows every blob."""
    copy_of_layout(bench, run)
    new_store(bench, run)
    bench.do(f"{bench.program} --store {run.fresh} gc --dry-run -q")


def known_store(bench, run):
    if run.first:
        bench.do(f"{bench.program} --store {run.data} gc --dry-run -q")


def only_live(bench, run):
    """The garbage is gone, and nothing else: a fifth is garbage."""
    before, after = (sum(1 for _ in bench.blobs(f)) for f in (run.data, run.fresh))
    if after != before - before // 5:
        raise bench.Failed(f"{after} of {before} blobs are left")


def trash(bench, run):
    stores.Trash(run.fresh, bench.scaled(200_000)).make()


def trash_of_store(bench, run):
    new_store(bench, run)
    where = f"{run.fresh}/.ocistore/trash/20240101T000000Z-00000000"
    stores.Trash(where, bench.scaled(200_000)).make()


def all_gone(bench, run):
    left = sum(1 for _ in bench.blobs(run.fresh))
    left += sum(1 for _ in bench.blobs(f"{run.fresh}/.ocistore/trash/20240101T000000Z-00000000"))
    if left:
        raise bench.Failed(f"{left} files are left")


def fsck(arguments="", program="{program}", **more):
    command = f"exec {program} --store {{data}} --json fsck {arguments}".rstrip()
    return Contender(command, verify=checked_all, **more)


# ---- the cases --------------------------------------------------------------

ONE_LANE = {"OCISTORE_LANES": "1"}
IGZIP = b"isal_inflate"

CASES = [
    Case("fsck-mixed", "mixed", {
        "fsck": fsck(), "one lane": fsck(env=ONE_LANE),
        "openssl": Contender(BLOBS + " -P2 -n64 " + OPENSSL),
        "sha256sum": Contender(BLOBS + " -P2 -n64 sha256sum"),
    }, [
        Row("fsck, 4 GB mixed, warm", "`xargs -P2 -n64 openssl dgst -sha256`",
            "fsck", "openssl", 2.1, 2.4),
        Row("fsck, 4 GB mixed, warm", "`xargs -P2 -n64 sha256sum`", "fsck", "sha256sum", 7, 9.5),
        Row("fsck, 4 GB mixed, warm", "own single lane, libcrypto", "fsck", "one lane", 1.7, 2),
    ], seconds=130),
    Case("fsck-small", "small", {
        "fsck": fsck(), "openssl": Contender(BLOBS + " -P2 -n1000 " + OPENSSL),
    }, [
        Row("fsck, 200,000 blobs of 1-4 KB, warm", "`xargs -P2 -n1000 openssl`",
            "fsck", "openssl", 2.2, 2.8),
    ], seconds=50),
    Case("fsck-cold", "mixed", {
        "fsck": fsck(), "cat": Contender(LARGEST_FIRST + " -P4 -n1 cat >/dev/null"),
    }, [
        Row("fsck, 4 GB mixed, cold", "reading by 4 `cat`, largest first",
            "fsck", "cat", 0.9, 1.0),
    ], cold=True, seconds=90),
    Case("fsck-cold-small", "small", {
        "fsck": fsck(), "openssl": Contender(BLOBS + " -P8 -n1000 " + OPENSSL),
    }, [
        Row("fsck, 200,000 blobs of 1-4 KB, cold", "`xargs -P8 -n1000 openssl`",
            "fsck", "openssl", 1.5, 2.2),
    ], cold=True, seconds=110),
    Case("fsck-sha512", "sha512", {
        "fsck": fsck(), "one lane": fsck(env=ONE_LANE),
        "openssl": Contender(BLOBS + " -P2 -n64 openssl dgst -sha512"),
    }, [
        Row("fsck, 1 GB SHA-512, warm", "own single lane, libcrypto", "fsck", "one lane", 2, 3),
        Row("fsck, 1 GB SHA-512, warm", "`xargs -P2 -n64 openssl dgst -sha512`",
            "fsck", "openssl"),
    ], seconds=40),
    Case("fsck-dominated", "dominated", {
        "fsck": fsck(), "openssl": Contender(BLOBS + " -P2 -n1 " + OPENSSL),
    }, [
        Row("fsck, one blob has 9/10 of 1 GB, warm", "`xargs -P2 -n1 openssl`",
            "fsck", "openssl", caveat="one stream: its latency is the limit"),
    ], seconds=25),
    Case("fsck-deep", "deep", {
        "deep": fsck("--deep"), "deep, zlib": fsck("--deep", program="{without_isal}"),
        "gzip": Contender(f"{LARGEST_FIRST} -P2 -n1 sh -c 'gzip -dcf \"$0\" | {OPENSSL}'"),
        "pigz": Contender(f"{LARGEST_FIRST} -P1 -n1 sh -c 'pigz -dcf \"$0\" | {OPENSSL}'"),
    }, [
        Row("fsck --deep, gzip layers, igzip", "two `gzip -dc \\| openssl dgst` at once",
            "deep", "gzip", 2.8, 3.4, needs=IGZIP),
        Row("fsck --deep, gzip layers, zlib", "two `gzip -dc \\| openssl dgst` at once",
            "deep, zlib", "gzip", 1.6, 1.8),
        Row("fsck --deep, gzip layers", "`pigz -dc \\| openssl dgst`, one after another",
            "deep", "pigz"),
    ], seconds=70),
    Case("import-image", "image", {
        "import": Contender("exec {program} --store {fresh} -q import --name image {data}",
                            prepare=new_store, verify=arrived("")),
        "skopeo": Contender(SKOPEO + " oci:{data}:v0 oci:{fresh}/image:v0",
                            verify=arrived("/image")),
        "cp": Contender("cp -r {data} {fresh}/image && sync -f {fresh}/image &&"
                        " find {fresh}/image/blobs -type f -print0 | xargs -0 -P2 -n1 " + OPENSSL,
                        verify=arrived("/image")),
    }, [
        Row("import of one image, 2 GB in 29 layers", "`skopeo copy oci: oci:`",
            "import", "skopeo", 4, 9, caveat="skopeo does not flush the folders"),
        Row("import of one image, 2 GB in 29 layers",
            "`cp -r`, `sync -f`, `xargs -P2 openssl`", "import", "cp", 1.4, 1.8),
    ], seconds=170),
    Case("import-shared", "shared", {
        "import": Contender("exec {program} --store {fresh} -q import {data}/l*",
                            prepare=new_store, verify=arrived("")),
        "skopeo": Contender("for l in {data}/l*; do " + SKOPEO +
                            " --dest-shared-blob-dir {fresh}/blobs oci:$l:v0"
                            " oci:{fresh}/layouts/${{l##*/}}:v0 || exit; done",
                            prepare=folder_of_layouts, verify=arrived("")),
    }, [
        Row("import of 14 layouts over 3 bases", "a loop of `skopeo --dest-shared-blob-dir`",
            "import", "skopeo", 2, 3, caveat="skopeo does not flush the folders"),
    ], seconds=80),
    Case("gc", "garbage", {
        "plan": Contender("exec {program} --store {data} gc --dry-run --grace 0",
                          prepare=known_store),
        "gc": Contender("exec {program} --store {fresh} -q gc --now", prepare=known_copy,
                        verify=only_live, keep=True),
        "umoci": Contender("exec umoci gc --layout {fresh}", prepare=copy_of_layout,
                           verify=only_live, keep=True),
    }, [
        Row("gc plan, 100,000 blobs, graph known", "`umoci gc` on a copy",
            "plan", "umoci", 25, 100, caveat="umoci deletes as well"),
        Row("whole gc, 100,000 blobs, 20 % garbage", "`umoci gc` on a copy", "gc", "umoci", 3, 5),
    ], seconds=240),
    Case("purge", "nothing", {
        "purge": Contender("exec {program} --store {fresh} -q trash empty",
                           prepare=trash_of_store, verify=all_gone, keep=True),
        "find": Contender("exec find {fresh}/blobs -type f -delete", prepare=trash,
                          verify=all_gone, keep=True),
    }, [
        Row("purging 200,000 files", "`find -delete`", "purge", "find", 2, 3),
    ], seconds=320),
]

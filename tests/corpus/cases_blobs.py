# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""The files in blobs/, and the digests that name them."""

import json
import os
import socket

from corpus import REFUSED, case
from layout import CONFIG, GZIP, INDEX, LAYER, MANIFEST, digest_of, named, tar

DAMAGED = {"imports": REFUSED}


def make_socket(path):
    """The name of a socket is at most 108 bytes long: it is reached through the folder."""
    folder = os.open(os.path.dirname(path), os.O_PATH)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
    os.close(folder)


# ---- digests ----

def bad_digest(l, digest):
    """A manifest whose second layer is named by `digest`."""
    config, layers = l.parts()
    broken = {"mediaType": GZIP, "digest": digest, "size": 9}
    manifest = l.manifest(config, [*layers, broken])
    l.finish([named(manifest, "v1")])
    return manifest


BAD_DIGEST = {"imports": REFUSED, "fsck": ["error document-invalid"], "says": ["layers[2].digest"]}


@case(**BAD_DIGEST)
def digest_that_leaves_the_folder(l):
    """CVE-2024-3727: a digest as a path."""
    l.write("secret", b"secret")
    bad_digest(l, "sha256:../../secret")


@case(**BAD_DIGEST)
def digest_with_a_path_as_algorithm(l):
    """The algorithm as a path."""
    bad_digest(l, "../x:abc")


@case(**BAD_DIGEST)
def digest_in_upper_case(l):
    """Upper-case hexadecimal digits."""
    bad_digest(l, "sha256:" + "A" * 64)


@case(**BAD_DIGEST)
def digest_too_short(l):
    """63 digits."""
    bad_digest(l, "sha256:" + "a" * 63)


@case(**BAD_DIGEST)
def digest_with_nul(l):
    """A NUL after a digest that is there: C sees another string than Go."""
    layer, _ = l.layer()
    bad_digest(l, layer["digest"] + "\0x")
    # nobody can follow it: neither can we, so the layer is garbage
    l.dead.append(l.blob_path(layer))


@case(**BAD_DIGEST)
def digest_with_newline(l):
    """A newline at the end: a pattern with $ would accept it."""
    layer, _ = l.layer()
    bad_digest(l, layer["digest"] + "\n")
    l.dead.append(l.blob_path(layer))


@case(**BAD_DIGEST)
def digest_empty(l):
    """An empty string."""
    bad_digest(l, "")


@case(imports=REFUSED, gc=REFUSED, fsck=["error document-invalid"], says=["manifests[0].digest"])
def digest_of_an_entry_leaves_the_folder(l):
    """The same in index.json."""
    l.write("secret", b"{}")
    l.finish([{"mediaType": MANIFEST, "digest": "sha256:../../secret", "size": 2}, l.image()])


@case(fsck=["warning blob-algorithm-unknown"], complete=False)
def digest_of_an_unknown_algorithm(l):
    """Kept with its edges, never swept, cannot be verified."""
    config, layers = l.parts()
    strange = l.blob(b"x", "application/vnd.acme", digest="multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv")
    l.blob(b"unreferenced, but who knows", digest="multihash+base58:QmZZ")
    l.finish([named(l.manifest(config, [*layers, strange], artifactType="x/y"), "v1")])


@case(fsck=["warning blob-algorithm-unknown"])
def digest_of_a_registered_algorithm_that_we_lack(l):
    """blake3 is registered; its length is checked, its bytes cannot be."""
    image = l.image()
    l.finish([named(l.index([image, l.blob(b"x", digest="blake3:" + "a" * 64)]), "v1")])


@case(fsck=["warning blob-algorithm-unknown"])
def documents_of_an_unknown_algorithm_have_edges(l):
    """A manifest that cannot be verified keeps its children, and may form a circle."""
    image = l.image()
    name = "circle:abc"
    l.finish([l.json({"schemaVersion": 2, "manifests": [
        image, {"mediaType": INDEX, "digest": name, "size": 0}]}, INDEX, digest=name)])
    size = os.path.getsize(l.path("blobs/circle/abc"))
    with open(l.path("index.json"), encoding="utf-8") as file:
        text = file.read()
    # the size that it says of itself has as many digits as it needs
    data = json.dumps({"schemaVersion": 2, "manifests": [
        image, {"mediaType": INDEX, "digest": name, "size": size + 2}]}).encode()
    l.write("blobs/circle/abc", data)
    l.write("index.json", text.replace(f'"size": {size}', f'"size": {len(data)}').encode())


@case()
def image_of_sha512(l):
    """Every blob under sha512."""
    layer = tar("x")
    blob = l.blob(layer, LAYER, algorithm="sha512")
    config = l.json({"architecture": "a", "os": "o", "rootfs": {
        "type": "layers", "diff_ids": [digest_of(layer)]}}, CONFIG, algorithm="sha512")
    l.finish([named(l.json({"schemaVersion": 2, "config": config, "layers": [blob]}, MANIFEST,
                           algorithm="sha512"), "v1")])


@case()
def same_content_under_two_algorithms(l):
    """sha256 and sha512 of one layer are two blobs."""
    layer = tar("x")
    both = [l.blob(layer, LAYER), l.blob(layer, LAYER, algorithm="sha512")]
    l.finish([l.manifest(l.config([digest_of(layer)] * 2), both)])


# ---- damage ----

@case(fsck=["error blob-digest-mismatch"], **DAMAGED)
def layer_with_one_bit_flipped(l):
    """The right size, other bytes: gc does not hash layers, nothing is lost."""
    config, layers = l.parts()
    path = l.path(l.blob_path(layers[0]))
    with open(path, "rb+") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes([byte[0] ^ 1]))
    l.finish([l.manifest(config, layers)])


@case(fsck=["error blob-digest-mismatch", "error blob-size-mismatch"], **DAMAGED)
def layer_truncated(l):
    """Shorter than its descriptor says: both findings."""
    config, layers = l.parts()
    l.replace(layers[0], b"short")
    l.finish([l.manifest(config, layers)])


@case(fsck=["error blob-empty"], **DAMAGED)
def layer_of_zero_bytes(l):
    """What a power cut leaves of a file that was not synced."""
    config, layers = l.parts()
    l.replace(layers[1], b"")
    l.finish([l.manifest(config, layers)])


@case(fsck=["error blob-digest-mismatch", "error blob-size-mismatch"], gc=REFUSED, **DAMAGED)
def manifest_damaged(l):
    """A listed manifest with wrong bytes: its edges are not known, nothing may go."""
    manifest = l.image()
    l.replace(manifest, b'{"schemaVersion":2}')
    l.finish([manifest])


@case(fsck=["error blob-empty"], gc=REFUSED, **DAMAGED)
def manifest_of_zero_bytes(l):
    """A listed manifest without bytes."""
    manifest = l.image()
    l.replace(manifest, b"")
    l.finish([manifest])


@case(fsck=["error blob-digest-mismatch", "error blob-size-mismatch"], gc=REFUSED, **DAMAGED)
def child_of_an_index_damaged(l):
    """A manifest below an index blob is there, but damaged."""
    manifest = l.image()
    index = l.index([manifest, l.image()])
    l.replace(manifest, b"{}")
    l.finish([index])


@case(fsck=["warning blob-digest-mismatch"])
def unreferenced_document_damaged(l):
    """Damaged garbage stops nobody."""
    manifest = l.garbage(b'{"schemaVersion":2}')
    l.replace(manifest, b'{"schemaVersion":7}')
    l.finish([l.image()])


# ---- what is no regular file ----

def special(l, make):
    """A layer whose name is held by something that is no regular file."""
    config, layers = l.parts()
    path = l.path(l.blob_path(layers[0]))
    os.rename(path, l.path("real"))
    make(path)
    l.finish([l.manifest(config, layers)])


SPECIAL = {"imports": REFUSED, "fsck": ["error layer-missing", "warning blob-not-regular"]}


@case(**SPECIAL)
def layer_is_a_link(l):
    """A link to the right bytes: it could lead anywhere tomorrow."""
    special(l, lambda path: os.symlink("../../real", path))


@case(**SPECIAL)
def layer_is_a_link_out_of_the_layout(l):
    """A link to a file of the system."""
    special(l, lambda path: os.symlink("/etc/passwd", path))


@case(**SPECIAL)
def layer_is_a_fifo(l):
    """Opening must not hang."""
    special(l, os.mkfifo)


@case(**SPECIAL)
def layer_is_a_folder(l):
    """A folder with the name of a blob."""
    special(l, os.mkdir)


@case(**SPECIAL)
def layer_is_a_socket(l):
    """A socket with the name of a blob."""
    special(l, make_socket)


@case(imports=REFUSED, fsck=["error manifest-missing", "warning blob-not-regular"], gc=REFUSED)
def manifest_is_a_link(l):
    """A listed manifest that is a link: its edges stay unknown."""
    manifest = l.image()
    os.rename(l.path(l.blob_path(manifest)), l.path("real"))
    os.symlink("../../real", l.path(l.blob_path(manifest)))
    l.finish([manifest])


@case(fsck=["warning blob-name-invalid"], complete=False)
def strangers_in_blobs(l):
    """Names that are no digests are left alone."""
    l.finish([l.image()])
    l.write("blobs/sha256/README", b"x")
    l.write("blobs/sha256/" + "A" * 64, b"x")
    l.write("blobs/sha256/" + "a" * 63, b"x")
    l.write("blobs/file", b"x")
    l.write("blobs/sha256/" + "a" * 63 + "\x1b", b"x")


@case(fsck=["warning blob-not-regular"], complete=False)
def unreferenced_link(l):
    """A link among the blobs that nothing refers to is left alone."""
    l.finish([l.image()])
    os.symlink("/etc/passwd", l.path("blobs/sha256/" + "b" * 64))

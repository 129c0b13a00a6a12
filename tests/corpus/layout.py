# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Builds OCI image layouts, right ones and wrong ones, byte by byte."""

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker.distribution."
INDEX = OCI + "index.v1+json"
MANIFEST = OCI + "manifest.v1+json"
CONFIG = OCI + "config.v1+json"
LAYER = OCI + "layer.v1.tar"
GZIP = OCI + "layer.v1.tar+gzip"
FOREIGN = OCI + "layer.nondistributable.v1.tar+gzip"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
LIST = DOCKER + "manifest.list.v2+json"
DOCKER_MANIFEST = DOCKER + "manifest.v2+json"
SCHEMA1 = DOCKER + "manifest.v1+prettyjws"
ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
REF = "org.opencontainers.image.ref.name"

LAYOUT_FILE = b'{"imageLayoutVersion":"1.0.0"}'


def digest_of(data, algorithm="sha256"):
    return algorithm + ":" + hashlib.new(algorithm, data).hexdigest()


def named(descriptor, name):
    """The descriptor as an entry of index.json with a reference name."""
    return {**descriptor, "annotations": {**descriptor.get("annotations", {}), REF: name}}


def tar(name, content=b"content\n"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def compress(data):
    return gzip.compress(data, mtime=0)


class Layout:
    """One layout folder.  Whatever is put in is live unless it is `garbage`."""

    def __init__(self, root):
        self.root = root
        self.dead = []  # paths that a gc has to remove
        self.count = 0
        os.makedirs(self.path("blobs/sha256"))

    # ---- files ----

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as out:
            out.write(data)

    def blob_path(self, descriptor):
        return "blobs/" + descriptor["digest"].replace(":", "/")

    def remove(self, descriptor):
        os.unlink(self.path(self.blob_path(descriptor)))
        return descriptor

    def replace(self, descriptor, data):
        """Other bytes under the same digest."""
        self.write(self.blob_path(descriptor), data)
        return descriptor

    # ---- blobs ----

    def blob(self, data, media_type="application/octet-stream", algorithm="sha256", digest=None):
        digest = digest or digest_of(data, algorithm)
        descriptor = {"mediaType": media_type, "digest": digest, "size": len(data)}
        self.write(self.blob_path(descriptor), data)
        return descriptor

    def garbage(self, data, **options):
        descriptor = self.blob(data, **options)
        self.dead.append(self.blob_path(descriptor))
        return descriptor

    def json(self, value, media_type, **options):
        return self.blob(json.dumps(value).encode(), media_type, **options)

    def layer(self, **options):
        """A descriptor of a layer that no other is equal to, and its diff_id."""
        self.count += 1
        plain = tar(f"file{self.count}")
        return self.blob(compress(plain), GZIP, **options), digest_of(plain)

    def config(self, diff_ids, **members):
        self.count += 1
        return self.json({"architecture": "amd64", "os": "linux", "author": str(self.count),
                          "rootfs": {"type": "layers", "diff_ids": diff_ids}, **members}, CONFIG)

    def parts(self, layers=2):
        made = [self.layer() for _ in range(layers)]
        return self.config([diff for _, diff in made]), [layer for layer, _ in made]

    def manifest(self, config, layers, media_type=MANIFEST, **members):
        return self.json({"schemaVersion": 2, "mediaType": media_type, "config": config,
                          "layers": layers, **members}, media_type)

    def image(self, layers=2, **members):
        return self.manifest(*self.parts(layers), **members)

    def index(self, manifests, media_type=INDEX, **members):
        return self.json({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests,
                          **members}, media_type)

    def artifact(self, kind, **members):
        """A manifest with an empty config and one blob, of type `kind`."""
        self.count += 1
        empty = self.blob(b"{}", EMPTY)
        blob = self.blob(b"artifact %d" % self.count, kind)
        return self.manifest(empty, [blob], artifactType=kind, **members)

    # ---- the layout's own files ----

    def finish(self, entries, **members):
        self.finish_raw(json.dumps({"schemaVersion": 2, "manifests": entries, **members}).encode())

    def finish_raw(self, data):
        self.write("oci-layout", LAYOUT_FILE)
        self.write("index.json", data)


def embedded(data, media_type):
    """A descriptor that carries its content."""
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data),
            "data": base64.b64encode(data).decode()}

# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""What tools write: nothing of it is an error."""

import json

from corpus import REFUSED, case
from layout import (ARTIFACT, CONFIG, DOCKER_MANIFEST, EMPTY, INDEX, LIST, SCHEMA1, digest_of, tar,
                    named)


@case()
def docker_media_types(l):
    """A manifest list with the media types of Docker."""
    plain = tar("x")
    layer = l.blob(plain, "application/vnd.docker.image.rootfs.diff.tar")
    config = {**l.config([digest_of(plain)]),
              "mediaType": "application/vnd.docker.container.image.v1+json"}
    image = {**l.manifest(config, [layer], DOCKER_MANIFEST),
             "platform": {"architecture": "amd64", "os": "linux"}}
    l.finish([named(l.index([image], LIST), "v1")])


@case()
def schema_1(l):
    """A signed manifest of schema 1, stored under the digest of its bytes."""
    layers = [l.layer()[0] for _ in range(2)]
    l.finish([l.json({"schemaVersion": 1, "name": "x", "tag": "1", "architecture": "amd64",
                      "fsLayers": [{"blobSum": layer["digest"]} for layer in layers],
                      "history": [{"v1Compatibility": "{}"}] * 2, "signatures": []}, SCHEMA1)])


@case(imports=REFUSED)
def schema_1_under_the_digest_of_its_payload(l):
    """The digest of a signed manifest is over what was signed: that never stops a gc, but an import
    publishes nothing that it cannot verify."""
    layer = l.layer()[0]
    payload = {"schemaVersion": 1, "name": "x", "tag": "1", "architecture": "amd64",
               "fsLayers": [{"blobSum": layer["digest"]}], "history": [{"v1Compatibility": "{}"}]}
    manifest = l.json(payload, SCHEMA1)
    signed = json.dumps({**payload, "signatures": [{"signature": "x"}]}).encode()
    l.replace(manifest, signed)
    l.finish([{**manifest, "size": len(signed)}])


@case()
def withdrawn_artifact_manifest(l):
    """The artifact manifest of image-spec 1.1.0-rc2."""
    image = l.image()
    blob = l.blob(b"signature")
    l.finish([l.json({"mediaType": ARTIFACT, "artifactType": "x/y", "blobs": [blob],
                      "subject": image}, ARTIFACT)])


@case()
def buildkit_cache(l):
    """An index whose manifests are layers, and the cache's config."""
    config = l.json({"layers": [], "records": []}, "application/vnd.buildkit.cacheconfig.v0")
    l.finish([named(l.index([l.layer()[0], l.layer()[0], config]), "cache")])


@case()
def buildkit_attestation(l):
    """An attestation beside its image, with the image config's media type."""
    image = l.image()
    statement = l.json({"_type": "https://in-toto.io/Statement/v0.1", "subject": []},
                       "application/vnd.in-toto+json")
    config = l.json({"architecture": "unknown", "os": "unknown", "config": {},
                     "rootfs": {"type": "layers", "diff_ids": [statement["digest"]]}}, CONFIG)
    attestation = l.manifest(config, [statement])
    unknown = {"architecture": "unknown", "os": "unknown"}
    l.finish([l.index([image, {**attestation, "platform": unknown, "annotations": {
        "vnd.docker.reference.digest": image["digest"],
        "vnd.docker.reference.type": "attestation-manifest"}}])])


@case()
def cosign_signature_by_tag(l):
    """A signature is found by its tag: sha256-....sig."""
    image = l.image()
    payload = l.json({"critical": {"image": {"docker-manifest-digest": image["digest"]}}},
                     "application/vnd.dev.cosign.simplesigning.v1+json")
    config = l.json({"architecture": "", "created": "0001-01-01T00:00:00Z", "os": "", "config": {},
                     "history": [{"created": "0001-01-01T00:00:00Z"}],
                     "rootfs": {"type": "layers", "diff_ids": [payload["digest"]]}}, CONFIG)
    payload = {**payload, "annotations": {"dev.cosignproject.cosign/signature": "x"}}
    signature = l.manifest(config, [payload])
    l.finish([named(image, "v1"),
              named(signature, image["digest"].replace(":", "-") + ".sig")])


@case()
def cosign_save(l):
    """cosign save tells image and signatures apart by an annotation of its own."""
    kind = "kind"
    l.finish([{**l.image(), "annotations": {kind: "dev.cosignproject.cosign/image"}},
              {**l.image(), "annotations": {kind: "dev.cosignproject.cosign/sigs"}}])


@case()
def helm_chart(l):
    """A chart: a config and a layer of its own types."""
    config = l.json({"name": "chart", "version": "1.0.0", "apiVersion": "v2"},
                    "application/vnd.cncf.helm.config.v1+json")
    chart = l.blob(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
    l.finish([named(l.manifest(config, [chart]), "1.0.0")])


@case()
def artifact_with_empty_config(l):
    """oras push."""
    l.finish([named(l.artifact("application/vnd.acme.rocket"), "v1")])


@case()
def artifact_without_content(l):
    """The minimal artifact: config and layer are {}."""
    empty = l.blob(b"{}", EMPTY)
    l.finish([l.manifest(empty, [empty], artifactType="application/vnd.example+type")])


@case()
def json_that_is_no_document(l):
    """Layers that are JSON with members of other meaning, or no JSON after all."""
    blobs = [l.blob(text, "application/json") for text in (
        b'{"layers":[{"ty":4}],"fonts":{}}', b'{"a":1,"a":2}', b'{{ template }}',
        b'{"Config":{"Digest":7},"Size":1,"size":2}', b'{"config":{"layers":[]}}')]
    l.finish([l.manifest(l.blob(b"{}", EMPTY), blobs, artifactType="application/vnd.acme")])


@case()
def config_of_an_image_from_scratch(l):
    """Docker leaves null where nothing is set."""
    plain = tar("x")
    config = l.json({"architecture": "amd64", "os": "linux", "config": {
        "Env": None, "Cmd": None, "Entrypoint": None, "Volumes": None, "Labels": None,
        "OnBuild": None}, "container_config": {}, "created": "2016-10-10T23:04:00.821781828Z",
        "history": None, "rootfs": {"type": "layers", "diff_ids": [digest_of(plain)]}}, CONFIG)
    l.finish([l.manifest(config, [l.blob(plain, "application/vnd.oci.image.layer.v1.tar")])])


@case()
def index_of_artifacts(l):
    """artifactType in entries and in the index itself."""
    one = l.artifact("application/vnd.acme.one")
    l.finish([l.index([{**one, "artifactType": "application/vnd.acme.one"}],
                      artifactType="application/vnd.acme.set", annotations={"a": "b"})],
             mediaType=INDEX)


@case()
def descriptor_with_everything(l):
    """platform with all members, urls, annotations, artifactType."""
    l.finish([l.index([{**l.image(), "platform": {
        "architecture": "arm", "os": "windows", "os.version": "10.0", "os.features": ["win32k"],
        "variant": "v7", "features": ["x"]}, "urls": ["https://example.com/x"],
        "annotations": {"a": ""}}])])

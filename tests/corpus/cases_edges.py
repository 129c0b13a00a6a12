# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""What keeps what alive, and what may be absent."""

import json

from corpus import REFUSED, case
from layout import (CONFIG, DOCKER_FOREIGN, FOREIGN, GZIP, INDEX, MANIFEST, digest_of, embedded,
                    named)

SIGNATURE = "application/vnd.acme.signature"


@case()
def image_of_one_manifest(l):
    """The ordinary case."""
    l.finish([named(l.image(), "v1")])


@case()
def images_that_share_layers(l):
    """Garbage of one image is live for the other."""
    made = [l.layer() for _ in range(3)]
    layers, diff_ids = [layer for layer, _ in made], [diff for _, diff in made]
    config = l.config(diff_ids)
    dead = l.manifest(config, layers)
    l.dead += [l.blob_path(blob) for blob in (dead, config, layers[2])]
    l.finish([l.manifest(l.config(diff_ids[:2]), layers[:2])])


@case()
def unlisted_image(l):
    """A complete image that no entry leads to is garbage as a whole."""
    config, layers = l.parts()
    manifest = l.manifest(config, layers)
    l.dead += [l.blob_path(blob) for blob in (config, manifest, *layers)]
    l.finish([l.image()])


@case()
def indexes_in_indexes(l):
    """Four levels."""
    inner = l.image()
    for _ in range(3):
        inner = l.index([inner, l.image()])
    l.finish([inner])


@case()
def one_child_in_many_parents(l):
    """The same image in several indexes, and listed itself."""
    image = l.image()
    l.finish([l.index([image, image], annotations={"n": str(n)}) for n in range(5)] + [image])


# ---- subjects and referrers ----

@case(complete=False)
def referrer_that_nobody_lists(l):
    """Its subject is live, so it is live, and so are its own referrers."""
    image = l.image()
    signature = l.artifact(SIGNATURE, subject=image)
    l.artifact(SIGNATURE, subject=signature)
    l.finish([image])


@case(complete=False)
def referrer_of_a_child(l):
    """The subject is a child of a listed index."""
    image = l.image()
    l.artifact(SIGNATURE, subject=image)
    l.finish([l.index([image])])


@case()
def referrer_of_garbage(l):
    """A subject that is garbage keeps nothing alive, and its referrer neither keeps it."""
    config, layers = l.parts()
    image = l.manifest(config, layers)
    before = set(l.dead)
    blob = l.blob(b"signature of garbage", SIGNATURE)
    empty = l.blob(b"{}", "application/vnd.oci.empty.v1+json")
    signature = l.manifest(empty, [blob], artifactType=SIGNATURE, subject=image)
    l.dead += [l.blob_path(x) for x in (config, *layers, image, blob, empty, signature)]
    assert before < set(l.dead)
    l.finish([l.image()])


@case()
def listed_referrer_keeps_its_subject(l):
    """subject is an edge forward as well."""
    image = l.image()
    l.finish([l.artifact(SIGNATURE, subject=image)])


@case()
def subject_that_is_absent(l):
    """Legal: the subject lives in another place."""
    away = {"mediaType": MANIFEST, "digest": digest_of(b"away"), "size": 4}
    l.finish([l.artifact(SIGNATURE, subject=away)])


@case()
def circle_of_subject_and_index(l):
    """An index that lists M and has M as subject: an honest circle."""
    image = l.image()
    l.finish([l.index([image], subject=image)])


@case(complete=False)
def index_as_referrer(l):
    """An index whose subject is live brings its children."""
    image = l.image()
    l.index([l.image()], subject=image)
    l.finish([image])


# ---- absent, and legal ----

@case(fsck=["warning manifest-absent-sparse"])
def sparse_index(l):
    """skopeo copy --multi-arch=index-only, or one platform of many."""
    l.finish([l.index([l.image(), l.remove(l.image(layers=0))])], )
    l.dead += orphan_configs(l)


def orphan_configs(l):
    """Configs whose manifest was removed."""
    import os
    folder = l.path("blobs/sha256")
    texts = {name: open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder)}
    return ["blobs/sha256/" + name for name in texts
            if not any(name.encode() in text for text in texts.values())
            and name not in json.dumps(l.dead) and b"rootfs" in texts[name]]


@case(fsck=["warning manifest-absent-sparse"])
def index_without_any_child(l):
    """Only the index was copied."""
    away = {"mediaType": MANIFEST, "digest": digest_of(b"away"), "size": 4}
    l.finish([l.index([away])])


@case()
def foreign_layers_absent(l):
    """Non-distributable layers need not be there."""
    layer, diff = l.layer()
    away = [{"mediaType": kind, "digest": digest_of(kind.encode()), "size": 9,
             "urls": ["https://example.com/layer"]} for kind in (FOREIGN, DOCKER_FOREIGN)]
    l.finish([l.manifest(l.config([digest_of(b"a"), digest_of(b"b"), diff]), [*away, layer])])


@case()
def config_in_data(l):
    """The config is embedded in its descriptor and stands in for the blob."""
    layer, diff = l.layer()
    data = json.dumps({"architecture": "a", "os": "o",
                       "rootfs": {"type": "layers", "diff_ids": [diff]}}).encode()
    l.finish([l.manifest(embedded(data, CONFIG), [layer])])


@case(fsck=["warning config-missing", "warning layer-missing"])
def manifest_without_any_child(l):
    """docker save writes the manifests of all platforms, and the blobs of one."""
    config, layers = l.parts()
    other = l.manifest(config, layers)
    for blob in (config, *layers):
        l.remove(blob)
    l.finish([l.index([l.image(), other])])


# ---- absent, and an error ----

@case(imports=REFUSED, fsck=["error layer-missing"])
def layer_absent(l):
    """One of two layers."""
    config, layers = l.parts()
    l.remove(layers[1])
    l.finish([l.manifest(config, layers)])


@case(imports=REFUSED, fsck=["error config-missing"])
def config_absent(l):
    """The config of a manifest whose layers are there."""
    config, layers = l.parts()
    l.remove(config)
    l.finish([l.manifest(config, layers)])


@case(imports=REFUSED, fsck=["error manifest-missing"], gc=REFUSED)
def root_absent(l):
    """A listed manifest is not there: what it needs is unknown."""
    l.finish([l.remove(l.image()), l.image()])


@case(imports=REFUSED, fsck=["error manifest-missing"], gc=REFUSED)
def only_root_absent(l):
    """The only entry leads nowhere: its layers must not go."""
    l.finish([l.remove(l.image())])


# ---- docker save ----

@case(complete=False)
def docker_save_roots(l):
    """manifest.json of docker save keeps what it names."""
    config, layers = l.parts()
    l.write("manifest.json", json.dumps([{
        "Config": l.blob_path(config), "RepoTags": ["x:1"],
        "Layers": [l.blob_path(layer) for layer in layers]}]).encode())
    l.finish([l.image()])


@case()
def docker_save_with_wild_paths(l):
    """Paths in manifest.json that are no blobs are nobody's business."""
    l.write("manifest.json", json.dumps([{
        "Config": "../../etc/passwd", "RepoTags": None, "Layers": ["/etc/passwd", "x/layer.tar"],
    }]).encode())
    l.finish([l.image()])


@case()
def annotations_are_no_edges(l):
    """A digest in an annotation or in diff_ids keeps nothing."""
    layer = l.garbage(b"named in an annotation", media_type=GZIP)
    l.finish([l.image(annotations={"vnd.docker.reference.digest": layer["digest"]})],
             mediaType=INDEX)

# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""Documents that break the specification, or that two readers read differently."""

import json

from corpus import REFUSED, case
from layout import (CONFIG, DOCKER_MANIFEST, EMPTY, GZIP, INDEX, LIST, MANIFEST, digest_of,
                    embedded, named)

INVALID = ["error document-invalid"]


def raw_manifest(l, text, **parts):
    """A listed manifest of these bytes; {config} and {layer} become descriptors."""
    config, layers = l.parts(1)
    text = text.replace("{config}", json.dumps(config)).replace("{layer}", json.dumps(layers[0]))
    for name, value in parts.items():
        text = text.replace("{" + name + "}", json.dumps(value))
    manifest = l.blob(text.encode(), MANIFEST)
    l.finish([named(manifest, "v1")])
    return manifest


# ---- two readers, two documents: every digest is kept ----

AMBIGUOUS = {"imports": REFUSED, "fsck": ["error document-ambiguous"]}


@case(**AMBIGUOUS)
def manifest_with_layers_twice(l):
    """The first layers member hides the second, or the other way round."""
    other, _ = l.layer()
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layers":[{layer}],"layers":[{other}]}',
                 other=other)


@case(**AMBIGUOUS)
def manifest_with_upper_case_layers(l):
    """Go reads Layers as layers."""
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"Layers":[{layer}]}')


@case(**AMBIGUOUS)
def manifest_with_long_s_in_layers(l):
    """Go folds the long s: layer\u017f."""
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layer\u017f":[{layer}]}')


@case(**AMBIGUOUS)
def manifest_with_kelvin_sign(l):
    """The Kelvin sign folds to k: \u212a in blo\u212a... and upper-case Config."""
    raw_manifest(l, '{"schemaVersion":2,"CONFIG":{config},"layers":[{layer}]}')


@case(**AMBIGUOUS)
def manifest_with_digest_twice(l):
    """A descriptor with two digests: both blobs are kept."""
    one, two = l.layer()[0], l.layer()[0]
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layers":[{layer},{"mediaType":"'
                 + GZIP + '","size":7,"digest":"' + one["digest"] + '","digest":"'
                 + two["digest"] + '"}]}')


@case()
def manifest_with_escapes(l):
    """Escapes in names and digests are decoded: \\u006cayers."""
    config, layers = l.parts(1)
    text = json.dumps({"schemaVersion": 2, "config": config, "layers": layers})
    text = text.replace('"layers"', '"\\u006cayers"').replace('"sha256:', '"\\u0073ha256:')
    l.finish([l.blob(text.encode(), MANIFEST)])


# ---- no JSON, although the digest is right: every digest is kept ----

NO_JSON = {"imports": REFUSED, "fsck": INVALID}


@case(**NO_JSON)
def manifest_with_trailing_garbage(l):
    """Something after the document."""
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layers":[{layer}]} x')


@case(**NO_JSON)
def manifest_cut_short(l):
    """The closing brace is missing."""
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layers":[{layer}]')


@case(**NO_JSON)
def manifest_with_control_characters(l):
    """A raw newline in a string."""
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layers":[{layer}],"annotations":'
                 '{"a":"b\nc"}}')


@case(**NO_JSON)
def manifest_with_a_lone_surrogate(l):
    """Half of a surrogate pair."""
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layers":[{layer}],"annotations":'
                 '{"a":"\\ud800"}}')


@case(**NO_JSON)
def manifest_with_octal_numbers(l):
    """007 is no JSON number."""
    raw_manifest(l, '{"schemaVersion":002,"config":{config},"layers":[{layer}]}')


@case(fsck=["error document-too-large"])
def manifest_nested_too_deep(l):
    """10,000 arrays in each other."""
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layers":[{layer}],"x":'
                 + "[" * 10000 + "]" * 10000 + "}")


@case(fsck=["error document-too-large"])
def manifest_of_five_mebibytes(l):
    """Larger than a document may be: read leniently, every digest is kept."""
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layers":[{layer}],"annotations":'
                 '{"a":"' + "x" * (5 << 20) + '"}}')


@case(imports=REFUSED, fsck=INVALID)
def manifest_that_is_text(l):
    """A descriptor of a manifest leads to plain text."""
    l.finish([l.blob(b"not a document", MANIFEST)])


@case(imports=REFUSED, fsck=INVALID)
def index_that_is_an_array(l):
    """A descriptor of an index leads to a JSON array."""
    l.finish([l.blob(b"[]", INDEX)])


@case(**AMBIGUOUS)
def manifest_first_called_text(l):
    """One ambiguous document under two media types: the harmless one does not hide the other."""
    config, layers = l.parts()
    text = json.dumps({"schemaVersion": 2, "config": config, "Layers": layers})
    manifest = l.blob(text.encode(), MANIFEST)
    l.finish([{**manifest, "mediaType": "text/plain"}, manifest])


# ---- kinds that disagree ----

CONFUSED = {"imports": REFUSED, "fsck": ["error document-type-conflict"]}


@case(**CONFUSED)
def manifest_that_is_an_index_too(l):
    """CVE-2021-41190: both readings are kept alive."""
    other = l.image()
    config, layers = l.parts()
    l.finish([l.manifest(config, layers, manifests=[other])])


@case(**CONFUSED)
def index_that_is_a_manifest_too(l):
    """The same the other way round."""
    config, layers = l.parts()
    l.finish([l.index([l.image()], config=config, layers=layers)])


@case(imports=REFUSED, fsck=["error document-invalid", "error document-type-conflict"])
def index_declared_as_manifest(l):
    """The descriptor says manifest, the bytes are an index."""
    index = l.index([l.image(), l.image()])
    l.finish([{**index, "mediaType": MANIFEST}])


@case(imports=REFUSED, fsck=["error document-invalid", "error document-type-conflict"])
def manifest_declared_as_index(l):
    """The descriptor says index, the bytes are a manifest."""
    l.finish([{**l.image(), "mediaType": INDEX}])


@case(fsck=["warning document-type-conflict"])
def docker_manifest_declared_as_oci(l):
    """Two names of the same kind."""
    config, layers = l.parts()
    l.finish([{**l.manifest(config, layers, DOCKER_MANIFEST), "mediaType": MANIFEST}])


@case(fsck=["warning document-type-conflict"])
def manifest_declared_as_something_else(l):
    """An unknown media type on what looks like a manifest: it is followed."""
    l.finish([{**l.image(), "mediaType": "application/vnd.acme.manifest+json"}])


@case()
def manifest_among_layers(l):
    """What a descriptor points at is decided by its media type, not by its place."""
    inner = l.image()
    l.finish([l.artifact("application/vnd.acme.set", subject=inner),
              l.manifest(l.blob(b"{}", EMPTY), [inner], artifactType="application/vnd.acme.set")])


@case()
def documents_without_media_type(l):
    """mediaType is optional in manifests and indexes."""
    config, layers = l.parts()
    manifest = l.json({"schemaVersion": 2, "config": config, "layers": layers}, MANIFEST)
    l.finish([l.json({"schemaVersion": 2, "manifests": [manifest]}, INDEX)])


# ---- members ----

@case(fsck=INVALID)
def layers_is_an_object(l):
    """"layers": {} is no array."""
    raw_manifest(l, '{"schemaVersion":2,"config":{config},"layers":{}}')
    # nobody refers to the layer
    l.dead += [f"blobs/sha256/{name}" for name in unreferenced(l)]


def unreferenced(l):
    """Names of blobs whose digest stands in no document of the layout."""
    import os
    folder = l.path("blobs/sha256")
    texts = [open(l.path("index.json"), "rb").read()]
    for name in os.listdir(folder):
        texts.append(open(os.path.join(folder, name), "rb").read())
    return [name for name in os.listdir(folder)
            if not any(name.encode() in text for text in texts)
            and "blobs/sha256/" + name not in l.dead]


@case(fsck=["warning document-invalid"])
def layers_is_empty(l):
    """umoci new writes a manifest with no layers."""
    l.finish([named(l.image(layers=0), "empty")])


def sizes(l, *texts):
    """Listed manifests whose second layer has these sizes, written as they are."""
    entries = []
    for text in texts:
        config, layers = l.parts()
        data = json.dumps({"schemaVersion": 2, "config": config, "layers": layers})
        wrong = json.dumps(layers[1]).replace(str(layers[1]["size"]) + "}", text + "}")
        entries.append(l.blob(data.replace(json.dumps(layers[1]), wrong).encode(), MANIFEST))
    l.finish(entries)


@case(fsck=INVALID)
def sizes_that_are_no_sizes(l):
    """Negative, exponent, fraction, string: the edge counts, the size does not."""
    sizes(l, "-1", "1e2", "1.0", '"7"', "null")


@case(imports=REFUSED, fsck=["error blob-size-mismatch", "error document-invalid"])
def sizes_beyond_doubles(l):
    """2^53+1, 2^63 and 40 digits."""
    sizes(l, "9007199254740993", "9223372036854775808", "1" * 40)


@case(imports=REFUSED, fsck=["error blob-size-mismatch"])
def size_that_lies(l):
    """The descriptor says more than the blob, whose digest is right."""
    sizes(l, "7777777")


@case(fsck=["error descriptor-size-conflict"])
def one_digest_with_two_sizes(l):
    """Two manifests declare different sizes for one layer."""
    config, layers = l.parts(1)
    wrong = {**layers[0], "size": layers[0]["size"] + 1}
    l.finish([l.manifest(config, layers), l.manifest(config, [wrong])])


@case(imports=REFUSED, fsck=["error descriptor-data-mismatch"], says=["config.data"])
def data_that_is_something_else(l):
    """The embedded content is not what digest and size say."""
    config, layers = l.parts()
    wrong = {**config, "data": embedded(b"x" * config["size"], CONFIG)["data"]}
    l.finish([l.manifest(wrong, layers)])


@case(fsck=INVALID)
def config_that_breaks_the_specification(l):
    """Wrong types all over a config: its image stays usable, import takes it."""
    layer, diff = l.layer()
    config = l.json({"architecture": 1, "os": None, "rootfs": {"type": "x", "diff_ids": [diff]},
                     "config": {"Env": ["=x"], "Cmd": "sh", "Volumes": []}, "history": "x"}, CONFIG)
    l.finish([l.manifest(config, [layer])])


@case(fsck=INVALID)
def config_with_too_few_diff_ids(l):
    """Two tar layers, one diff_id."""
    _, layers = l.parts()
    l.dead += ["blobs/sha256/" + name for name in unreferenced_config(l)]
    l.finish([l.manifest(l.config([digest_of(b"x")]), layers)])


def unreferenced_config(l):
    import os
    return [name for name in os.listdir(l.path("blobs/sha256"))
            if open(l.path("blobs/sha256/" + name), "rb").read(1) == b"{"]


@case(fsck=INVALID)
def empty_config_that_is_not_empty(l):
    """The empty media type on something that is not {}."""
    l.finish([l.manifest(l.blob(b"{ }", EMPTY), [l.blob(b"x")], artifactType="x/y")])


@case(fsck=["warning document-invalid"])
def artifact_without_type(l):
    """An empty config and no artifactType."""
    l.finish([l.manifest(l.blob(b"{}", EMPTY), [l.blob(b"x")])])


@case(fsck=["warning document-invalid"])
def urls_that_are_no_urls(l):
    """A hint that is never followed."""
    config, layers = l.parts(1)
    l.finish([l.manifest(config, [{**layers[0], "urls": ["x y", "../../x"]}])])


@case(fsck=[*INVALID, "warning document-type-conflict"])
def media_types_that_are_none(l):
    """No slash, parameters, 200 characters."""
    l.finish([l.index([{**l.image(), "mediaType": kind}
                       for kind in ("image", "text/plain; x=y", "x/" + "y" * 200)], LIST)])

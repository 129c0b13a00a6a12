# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""The layout's own files: index.json, oci-layout, the blobs folder."""

import os

from corpus import REFUSED, case
from layout import INDEX, MANIFEST, named

# An index.json that nobody can read: whatever lies in blobs/ may be needed.
UNKNOWN_ROOTS = {"imports": REFUSED, "gc": REFUSED}
INVALID = {**UNKNOWN_ROOTS, "fsck": ["error index-invalid"]}
UNREADABLE = {**UNKNOWN_ROOTS, "fsck": ["error index-unreadable"]}


@case()
def index_without_entries(l):
    """An empty index.json: everything in blobs/ is garbage."""
    l.garbage(b"a")
    l.finish([])


@case()
def index_with_null_manifests(l):
    """umoci and docker write null for no entries."""
    l.finish_raw(b'{"schemaVersion":2,"manifests":null}')


@case(**INVALID)
def index_empty_object(l):
    """{} lacks manifests: it is no index."""
    l.image()
    l.finish_raw(b"{}")


@case(**INVALID)
def index_null(l):
    """null instead of an index."""
    l.image()
    l.finish_raw(b"null")


@case(**INVALID)
def index_array(l):
    """An array instead of an index."""
    l.image()
    l.finish_raw(b"[]")


@case(**INVALID)
def index_without_manifests(l):
    """schemaVersion alone."""
    l.image()
    l.finish_raw(b'{"schemaVersion":2}')


@case(**INVALID)
def index_manifests_object(l):
    """manifests is an object."""
    l.image()
    l.finish_raw(b'{"schemaVersion":2,"manifests":{}}')


@case(**INVALID)
def index_of_zero_bytes(l):
    """crane truncates index.json minutes before the entries come."""
    l.image()
    l.finish_raw(b"")


@case(**INVALID)
def index_half_written(l):
    """The first half of a document."""
    image = l.image()
    l.finish([named(image, "v1")])
    with open(l.path("index.json"), "rb+") as file:
        file.truncate(100)


@case(**INVALID)
def index_with_the_tail_of_another(l):
    """Two writers in place: one document and the rest of a longer one."""
    image = l.image()
    l.finish([named(image, "v1")])
    with open(l.path("index.json"), "ab") as file:
        file.write(b'ndex.ref.name":"v2"}}]}')


@case(**INVALID)
def index_with_byte_order_mark(l):
    """A byte order mark before the document."""
    l.image()
    l.finish_raw(b'\xef\xbb\xbf{"schemaVersion":2,"manifests":[]}')


@case(**INVALID)
def index_with_broken_utf8(l):
    """A lone continuation byte in a name."""
    l.image()
    l.finish_raw(b'{"schemaVersion":2,"manifests":[],"annotations":{"a":"\x80"}}')


@case(**UNREADABLE)
def index_absent(l):
    """No index.json at all, but blobs."""
    l.image()
    l.finish([])
    os.unlink(l.path("index.json"))


@case(**UNREADABLE)
def index_is_a_folder(l):
    """index.json is a folder."""
    l.image()
    l.finish([])
    os.unlink(l.path("index.json"))
    os.mkdir(l.path("index.json"))


@case(**UNREADABLE)
def index_is_a_link(l):
    """index.json is a symbolic link."""
    l.finish([named(l.image(), "v1")])
    os.rename(l.path("index.json"), l.path("other.json"))
    os.symlink("other.json", l.path("index.json"))


@case(**UNREADABLE)
def index_is_a_fifo(l):
    """index.json is a FIFO that nobody writes to: opening must not hang."""
    l.image()
    l.finish([])
    os.unlink(l.path("index.json"))
    os.mkfifo(l.path("index.json"))


@case(**UNREADABLE)
def index_of_a_gigabyte(l):
    """A sparse file of 1 GiB."""
    l.image()
    l.finish([])
    os.truncate(l.path("index.json"), 1 << 30)


@case(imports=REFUSED, fsck=["error document-ambiguous"], garbage=False)
def index_with_two_manifests_members(l):
    """cJSON takes the first, Go the last: both lists are kept."""
    one, two = l.image(), l.image()
    l.finish_raw(b'{"schemaVersion":2,"manifests":[%s],"manifests":[%s]}' % (raw(one), raw(two)))


@case(imports=REFUSED, fsck=["error document-ambiguous"])
def index_with_long_s(l):
    """manifest\u017f folds to manifests: Go reads it."""
    image = l.image()
    l.finish_raw('{"schemaVersion":2,"manifests":[],"manifest\u017f":[%s]}'
                 .encode() % raw(image))


@case(imports=REFUSED, fsck=["error document-ambiguous"])
def index_with_upper_case_digest_member(l):
    """"Digest" in a descriptor is a digest for Go."""
    image = l.image()
    l.finish_raw(b'{"schemaVersion":2,"manifests":[%s]}'
                 % raw(image).replace(b'"digest"', b'"Digest"'))


def raw(descriptor):
    return (b'{"mediaType":"%s","digest":"%s","size":%d}'
            % (descriptor["mediaType"].encode(), descriptor["digest"].encode(),
               descriptor["size"]))


@case()
def index_with_nameless_entries(l):
    """skopeo's retag leaves an entry without a name: it is a root."""
    l.finish([l.image(), l.image()])


@case(fsck=["warning index-duplicate-ref"])
def index_with_one_name_twice(l):
    """Two entries with one reference name: both are roots."""
    l.finish([named(l.image(), "v1"), named(l.image(), "v1")])


@case(fsck=["warning ref-name-invalid"])
def index_with_strange_names(l):
    """Names outside the grammar are data, never a path, and escaped when shown."""
    l.finish([named(l.image(), "../../etc/passwd"), named(l.image(), "\x1b[31mred\nline"),
              named(l.image(), ""), named(l.image(), "a b")])


@case()
def index_with_more_members(l):
    """Members that no specification knows, and annotations."""
    l.finish([{**l.image(), "x": [{}]}], mediaType=INDEX, annotations={"a": "b"}, x=None)


@case(imports=REFUSED, fsck=["error document-type-conflict"])
def index_with_layers(l):
    """An index.json that is a manifest as well (CVE-2021-41190)."""
    config, layers = l.parts()
    l.finish([l.image()], config=config, layers=layers)


@case(fsck=["error document-invalid"])
def index_of_schema_version_1(l):
    """schemaVersion is not 2, but the entries are there."""
    l.finish_raw(b'{"schemaVersion":1,"manifests":[%s]}' % raw(l.image()))


@case(fsck=["error document-invalid"], **UNKNOWN_ROOTS)
def index_with_an_entry_without_digest(l):
    """One entry names nothing, the other is an image."""
    l.finish([{"mediaType": MANIFEST, "size": 2}, l.image()])


@case(fsck=["error document-invalid"], **UNKNOWN_ROOTS)
def index_with_an_entry_without_valid_digest(l):
    """One letter of a digest is upper case: another reader takes it, or what was meant is lost."""
    image = l.image()
    digest = image["digest"]
    l.finish([named({**image, "digest": digest[:7] + digest[7:].upper()}, "v1"), l.image()])


@case(fsck=["error document-invalid"], **UNKNOWN_ROOTS)
def index_with_a_misspelt_digest_member(l):
    """"digesu" is no digest for anybody."""
    image = l.image()
    l.finish_raw(b'{"schemaVersion":2,"manifests":[%s]}'
                 % raw(image).replace(b'"digest"', b'"digesu"'))


@case(fsck=["error layout-file-missing"])
def layout_file_absent(l):
    """oci-layout is missing."""
    l.finish([l.image()])
    os.unlink(l.path("oci-layout"))


@case(fsck=["error layout-version"])
def layout_file_of_another_version(l):
    """imageLayoutVersion 2.0.0."""
    l.finish([l.image()])
    l.write("oci-layout", b'{"imageLayoutVersion":"2.0.0"}')


@case()
def layout_with_strange_files(l):
    """Files and folders of other tools beside ours are nobody's business."""
    l.finish([l.image()])
    l.write("oci-put-blob-of-mine", b"half a blob")
    l.write(".umoci-x/lock", b"")
    l.write("ingest/abc", b"x")
    os.symlink("/nonexistent", l.path("dangling"))


@case(imports=REFUSED, fsck=["error manifest-missing"], gc=REFUSED, garbage=False)
def blobs_empty(l):
    """Nothing in the blobs folder, although an image is listed."""
    l.finish([l.remove(l.blob(b"{}", MANIFEST))])
    os.rmdir(l.path("blobs/sha256"))


@case(init=REFUSED, complete=False)
def blobs_is_a_link(l):
    """blobs is a symbolic link: import reads through it, a store refuses it."""
    l.finish([l.image()])
    os.rename(l.path("blobs"), l.path("elsewhere"))
    os.symlink("elsewhere", l.path("blobs"))


@case(init=REFUSED, complete=False)
def blobs_sha256_is_a_link(l):
    """blobs/sha256 is a symbolic link."""
    l.finish([l.image()])
    os.rename(l.path("blobs/sha256"), l.path("elsewhere"))
    os.symlink("../elsewhere", l.path("blobs/sha256"))

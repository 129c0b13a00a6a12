#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Documents above the two limits (4 MiB: fsck complains; 32 MiB: nobody reads them): import
# takes them with the words that fsck says then, and what they name stays, wherever it stands.
. "${0%/*}/lib.sh"
need jq sha256sum
. "$here/images.sh"

# padded BYTES TEXT: a document with TEXT as its last members, and blanks before them.
padded() {
    { printf '{"schemaVersion":2,'; head -c "$1" /dev/zero | tr '\0' ' '; printf '%s}' "$2"; } >padded
    hex=$(sha256sum <padded | cut -d' ' -f1)
    told="\"digest\":\"sha256:$hex\",\"size\":$(wc -c <padded)"
    mv padded "source/blobs/sha256/$hex"
}

# NAME, BYTES and the words for it.
holds_together() {
    rm -rf source
    image source "$1"
    last=$layer
    padded "$2" "\"mediaType\":\"$type.manifest.v1+json\",\"config\":$config,\"layers\":[$layer_told]"
    list source "$(manifest)"
    cp -a source "plain-$1"
    run 0 init "$1"
    run 0 --store "$1" import --name app source
    complains "document-too-large: sha256:$hex: $3"
    [ -f "$1/blobs/sha256/$last" ] || fail "$1: import left the layer behind"
    rm -rf "$1/.ocistore/graph"
    run 0 --store "$1" gc --now
    [ -f "$1/blobs/sha256/$last" ] || fail "$1: gc took the layer"
    run_json 4 --store "$1" fsck
    holds --arg text "$3" 'map(select(.type == "finding" and .severity != "info") | .id) ==
        ["document-too-large"] and any(.message == $text)'
    holds 'all(.id != "orphan-blob")'
    # as others bring it
    run 0 init "plain-$1"
    run 0 --store "plain-$1" gc --now
    [ -f "plain-$1/blobs/sha256/$last" ] || fail "$1: gc of a store in place took the layer"
}

holds_together large $((5 << 20)) 'is larger than a document may be here'
run 0 fsck --store large --max-document 32M
run 0 --store large tree app
run 0 --store large import --name app source

holds_together huge $((33 << 20)) 'is larger than any document may be'
run 4 --store huge tree app
complains 'is larger than any document may be'
run 4 --store huge inspect app
complains 'is larger than any document may be'
run 0 --store huge cat "sha256:$hex"
cmp -s out "source/blobs/sha256/$hex" || fail 'cat'
run 0 --store huge import --name app source
complains 'document-too-large'

# Half of it: what it needs is not known.
rm -rf huge/.ocistore/graph
truncate -s $((33 << 20)) "huge/blobs/sha256/$hex"
run 4 --store huge gc --now
complains 'is damaged or cannot be read'
[ -f "huge/blobs/sha256/$last" ] || fail 'gc took the layer of a damaged document'

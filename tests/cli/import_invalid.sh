#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Documents that fsck calls an error: import refuses them, or says so.
. "${0%/*}/lib.sh"
need jq sha256sum
OCI=application/vnd.oci.image
OCISTORE=$TEMPORARY/store
export OCISTORE
run 0 init store

# blob LAYOUT FILE: its digest
blob() {
    hex=$(sha256sum "$2" | cut -d ' ' -f 1)
    mkdir -p "$1/blobs/sha256"
    cp "$2" "$1/blobs/sha256/$hex"
    echo "sha256:$hex"
}
# layout NAME MANIFEST-FILE
layout() {
    echo '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    jq -nc --arg d "$(blob "$1" "$2")" --argjson n "$(stat -c %s "$2")" --arg t "$OCI.manifest.v1+json" \
        '{schemaVersion: 2, manifests: [{mediaType: $t, digest: $d, size: $n,
        annotations: {"org.opencontainers.image.ref.name": "x"}}]}' >"$1/index.json"
}
# config NAME FILE: a layout of an image with that config
config() {
    mkdir -p "$1"
    jq -nc --arg d "$(blob "$1" "$2")" --argjson n "$(stat -c %s "$2")" --arg t "$OCI.config.v1+json" \
        '{schemaVersion: 2, config: {mediaType: $t, digest: $d, size: $n}, layers: []}' >manifest
    layout "$1" manifest
}
refused() { # NAME TEXT
    run 4 fsck "$1"
    run 4 import "$1"
    complains "$2"
    run 16 ls "$1"
}
printf 'this is not JSON' >file
config words file
refused words 'is no JSON object'
printf '{"os":' >file
config half file
refused half "$(blob half file)"
printf '{"architecture":"amd64","os":"\377","rootfs":{"type":"layers","diff_ids":[]}}' >file
config latin file
refused latin "$(blob latin file)"
printf '{"architecture":"amd64","os":"linux","os":"x","rootfs":{"type":"layers","diff_ids":[]}}' >file
config twice file
refused twice 'os'
printf 'no manifest' >file
mkdir manifest-words
layout manifest-words file
refused manifest-words 'is no JSON object'

# The same when its bytes are in the store already, as something else.
printf 'this is not JSON' >file
mkdir layer
jq -nc --arg d "$(blob layer file)" --arg t "$OCI.layer.v1.tar" --arg e application/vnd.oci.empty.v1+json \
    --arg c "$(printf '{}' >empty && blob layer empty)" \
    '{schemaVersion: 2, artifactType: "a/b", config: {mediaType: $e, digest: $c, size: 2},
    layers: [{mediaType: $t, digest: $d, size: 16}]}' >manifest
layout layer manifest
run 0 import layer
refused words "$(blob words file)"
run 0 fsck

# What is whole, but not as it has to be, is taken, and told as fsck tells it.
printf '{}' >file
config bare file
run 0 import bare
complains "document-invalid: $(blob bare file): architecture: is missing; it is taken"
run 4 fsck
prints "document-invalid: $(blob bare file)"

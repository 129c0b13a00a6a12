#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Many imports into one layout, all of them at its door at the same moment: every entry
# is there afterwards.
. "${0%/*}/lib.sh"
need flock jq sha256sum
OCISTORE=$TEMPORARY/store
export OCISTORE
run 0 init

# source TAG: a layout of one image
source_of() {
    mkdir -p "$1/blobs/sha256"
    printf '{"architecture":"amd64","os":"linux","author":"%s","rootfs":{"type":"layers","diff_ids":[]}}' \
        "$1" >config
    config=$(sha256sum config | cut -d ' ' -f 1)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[]}' \
        "$config" "$(wc -c <config)" >manifest
    manifest=$(sha256sum manifest | cut -d ' ' -f 1)
    mv config "$1/blobs/sha256/$config"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
        "$manifest" "$(wc -c <manifest)" "$1" >"$1/index.json"
    mv manifest "$1/blobs/sha256/$manifest"
}
tags='a b c d e f g h'
for tag in $tags; do
    source_of "$tag"
done
source_of first

lock=$OCISTORE/.ocistore/locks/layouts/$(printf together | sha256sum | cut -c 1-16).lock
for round in new known; do # the layout is there only the second time
    rm -rf "$OCISTORE"
    run 0 init
    [ "$round" = new ] || run 0 import --name together first
    mkdir -p "${lock%/*}"
    exec 9>>"$lock"
    flock -x 9
    waiting=
    for tag in $tags; do
        "$OCISTORE_BIN" --quiet import --name together "$tag" >"out.$tag" 2>&1 9<&- &
        waiting="$waiting $!"
    done
    for process in $waiting; do # until each has opened the lock
        until ls -l "/proc/$process/fd" 2>/dev/null | grep -qF "$lock"; do
            kill -0 "$process" 2>/dev/null || fail "one did not wait: $(cat out.*)"
        done
    done
    flock -u 9
    for process in $waiting; do
        wait "$process" || fail "$(cat out.*)"
    done
    jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' \
        "$OCISTORE/layouts/together/index.json" | sort >listed
    [ "$round" = new ] || tags="$tags first"
    printf '%s\n' $tags | sort >wanted
    same_files wanted listed "the $round layout lacks entries"
    run 0 fsck
    run 0 gc --now
    run 0 fsck
done

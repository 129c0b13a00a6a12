#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# The graph is a cache: whatever happened to it, every command does what it does with
# a sound one, and nothing is lost but time.
. "${0%/*}/lib.sh"
need dd jq sha256sum
DATA=.ocistore/graph/data.mdb

# image LAYOUT AUTHOR: a layout of one image
image() {
    mkdir -p "$1/blobs/sha256"
    printf '{"architecture":"amd64","os":"linux","author":"%s","rootfs":{"type":"layers","diff_ids":[]}}' \
        "$2" >config
    config=$(sha256sum config | cut -d ' ' -f 1)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[]}' \
        "$config" "$(wc -c <config)" >manifest
    manifest=$(sha256sum manifest | cut -d ' ' -f 1)
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"v"}}]}' \
        "$manifest" "$(wc -c <manifest)" >"$1/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    mv config "$1/blobs/sha256/$config"
    mv manifest "$1/blobs/sha256/$manifest"
}
image one 1
image two 2
image three 3
run 0 init sound
run 0 --store sound import one two
run 0 --store sound tag one:v w
run 0 --store sound rm two
run 0 --store sound gc --grace 0 --max-delete 100%
printf garbage >"sound/blobs/sha256/$(printf garbage | sha256sum | cut -d ' ' -f 1)"
pages=$(($(stat -c %s "sound/$DATA") / 4096))

# spoil HOW: the graph of ./store
spoil() {
    case $1 in
    gone) rm -r store/.ocistore/graph ;;
    empty) : >"store/$DATA" ;;
    text) echo 'no graph' >"store/$DATA" ;;
    folder) rm "store/$DATA" && mkdir "store/$DATA" ;;
    link) mv "store/$DATA" elsewhere && ln -s ../../../elsewhere "store/$DATA" ;;
    short) truncate -s $(((pages - 1) * 4096 - 1)) "store/$DATA" ;;
    zeros) dd if=/dev/zero of="store/$DATA" bs=4096 count=$((pages - 2)) seek=2 conv=notrunc 2>/dev/null ;;
    record) # one bit of the first node's digest, where LMDB sees nothing wrong
        at=$(LC_ALL=C grep -aboP "\\x$(echo "$manifest" | cut -c 1-2)\\x$(echo "$manifest" | cut -c 3-4)\\x$(echo "$manifest" | cut -c 5-6)" \
            "store/$DATA" | tail -n 1 | cut -d : -f 1)
        [ "$at" ] || fail 'the digest is not in the graph'
        printf '\377' | dd of="store/$DATA" bs=1 seek="$((at + 7))" conv=notrunc 2>/dev/null ;;
    esac
}

# what a command prints and leaves, except the times and names of its run
result() {
    rm -rf store
    cp -a sound store
    [ "$1" = sound ] || spoil "$1"
    shift
    run 0 --store store "$@"
    sed 's/[0-9]\{8\}T[0-9]\{6\}Z-[0-9a-f]\{8\}//g; s/ in [0-9.]* s//' out
    (cd store && find blobs layouts .ocistore/trash .ocistore/roots -type f |
        sed 's/[0-9]\{8\}T[0-9]\{6\}Z-[0-9a-f]\{8\}//' | sort)
    run 0 --store store import three
    run 0 --store store fsck --repair --quick
    rm -rf elsewhere
}
manifest=$(jq -r '.manifests[0].digest' one/index.json | cut -d : -f 2)
for command in ls 'ls one' 'tree one:v' 'cat one:w' "why sha256:$manifest" du trash 'import one' 'tag one:v x' \
    'mv one there' 'rm one:w' 'trash restore two'; do
    # shellcheck disable=SC2086
    result sound $command >expected
    case $command in
    ls | 'import one') hows='gone empty text folder link short zeros record' ;;
    *) hows='gone zeros record' ;;
    esac
    for how in $hows; do
        # shellcheck disable=SC2086
        result $how $command >got
        same_files expected got "'$command' with a graph that is $how"
    done
done
# gc --now does not wait, so that what it forgot makes no difference.
for how in gone empty text folder link short zeros record; do
    result $how gc --now --max-delete 100% >got
    [ -e "store/blobs/sha256/$manifest" ] || fail "gc --now took what is needed: the graph was $how"
    [ ! -e "store/blobs/sha256/$(printf garbage | sha256sum | cut -d ' ' -f 1)" ] ||
        fail "gc --now left garbage: the graph was $how"
done

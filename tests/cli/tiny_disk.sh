#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A disk of 1 MiB without a free byte: everything that looks works, rm too by its
# reserve, and gc makes room.
. "${0%/*}/lib.sh"
need unshare mount umount dd sha256sum

if [ "${1:-}" != inside ]; then
    [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || skip 'no mounts of our own here'
    unshare -m sh "$here/tiny_disk.sh" inside
    exit
fi

trap 'umount "$TEMPORARY/disk" 2>/dev/null; rm -rf "$TEMPORARY"' EXIT
mkdir disk
mount -t tmpfs -o size=1m tmpfs disk || skip 'no tmpfs of our own here'
OCISTORE=$TEMPORARY/disk/store
export OCISTORE
BLOBS=$OCISTORE/blobs/sha256

mkdir -p source/blobs/sha256
printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}' >config
config=$(sha256sum config | cut -d ' ' -f 1)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":78},"layers":[]}' \
    "$config" >manifest
manifest=$(sha256sum manifest | cut -d ' ' -f 1)
cp config "source/blobs/sha256/$config"
cp manifest "source/blobs/sha256/$manifest"
printf '{"imageLayoutVersion":"1.0.0"}' >source/oci-layout
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"v"}}]}' \
    "$manifest" "$(wc -c <manifest)" >source/index.json

# full: what a foreign tool left, that the graph has never seen, and not a byte more
fill() {
    for name in one two three four; do
        head -c 50000 /dev/zero | tr '\0' "${name%"${name#?}"}" >garbage
        cp garbage "$BLOBS/$(sha256sum garbage | cut -d ' ' -f 1)"
    done
    dd if=/dev/zero of=disk/filler bs=512 2>/dev/null
    same "$(df -k --output=avail disk | tail -n 1 | tr -d ' ')" 0 'free space'
}
run 0 init
run 0 import source
for graph in kept lost; do
    run 0 import --name second source
    fill
    [ "$graph" = kept ] || rm -r "$OCISTORE/.ocistore/graph/data.mdb"
    [ "$graph" = kept ] || dd if=/dev/zero of=disk/filler2 bs=512 2>/dev/null
    run 0 ls
    run 0 tree source:v
    run 0 cat source:v
    run 0 fsck
    [ "$graph" = lost ] || run 0 rm second:v
    [ "$graph" = kept ] || run 0 rm second
    printf ' ' >>"$OCISTORE/layouts/source/index.json" # for gc to remember
    run 0 gc --now
    same "$(find "$BLOBS" -type f | wc -l)" 2 "blobs with the graph $graph"
    rm -f disk/filler disk/filler2
    run 0 gc
    run 0 import source
    run 0 fsck
done

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# On a full disk an import fails and says why, nothing is lost, and rm and gc still
# make room.
. "${0%/*}/lib.sh"
need unshare mount dd

if [ "${1:-}" != inside ]; then
    unshare -rm true 2>/dev/null || unshare -m true 2>/dev/null || skip 'no mounts of our own here'
    unshare -m true 2>/dev/null && set -- -m || set -- -rm
    unshare "$@" sh "$here/disk_full.sh" inside
    exit
fi

trap 'umount "$TEMPORARY/disk" 2>/dev/null; rm -rf "$TEMPORARY"' EXIT
mkdir disk
mount -t tmpfs -o size=6m tmpfs disk || skip 'no tmpfs of our own here'

# image SIZE CHARACTER LAYOUT: one image with one layer
image() {
    mkdir -p "$3/blobs/sha256"
    head -c "$1" /dev/zero | tr '\0' "$2" >layer
    layer=$(sha256sum layer | cut -d' ' -f1)
    printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$layer" >config
    config=$(sha256sum config | cut -d' ' -f1)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
        "$config" "$(wc -c <config)" "$layer" "$1" >manifest
    manifest=$(sha256sum manifest | cut -d' ' -f1)
    for file in layer config manifest; do
        eval "mv $file \"$3/blobs/sha256/\$$file\""
    done
    printf '{"imageLayoutVersion":"1.0.0"}' >"$3/oci-layout"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"v"}}]}' \
        "$manifest" "$(wc -c <"$3/blobs/sha256/$manifest")" >"$3/index.json"
}
image 300000 a first
image 300000 b second
image 3000000 c large

run 0 init disk/store
run 0 --store disk/store import first second
dd if=/dev/zero of=disk/filler bs=4096 2>/dev/null

run 8 --store disk/store import large
complains 'No space left on device'
complains 'nothing is imported: sha256:'
complains 'ocistore gc --now'
[ -z "$(find disk/store/.ocistore/tmp -type f)" ] || fail 'something is left in tmp'
run 0 --store disk/store fsck
run 0 --store disk/store rm first
# more than what the journal keeps in memory
mkdir many
(cd many && awk 'BEGIN { for (i = 0; i < 600; i++) print i > i }' && sha256sum -- *) >names
rm disk/filler
while read -r sum name; do
    mv "many/$name" "disk/store/blobs/sha256/$sum"
done <names
dd if=/dev/zero of=disk/filler bs=4096 2>/dev/null
run 0 --store disk/store gc --now --max-delete 100%
[ "$(find disk/store/blobs -type f | wc -l)" -eq 3 ] || fail 'the blobs of first are still there'
run 0 --store disk/store fsck
rm disk/filler

# a part of it fits
image 300000 d fits
image 7000000 e too-large
run 8 --store disk/store import fits too-large
complains 'nothing is imported: sha256:'
complains ': write: No space left on device'
run 0 --store disk/store fsck
run 0 --store disk/store import fits
run 0 --store disk/store import large
run 0 --store disk/store gc
[ -e disk/store/.ocistore/reserve ] || fail 'the reserve was not made again'
run 0 --store disk/store fsck

# Full of files: nothing is changed, and it is said what is full.
umount disk
mount -t tmpfs -o size=6m,nr_inodes=100 tmpfs disk || skip 'no tmpfs with a number of inodes here'
image 1000 f few
run 0 init disk/store
run 0 --store disk/store import few
i=0
while (: >"disk/file-$i") 2>/dev/null; do i=$((i + 1)); done
run 8 --store disk/store rm few
complains 'df -i'
run 0 --store disk/store ls few
rm disk/file-*
run 0 --store disk/store rm few

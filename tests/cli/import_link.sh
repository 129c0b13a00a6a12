#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# --link: blobs that share their bytes with the source where the file system can, and
# copies where it cannot; what is verified is what is in the store, never the source.
. "${0%/*}/lib.sh"
need jq sha256sum dd

if [ "${1:-}" != inside ] && [ "$(id -u)" -eq 0 ] && command -v mkfs.xfs >/dev/null &&
    unshare -m true 2>/dev/null; then
    unshare -m sh "$here/import_link.sh" inside
    exit
fi

# layout NAME: one image of two layers, of 1 MiB and of 5 bytes.
layout() {
    mkdir -p "$1/blobs/sha256"
    dd if=/dev/urandom of=large bs=65536 count=16 status=none
    printf small >small
    zeros=$(printf %064d 0)
    printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' \
        "$zeros" "$zeros" >config
    for file in large small config; do
        eval "$file=\$(sha256sum $file | cut -d ' ' -f 1) ${file}_size=\$(wc -c <$file)"
        eval "cp $file \"$1/blobs/sha256/\$$file\""
    done
    type=application/vnd.oci.image
    # shellcheck disable=SC2154
    printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"%s.layer.v1.tar","digest":"sha256:%s","size":%s},{"mediaType":"%s.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
        "$type" "$type" "$config" "$config_size" "$type" "$large" "$large_size" "$type" "$small" "$small_size" >manifest
    manifest=$(sha256sum manifest | cut -d ' ' -f 1)
    cp manifest "$1/blobs/sha256/$manifest"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%s}]}' \
        "$type" "$manifest" "$(wc -c <manifest)" >"$1/index.json"
}

# shares FILE: some of its bytes are another file's as well.
shares() {
    sync -f "$1"
    filefrag -v "$1" | grep -q shared
}

# works: every way to import, here; $reflinks says whether the file system can share.
works() {
    layout source
    for how in auto reflink copy; do
        run 0 init "$how"
        if [ "$how" = reflink ] && [ "$reflinks" = no ]; then
            run 16 --store reflink import --link reflink source
            complains 'cannot share'
            complains '--link auto'
            [ -z "$(find reflink/blobs reflink/.ocistore/tmp -type f)" ] || fail 'something was left behind'
            continue
        fi
        run_json 0 --store "$how" import --link "$how" source
        holds 'last | .blobs_copied == 4'
        cmp -s large "$how/blobs/sha256/$large" || fail "--link $how: other bytes"
        if [ "$reflinks" = yes ] && [ "$how" != copy ]; then
            shares "$how/blobs/sha256/$large" || fail "--link $how shares nothing"
        elif [ "$reflinks" = yes ]; then
            shares "$how/blobs/sha256/$large" && fail '--link copy shares'
        fi
    done
    # written in place afterwards
    printf X | dd of="source/blobs/sha256/$large" bs=1 seek=70000 conv=notrunc status=none
    for how in auto copy; do
        cmp -s large "$how/blobs/sha256/$large" || fail "a change of the source reached the store of --link $how"
        run 0 fsck "$how"
    done
    # what is not right is not taken, shared or not
    for how in auto copy; do
        run 0 init "bad-$how"
        run 4 --store "bad-$how" import --link "$how" source
        complains "$large"
        [ -z "$(find "bad-$how/blobs" "bad-$how/.ocistore/tmp" -type f)" ] || fail 'a damaged blob was left behind'
    done
    run 16 --store auto import --link hard source
}

printf text >one
if cp --reflink=always one two 2>/dev/null; then reflinks=yes; else reflinks=no; fi
works
[ "${1:-}" = inside ] || exit 0

# The same where bytes can be shared.
command -v filefrag >/dev/null || skip 'no filefrag here'
trap 'cd /; umount "$TEMPORARY/disk" 2>/dev/null; rm -rf "$TEMPORARY"' EXIT
truncate -s 400M image
mkfs.xfs -q -m reflink=1 image 2>/dev/null || skip 'no XFS with reflinks here'
mkdir disk
mount -o loop image disk 2>/dev/null || skip 'nothing can be mounted here'
cd disk || exit 1
reflinks=yes
works
# From another file system: copied.
cd ..
layout outside
run 0 init disk/other
run 0 --store disk/other import outside
cmp -s large "disk/other/blobs/sha256/$large" || fail 'other bytes'
layout further
run 16 --store disk/other import --link reflink further
complains 'cannot share'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Every layer is right in one source alone, damaged or absent in the others, and
# damaged in the store: many items at once, each with its own way through the copies.
. "${0%/*}/lib.sh"
need jq sha256sum
type=application/vnd.oci.image
number=60

# size_of I: from empty to 2.5 MB.
size_of() {
    case $(($1 % 6)) in
    0) echo "$1" ;;
    1) echo 65536 ;;
    2) echo $((1000 + $1)) ;;
    3) echo $((65537 + $1)) ;;
    4) echo $((300000 + $1)) ;;
    5) [ "$1" -lt 20 ] && echo $((2500000 + $1)) || echo $((9000 + $1)) ;;
    esac
}
mkdir -p layers a/blobs/sha256
i=0
while [ $i -lt $number ]; do
    { printf 'layer %d\n' $i; seq 400000; } | head -c "$(size_of $i)" >layers/$i
    i=$((i + 1))
done
sha256sum layers/* | sort -t/ -k2n >sums
zeros=$(printf %064d 0)
jq -nc --arg zeros "sha256:$zeros" --argjson n $number \
    '{architecture: "amd64", os: "linux", rootfs: {type: "layers", diff_ids: [range($n) | $zeros]}}' >config
while read -r hex file; do
    jq -nc --arg type "$type.layer.v1.tar" --arg digest "sha256:$hex" --argjson size "$(wc -c <"$file")" \
        '{mediaType: $type, digest: $digest, size: $size}'
    cp "$file" "a/blobs/sha256/$hex"
done <sums >descriptors
config=$(sha256sum config | cut -d ' ' -f 1)
jq -sc --arg type "$type" --arg digest "sha256:$config" --argjson size "$(wc -c <config)" \
    '{schemaVersion: 2, mediaType: "\($type).manifest.v1+json",
      config: {mediaType: "\($type).config.v1+json", digest: $digest, size: $size}, layers: .}' \
    descriptors >manifest
manifest=$(sha256sum manifest | cut -d ' ' -f 1)
cp config "a/blobs/sha256/$config"
cp manifest "a/blobs/sha256/$manifest"
printf '{"imageLayoutVersion":"1.0.0"}' >a/oci-layout
printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%s}]}' \
    "$type" "$manifest" "$(wc -c <manifest)" >a/index.json
cp -a a b
cp -a a c

spoil() { # FILE: one byte more, so that an empty one is spoilt as well
    printf X >>"$1"
}
run 0 init store
mkdir -p store/blobs/sha256
i=0
while read -r hex _; do
    case $((i % 3)) in
    0) spoil "b/blobs/sha256/$hex" && rm "c/blobs/sha256/$hex" ;;
    1) spoil "a/blobs/sha256/$hex" && spoil "c/blobs/sha256/$hex" ;;
    2) rm "a/blobs/sha256/$hex" && spoil "b/blobs/sha256/$hex" ;;
    esac
    if [ $((i % 4)) -eq 0 ]; then
        printf 'not it' >"store/blobs/sha256/$hex"
        echo "$hex"
    fi
    i=$((i + 1))
done <sums >damaged

# No source alone is enough, and nothing of it stays.
for source in a b c; do
    run 4 --store store import $source
    [ -z "$(find store/.ocistore/tmp -type f)" ] || fail 'temporary files were left'
    [ "$(find store/blobs -type f | wc -l)" -eq "$(wc -l <damaged)" ] || fail 'something came in'
done
for jobs in 1 3; do
    rm -rf this
    cp -a store this
    run_json 0 --store this import -j $jobs a b c
    holds --argjson n $((number + 2)) 'last | .images == 3 and .blobs_copied == $n and .blobs_reused == 0'
    while read -r hex file; do
        cmp -s "$file" "this/blobs/sha256/$hex" || fail "-j $jobs: $file is not right"
    done <sums
    same "$(find this/.ocistore/quarantine -type f | wc -l)" "$(wc -l <damaged)" 'set aside'
    run 0 fsck this
    run_json 0 --store this import -j $jobs a b c
    holds --argjson n $((number + 2)) 'last | .blobs_copied == 0 and .blobs_reused == $n'
done

# Few open files are enough for any number of threads.
run 0 init few
(
    ulimit -n 64
    "$OCISTORE_BIN" --store few import -j 4 a b c
) >out 2>err || fail 'no import with 64 open files'

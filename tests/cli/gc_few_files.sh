#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Manifests are on their way whose layers were here, and gc may open too few files to
# read them: it takes no layer of theirs, and says so.
. "${0%/*}/lib.sh"
need seq jq
OCISTORE=$PWD/store
export OCISTORE
run 0 init
mkdir -p store/layouts/kept store/blobs/sha256
echo '{"imageLayoutVersion":"1.0.0"}' >store/layouts/kept/oci-layout
echo '{"schemaVersion":2,"manifests":[]}' >store/layouts/kept/index.json
put() {
    name=$(sha256sum <blob | cut -d ' ' -f 1)
    mv blob "store/blobs/sha256/$name"
}
for i in $(seq 100); do
    printf 'layer %03d' "$i" >blob
    put
    echo "$name" >>layers
    touch -d @1 "store/blobs/sha256/$name"
done
run 0 gc --grace 1h
cp -a store before
while read -r layer; do
    printf '{"schemaVersion":2,"config":{"digest":"sha256:%s","size":9},"layers":[]}' "$layer" >blob
    put
    touch -d '+1 day' "store/blobs/sha256/$name" # young on a slow machine, too
done <layers
mkdir young
mv store/blobs young/blobs

exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
failed=0
for n in $(seq 14 34) 100; do
    rm -rf store
    cp -a before store
    rm -rf store/blobs
    cp -a young/blobs store/blobs
    (
        ulimit -n "$n"
        exec "$OCISTORE_BIN" --json gc --grace 1s
    ) >out 2>err
    case $? in
    0) same "$(field .trashed)" 0 "blobs that went with $n open files" ;;
    8 | 127) failed=$((failed + 1)) ;; # not even its libraries
    *) fail "gc ends otherwise with $n open files" ;;
    esac
done
[ "$failed" -gt 1 ] || fail 'no lack of open files was met'
[ "$failed" -lt 22 ] || fail 'gc never came to its end'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# cat: the bytes of a digest or of an image's document, verified while they stream.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts

blobs_in "$STORE/blobs" >digests
while read -r digest; do
    run 0 --store "$STORE" cat "$digest"
    same_files "$(blob_file "$STORE/blobs" "$digest")" out "cat $digest: other bytes"
    silent
done <digests

manifest=$(jq -r '.manifests[0].digest' "$STORE/layouts/base/index.json")
run 0 --store "$STORE" cat base:latest
same_files "$(blob_file "$STORE/blobs" "$manifest")" out 'cat base:latest: other bytes'
run 0 --store "$STORE" cat base
run 0 --store "$STORE" cat "base@$manifest"

run 16 --store "$STORE" cat twins:nobody
run 16 --store "$STORE" cat sha256:0000000000000000000000000000000000000000000000000000000000000000
complains 'is not in the store'
run 16 --store "$STORE" cat sha256:../../index.json
run 16 --store "$STORE" cat ../../etc/passwd
run_json 16 --store "$STORE" cat base:latest

layer=$(jq -r '.layers[0].digest' "$(blob_file "$STORE/blobs" "$manifest")")
file=$(blob_file "$STORE/blobs" "$layer")
printf X | dd of="$file" bs=1 seek=1000 conv=notrunc status=none
run 4 --store "$STORE" cat "$layer"
same "$(sed -n 1p err)" "ocistore: cat: $layer: it is damaged" 'what is said of a damaged blob'
same_files "$file" out 'the bytes did not go out'
rm -f "$file"
mkfifo "$file"
run 4 --store "$STORE" cat "$layer"
rm -f "$file"
ln -s /etc/passwd "$file"
run 4 --store "$STORE" cat "$layer"
[ ! -s out ] || fail 'a link was followed'

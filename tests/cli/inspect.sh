#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# inspect: manifest and config, exact to every number, verified.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts

run_json 0 --store "$STORE" inspect app1:latest
digest=$(jq -r 'select(.type == "image").digest' out)
manifest=$(blob_file "$STORE/blobs" "$digest")
config=$(blob_file "$STORE/blobs" "$(jq -r .config.digest "$manifest")")
holds --slurpfile manifest "$manifest" --slurpfile config "$config" \
    '.[0] | .manifest == $manifest[0] and .config == $config[0] and .layout == "app1" and .ref == "latest"'

run 0 --store "$STORE" inspect app1:latest
prints 'app1:latest'
prints "$digest"
prints 'linux/'
prints 'add app1'
prints 'manifest'
run 0 --store "$STORE" inspect "app1@$digest"
run 0 --store "$STORE" inspect --raw app1:latest
same_files "$manifest" out '--raw prints other bytes'
run 16 --store "$STORE" --json inspect --raw app1:latest

run_json 0 --store "$STORE" inspect multi:latest
holds '.[0].config == null and (.[0].manifest.manifests | length == 2)'
run_json 0 --store "$STORE" inspect base
run_json 16 --store "$STORE" inspect twins
complains '3 images'
run_json 16 --store "$STORE" inspect app1:nobody

# numbers beyond a double, escapes, and what a terminal would act upon
mkdir -p odd/blobs/sha256
printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"x":9007199254740993,"y":1.50,"z":"\\u001b[31m \177 \\" , : {","e":{},"l":[]}' >config
digest=$(sha256sum <config | cut -d' ' -f1)
cp config "odd/blobs/sha256/$digest"
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[]}' \
    "$digest" "$(wc -c <config)" >manifest
digest=$(sha256sum <manifest | cut -d' ' -f1)
cp manifest "odd/blobs/sha256/$digest"
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d}]}' \
    "$digest" "$(wc -c <manifest)" >odd/index.json
printf '{"imageLayoutVersion":"1.0.0"}' >odd/oci-layout
run 0 --store "$STORE" import odd
run 0 --store "$STORE" inspect odd
prints '"x": 9007199254740993'
prints '"y": 1.50'
prints '"z": "\u001b[31m \u007f \" , : {"'
prints '"e": {}'
run_json 0 --store "$STORE" inspect odd
prints '"x":9007199254740993'

# damage is told, not shown
printf X | dd of="$manifest" bs=1 seek=3 conv=notrunc status=none
run_json 4 --store "$STORE" inspect app1:latest
complains 'damaged'
complains 'ocistore fsck'

# Of an image that is listed also what is missing is damage; one without its config is shown.
rm "$manifest"
run_json 4 --store "$STORE" inspect app1:latest
complains 'is not in the store'
run 4 --store "$STORE" cat app1:latest
digest=$(jq -r '.config.digest' "odd/blobs/sha256/$(jq -r '.manifests[0].digest | ltrimstr("sha256:")' odd/index.json)")
rm "$STORE/blobs/sha256/${digest#sha256:}"
run_json 0 --store "$STORE" inspect odd
complains "the config is not shown: $digest is not in the store"
holds '.[0].config == null'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Every source that cannot be taken is an error of its own: also with -q, and in JSON;
# the others are taken.
. "${0%/*}/lib.sh"
need_layouts
run 0 init store
for name in first second third; do
    cp -a "$LAYOUTS/app1" "$name"
    manifest=$(jq -r '.manifests[0].digest' "$name/index.json")
    rm "$name/blobs/sha256/$(jq -r '.layers[1].digest' "$name/blobs/sha256/${manifest#*:}" | cut -d: -f2)"
done
printf '{' >third/index.json

run 4 --store store -q import first second "$LAYOUTS/base" third
for source in first second third; do
    complains "import: $source"
done
same "$(grep -c '^ocistore: import: ' err)" 3 'errors told'
run_json 4 --store store import first second "$LAYOUTS/base" third
holds '[.[] | select(.type == "error") | .message] | length == 3 and (unique | length) == 3'
holds 'any(.type == "image")'
run 0 --store store ls
prints base

# Another store, or a layout of it, is no layout with its blobs: the way is told.
run 0 init another
run 16 --store another import store
complains 'it is a store: ocistore import --shared-blobs store/blobs store/layouts/*'
run 4 --store another import store/layouts/base
complains "it is a layout of a store: --shared-blobs $PWD/store/blobs"
run 0 --store another import --shared-blobs store/blobs store/layouts/base

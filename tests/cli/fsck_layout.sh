#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# fsck PATH on plain layouts straight from skopeo and umoci: nothing is written near them.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
need_layouts

state() {
    (cd "$LAYOUTS" && find . -printf '%p %i %T@ %C@ %s %m\n' | sort)
}
state >before
for layout in "$LAYOUTS"/*/; do
    run_json 0 fsck "$layout"
    holds --argjson count "$(blobs_in "$layout/blobs" | wc -l)" \
        'last.errors == 0 and last.blobs_checked == $count'
    run 0 fsck --quick "$layout"
done
state >after
same_files before after 'fsck wrote something'

cp -a "$LAYOUTS/app1" damaged
manifest=$(jq -r '.manifests[0].digest' damaged/index.json)
layer=$(jq -r '.layers[1].digest' "$(blob_file damaged/blobs "$manifest")")
printf X | dd of="$(blob_file damaged/blobs "$layer")" bs=1 seek=50 conv=notrunc status=none
run_json 4 fsck damaged
holds --arg digest "$layer" 'any(.id == "blob-digest-mismatch" and .digest == $digest
    and any(.affects[]; .ref == "latest"))'
[ "$(ls -A damaged | sort | tr '\n' ' ')" = 'blobs index.json oci-layout ' ] || fail 'files were added'

skopeo --insecure-policy copy --quiet --dest-shared-blob-dir shared "oci:$LAYOUTS/app2:latest" oci:apart:x
run 0 fsck --shared-blobs shared apart
run 4 fsck apart

# A layout of a store has its blobs there.
run 0 init store
run 0 --store store import "$LAYOUTS/base"
run 4 fsck store/layouts/base
complains "ocistore fsck $PWD/store;"
complains "ocistore fsck --shared-blobs $PWD/store/blobs store/layouts/base"
run 0 fsck --shared-blobs "$PWD/store/blobs" store/layouts/base

run_json 16 fsck not-there
mkdir empty
run_json 16 fsck empty

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A platform of an index need not have been copied; one that is listed as well has to
# be, in whatever order the two are listed.
. "${0%/*}/lib.sh"
need_layouts
run 0 init store
OCISTORE=$PWD/store
export OCISTORE

# sparse: an index, whose one manifest is there and nothing of what that needs.
cp -a "$LAYOUTS/app1" sparse
manifest=$(jq -r '.manifests[0].digest' sparse/index.json)
jq -c '{schemaVersion: 2, manifests: [.manifests[0] | del(.annotations)]}' sparse/index.json >index
digest=$(sha256sum <index | cut -d' ' -f1)
cp index "sparse/blobs/sha256/$digest"
find sparse/blobs -type f ! -name "$digest" ! -name "${manifest#*:}" -delete
entry=$(jq -c '.manifests[0]' sparse/index.json)

list() { # JQ: the entries, of the index ($index) and the manifest ($manifest)
    jq -nc --arg digest "sha256:$digest" --argjson size "$(wc -c <index)" --argjson manifest "$entry" \
        '{mediaType: "application/vnd.oci.image.index.v1+json", digest: $digest, size: $size} as $index |
        {schemaVersion: 2, manifests: '"$1"'}' >sparse/index.json
}

list '[$manifest, $index]'
run_json 4 import sparse
complains 'is missing'
list '[$index, $manifest]'
run_json 4 import sparse
complains 'is missing'
list '[$index]'
run 0 import sparse
run 0 fsck

# What the source lacks as it may, and the store has damaged: once it is set aside, the image
# is as sparse as its source.
rm -rf "$OCISTORE"
run 0 init "$OCISTORE"
run 0 import "$LAYOUTS/app1"
rm "sparse/blobs/sha256/${manifest#*:}"
truncate -s 7 "$OCISTORE/blobs/sha256/${manifest#*:}"
run 4 import sparse
complains "the store's copy is damaged, and no source has it"
complains 'ocistore fsck --repair --from DIR'
run 0 rm app1
run 1 fsck --repair
run 0 import sparse

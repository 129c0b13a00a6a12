#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Real layouts of umoci and skopeo come in whole: the blobs are the union, a second
# import copies nothing, and skopeo reads every image back.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
need_layouts
STORE=$TEMPORARY/store
run 0 init "$STORE"

run_json 0 --store "$STORE" import "$LAYOUTS"/*/
for layout in "$LAYOUTS"/*/; do blobs_in "$layout/blobs"; done | sort -u >union
blobs_in "$STORE/blobs" >files
same_files union files 'the blobs of the store are not the union'
count=$(wc -l <union)
bytes=$(find "$STORE/blobs" -type f -printf '%s\n' | jq -s add)
images=$(cat "$LAYOUTS"/*/index.json | jq '.manifests | length' | jq -s add)
holds --argjson count "$count" --argjson bytes "$bytes" --argjson images "$images" '
    last | .blobs_copied == $count and .bytes_copied == $bytes and .blobs_reused == 0
           and .images == $images'
jq -r 'select(.type == "image") | [.layout, .ref, .digest] | @tsv' out | sort >said
for layout in "$LAYOUTS"/*/; do
    jq -r --arg layout "$(basename "$layout")" '.manifests[] |
        [$layout, .annotations["org.opencontainers.image.ref.name"], .digest] | @tsv' \
        "$layout/index.json"
done | sort >meant
same_files meant said 'other images were said to come in'

snapshot() {
    (cd "$STORE" && find blobs layouts -type f -printf '%P %i %T@ %s\n' | sort)
}
snapshot >before
run_json 0 --store "$STORE" import "$LAYOUTS"/*/
snapshot >after
same_files before after 'the second import changed something'
holds --argjson count "$count" 'last | .blobs_copied == 0 and .bytes_copied == 0
    and .blobs_reused == $count'

while read -r layout ref digest; do
    [ "$ref" ] && [ "$digest" ] || continue
    skopeo --insecure-policy copy --quiet --all --src-shared-blob-dir "$STORE/blobs" \
        "oci:$STORE/layouts/$layout:$ref" "dir:copy" || fail "skopeo does not read $layout:$ref"
    rm -rf copy
done <meant
run 0 --store "$STORE" fsck
run 0 --store "$STORE" -q import "$LAYOUTS/base"
[ ! -s out ] || fail '-q is not quiet'

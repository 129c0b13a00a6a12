#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# ls: layouts with images and sizes, the images of one; sizes count each blob once.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts

run_json 0 --store "$STORE" ls
jq -r 'select(.type == "layout").name' out >said
ls "$LAYOUTS" >names
same_files names said 'other layouts, or another order'
holds 'all(.type == "layout" or .type == "summary")'
cp out layouts.json
while read -r name; do
    entries_of "$STORE/layouts/$name/index.json" >entries
    bytes=$(walk_down "$STORE/blobs" <entries | while read -r digest; do
        cat "$(blob_file "$STORE/blobs" "$digest")"
    done | wc -c)
    jq -se --arg name "$name" --argjson images "$(wc -l <entries)" --argjson bytes "$bytes" \
        'any(.name == $name and .images == $images and .bytes == $bytes
         and (.attached | not) and .path == "layouts/" + $name)' layouts.json >/dev/null ||
        fail "ls of $name: $bytes bytes expected, got $(grep "\"$name\"" layouts.json)"
done <names

run_json 0 --store "$STORE" ls twins
holds 'map(select(.type == "image")) | length == 3
       and map(.ref) == ["one", "two", null]
       and all(.layout == "twins" and .bytes > 0
               and .media_type == "application/vnd.oci.image.manifest.v1+json")'
jq -r 'select(.type == "image").digest' out >said
entries_of "$STORE/layouts/twins/index.json" >entries
same_files entries said 'other images'

run 0 --store "$STORE" ls
prints 'LAYOUT'
prints 'from-umoci'
run 0 --store "$STORE" ls multi
prints 'index'
grep -q 'sha256:[0-9a-f]\{12\} ' out || fail 'digests are not short'
run 0 --store "$STORE" ls --digests multi
grep -q 'sha256:[0-9a-f]\{64\} ' out || fail 'digests are not whole'
run_json 16 --store "$STORE" ls nobody
complains "'nobody'"
run 0 init empty
run 0 --store empty ls
prints 'no layouts'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# rm: images and layouts go from the index, blobs stay; every name is looked up first.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts
blobs_in "$STORE/blobs" >blobs.before

run_json 0 --store "$STORE" rm app1:next
holds 'map(select(.type == "change")) | length == 1 and .[0].layout == "app1" and .[0].ref == "next"
       and (.[0].digest | startswith("sha256:"))'
digest=$(jq -r 'select(.type == "change").digest' out)
# its manifest, its config and its own layer are nobody else's
holds 'last.images == 1 and last.freed_blobs == 3 and last.freed_bytes > 0'
run_json 0 --store "$STORE" ls app1
holds --arg digest "$digest" 'map(select(.type == "image") | .digest) | length == 1 and .[0] != $digest'
jq -e --arg digest "$digest" '[.manifests[].digest] | index($digest) == null' \
    "$STORE/layouts/app1/index.json" >/dev/null || fail 'the entry is still in index.json'

nameless=$(jq -r '.manifests[] | select(.annotations | not).digest' "$STORE/layouts/twins/index.json")
run_json 0 --store "$STORE" rm "twins@$nameless"
run_json 0 --store "$STORE" rm twins app2 app3:latest
holds 'map(select(.type == "change") | [.layout, .ref]) |
       contains([["twins", null], ["app2", null], ["app3", "latest"]])'
[ ! -e "$STORE/layouts/twins" ] || fail 'the folder of a removed layout is still there'
blobs_in "$STORE/blobs" >blobs.after
same_files blobs.before blobs.after 'rm touched blobs'

"$OCISTORE_BIN" --store "$STORE" --json ls >before
run_json 16 --store "$STORE" rm app4 nobody
run_json 16 --store "$STORE" rm app4:latest app4:nobody
run_json 16 --store "$STORE" rm app4@sha256:abc
run_json 16 --store "$STORE" rm ''
run_json 16 --store "$STORE" rm
"$OCISTORE_BIN" --store "$STORE" --json ls >after
same_files before after 'a refused rm changed something'

run 0 --store "$STORE" rm app5:latest
prints 'removed app5:latest'
prints 'the next gc takes'
run 0 --store "$STORE" tag app4:latest again
run 0 --store "$STORE" rm app4:again
prints 'no blob becomes free by this'
run 0 --store "$STORE" fsck

# What was done before something failed is told, and what was not done is not.
export OCISTORE="$STORE"
run 0 import "$LAYOUTS/app1" "$LAYOUTS/app2"
locks=$STORE/.ocistore/locks/layouts
lock=$locks/$(printf '%.16s.lock' "$(printf app2 | sha256sum)")
rm -f "$lock"
ln -s nowhere "$lock"
run_json 8 rm app2
holds 'last.images == 0 and last.freed_blobs == 0 and all(.type != "change")'
images=$(jq '.manifests | length' "$STORE/layouts/app1/index.json")
run_json 8 rm app1 app2
holds --argjson images "$images" 'last.images == $images and last.freed_blobs > 0'
[ ! -e "$STORE/layouts/app1" ] && [ -e "$STORE/layouts/app2" ] || fail 'something else was done'
rm "$lock"
run 0 rm app2

# What has a time in the future waits for it, and gc does not call that its grace.
run 0 import "$LAYOUTS/app1"
find "$STORE/blobs" -type f -exec touch -d '+10 days' {} +
run 0 rm app1
run 0 gc --now
prints 'blobs that nothing needs, but of a time in the future'
find "$STORE/blobs" -type f -exec touch {} +
run 0 gc --now
! grep -q '^waiting' out || fail 'something waits'

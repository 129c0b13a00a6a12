#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Layouts that others make below layouts/ under names that we would not give: what they list
# stays, and they can be renamed and removed.
. "${0%/*}/lib.sh"
need_layouts
export OCISTORE=store
run 0 init store
run 0 import "$LAYOUTS/app1"

# as NAME LAYOUT: one image of LAYOUT, as skopeo brings it.
as() {
    mkdir -p "store/layouts/${1%/*}"
    skopeo --insecure-policy copy -q --dest-shared-blob-dir store/blobs \
        "oci:$LAYOUTS/$2:latest" "oci:store/layouts/$1:v" || fail "skopeo: $1"
}
whole() {
    run 0 gc --now
    run 0 fsck
}
as .hidden app2
as app1/.inside app3
as .deep/er app4
# what umoci leaves there is no layout
mkdir store/layouts/app1/.umoci-123
printf x >store/layouts/app1/.umoci-123/index-456
# what skopeo leaves goes from there as from any layout
printf x >store/layouts/.hidden/oci-put-blob7
run_json 0 fsck --quick
holds 'any(.id == "orphan-temporary" and .path == "layouts/.hidden/oci-put-blob7")'
whole
[ ! -e store/layouts/.hidden/oci-put-blob7 ] || fail 'gc left a temporary file'
run_json 0 ls
holds 'map(select(.type == "layout").name) == [".deep/er", ".hidden", "app1", "app1/.inside"]'

run 0 rm app1
run 0 ls app1/.inside
run 0 trash restore app1
whole
run 0 mv .hidden plain
run 0 rm .deep/er
run 0 trash restore .deep/er
run 0 rm .deep/er app1/.inside
whole
run_json 0 ls
holds 'map(select(.type == "layout").name) == ["app1", "plain"]'

# Every layout may have a folder of this name, so that none can be called so.
as plain/blobs app5
for layout in plain/blobs blobs; do
    [ "$layout" = plain/blobs ] || mv store/layouts/plain/blobs store/layouts/blobs
    run 4 gc --now
    complains "layouts/$layout is a layout, and none can have that name"
    run_json 4 fsck --quick
    holds --arg path "layouts/$layout" 'any(.id == "roots-entry-damaged" and .path == $path)'
done
mv store/layouts/blobs store/layouts/five
whole
run 0 ls five

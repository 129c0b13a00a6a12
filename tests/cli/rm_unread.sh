#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# rm and forget of a layout that is gone, or cannot be read: what becomes garbage is told by
# its last good index.json, and gc does not call that an accident.
. "${0%/*}/lib.sh"
need_layouts
OCISTORE=$PWD/store
export OCISTORE
run 0 init store
run 0 import "$LAYOUTS/base"

lose() { # PATH: in each way
    case $way in
    gone) mv "$1" away ;;
    'no index') mv "$1/index.json" away ;;
    damaged) printf '{' >"$1/index.json" ;;
    esac
}
for way in gone 'no index' damaged; do
    skopeo --insecure-policy copy -q --dest-shared-blob-dir store/blobs "oci:$LAYOUTS/app1:latest" oci:att:1 ||
        fail 'skopeo could not copy'
    run 0 attach att
    run 0 import "$LAYOUTS/app2"
    run 0 gc
    lose att
    run 4 gc
    run_json 0 forget att
    holds 'last.freed_unknown and last.freed_blobs > 0 and last.freed_bytes > 0'
    att=$(field .freed_blobs)
    lose store/layouts/app2
    run 4 gc
    run_json 0 rm app2
    holds 'last.freed_unknown and last.freed_blobs > 0 and last.freed_bytes > 0'
    all=$((att + $(field .freed_blobs)))
    run_json 0 gc --dry-run --grace 0
    same "$(field .candidates)" "$all" "$way: told and planned"
    run 0 gc --grace 0 --max-delete 1%
    rm -rf att away
done

# Where there is no last good one, nothing is known.
skopeo --insecure-policy copy -q --dest-shared-blob-dir store/blobs "oci:$LAYOUTS/app1:latest" oci:att:1 ||
    fail 'skopeo could not copy'
run 0 attach att
rm -r att
entry=$(grep -l '"att"' store/.ocistore/roots/*.json)
empty=$(printf '' | sha256sum | cut -d ' ' -f 1)
sed -n "1s/\"index_size\":[0-9]*,\"index_sha256\":\"sha256:[0-9a-f]*\"/\"index_size\":0,\"index_sha256\":\"sha256:$empty\"/p" \
    "$entry" >entry
mv entry "$entry"
run 0 forget att
prints 'what the next gc takes is not known: an index.json was not to be read'

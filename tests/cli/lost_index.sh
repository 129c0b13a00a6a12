#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A registered layout whose index.json, or folder, is gone: nothing begins a new list in
# its place, for then gc would take what only the old one named.
. "${0%/*}/lib.sh"
need_layouts
OCISTORE=$PWD/store
export OCISTORE
manifest=$(jq -r '.manifests[0].digest' "$LAYOUTS/app1/index.json")

refused() { # COMMAND...
    run_json 4 "$@"
    complains app1
    [ ! -e store/layouts/app1/index.json ] || fail "$* made a new index.json"
    run_json 4 gc --grace 0
}

# of what cannot be read nobody knows what it lists: adopt is no help
run 0 init store
run 0 import "$LAYOUTS/app1"
mv store/layouts/app1/index.json .
run 4 fsck
prints 'a complete image, in none of the index.json that were read'
prints 'mend first what keeps a layout from being read'
! grep -q 'ocistore adopt' out || fail 'adopt is hinted at for what is listed'
mv index.json store/layouts/app1/
run 0 fsck

for what in store/layouts/app1 store/layouts/app1/index.json; do
    rm -rf store
    run 0 init store
    run 0 import "$LAYOUTS/app1" "$LAYOUTS/base"
    rm -r "$what"
    refused import "$LAYOUTS/app1:latest"
    refused adopt "$manifest" app1:again
    run 0 rm app1
    run 0 import "$LAYOUTS/app1:latest"
    run 0 gc --grace 0
done

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# trash restore: a layout whose blobs did not come back is no success.
. "${0%/*}/lib.sh"
need_layouts
STORE=$TEMPORARY/store
OCISTORE=$STORE
export OCISTORE
run 0 init "$STORE"
run 0 import "$LAYOUTS/app1"
digest=$(jq -r '.manifests[0].digest' "$LAYOUTS/app1/index.json")
layer=$(jq -r '.layers[-1].digest' "$STORE/blobs/sha256/${digest#*:}")

# incomplete BLOB: the layout is listed again, the blob is named, nothing reads like success
incomplete() {
    run 4 trash restore app1
    complains "$1"
    complains 'fsck --repair --from'
    prints "missing $1"
    ! grep -q restored out || fail 'it reads like a success'
    [ -e "$STORE/layouts/app1/index.json" ] || fail 'the layout is not listed'
    run 4 fsck
    run_json 4 trash restore app1 # also when nothing is left to be listed
    holds --arg d "$1" 'any(.type == "change" and .action == "missing" and .digest == $d)'
    holds 'all(.action != "restore") and any(.type == "error")'
    run 1 fsck --repair --from "$LAYOUTS/app1"
    run 0 trash restore app1
    run 0 fsck
}

# one that is gone from the trash, one that is damaged there
run 0 rm app1
run 0 gc --grace 0 --allow-empty
rm "$STORE"/.ocistore/trash/*/blobs/sha256/"${layer#*:}"
incomplete "$layer"
run 0 rm app1
run 0 gc --grace 0 --allow-empty
lying=$(find "$STORE/.ocistore/trash" -name "${digest#*:}")
chmod u+w "$lying"
printf ' ' >>"$lying"
incomplete "$digest"

# the others that were named come back all the same
run 0 import "$LAYOUTS/base"
run 0 rm app1 base
run 0 gc --grace 0 --allow-empty
rm -r "$STORE"/.ocistore/trash/*/blobs
run 4 trash restore app1 base
[ -e "$STORE/layouts/base/index.json" ] || fail 'base was not tried'

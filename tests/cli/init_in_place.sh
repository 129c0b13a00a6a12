#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A layout becomes a store where it is: every byte stays, skopeo still reads it.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
need_layouts

cp -a "$LAYOUTS/twins" place
(cd place && find . -type f -exec sha256sum {} + | sort) >before
run_json 0 init place
holds '.[0].in_place'
(cd place && find . -path ./.ocistore -prune -o -type f -exec sha256sum {} + | sort) >after
same_files before after 'init changed the layout'

run_json 0 --store place ls
holds 'map(select(.type == "layout")) | length == 1 and .[0].name == "." and .[0].images == 3'
run 0 --store place fsck
run 0 --store place tree .:one
run 0 --store place cat .:one
run 16 --store place rm .
skopeo --insecure-policy copy --quiet oci:place:one dir:copy || fail 'skopeo does not read it any more'

run 0 --store place rm .:two
run_json 0 --store place gc --grace 0
entries_of place/index.json | walk_live place/blobs >live
blobs_in place/blobs >files
same_files live files 'gc left something else than what is reachable'

# It holds that one layout: nothing makes a second one, and nothing tells to remove the first.
one=$(jq -r '[.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "one")][0].digest' place/index.json)
run 16 --store place adopt "$one" other:x
complains 'is a store in place'
run 0 --store place adopt "$one" .:again
run 16 --store place import "$LAYOUTS/base"
run 16 --store place forget .
complains "the layout '.' is the store itself"
echo '{' >place/index.json
run 4 --store place gc
complains 'mend ./index.json'
if grep -q 'gone for good' err; then fail 'gc hints at a command that is refused'; fi
run 0 init plain
run 16 --store plain adopt "$one" .:x

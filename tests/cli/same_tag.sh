#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Several images of one name, as for several platforms: an import repeated changes nothing,
# and restoring only adds.
. "${0%/*}/lib.sh"
need_layouts
STORE=$TEMPORARY/store
run 0 init "$STORE"
OCISTORE=$STORE
export OCISTORE
REF=org.opencontainers.image.ref.name

# source FOLDER FILTER: the layout app1, with other names for its images
source() {
    cp -a "$LAYOUTS/app1" "$1"
    jq --arg ref "$REF" "$2" "$LAYOUTS/app1/index.json" >"$1/index.json"
}
# digests NAME: those that the layout lists, in order
digests() {
    jq -r '.manifests[].digest' "$STORE/layouts/$1/index.json" | sort
}
# still NAME: the layout lists what its source does
still() {
    digests "$1" >now
    jq -r '.manifests[].digest' "$1/index.json" | sort | cmp -s - now || fail "$1 lists something else: $2"
}
source many '.manifests[].annotations[$ref] = "1.0"'
source nameless '.manifests[0].annotations[$ref] = "" | .manifests[1].annotations = {}'
[ "$(jq '.manifests | length' many/index.json)" -gt 1 ] || fail 'there is one image only'

for round in 1 2 3; do
    run_json 0 import many nameless
    still many "round $round"
    still nameless "round $round"
done
silent
run 0 import --name twice many many
[ "$(digests twice)" = "$(digests many)" ] || fail 'a source given twice'

# What has the name in the new list takes the place of what only the old one has.
other=$(jq -r --arg ref "$REF" '.manifests[] | select(.annotations[$ref] == "latest").digest' \
    "$LAYOUTS/app2/index.json")
run 0 import --name many --tag 1.0 "$LAYOUTS/app2:latest"
[ "$(digests many)" = "$other" ] || fail 'the name did not move'
complains 'many:1.0 moved from'
run 0 import many
still many 'after it moved back'

# One of them is taken, and comes back beside the others.
one=$(digests many | head -n 1)
run 0 rm "many@$one"
run_json 0 trash list
holds '.[0].images == 1'
run 0 trash restore many
still many 'restored'
run 0 rm many
run 0 import many
run 0 trash restore many
still many 'restored over what was there'

# A name that a layout's own files have is none for another one below it.
run 16 import --name many/index.json "$LAYOUTS/app2"
run 16 mv many team/oci-layout

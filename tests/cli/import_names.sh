#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Where images go: --name, --tag, PATH:TAG, a tag that moves; contradictions end with 16
# before anything is done.
. "${0%/*}/lib.sh"
need_layouts
STORE=$TEMPORARY/store
run 0 init "$STORE"
OCISTORE=$STORE
export OCISTORE

run_json 0 import "$LAYOUTS/app1:latest"
holds 'map(select(.type == "image")) | length == 1 and .[0].layout == "app1" and .[0].ref == "latest"'
run_json 0 import --name team/web "$LAYOUTS/app2:latest" "$LAYOUTS/app3:next"
holds 'map(select(.type == "image") | .layout + ":" + .ref) | sort == ["team/web:latest", "team/web:next"]'
run_json 0 import --name team/same "$LAYOUTS/app2:latest" "$LAYOUTS/app3:latest" "$LAYOUTS/app4:next"
holds 'map(select(.type == "image") | .ref) == ["latest", "next"] and last.images == 2'
run_json 0 import --tag v1 "oci:$LAYOUTS/base"
holds 'map(select(.type == "image") | .ref) == ["v1"]'

moved=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "next").digest' \
    "$LAYOUTS/app1/index.json")
run 0 import --name app1 --tag latest "$LAYOUTS/app1:next"
run_json 0 ls app1
holds --arg digest "$moved" 'map(select(.type == "image" and .ref == "latest").digest) == [$digest]'

mkdir -p "with:colon"
cp -a "$LAYOUTS/base/." with:colon
run_json 0 import --name colon with:colon
holds 'map(select(.type == "image") | .layout) == ["colon"]'

# The last component as it is written, also of a link and with slashes behind; "." is the folder's.
ln -s "$LAYOUTS/app4" linked
run_json 0 import linked//
holds 'map(select(.type == "image") | .layout) | unique == ["linked"]'
(cd "$LAYOUTS/app4" && run_json 0 import . && holds 'map(select(.type == "image") | .layout) | unique == ["app4"]') || exit 1
run_json 0 --store "$STORE" ls
holds 'map(.name) | index("linked")'

"$OCISTORE_BIN" --json ls >before
run_json 16 import --tag '' "$LAYOUTS/base"
run 16 import --tag 'x y' "$LAYOUTS/base"
complains "'x y' cannot be a tag"
run_json 16 import --tag x "$LAYOUTS/app1"
mkdir -p one two
cp -a "$LAYOUTS/base" one/same
cp -a "$LAYOUTS/app1" two/same
run_json 16 import one/same two/same
run_json 16 import --name ../up "$LAYOUTS/base"
run_json 16 import --name a:b "$LAYOUTS/base"
run_json 16 import --name a/blobs/c "$LAYOUTS/base"
run_json 16 import --name '' "$LAYOUTS/base"
run_json 16 import
cp -a "$LAYOUTS/base" .hidden
run_json 16 import .hidden
complains '--name'
"$OCISTORE_BIN" --json ls >after
same_files before after 'a refused import changed the store'

# What marks a layout as one may be missing or say something else: its images come in, and
# that is said (doc/fsck.md calls it an error of the layout).
cp -a "$LAYOUTS/base" unmarked
rm unmarked/oci-layout
run 0 init marks
run 0 --store marks import unmarked
complains 'unmarked/oci-layout: is not there: taken as a layout of version 1.0.0'
echo '{"imageLayoutVersion":"9.9"}' >unmarked/oci-layout
run 0 --store marks import unmarked
complains 'unmarked/oci-layout: imageLayoutVersion is not "1.0.0": taken as'
run 0 --store marks fsck
run 16 --store marks import unmarked:lates
complains "its tags: 'latest'"

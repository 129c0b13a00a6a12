#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# init makes a store, repeats without a change, and takes a layout as it is.
. "${0%/*}/lib.sh"
need jq

run 0 init new/
[ -d new/.ocistore ] && [ -d new/blobs ] || fail 'no store was made'
silent
run 0 init new
prints 'already'
run_json 0 init new
holds '.[0].type == "store" and .[0].existed and (.[0].in_place | not)
       and (.[0].uuid | length == 36)'
first=$(jq -r 'select(.type == "store").uuid' out)

run 0 -q init other
[ ! -s out ] || fail '-q is not quiet'
run_json 0 init other
[ "$(jq -r 'select(.type == "store").uuid' out)" != "$first" ] || fail 'two stores, one uuid'

mkdir here
cd here || exit 1
run 0 init
[ -d .ocistore ] || fail 'init without DIR takes another folder'
cd ..

run 0 --store named init
[ -d named/.ocistore ] || fail '--store is not taken'
run 0 --store named init named
run 16 --store named init other
complains 'contradict'
OCISTORE=$PWD/by-environment run 0 init
[ -d by-environment/.ocistore ] || fail '$OCISTORE is not taken'

run 16 init --unsafe-network networked
complains '--graph-dir'
[ ! -e networked ] || fail 'a store was made by wrong usage'
mkdir graph
run 0 init --unsafe-network --graph-dir graph networked
jq -e --arg g "$PWD/graph" '.unsafe_network and .graph_dir == $g' networked/.ocistore/store.json >/dev/null ||
    fail 'store.json does not remember what was allowed'

run 16 init one two
touch file
run_json 8 init file/store

# No store inside a store: its gc would not know the layouts of the other.
need_layouts
run 0 init outer
run 0 --store outer import "$LAYOUTS/base"
for inside in outer/layouts/base outer/layouts outer/layouts/new outer/blobs/sha256 outer/.ocistore/tmp; do
    run_json 16 init "$inside"
    run 16 init "$inside"
    complains "lies inside the store $PWD/outer"
    complains "ocistore --store $PWD/outer ls"
    [ ! -e "$inside/.ocistore" ] || fail "$inside became a store"
done
run 16 --store outer/layouts/base ls
complains "what lies there is of a store: ocistore --store $PWD/outer"
[ ! -e outer/layouts/new ] || fail 'a folder was left'
run 0 --store outer fsck
run 0 init outer/apart

# Layouts behind a link are seen by nobody.
mkdir linked elsewhere
ln -s ../elsewhere linked/layouts
run 4 init linked
complains 'layouts is a link or no folder'
[ ! -e linked/.ocistore ] || fail 'a half store was left'

# A store that lost its store.json is not empty, and the loss of an entry is still noticed.
need_layouts
run 0 init lost
run 0 --store lost import "$LAYOUTS/base" "$LAYOUTS/app1"
rm lost/.ocistore/store.json
run 8 --store lost ls
run_json 0 init lost
holds 'any(.type == "store" and .layouts == 2 and (.existed | not))'
run 0 --store lost fsck
run 0 --store lost rm app1
run 0 --store lost gc --now
rm lost/.ocistore/store.json
run 0 init lost
prints 'lost is a store now, with the 1 layout that lay there, and '
prints 'ocistore attach DIR'
run 0 --store lost fsck
rm lost/.ocistore/roots/*.json
run 4 --store lost gc

# A damaged store.json is named by every command, and the hint works; one of another version
# is none.
printf '{"format":1,"uu' >lost/.ocistore/store.json
run 8 --store lost ls
complains 'store.json is damaged'
complains "ocistore init $(cd lost && pwd -P) makes it anew"
run 0 init lost
complains 'kept as store.json.damaged'
same "$(cat lost/.ocistore/store.json.damaged)" '{"format":1,"uu' 'the damaged store.json'
run 0 --store lost fsck
run 0 --store lost ls
same "$(jq .roots lost/.ocistore/store.json)" "$(find lost/.ocistore/roots -type f | wc -l)" 'the count of roots'
echo '{"format":2}' >lost/.ocistore/store.json
run 8 init lost
complains 'use the version of ocistore that made the store'

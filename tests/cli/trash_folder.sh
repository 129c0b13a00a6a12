#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# trash: what else lies in a layout's folder, as blobs that another tool left there, goes
# with it and comes back with it.
. "${0%/*}/lib.sh"
need sha256sum
need_layouts
STORE=$TEMPORARY/store
OCISTORE=$STORE
export OCISTORE
run 0 init "$STORE"
own=$STORE/layouts/own

extras() {
    (cd "$own" && find . -type f ! -name index.json ! -name oci-layout | sort | xargs sha256sum)
}

cp -r "$LAYOUTS/app1" "$own"
mkdir "$own/notes"
echo 'of somebody' >"$own/notes/README"
extras >before
run 0 rm own
complains "what else lay in its folder ($(wc -l <before) files"
[ ! -e "$own" ] || fail 'own is still there'
run 0 trash restore own
extras >after
same_files before after 'not everything of the folder came back'

# until its blobs are in the store, a repair says how they get there
run 4 fsck --repair
prints "ocistore fsck --repair --from $(cd "$STORE" && pwd -P)/layouts/own"
run 1 fsck --repair --from "$own"
run 0 fsck

# a file that is there again stays
run 0 rm own
mkdir -p "$own/notes"
echo 'of somebody else' >"$own/notes/README"
run 0 trash restore own
complains 'stay in the trash'
same "$(cat "$own/notes/README")" 'of somebody else' 'a file that was there'

# what the same run took of a layout below is that one's
cp -r "$LAYOUTS/app1" "$own/sub"
run 0 rm own own/sub
[ ! -e "$own/sub" ] || fail 'own/sub is still there'
run 0 trash restore own
[ ! -e "$own/sub" ] || fail 'the layout below came back, too'
run 0 trash restore own/sub
[ -e "$own/sub/blobs" ] || fail 'the layout below came back without its blobs'

# a store in place: its one layout is the store
cp -r "$LAYOUTS/app1" place
run 0 init place
run 0 --store place rm .:next
run_json 0 --store place trash
holds 'any(.layout == ".")'
run 0 --store place gc --grace 0
run 0 --store place trash restore .
prints 'restored the layout .'
run 0 --store place cat .:next
run 0 --store place fsck

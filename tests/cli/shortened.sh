#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Another tool cuts index.json short, or puts something else in the place of the folder: gc
# names the layout, and its list comes back.
. "${0%/*}/lib.sh"
need_layouts
STORE=$TEMPORARY/store
OCISTORE=$STORE
export OCISTORE
run 0 init "$STORE"
run 0 import "$LAYOUTS/app1" "$LAYOUTS/app2"
run 0 gc
run 16 trash restore app1
complains "nothing of 'app1' lies in the trash"
cp "$STORE/layouts/app1/index.json" whole

echo '{"schemaVersion":2,"manifests":[]}' >"$STORE/layouts/app1/index.json"
run 4 gc --grace 0 --max-delete 1%
complains "layout 'app1' no longer lists what it did"
complains 'ocistore trash restore app1'
run 0 trash restore app1
complains 'no rm took this'
prints 'restored'
jq -c .manifests whole >before
jq -c .manifests "$STORE/layouts/app1/index.json" >after
same_files before after 'another list came back'
run 0 gc --grace 0 --max-delete 1%
run 0 fsck
run 16 trash restore app1

# what rm took comes first; what was taken from behind its back after that
run 0 rm app2
run 0 trash restore app2
echo '{"schemaVersion":2,"manifests":[]}' >"$STORE/layouts/app1/index.json"
run 0 trash restore app1 app2
jq -c .manifests "$STORE/layouts/app1/index.json" >after
same_files before after 'the list did not come back beside another'

# a tag that leads elsewhere now stays
run 0 gc
jq -c '.manifests[0]' "$STORE/layouts/app2/index.json" >other
jq -c --slurpfile other other '.manifests[0] |= . + ($other[0] | {digest, size})' \
    whole >"$STORE/layouts/app1/index.json"
run 16 trash restore app1

# something else in the place of the folder: the same way out, and rm takes that away
for place in "ln -s /proc/nowhere" "touch"; do
    run 0 gc
    mv "$STORE/layouts/app1" kept
    $place "$STORE/layouts/app1"
    run 4 gc
    complains 'ocistore trash restore app1'
    run 4 import "$LAYOUTS/app1"
    complains 'ocistore trash restore app1'
    run 0 trash restore app1
    run 0 fsck
    rm -r kept
    mv "$STORE/layouts/app1" kept
    $place "$STORE/layouts/app1"
    run 0 rm app1
    [ ! -e "$STORE/layouts/app1" ] && [ ! -L "$STORE/layouts/app1" ] || fail 'it is there still'
    run 0 trash restore app1
    run 0 fsck
    [ "$(ls "$STORE/layouts/app1")" = "$(printf 'index.json\noci-layout')" ] ||
        fail 'there is more in it than before'
    rm -r kept
    run 0 trash
    prints no-folder/app1
    run 0 trash empty
    run 0 trash
    ! grep -q no-folder out || fail 'it stays in the trash for ever'
done

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Another tool cuts index.json short: gc names the layout, and its list comes back.
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

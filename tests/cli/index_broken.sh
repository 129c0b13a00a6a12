#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# An index.json that is truncated or gone: every refusal names the command that mends
# it, and where somebody removed the layout the last good one comes back.
. "${0%/*}/lib.sh"
store_with_layouts
export OCISTORE="$STORE"
index=$STORE/layouts/app1/index.json
cp "$index" good
ref=$(jq -r 'first(.manifests[].annotations["org.opencontainers.image.ref.name"] | values)' good)
mends='ocistore fsck --repair puts'

truncate -s 40 "$index"
run 4 gc
complains "$mends"
complains 'ocistore rm app1'
run_json 4 fsck --quick
holds --arg help "$mends" 'any(.id == "index-invalid" and (.action | startswith($help)))'
for command in "rm app1:$ref" "tag app1:$ref again" 'mv app1 other'; do
    # shellcheck disable=SC2086
    run 4 $command
    complains "$mends"
done
run 4 import --name app1 "$LAYOUTS/app2"
complains 'ocistore fsck --repair'
run 1 fsck --quick --repair
same_files good "$index" 'another index.json came back'

rm "$index"
run 4 gc
complains "$mends"
run 4 fsck --quick
prints 'error: index-unreadable: layouts/app1/index.json: No such file or directory'
run_json 4 fsck --quick
holds --arg help "$mends" 'any(.id == "index-unreadable" and (.action | startswith($help)))'
run 1 fsck --quick --repair

# of a layout that cannot be read the last good index.json alone is known; all of it comes back
truncate -s 40 "$index"
run_json 0 rm app1
holds 'last.freed_unknown and last.freed_blobs > 0'
run 0 trash restore app1
complains 'the last good one'
jq -S '.manifests | sort_by(.digest, .annotations)' good >expected
jq -S '.manifests | sort_by(.digest, .annotations)' "$index" >restored
same_files expected restored 'other entries came back'
# the same where it was lost altogether
rm "$index"
run 0 rm app1
run 0 trash restore app1
jq -S '.manifests | sort_by(.digest, .annotations)' "$index" >restored
same_files expected restored 'other entries came back from a layout without index.json'
truncate -s 40 "$index"
run 0 rm app1
prints 'it may be more: an index.json was not to be read'
run_json 0 rm app2
holds 'last.freed_unknown == false'

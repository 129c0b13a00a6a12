#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# gc takes what killed tools left, tells it in a line of its own, and never while
# the tool is still there.
. "${0%/*}/lib.sh"
need jq flock

hex=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
run 0 init store
mkdir -p store/layouts/app/.umoci-5 "store/layouts/app/ingest/$hex" store/blobs/sha256
printf '{"imageLayoutVersion":"1.0.0"}' >store/layouts/app/oci-layout
printf '{"schemaVersion":2,"manifests":[]}' >store/layouts/app/index.json
head -c 20000 /dev/zero >store/layouts/app/oci-put-blob1
head -c 20000 /dev/zero >"store/blobs/sha256/${hex}7"
printf x >store/layouts/app/.umoci-5/blob-6
printf x >"store/layouts/app/ingest/$hex/data"

run_json 0 --store store gc --dry-run
holds 'map(select(.type == "temporary")) | length == 4 and all(.action == "wait" and .due > .mtime)'
holds 'map(select(.type == "candidate")) == []'
same "$(field '.temporaries, .temporaries_waiting, .left_alone' | xargs)" '0 4 0' 'what waits'
run 0 --store store gc --dry-run
prints 'wait  layouts/app/oci-put-blob1'
prints 'waits for its grace, until 20'
prints 'temporary files of other tools, in use or in their grace'

run_json 0 --store store status
same "$(field '"\(.temporary_files) \(.left_alone)"')" '4 0' 'what status tells'
run 0 --store store status
prints 'temporary   4 files'

# What is in use stays, whatever the grace.
exec 8>>store/layouts/app/oci-put-blob1
flock store/layouts/app/.umoci-5 true || skip 'no flock on folders here'
exec 9<store/layouts/app/.umoci-5
flock 9
run_json 0 --store store gc --now
[ -f store/layouts/app/oci-put-blob1 ] || fail 'gc took a file that is being written'
[ -f store/layouts/app/.umoci-5/blob-6 ] || fail 'gc took a folder that umoci has locked'
exec 8>&- 9>&-

run_json 0 --store store gc --now
taken=$(field .temporaries_trashed)
[ "$taken" -gt 0 ] || skip 'it cannot be told here which files are in use'
[ ! -e store/layouts/app/oci-put-blob1 ] || fail 'the file of skopeo is still there'
[ ! -e "store/blobs/sha256/${hex}7" ] || fail 'the file of crane is still there'
[ ! -e store/layouts/app/.umoci-5 ] || fail 'the folder of umoci is still there'
same "$(find store/.ocistore/trash -type f | wc -l)" 0 'files left in the trash'
run 0 fsck store

# What a kill between two exchanges of index.json leaves is told by fsck, and goes as well.
ours=layouts/app/index.json.0123456789abcdef.tmp
printf x >"store/$ours"
run_json 0 --store store fsck
holds --arg path "$ours" 'any(.id == "orphan-temporary" and .path == $path)'
run_json 0 --store store gc --dry-run
holds --arg path "$ours" 'any(.type == "temporary" and .path == $path and .action == "wait")'
run 0 --store store gc --now
[ ! -e "store/$ours" ] || fail 'gc left it'

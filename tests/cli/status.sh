#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# status tells what gc would do, and how the last runs ended.
. "${0%/*}/lib.sh"
store_with_layouts

run_json 0 --store "$STORE" status
holds '.[0] | .garbage_blobs == 0 and .waiting_blobs == 0 and .last_gc == null and .last_fsck == null
    and .never_verified == 0 and .oldest_verified != null and .gc_refuses == null'
layouts=$(field .layouts)
live=$(field .live_blobs)
run 0 --store "$STORE" status
prints 'none is known'

layout=$(ls "$LAYOUTS" | head -n 1)
run_json 0 --store "$STORE" rm "$layout"
freed=$(field .freed_bytes)
run_json 0 --store "$STORE" status
same "$(field .waiting_bytes)" "$freed" 'what waits'
same "$(field .layouts)" $((layouts - 1)) 'layouts'
[ "$(field .live_blobs)" -lt "$live" ] || fail 'the same is live'
[ "$(field .trash_files)" -gt 0 ] || fail 'the old layout is in no trash'
run 0 --store "$STORE" gc --grace 0
run 0 --store "$STORE" fsck
run_json 0 --store "$STORE" status
holds '.[0] | .waiting_blobs == 0 and .last_gc.exit_status == 0 and .last_fsck.exit_status == 0'
[ "$(field .trash_bytes)" -ge "$freed" ] || fail 'the trash is too small'
run 0 --store "$STORE" status
prints 'no errors'

# A damaged blob, and a layout that cannot be read.
blob=$(find "$STORE/blobs/sha256" -type f | head -n 1)
chmod u+w "$blob"
printf x >>"$blob"
run 4 --store "$STORE" fsck
run_json 0 --store "$STORE" status
holds '.[0].last_fsck.exit_status == 4'
name=$(ls "$LAYOUTS" | tail -n 1)
echo '{' >"$STORE/layouts/$name/index.json"
run 4 --store "$STORE" gc
run_json 0 --store "$STORE" status
holds '.[0] | .last_gc.exit_status == 4 and .troubled_layouts == 1 and .gc_refuses != null'
run 0 --store "$STORE" status
prints 'gc refuses'

# What is recorded as damaged is told whatever run of fsck was the last; one that failed
# on its usage is none.  So it is of a file that has changed just now.
cp "$LAYOUTS/$name/index.json" "$STORE/layouts/$name/index.json"
touch "$blob"
run 4 --store "$STORE" fsck
run_json 0 --store "$STORE" status
same "$(field .bad_blobs)" 1 'damaged blobs'
run_json 4 --store "$STORE" fsck --only-bad
holds 'last.blobs_checked == 1'
run 4 --store "$STORE" fsck
run 16 --store "$STORE" fsck --image "$layout-none:x"
run_json 0 --store "$STORE" status
holds '.[0].last_fsck | .exit_status == 4 and .extent == "full"'
image=$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$LAYOUTS/$name/index.json")
"$OCISTORE_BIN" --store "$STORE" fsck --image "$name:$image" >/dev/null 2>&1
run_json 0 --store "$STORE" status
holds '.[0] | .bad_blobs == 1 and .last_fsck.extent == "image"'
run 4 --store "$STORE" fsck --quick
complains '1 blob was damaged when last rehashed: ocistore fsck --only-bad'
run 0 --store "$STORE" status
prints '(quick: no blob was rehashed)'
prints '1 blob when last rehashed'

# Nothing is known of the file that it is after that.
printf x >>"$blob"
run_json 0 --store "$STORE" status
holds '.[0] | .bad_blobs == 0 and .last_fsck.extent == "quick"'

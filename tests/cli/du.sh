#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# du of real layouts: each blob is counted once, and what is freed is freed.
. "${0%/*}/lib.sh"
store_with_layouts

run 0 --store "$STORE" du
prints 'EXCLUSIVE'
run_json 0 --store "$STORE" du --images
holds 'map(select(.type == "usage")) | all(.total_bytes == .exclusive_bytes + .shared_bytes
    and .freed_bytes <= .exclusive_bytes and .exclusive_bytes <= .total_bytes)'
holds '(map(select(.type == "usage" and .digest == null)) | map(.exclusive_bytes) | add)
    + .[-1].shared_bytes == .[-1].total_bytes'
holds '.[-1].garbage_bytes == 0'
same "$(field .total_bytes)" "$(find "$STORE/blobs" -type f -printf '%b\n' |
    awk '{ n += $1 * 512 } END { print n }')" 'the total'
layout=$(jq -r 'select(.type == "usage") | .layout' out | head -n 1)
freed=$(jq -r --arg l "$layout" 'select(.layout == $l and .digest == null) | .freed_bytes' out)

run_json 0 --store "$STORE" du "$layout"
holds --arg l "$layout" 'map(select(.type == "usage")) | length > 1 and all(.layout == $l)'
image=$(jq -r 'select(.ref != null) | "\(.layout):\(.ref)"' out | head -n 1)
run_json 0 --store "$STORE" du "$image"
holds 'map(select(.type == "usage")) | length == 1 and .[0].ref != null'
run 0 --store "$STORE" du "$image" "$layout"

run_json 0 --store "$STORE" rm "$layout"
same "$(field .freed_bytes)" "$freed" 'what rm frees'
run_json 0 --store "$STORE" du
same "$(field .garbage_bytes)" "$freed" 'the garbage'
run_json 0 --store "$STORE" gc --now
same "$(field .trashed_bytes)" "$freed" 'what gc frees'

run 16 --store "$STORE" du "$layout"
run 16 --store "$STORE" du 'no:such'

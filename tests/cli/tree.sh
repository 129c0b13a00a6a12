#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# tree: depth first in the order of the documents, with referrers, and what is shared,
# absent or shown before.
. "${0%/*}/lib.sh"
store_with_layouts

run_json 0 --store "$STORE" tree multi:latest
holds 'map(select(.type == "node")) |
    map([.depth, .role]) == [[0, "manifest"],
        [1, "manifest"], [2, "config"], [2, "layer"], [2, "layer"],
        [1, "manifest"], [2, "config"], [2, "layer"], [2, "layer"],
        [1, "referrer"], [2, "config"], [2, "layer"], [2, "subject"]]'
holds 'map(select(.type == "node")) | .[0].parent == null and .[1].parent == .[0].digest
    and .[2].parent == .[1].digest and .[9].parent == .[0].digest
    and .[12].digest == .[0].digest and .[12].repeats and all(.present)'
holds 'map(select(.type == "node") | keys) | unique | length == 1 and
    (.[0] | contains(["digest", "parent", "depth", "role", "media_type", "size", "present", "shared"]))'
holds 'last.nodes == 13 and last.absent == 0'

# app8 shares the base with everybody, and nothing else
run_json 0 --store "$STORE" tree app8:latest
holds 'map(select(.type == "node") | .shared) == [false, false, true, true]'
run 0 --store "$STORE" rm app8:next
run_json 0 --store "$STORE" tree app8:latest
holds 'map(select(.type == "node") | .shared) == [false, false, true, false]'

layer=$(jq -r 'select(.role == "layer").digest' out | tail -n 1)
rm -f "$STORE/blobs/sha256/${layer#*:}"
run_json 0 --store "$STORE" tree app8
holds 'map(select(.type == "node") | .present) == [true, true, true, false] and last.absent == 1'

run 0 --store "$STORE" tree app8:latest
prints '└── layer'
prints 'absent'
! grep -q ' $' out || fail 'blanks at the end of a line'
LC_ALL=C run 0 --store "$STORE" tree app8:latest
prints '`-- layer'

# A referrer's type is its own, since no descriptor has it.
run_json 0 --store "$STORE" tree multi
holds 'map(select(.role == "referrer").media_type) == ["application/vnd.oci.image.manifest.v1+json"]'

# What could not be followed is no success; the rest is shown.
manifest_of() {
    "$OCISTORE_BIN" --json --store "$STORE" ls "$1" | jq -r 'select(.type == "image").digest' | head -n 1
}
damaged=$(manifest_of app7)
printf x >"$STORE/blobs/sha256/${damaged#*:}"
run_json 4 --store "$STORE" tree app7
holds 'map(select(.type == "node" and .depth == 0)) | length == 2'
holds --arg d "$damaged" 'any(.type == "error" and (.message | startswith("tree: " + $d + " is damaged")))'
rm "$STORE/blobs/sha256/${damaged#*:}"
run 4 --store "$STORE" tree app7
complains "$damaged is not in the store: what it leads to is not shown"
prints 'absent'
run 4 --store "$STORE" tree --dot app7
same "$(tail -n 1 out)" '}' 'the end of the graph'

run_json 0 --store "$STORE" tree twins
holds 'map(select(.depth == 0)) | length == 3'
run_json 16 --store "$STORE" tree twins:nobody
complains 'twins:nobody'
run_json 16 --store "$STORE" tree nobody
run 16 --store "$STORE" tree

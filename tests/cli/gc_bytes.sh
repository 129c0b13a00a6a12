#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Bytes of gc on real files: sizes add up to what lies in blobs/, and what goes free is
# space; links, holes and reflinks are told. du agrees to the byte.
. "${0%/*}/lib.sh"
store_with_layouts
blobs=$STORE/blobs/sha256

# put FILE: as a blob that nothing needs
put() {
    hex=$(sha256sum <"$1" | cut -d' ' -f1)
    mv "$1" "$blobs/$hex"
}
head -c 40000 /dev/urandom >"$STORE/one"
put "$STORE/one"
head -c 50000 /dev/urandom >"$STORE/two"
put "$STORE/two"
ln "$blobs/$hex" "$STORE/link"
linked=$hex
truncate -s 1000000 "$STORE/three"
printf end >>"$STORE/three"
put "$STORE/three"
sparse=$hex
reflinked=0
head -c 65536 /dev/urandom >"$STORE/four"
if cp --reflink=always "$STORE/four" "$STORE/clone" 2>/dev/null; then
    reflinked=65536
    sync
else
    rm "$STORE/clone"
fi
put "$STORE/four"

agree() {
    holds '.[-1] as $s | [.[] | select(.type == "candidate")] |
        (map(select(.action == "trash")) | ([.[].bytes] | add // 0) == $s.candidate_bytes
            and ([.[].size] | add // 0) == $s.candidate_size and length == $s.candidates) and
        (map(select(.action == "wait")) | ([.[].bytes] | add // 0) == $s.waiting_bytes
            and ([.[].size] | add // 0) == $s.waiting_size and length == $s.waiting)'
    same "$(field '.live_bytes + .candidate_size + .waiting_size')" \
        "$(find "$STORE/blobs" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" 'the sizes'
    field '"\(.live_bytes) \(.candidate_bytes + .waiting_bytes)"' >told
    run_json 0 --store "$STORE" du
    same "$(field '"\(.apparent_bytes) \(.garbage_bytes)"')" "$(cat told)" 'du and gc'
}
run_json 0 --store "$STORE" gc --dry-run
same "$(field '"\(.candidates) \(.waiting)"')" '0 4' 'what waits'
agree
run_json 0 --store "$STORE" gc --dry-run --grace 0
holds --arg l "sha256:$linked" 'any(.digest == $l and .links == 2 and .bytes == 0)'
holds --arg d "sha256:$sparse" 'any(.digest == $d and .links == 1 and .bytes < .size)'
same "$(field '"\(.candidates) \(.linked) \(.linked_size)"')" '4 1 50000' 'the links'
[ "$(field .holes)" -ge 900000 ] || fail 'the holes are not told'
told=$(field .reflinked_bytes)
if [ "$told" != null ]; then
    same "$told" "$reflinked" 'the reflinks'
fi
cp out plan
agree
run 0 --store "$STORE" gc --dry-run --grace 0
prints 'with other hard links: no space goes free with them'
prints 'takes no space'

run_json 0 --store "$STORE" gc --grace 0
jq -c 'select(.type == "candidate")' plan >expected
jq -c 'select(.type == "candidate")' out >done
same_files expected done 'the run tells other candidates than the plan'
same "$(field .trashed_bytes)" "$(tail -n 1 plan | jq .candidate_bytes)" 'what went'
run_json 0 --store "$STORE" trash list
listed=$(field .bytes)
run_json 0 --store "$STORE" trash empty
same "$(field .purged_bytes)" "$listed" 'what the trash held'
same "$listed" "$(tail -n 1 plan | jq .candidate_bytes)" 'what is free now'

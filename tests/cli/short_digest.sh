#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# cat, why, adopt and trash restore take digests cut short, when one blob begins so.
. "${0%/*}/lib.sh"
need jq sha256sum
. "$here/images.sh"
image source one
list source "$(manifest)"
run 0 init store
export OCISTORE="$PWD/store"
run 0 import source
whole=sha256:$hex
short=$(printf %.19s "$whole")

run 0 cat "$short"
same_files out "source/blobs/sha256/$hex" 'the bytes'
run 0 why "$short"
prints 'source'
run 0 adopt "$short" other:x
run_json 0 ls other
holds --arg d "$whole" 'any(.type == "image" and .digest == $d)'

# The trash is looked at, too.
run 0 rm source other
run 0 gc --grace 0 --allow-empty
run 16 cat "$whole"
run 16 cat "$short"
run 0 trash restore "$short"
[ -f "store/blobs/sha256/$hex" ] || fail 'the blob did not come back'

# None, or too little of it.
for command in cat why 'trash restore'; do
    # shellcheck disable=SC2086
    run 16 $command "sha256:$(printf %064d 0 | cut -c 1-20)"
done
complains "no digest in the store begins with 'sha256:00000000000000000000'"
run 16 why sha256:abc
run 16 cat sha256:abc
complains "'sha256:abc' is no digest"

# Several.
touch "store/blobs/sha256/$(printf '%s%060d' abcd 1)" "store/blobs/sha256/$(printf '%s%060d' abcd 2)"
for command in cat why 'trash restore'; do
    # shellcheck disable=SC2086
    run 16 $command sha256:abcd
    complains "several digests begin with 'sha256:abcd'"
    complains "sha256:abcd$(printf %060d 1)"
    complains "sha256:abcd$(printf %060d 2)"
done
run 16 adopt sha256:abcd other

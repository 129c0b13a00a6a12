#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What fsck --repair makes of an index.json that was cut, or that may not be read: no
# entry that is still there is lost, and what it cannot know it says.
. "${0%/*}/lib.sh"
need_layouts
OCISTORE=$TEMPORARY/store
export OCISTORE
index=store/layouts/app1/index.json

fresh() {
    rm -rf store
    run 0 init store
    run 0 import "$LAYOUTS/app1" "$LAYOUTS/app2"
}
# Another tool lists the images of app2 in app1 as well; ocistore has not seen it yet.
grow() {
    jq --slurpfile other "$LAYOUTS/app2/index.json" \
        '.manifests += [$other[0].manifests[] | .annotations = {"org.opencontainers.image.ref.name": "other"}]' \
        "$index" >grown
    cat grown >"$index"
}
cut() { # BYTES: nobody is waited for who may still be writing
    truncate -s -"$1" "$index"
    touch -d '1 hour ago' "$index"
}
spoil() {
    printf '{' >"$index"
    touch -d '1 hour ago' "$index"
}
names() { # FILE
    jq -r '.manifests[] | .digest + " " + (.annotations["org.opencontainers.image.ref.name"] // "")' "$1" | sort
}

# Cut anywhere behind the new entry, that is kept; what was cut off comes back.
for bytes in 3 5 9; do
    fresh
    names "$index" >old
    grow
    names grown >new
    cut "$bytes"
    run 1 fsck --quick --repair
    names "$index" >mended
    case $bytes in
    3 | 5) same_files new mended "entries were lost that stood in an index.json cut by $bytes" ;;
    9) comm -23 old mended >lost && [ ! -s lost ] || fail 'the last good one did not come back' ;;
    esac
    run 0 fsck --quick
done
for bytes in 60 200; do
    fresh
    cp "$index" good
    cut "$bytes"
    run 1 fsck --quick --repair
    names good >old
    names "$index" >mended
    same_files old mended "not all came back that an index.json cut by $bytes had"
    ! grep -q 'adopt' out || fail 'it says adopt of what it has just put back'
    run 0 fsck --quick
done

# What fsck has read as good is what it goes back to, unless that would forget an image.
fresh
grow
run 0 fsck --quick --repair --dry-run
spoil
run 4 fsck --quick --repair --dry-run
cat grown >"$index"
run 0 fsck --quick
spoil
run 1 fsck --quick --repair
names grown >new
names "$index" >mended
same_files new mended 'fsck does not remember what it read'
jq '.manifests |= .[:1]' grown >"$index"
run 0 fsck --quick
spoil
run 1 fsck --quick --repair
names "$index" >mended
same_files new mended 'fsck has forgotten images that only another tool left out'

# An image that only the damaged one named: that is said, with --quiet too, and is not 1.
fresh
run 0 tag app2:latest keep
digest=$(jq -r 'first(.manifests[].digest)' store/layouts/app2/index.json)
spoil
jq '.manifests = []' store/layouts/app2/index.json >emptied
cat emptied >store/layouts/app2/index.json
run 4 --quiet fsck --quick --repair
prints 'error: images-unlisted'
prints 'in no index.json: see manifest-dangling'
run 0 fsck --quick
prints "adopt $digest"

# What cannot be read is no damage: nothing is put in its place.
without_root
program=$rightless
fresh
grow
[ "$(id -u)" -ne 0 ] || chown -R 65534 store
chmod 000 "$index"
OCISTORE_BIN=$program
run 4 fsck --quick
prints 'index.json: Permission denied'
prints 'chmod'
! grep -q 'puts back' out || fail 'fsck says that --repair helps'
run 4 --quiet fsck --quick --repair
prints 'index.json: Permission denied'
prints 'chmod'
run 4 gc --now
complains 'Permission denied'
complains 'chmod'
! grep -q -e '--repair' err || fail 'gc says that --repair helps'
for command in 'ls app1' 'rm app1:other' 'mv app1 other'; do
    # shellcheck disable=SC2086
    "$program" $command >out 2>err && fail "'$command' went on"
    complains 'chmod'
done
chmod 644 "$index"
same_files grown "$index" 'an index.json that could not be read was written anew'
run 0 fsck --quick
run 0 gc --now
run 0 tree app1:other

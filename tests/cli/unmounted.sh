#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# An attached layout that is not mounted, where an empty folder lies instead: nothing is
# written into that, and gc refuses until it is there again.
. "${0%/*}/lib.sh"
need_layouts
OCISTORE=$PWD/store
export OCISTORE
copy() { # LAYOUT TAG
    skopeo --insecure-policy copy -q --dest-shared-blob-dir store/blobs "oci:$LAYOUTS/$1:latest" "oci:disk:$2" ||
        fail "skopeo could not copy $1"
}
run 0 init store
run 0 import "$LAYOUTS/base"
copy app1 v1
run 0 attach disk
run 0 gc
copy app2 v2
mv disk disk.away
mkdir disk

missing() {
    run_json 4 gc --now
    complains "layout 'disk' (attached) is not there"
    complains 'neither oci-layout nor index.json (not mounted?)'
    complains 'mount it or put it back; if it has moved: ocistore forget disk, and attach it'
    run_json 4 fsck --repair
    holds 'any(.id == "layout-missing" and (.action | startswith("mount it")))
        and all(.id != "index-unreadable")'
    run 4 ls
    run 4 import --name disk "$LAYOUTS/base"
    complains 'mount it'
    run 16 attach disk
    [ -z "$(ls -A disk)" ] || fail "$1: something was written into the empty folder"
}
missing 'an empty folder'
rmdir disk
mv disk.away disk
run 0 gc --now
run 0 fsck
run 0 tree disk:v2

# One that has only lost its index.json is mended as ever, with what was there last.
run 0 gc
rm disk/index.json
run 4 gc
complains 'ocistore fsck --repair puts back the last good index.json'
run 1 fsck --repair
run 0 tree disk:v2
run 0 gc --now

# Its oci-layout is not ours to write, which is said.
mv disk/oci-layout kept
run 4 fsck
complains 'to mend this: ocistore fsck --repair (--from DIR'
"$OCISTORE_BIN" fsck >together 2>&1
sed -n '/^ocistore: to mend this/q;p' together | grep -q '^error: ' ||
    fail 'where both go to one file, the way out stands before the trouble'
rm together
run 4 fsck --repair
prints 'left, since the folder is not the store'
[ ! -e disk/oci-layout ] || fail 'oci-layout was written into a folder of somebody else'
mv kept disk/oci-layout
run 0 fsck
silent

# Something else in the place of the graph is named, with what helps.
mv store/.ocistore/graph graph
: >store/.ocistore/graph
run 8 fsck
complains "$PWD/store/.ocistore/graph: the graph cannot be read"
complains 'it is a cache: moved away, it is made anew'
run 8 gc
complains 'move it away: it is a cache, and made anew'
rm store/.ocistore/graph
run 0 fsck

# It has moved: forget, and attach it where it is now.
mv disk moved
run 0 forget disk
run 0 attach --name disk moved
run 0 gc
run 0 tree disk:v1

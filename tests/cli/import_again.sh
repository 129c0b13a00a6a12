#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What the graph vouches for is durable already: importing it again opens no layer and
# flushes nothing.  A file that is another one by now is read and flushed.
. "${0%/*}/lib.sh"
need_layouts
need strace
strace -o calls true 2>/dev/null || skip 'nothing can be traced here'
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # it traces as well
export ASAN_OPTIONS
STORE=$TEMPORARY/store
run 0 init "$STORE"

# traced NUMBER: an import flushes the file system so often.
traced() {
    strace -f -e trace=syncfs,openat -o calls "$OCISTORE_BIN" --store "$STORE" -q import "$LAYOUTS/app1" ||
        fail 'the import failed'
    same "$(grep -c 'syncfs(' calls)" "$1" 'syncfs'
}
manifest=$(jq -r '.manifests[0].digest' "$LAYOUTS/app1/index.json")
layer=$(jq -r '.layers[0].digest' "$LAYOUTS/app1/blobs/sha256/${manifest#*:}")
layer=${layer#*:}
traced 1
grep -q "\"$layer\"" calls || fail 'the first import did not open the layer'
traced 0
grep -q "\"$layer\"" calls && fail 'the second import opened the layer'
cp "$STORE/blobs/sha256/$layer" copy
rm -f "$STORE/blobs/sha256/$layer"
cp copy "$STORE/blobs/sha256/$layer"
traced 1
grep -q "\"$layer\"" calls || fail 'another file was not read'
run 0 fsck "$STORE"

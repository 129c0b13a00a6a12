#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A path that is no UTF-8 cannot be kept as JSON: what would keep it refuses before
# anything is done.  All others come back as they were.
. "${0%/*}/lib.sh"
need_layouts
OCISTORE=$PWD/store
export OCISTORE
latin=$(printf 'b\374ro')
run 0 init store
skopeo --insecure-policy copy -q --dest-shared-blob-dir store/blobs "oci:$LAYOUTS/app1:latest" oci:lay:1 ||
    fail 'skopeo could not copy'
mkdir "$latin" 2>/dev/null || skip 'no such names on this file system'
refused() { # ARG...
    run 16 "$@"
    complains 'the path is no UTF-8, and cannot be kept'
    [ -z "$(ls store/.ocistore/roots)" ] || fail 'something was registered'
}
mv lay "$latin/lay"
refused attach "$latin/lay"
ln -s "$latin/lay" plain
refused attach plain
mv "$latin/lay" .
ln -s ../lay "$latin/link"
refused attach --name lay "$latin/link"
run 16 init --graph-dir "$latin" other
complains 'the path is no UTF-8'
[ ! -e other ] || fail 'init left a folder'

# Whatever else stands in a path is kept.
for name in 'büro' 'a "b" \c' "$(printf 'a\tb\nc\033\177d')" '😀'; do
    mkdir "$name"
    mv lay "$name/lay"
    ln -s "$name" link
    run 0 attach link/lay
    run 0 gc --now
    run 0 tree lay:1
    run 0 forget lay
    rm link
    mv "$name/lay" lay
    run 0 --store "other$name" init --graph-dir "$name" "other$name"
    run 0 --store "other$name" gc --allow-empty
    [ -e "$name/data.mdb" ] || fail 'the graph lies elsewhere'
done

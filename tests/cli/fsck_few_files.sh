#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Few open files are enough for any number of threads: that there are no more is no
# damage.
. "${0%/*}/lib.sh"
need_layouts
need seq
run 0 init store
run 0 --store store import "$LAYOUTS/base"
for i in $(seq 300); do # more blobs than there may be files, small ones and large
    { echo "blob $i" && head -c $((i % 3 * 70000)) /dev/zero; } >blob
    mv blob "store/blobs/sha256/$(sha256sum <blob | cut -d' ' -f1)"
done
(
    ulimit -n 64
    "$OCISTORE_BIN" --store store fsck -j 12
) >out 2>err || fail 'no fsck with 64 open files'
grep -q '^no errors' out || fail 'something is wrong'

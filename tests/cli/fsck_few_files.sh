#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Each thread would hold more files than may be open: that there are no more is no
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
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
(
    ulimit -n 48
    "$OCISTORE_BIN" --store store fsck -j 2
) >out 2>err || fail 'no fsck with 48 open files'
grep -q '^no errors' out || fail 'something is wrong'

# Where even that is too much, it says so, and calls nothing damaged.
(
    ulimit -n 26
    "$OCISTORE_BIN" --store store fsck -j 1
) >out 2>err
[ $? -eq 8 ] || fail 'not 8 with 26 open files'
complains 'Too many open files'
if grep -q '^error:' out; then fail 'something is called damaged'; fi

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

# Whatever is opened when there are no more: either there are enough, or it cannot be done.
# Nothing that the run finds then is believed, be it of a blob, an index.json, an oci-layout
# or an entry of roots.
mkdir one
cp -r "$LAYOUTS/base" one/plain
run 0 init one/store
run 0 --store one/store import "$LAYOUTS/base"
for what in '--store one/store fsck' 'fsck one/plain'; do
    failed=0
    for n in $(seq 5 30); do
        (
            ulimit -n "$n"
            # shellcheck disable=SC2086 # the words of a command
            exec "$OCISTORE_BIN" $what -j 1
        ) >out 2>err
        status=$?
        [ "$status" -eq 127 ] && continue # not even its libraries
        case $status in
        8)
            failed=$((failed + 1))
            grep -qi 'too many open files' err || fail "'$what' with $n open files: not the reason"
            ;;
        0) grep -q '^no errors' out || fail "'$what' with $n open files: no word of success" ;;
        *) fail "'$what' ends with $status with $n open files" ;;
        esac
        if grep -q '^[a-z]*: [a-z-]*: ' out; then fail "'$what': findings with $n open files"; fi
    done
    [ "$failed" -gt 1 ] || fail "'$what': no lack of open files was met"
done

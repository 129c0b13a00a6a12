#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Blobs on another mount than the state cannot be renamed into the trash: fatal.
. "${0%/*}/lib.sh"
need unshare mount
unshare -m true 2>/dev/null || skip 'no mounts here'
run 0 init store
mkdir -p store/blobs
cat >inside.sh <<'END'
mount --bind store/blobs store/blobs || exit 77
mkdir -p half/blobs
mount --bind half/blobs half/blobs
"$OCISTORE_BIN" init half && exit 1
[ ! -e half/.ocistore ] || exit 1
"$OCISTORE_BIN" --store store fsck
END
OCISTORE_BIN=$OCISTORE_BIN unshare -m sh inside.sh >out 2>err
status=$?
[ "$status" -ne 77 ] || skip 'no bind mounts here'
same "$status" 8 'the exit status'
prints 'fatal: store-split: blobs'
run 0 --store store fsck

# A link out of the store is said once, and not as the loss of every blob.
mkdir elsewhere
mkdir -p store/blobs
ln -s ../../elsewhere store/blobs/sha256
run 8 --store store fsck
prints 'fatal: store-split: blobs/sha256: is a symbolic link'
same "$(grep -c '^[a-z]*: [a-z-]*: ' out)" 1 'the number of findings'
run 4 --store store gc
rm store/blobs/sha256
run 0 --store store fsck

mv store/blobs elsewhere/blobs
ln -s ../elsewhere/blobs store/blobs
run 8 --store store fsck
prints 'fatal: store-split: blobs: is a symbolic link'
run 4 --store store ls

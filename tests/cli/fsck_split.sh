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
"$OCISTORE_BIN" --store store fsck
END
OCISTORE_BIN=$OCISTORE_BIN unshare -m sh inside.sh >out 2>err
status=$?
[ "$status" -ne 77 ] || skip 'no bind mounts here'
same "$status" 8 'the exit status'
prints 'fatal: store-split: blobs'
run 0 --store store fsck

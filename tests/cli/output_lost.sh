#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# An output that cannot be written is a failure; a reader that goes away is no reason to
# stop half-way.
. "${0%/*}/lib.sh"
need_layouts
[ -w /dev/full ] || skip 'no /dev/full here'
STORE=$TEMPORARY/store
run 0 init "$STORE"
run 0 --store "$STORE" import "$LAYOUTS/app1"
for command in ls version 'tree app1' 'cat app1:latest' fsck help; do
    # shellcheck disable=SC2086
    "$OCISTORE_BIN" --store "$STORE" $command >/dev/full 2>err
    same "$?" 8 "$command into a full device"
    complains 'No space left'
done
mkfifo pipe
: <pipe &
"$OCISTORE_BIN" --store "$STORE" import -v "$LAYOUTS"/*/ >pipe 2>err
wait
run 0 --store "$STORE" fsck
run_json 0 --store "$STORE" ls
holds 'map(select(.type == "layout")) | length == 12'

# What was changed all the same is not kept back.
"$OCISTORE_BIN" --store "$STORE" rm base >/dev/full 2>err
same "$?" 8 'rm into a full device'
complains 'what was asked for was done all the same'
run 16 --store "$STORE" ls base
"$OCISTORE_BIN" --store "$STORE" ls >/dev/full 2>err
! grep -q 'done all the same' err || fail 'said of what only looks'
"$OCISTORE_BIN" --store "$STORE" rm base >/dev/full 2>err
same "$?" 16 'a wrong rm into a full device'
! grep -q 'done all the same' err || fail 'said of what failed'

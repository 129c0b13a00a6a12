#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Progress: nothing by itself without a terminal, a line at SIGUSR1, a bar on a terminal;
# SIGINT ends a run, which then says so.
. "${0%/*}/lib.sh"
need_layouts
need script
script -qec true /dev/null >/dev/null 2>&1 || skip 'no pseudo-terminal here'

# begin ARG...: fsck, slow enough to be met at work, with its signals in hand
begin() {
    "$OCISTORE_BIN" "$@" fsck --rate 20K "$LAYOUTS/app1" >out 2>err &
    running=$!
    in_hand "$running"
}
end() { # SIGNAL
    kill "-$1" "$running"
    wait "$running"
    same "$?" 32 "the exit status after SIG$1"
}

for signal in INT TERM; do
    begin
    until grep -q 'verify' err; do
        kill -USR1 "$running" || fail 'it came to its end'
    done
    end "$signal"
    complains 'interrupted'
    prints 'interrupted'
    ! grep -q 'no errors' out || fail 'an interrupted run reads like a success'
    ! LC_ALL=C grep -q "$(printf '\r')" err || fail 'a bar without a terminal'
done

begin --json
end INT
tail -n 1 out | jq -e '.type == "summary" and .interrupted and .exit_status == 32' >/dev/null ||
    fail 'the summary does not say that it was interrupted'

# The second one: out at once, without another word.  Both are there when it goes on.
begin
kill -STOP "$running"
kill -INT "$running"
kill -TERM "$running"
end CONT
[ ! -s out ] || fail 'the second signal waits for a summary'
# ASan has a word of its own where the signal meets a thread that has only begun
sed -i '/WARNING: ASan is ignoring requested __asan_handle_no_return/,/^For details see /d' err
silent

# gc: it waits for the store, which is taken, or is on its way there.
need flock
run 0 init store
run 0 --store store import "$LAYOUTS/base"
printf garbage >"store/blobs/sha256/$(printf garbage | sha256sum | cut -d ' ' -f 1)"
exec 9>>store/.ocistore/locks/store.lock
flock -x 9
for quiet in '' -q; do
    # shellcheck disable=SC2086
    "$OCISTORE_BIN" --store store $quiet gc --now >out 2>err 9>&- &
    running=$!
    in_hand "$running"
    end TERM
    complains 'gc: interrupted'
    [ -n "$quiet" ] || prints 'interrupted, so not everything was collected'
    [ -z "$quiet" ] || [ ! -s out ] || fail 'gc -q tells how far it came'
done
exec 9>&-

begin -q
end TERM
grep -v interrupted err && fail '-q shows progress'

bar() { # ARG...: what a terminal of 100 columns sees
    script -qec "stty cols 100; '$OCISTORE_BIN' $* fsck --rate 500K '$LAYOUTS/app1'" /dev/null \
        </dev/null >out 2>err || fail 'fsck on a terminal failed'
}
bar
LC_ALL=C grep -q "$(printf '\r')verify \[#*\.*\] *[0-9]*%.*blobs" out || fail 'no bar'
LC_ALL=C grep -q "$(printf '\r\033\\[K')" out || fail 'the bar stays'
bar -q
! LC_ALL=C grep -q '\[[#.]' out || fail '-q has a bar'

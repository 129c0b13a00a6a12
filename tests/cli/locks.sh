#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Waiting for others, --lock-timeout, and the end by a signal.
. "${0%/*}/lib.sh"
need_layouts
need flock
STORE=$TEMPORARY/store
run 0 init "$STORE"
run 0 --store "$STORE" import "$LAYOUTS/app1"
locks=$STORE/.ocistore/locks

exec 9<"$locks/store.lock"
flock -x 9
run_json 75 --store "$STORE" --lock-timeout 0 import "$LAYOUTS/base"
run_json 75 --store "$STORE" rm --lock-timeout 100ms app1
run 0 --store "$STORE" ls

"$OCISTORE_BIN" --store "$STORE" --json import "$LAYOUTS/base" >out 2>err 9<&- &
waiting=$!
# the locks are opened behind the handlers of signals; the shell before it had fd 9, too
until [ "$(readlink "/proc/$waiting/exe")" -ef "$OCISTORE_BIN" ] &&
    ls -l "/proc/$waiting/fd" 2>/dev/null | grep -q store.lock; do
    kill -0 "$waiting" 2>/dev/null || fail 'it did not wait'
done
kill -USR1 "$waiting"
kill -TERM "$waiting"
wait "$waiting"
same "$?" 32 'the exit status of an interrupted run'
tail -n 1 out | jq -e '.type == "summary" and .exit_status == 32' >/dev/null || fail 'no summary'
complains 'interrupted'
flock -u 9

exec 8<"$locks/gc.lock"
flock -x 8
run_json 75 --store "$STORE" gc
flock -u 8
run 0 --store "$STORE" gc
exec 8<"$locks/fsck.lock"
flock -x 8
run_json 75 --store "$STORE" fsck
holds 'last.coverage == 0' # it has not begun
flock -u 8
run 0 --store "$STORE" import "$LAYOUTS/base"
run 0 --store "$STORE" fsck

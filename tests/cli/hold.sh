#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# hold: a foreign tool writes, and gc waits until it has ended.
. "${0%/*}/lib.sh"
need flock mkfifo sha256sum timeout
STORE=$TEMPORARY/store
LOCKS=$STORE/.ocistore/locks
OCISTORE=$STORE
export OCISTORE
run 16 hold -- true
complains 'ocistore init'
run 0 init "$STORE"

# garbage: a blob that nothing needs
garbage() {
    hex=$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
    mkdir -p "$STORE/blobs/sha256"
    printf %s "$1" >"$STORE/blobs/sha256/$hex"
}
mkdir -p "$STORE/layouts/none"
echo '{"imageLayoutVersion":"1.0.0"}' >"$STORE/layouts/none/oci-layout"
echo '{"schemaVersion":2,"manifests":[]}' >"$STORE/layouts/none/index.json"

# the command's status, words, input and output are its own
run 7 hold -- sh -c 'exit 7'
run 127 hold -- ./nowhere
run 127 hold -- "$(printf './no\033where')"
complains 'hold: ./no\x1bwhere: No such file'
complains 'No such file'
: >plain
run 126 hold -- ./plain
run 143 hold -- sh -c 'kill -TERM $$'
run 0 hold -- printf '%s|' one 'two words' --json -q
prints 'one|two words|--json|-q|'
echo input | run 0 hold -- cat
prints input
run 16 hold
run 16 --json hold -- true
run 16 hold printf --none
complains 'put -- before the command: ocistore hold -- printf'
# who signals hold alone signals the command, as often as he likes, and does not take the lock from it
run 5 hold -- sh -c 'trap "kill \$!; exit 5" TERM; sleep 600 >/dev/null 2>&1 & kill -TERM $PPID; wait'
run 143 hold -- sh -c 'kill -TERM $PPID; exec sleep 600'
garbage deaf
mkfifo deaf end
"$OCISTORE_BIN" hold -- sh -c 'trap "" TERM INT HUP; echo >deaf; read -r _ <end; exit 6' &
holder=$!
read -r _ <deaf
kill -TERM "$holder"
kill -TERM "$holder"
kill -HUP "$holder"
run 75 --lock-timeout 0 gc --now
echo >end
wait "$holder"
same $? 6 'the status after signals that the command ignores'
# when hold is killed there is no command without the lock
"$OCISTORE_BIN" hold -- sh -c 'echo $$ >deaf; read -r _ <end' 2>killed.err &
holder=$!
read -r command <deaf
kill -KILL "$holder"
wait "$holder"
timeout 60 sh -c 'while grep -qs "^State:[[:space:]]*[^ZX]" "/proc/$1/status"; do :; done' - "$command" ||
    fail 'the command goes on without the lock'
run 0 --lock-timeout 0 gc --now

# the lock is not passed on: nothing of the store is open in the command
run 0 hold -- sh -c 'ls -l /proc/$$/fd'
grep -qF "$STORE" out && fail 'the command has something of the store open'

# what runs below knows of it: gc and trash empty end at once, the others work
run 0 hold -- sh -c 'printf %s "$OCISTORE_HELD"'
[ -s out ] || fail 'OCISTORE_HELD is empty'
garbage one
run 75 hold -- "$OCISTORE_BIN" gc --now
complains hold
[ -e "$STORE/blobs/sha256/$hex" ] || fail 'gc below hold has deleted'
run 75 hold -- "$OCISTORE_BIN" trash empty
run 75 hold -- "$OCISTORE_BIN" hold -- "$OCISTORE_BIN" gc --now
run 0 hold -- "$OCISTORE_BIN" ls
run 0 hold -- "$OCISTORE_BIN" fsck
run 0 hold -- "$OCISTORE_BIN" hold -- true
# hold of one store is none of another
run 0 init other
run 0 hold -- "$OCISTORE_BIN" --store other gc --now

# while it runs gc beside it has to wait, others do not
mkfifo started go
"$OCISTORE_BIN" hold -- sh -c 'echo >started; read -r _ <go' &
holder=$!
read -r _ <started
run 75 --lock-timeout 0 gc --now
complains 'held by'
[ -e "$STORE/blobs/sha256/$hex" ] || fail 'gc beside hold has deleted'
run 0 --lock-timeout 0 hold -- true
run 0 --lock-timeout 0 mv none none2
run 0 --lock-timeout 0 fsck
# a gc without a limit waits, and takes what it wanted when hold has ended
"$OCISTORE_BIN" gc --now >gc.out 2>&1 &
gc=$!
timeout 60 sh -c 'while flock -n -s "$1" true; do :; done' - "$LOCKS/gate.lock" ||
    fail 'gc does not wait at the gate'
run 75 --lock-timeout 0 mv none2 none # a new writer stands behind it
complains 'gate'
echo >go
wait "$holder" || fail 'hold failed'
wait "$gc" || fail "gc that waited failed: $(cat gc.out)"
[ -e "$STORE/blobs/sha256/$hex" ] && fail 'gc that waited has left the garbage'

# our own writers below hold pass the gate at which a sweep waits
garbage two
"$OCISTORE_BIN" hold -- sh -c 'echo >started; read -r _ <go
    "$0" --lock-timeout 0 mv none2 none3' "$OCISTORE_BIN" >hold.out 2>&1 &
holder=$!
read -r _ <started
"$OCISTORE_BIN" gc --now >gc.out 2>&1 &
gc=$!
timeout 60 sh -c 'while flock -n -s "$1" true; do :; done' - "$LOCKS/gate.lock" ||
    fail 'gc does not wait at the gate'
echo >go
wait "$holder" || fail "mv below hold failed: $(cat hold.out)"
wait "$gc" || fail "gc that waited failed: $(cat gc.out)"
run 0 ls none3

# a child that is left in the background does not keep the lock
garbage three
run 0 hold -- sh -c 'sleep 600 >/dev/null 2>&1 & echo $! >child'
run 0 --lock-timeout 0 gc --now
kill "$(cat child)"
[ -e "$STORE/blobs/sha256/$hex" ] && fail 'gc has left the garbage'

# hold itself waits for a sweep
flock -x "$LOCKS/store.lock" "$OCISTORE_BIN" --lock-timeout 0 hold -- true 2>err
same $? 75 'the status of hold beside a sweep'
complains 'held by'

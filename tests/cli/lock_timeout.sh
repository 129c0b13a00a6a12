#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A lock that is not to be had in time: 75, who has it, and nothing was changed.
. "${0%/*}/lib.sh"
need flock sha256sum
STORE=$TEMPORARY/store
LOCKS=$STORE/.ocistore/locks
OCISTORE=$STORE
export OCISTORE
run 0 init

mkdir -p source/blobs/sha256 elsewhere
printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}' >config
config=$(sha256sum config | cut -d ' ' -f 1)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":78},"layers":[]}' \
    "$config" >manifest
manifest=$(sha256sum manifest | cut -d ' ' -f 1)
cp config "source/blobs/sha256/$config"
cp manifest "source/blobs/sha256/$manifest"
printf '{"imageLayoutVersion":"1.0.0"}' >source/oci-layout
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"v"}}]}' \
    "$manifest" "$(wc -c <manifest)" >source/index.json
cp source/oci-layout source/index.json elsewhere
run 0 import source
run 0 attach elsewhere
printf garbage >"$STORE/blobs/sha256/$(printf garbage | sha256sum | cut -d ' ' -f 1)"
find "$STORE/layouts" "$STORE/blobs" -type f -exec sha256sum {} + | sort >before

# with LOCK ARG...: while somebody has that lock the command ends with 75, and at once
with() {
    lock=$1
    shift
    flock -x "$LOCKS/$lock" "$OCISTORE_BIN" --lock-timeout 0 "$@" >out 2>err
    same $? 75 "the status of '$*' while $lock is taken"
    complains 'held by'
    flock -x "$LOCKS/$lock" "$OCISTORE_BIN" "$@" --lock-timeout 0 >out 2>err
    same $? 75 "the status of '$* --lock-timeout 0' while $lock is taken"
}
for lock in gate.lock store.lock; do
    with "$lock" import source --name other
    with "$lock" attach elsewhere --name again
    with "$lock" forget elsewhere
    with "$lock" tag source:v w
    with "$lock" mv source other
    with "$lock" adopt "sha256:$manifest" other:v
    with "$lock" rm source:v
    with "$lock" rm source
    with "$lock" trash restore source
    with "$lock" gc --now
    with "$lock" trash empty
    flock -x "$LOCKS/$lock" "$OCISTORE_BIN" --lock-timeout 0 hold -- true 2>err
    same $? 75 "the status of hold while $lock is taken"
done
with gc.lock gc
with gc.lock trash empty
with fsck.lock fsck
find "$STORE/layouts" "$STORE/blobs" -type f -exec sha256sum {} + | sort >after
same_files before after 'a command that did not get its lock has changed something'

# nobody who only looks waits for any of them
for lock in gate.lock store.lock gc.lock fsck.lock; do
    for command in ls 'ls source' 'tree source:v' 'inspect source:v' 'cat source:v' du trash; do
        # shellcheck disable=SC2086
        flock -x "$LOCKS/$lock" "$OCISTORE_BIN" --lock-timeout 0 $command >out 2>err ||
            fail "'$command' waits for $lock"
    done
done
# fsck reads while a sweep goes on, gc marks while an fsck goes on
flock -x "$LOCKS/store.lock" "$OCISTORE_BIN" --lock-timeout 0 fsck >out 2>err || fail 'fsck waits for a sweep'
flock -x "$LOCKS/fsck.lock" "$OCISTORE_BIN" --lock-timeout 0 gc --now >out 2>err || fail 'gc waits for fsck'

# The locks of the graph and of roots/, which others have for a moment, unless they were
# stopped: there is an end, too, and a signal is heard.
briefly() { # LOCK WHAT
    for command in 'import source --name other' 'gc --now' 'fsck --repair'; do
        # shellcheck disable=SC2086
        flock -x "$1" "$OCISTORE_BIN" --lock-timeout 0 $command >out 2>err
        same $? 75 "the status of '$command' while $2 is taken"
        complains "$2 is held by"
    done
    exec 9<"$1"
    flock -x 9
    "$OCISTORE_BIN" du >out 2>err 9>&- &
    waiting=$!
    in_hand "$waiting"
    kill -TERM "$waiting"
    wait "$waiting"
    same $? 32 "the status of du that was ended while $2 was taken"
    exec 9>&-
    run 0 du
}
briefly "$LOCKS/graph.lock" 'the graph lock'
briefly "$STORE/.ocistore/roots" .ocistore/roots

# the lock of one layout is not another's
id=$(printf source | sha256sum | cut -c 1-16)
[ -e "$LOCKS/layouts/$id.lock" ] || fail 'the lock of the layout has another name'
with "layouts/$id.lock" tag source:v w
flock -x "$LOCKS/layouts/$id.lock" "$OCISTORE_BIN" --lock-timeout 0 tag elsewhere:v w >out ||
    fail 'a layout waits for the lock of another'
run 0 tag source:v w

# buildkit's lock beside index.json; it is removed afterwards, as buildkit does
beside=$STORE/layouts/source/index.json.lock
[ -e "$beside" ] && fail 'index.json.lock was left behind'
flock -x "$beside" "$OCISTORE_BIN" --lock-timeout 0 tag source:v x >out 2>err
same $? 75 'the status of tag while index.json.lock is taken'
complains 'index.json.lock'
run 0 tag source:v x
[ -e "$beside" ] && fail 'index.json.lock was left behind'
run 0 fsck
: >"$beside" # from somebody who was killed
run 0 rm source
[ -e "$STORE/layouts/source" ] && fail 'rm was stopped by a lock that was left behind'
exit 0

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A store that one may not read or write: a clear error, nothing half-done.
. "${0%/*}/lib.sh"
need_layouts

chmod 755 "$TEMPORARY"
if [ "$(id -u)" -eq 0 ]; then
    need setpriv
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    as_nobody "$OCISTORE_BIN" version >/dev/null 2>&1 || skip 'nobody may not run the program here'
else
    as_nobody() { "$@"; }
fi
ends() { # STATUS ARG...: as run, without rights
    expected=$1
    shift
    as_nobody "$OCISTORE_BIN" "$@" >out 2>err
    status=$?
    [ "$status" -eq "$expected" ] || fail "'ocistore $*' ended with $status instead of $expected"
    complains 'denied'
}

run 0 init store
run 0 --store store import "$LAYOUTS/app1"
run 0 --store store rm app1:next
(cd store && find . -type f | sort) >before
[ -r "$LAYOUTS/base/index.json" ] && as_nobody cat "$LAYOUTS/base/index.json" >/dev/null 2>&1 ||
    { cp -a "$LAYOUTS/base" base && chmod -R a+rX base && LAYOUTS=$TEMPORARY; }

chmod -R a-w store
ends 8 --store store import "$LAYOUTS/base"
ends 8 --store store rm app1
ends 8 --store store gc --now
chmod -R u+w store
(cd store && find . -type f | sort) >after
same_files before after 'something was left behind'
# what it may not remember it does not begin, however little there is to do
if [ "$(id -u)" -eq 0 ]; then
    ends 8 --store store gc
    complains 'run this as the owner of the store'
    ends 8 --store store gc --grace 0
fi
chmod 700 store/.ocistore
[ "$(id -u)" -ne 0 ] || ends 8 --store store fsck
[ "$(id -u)" -ne 0 ] || complains 'run this as the owner of the store'
chmod 755 store/.ocistore
chmod 000 store
ends 8 --store store ls
[ "$(grep -o 'store: ' err | wc -l)" -le 2 ] || fail 'the store is named twice'
ends 8 --store store fsck
chmod 755 store
chmod 000 store/layouts/app1
ends 8 --store store ls
complains 'layouts/app1: '
chmod 755 store/layouts/app1
run 0 --store store fsck

# An entry of roots/ that one may not read is not called damaged.
chmod 000 store/.ocistore/roots/*.json
ends 4 --store store ls
complains '.json: Permission denied'
complains 'it need not be damaged: run this as the owner'
! grep -q 'is damaged' err || fail 'what one may not read is called damaged'
chmod 644 store/.ocistore/roots/*.json
run 0 --store store fsck

# A repair goes on where one blob may not be read, by its owner's own doing, and says so:
# the others come back, and it, too, once there is a good copy.
rm -rf store
chmod 777 "$TEMPORARY"
cp -a "$LAYOUTS/base" good && chmod -R a+rX good
as_nobody "$OCISTORE_BIN" init store >out 2>err || fail 'no store of nobody'
as_nobody "$OCISTORE_BIN" --store store import good >out 2>err || fail 'no import by nobody'
blobs=store/blobs/sha256
closed=$(for blob in "$blobs"/*; do echo "${blob##*/}"; done | sed -n 1p)
wrong=$(for blob in "$blobs"/*; do echo "${blob##*/}"; done | sed -n 2p)
chmod 000 "$blobs/$closed"
chmod u+w "$blobs/$wrong"
printf X | dd of="$blobs/$wrong" bs=1 seek=3 conv=notrunc status=none
repair() { # STATUS ARG...
    expected=$1
    shift
    as_nobody "$OCISTORE_BIN" --store store fsck --repair "$@" >out 2>err
    same $? "$expected" 'the status of a repair'
}
repair 4
grep -q "^error: blob-read-error: sha256:$closed: Permission denied (" out ||
    fail 'the file is named twice, or not at all'
grep -q 'checked' out || fail 'it did not come to its end'
repair 1 --from good
as_nobody "$OCISTORE_BIN" --store store fsck >out 2>err || fail 'not whole after the repair'

# Where the quarantine cannot be written, nothing is helped, and that is said.
chmod u+w "$blobs/$wrong"
printf X | dd of="$blobs/$wrong" bs=1 seek=3 conv=notrunc status=none
chmod 000 "$blobs/$closed"
chmod -R a-w store/.ocistore/quarantine
repair 4 --from good
complains 'what would help could not be done'
prints 'not done: quarantine/sha256/'
chmod -R u+w store/.ocistore/quarantine
repair 1 --from good

# A blob that may not be read wants other rights, and no copy from a registry.
run 0 init closed
run 0 --store closed import "$LAYOUTS/base"
closed=$(find closed/blobs -type f -size +2k | sort | head -n 1)
chmod 000 "$closed"
[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 closed
as_nobody "$OCISTORE_BIN" --store closed --json fsck >out 2>err
[ $? -eq 4 ] || fail 'not 4 for a blob that may not be read'
complains 'what may not be read: chmod or chown the file'
! grep -q 'fsck --repair' err || fail 'a repair is proposed for what may not be read'
same "$(field .blobs_total)" "$(find closed/blobs -type f | wc -l)" 'blobs, with the one that may not be read'
same "$(field '.blobs_total - .blobs_checked')" 1 'the blobs that were not verified'
holds '.[-1].coverage < 1'
as_nobody "$OCISTORE_BIN" --store closed fsck --repair >out 2>err
[ $? -eq 4 ] || fail 'not 4 for a blob that may not be read'
prints 'chmod or chown the file'
grep -q 'skopeo' out && fail 'a copy is proposed for what may not be read'
chmod -R u+rwX closed

# What a tool of somebody else left in a layout's folder goes along with it, and is in
# nobody's way there.
rm -rf store
as_nobody "$OCISTORE_BIN" init store >out 2>err || fail 'no store of nobody'
theirs() { # STATUS ARG...
    expected=$1
    shift
    as_nobody "$OCISTORE_BIN" --store store "$@" >out 2>err
    same $? "$expected" "the status of $1"
}
theirs 0 import good
mkdir store/layouts/good/ingest
chmod 000 store/layouts/good/ingest
theirs 0 rm good
for command in 'import good' gc status 'fsck --quick'; do
    # shellcheck disable=SC2086
    theirs 0 $command
done
theirs 0 trash list
prints 'layouts/good/ingest'
theirs 0 trash restore good
theirs 0 gc --now
complains '/layouts/good/ingest may not be read, and stays'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# On a read-only file system, and for somebody without the right to write, everything
# that only looks works, whatever the graph knows; the rest fails and says why.
. "${0%/*}/lib.sh"
need unshare mount umount sha256sum

if [ "${1:-}" != inside ]; then
    [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || skip 'no mounts of our own here'
    unshare -m sh "$here/read_only.sh" inside
    exit
fi

trap 'umount "$TEMPORARY/disk" 2>/dev/null; rm -rf "$TEMPORARY"' EXIT
chmod 755 "$TEMPORARY"
mkdir disk
mount -t tmpfs -o size=40m,mode=755 tmpfs disk || skip 'no tmpfs of our own here'
STORE=$TEMPORARY/disk/store
OCISTORE=$STORE
TMPDIR=$TEMPORARY/tmp
export OCISTORE TMPDIR
mkdir -m 1777 tmp

# image FOLDER BLOBS: a layout of one image, its blobs below BLOBS
image() {
    mkdir -p "$1" "$2/blobs/sha256"
    printf '{"architecture":"amd64","os":"linux","author":"%s","rootfs":{"type":"layers","diff_ids":[]}}' \
        "$3" >config
    config=$(sha256sum config | cut -d ' ' -f 1)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[]}' \
        "$config" "$(wc -c <config)" >manifest
    manifest=$(sha256sum manifest | cut -d ' ' -f 1)
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"v"}}]}' \
        "$manifest" "$(wc -c <manifest)" >"$1/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    cp config "$2/blobs/sha256/$config"
    cp manifest "$2/blobs/sha256/$manifest"
}
# A program that somebody else may run as well.
cp "$OCISTORE_BIN" program
OCISTORE_BIN=$TEMPORARY/program

looks() {
    run 0 ls
    prints known
    prints unknown
    run 0 ls unknown
    run 0 tree unknown:v
    run 0 inspect unknown:v
    run 0 cat known:v
    run 0 why "sha256:$config"
    run 0 du
    run 0 fsck
    run 0 fsck --quick
    run 0 gc -n
    run 0 trash
    run_json 8 gc # could not remember what it sees
    complains "what is learned could not be kept: $STORE/.ocistore/graph: "
    run 8 import known
    run 8 rm known
    run 8 tag known:v w
    [ -z "$(ls tmp)" ] || fail "left behind: $(ls tmp)"
}

run 0 init
image known known one
run 0 import known
image "$STORE/layouts/unknown" "$STORE" two # the graph has never seen it

mount -o remount,ro disk
looks
complains 'Read-only file system'
run 0 hold -- true
mount -o remount,rw disk
rm -r "$STORE"/.ocistore/graph/*
mount -o remount,ro disk
looks
mount -o remount,rw disk

# The graph alone, as under a systemd unit that may write to the store only.
mkdir graph
run 0 --store disk/apart init --graph-dir graph disk/apart
run 0 --store disk/apart gc --allow-empty
mount --bind graph graph
mount -o remount,bind,ro graph
run 0 --store disk/apart fsck
run 8 --store disk/apart gc --allow-empty
complains "what is learned could not be kept: $TEMPORARY/graph: Read-only file system"
complains 'in a systemd unit: ReadWritePaths= of this folder'
umount graph

# without rights
need setpriv
cat >as_nobody <<'END'
#!/bin/sh
exec setpriv --reuid 1234 --regid 1234 --clear-groups "${0%/*}/program" "$@"
END
chmod 755 as_nobody
OCISTORE_BIN=$TEMPORARY/as_nobody
looks
complains 'Permission denied'
OCISTORE_BIN=$TEMPORARY/program
run 0 gc
OCISTORE_BIN=$TEMPORARY/as_nobody
looks
image "$STORE/layouts/third" "$STORE" three # so that there is something to be learned
run 0 gc -n
complains "the graph in $STORE/.ocistore/graph cannot be written: what is learned now is forgotten"
for mode in '600 data.mdb' '700 .'; do
    chmod "${mode% *}" "$STORE/.ocistore/graph/${mode#* }"
    looks
    run 0 fsck
    complains "the graph in $STORE/.ocistore/graph cannot be read: this run begins without what it knows"
    chmod a+rX "$STORE/.ocistore/graph/${mode#* }"
done
OCISTORE_BIN=$TEMPORARY/program
run 0 fsck

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What root makes in somebody's store is that somebody's.
. "${0%/*}/lib.sh"
[ "$(id -u)" -eq 0 ] || skip 'not root'
mkdir store source
chown 1234:1235 store || skip 'owners cannot be given here'
STORE=$TEMPORARY/store
OCISTORE=$STORE
export OCISTORE

foreign() {
    found=$(find "$STORE" ! \( -user 1234 -group 1235 \) | head -n 5)
    [ -z "$found" ] || fail "$1: not the owner's: $found"
}
# put TEXT: a blob of the source, in $digest
put() {
    digest=sha256:$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
    mkdir -p source/blobs/sha256
    printf %s "$1" >"source/blobs/sha256/${digest#*:}"
}
put '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
text="{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":\
{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":78,\"digest\":\"$digest\"},\"layers\":[]}"
put "$text"
echo '{"imageLayoutVersion":"1.0.0"}' >source/oci-layout
echo "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
\"size\":${#text},\"digest\":\"$digest\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}" \
    >source/index.json

run 0 init
foreign init
run 0 import source --name team/app
foreign import
run 0 tag team/app:v1 v2
run 0 fsck
foreign fsck
run 0 import source --name other --tag w
run 0 rm team/app
run 0 gc --grace 0
foreign gc
run 0 trash restore team/app
foreign 'trash restore'
rm -r "$STORE/.ocistore/graph" "$STORE/.ocistore/locks"
run 0 gc
foreign 'gc without a graph'

# who is not root can go on
if command -v setpriv >/dev/null 2>&1; then
    chmod 755 "$TEMPORARY"
    setpriv --reuid 1234 --regid 1235 --clear-groups "$OCISTORE_BIN" rm team/app:v2 >out 2>err ||
        fail 'the owner cannot change his store'
fi

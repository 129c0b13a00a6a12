#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# make_layouts.sh DIR: real layouts by umoci and skopeo, twelve of them on one base.
# Done once; DIR/../NAME.done remembers by which version of this file.
#   base          base:latest, one layer
#   app1..app8    app:latest on it with a layer of its own, app:next with one more
#   twins         two tags of one manifest, and a nameless entry
#   multi         an index of two platforms, and an artifact about it (subject)
#   from-umoci    unpacked, changed and repacked by umoci
set -eu
target=$1
self=$0
stamp=$(cksum <"$self")
[ "$(cat "$target.done" 2>/dev/null || true)" != "$stamp" ] || exit 0

work=$target.work
rm -rf "$work" "$target" "$target.done"
mkdir -p "$work"
cd "$work"

# The same bytes in every run, hard to compress, and different for each name.
noise() { # NAME BYTES
    seed=$(printf '%s' "$1" | sha256sum | cut -d' ' -f1)
    openssl enc -aes-256-ctr -K "$seed" -iv 00000000000000000000000000000000 </dev/zero 2>/dev/null |
        head -c "$2" || true
}
tarball() { # NAME BYTES: NAME.tar with one file, and one of Debian's
    mkdir -p "tree-$1/usr/share/$1"
    noise "$1" "$2" >"tree-$1/usr/share/$1/data"
    cp /etc/debian_version "tree-$1/usr/share/$1/" 2>/dev/null || true
    tar -C "tree-$1" --sort=name --mtime=@1700000000 --owner=0 --group=0 --numeric-owner \
        -cf "$1.tar" .
}
add_layer() { # LAYOUT:TAG NAME BYTES [OPTION...]
    image=$1 name=$2 size=$3
    shift 3
    tarball "$name" "$size"
    umoci raw add-layer --image "$image" --history.created_by "add $name" "$@" "$name.tar"
}

umoci init --layout base
umoci new --image base:latest
tarball base-files 300000
umoci raw add-layer --image base:latest --history.created_by 'the base' base-files.tar
umoci config --image base:latest --config.env PATH=/usr/bin --config.cmd /bin/sh
umoci gc --layout base

for i in 1 2 3 4 5 6 7 8; do
    skopeo --insecure-policy copy --quiet oci:base:latest "oci:app$i:latest"
    add_layer "app$i:latest" "app$i" $((20000 + i * 1000))
    add_layer "app$i:latest" "app$i-next" 5000 --tag next
    umoci gc --layout "app$i"
done

skopeo --insecure-policy copy --quiet oci:app1:latest oci:twins:one
umoci tag --image twins:one two
add_layer twins:two twins-more 3000 --tag three
jq -c '(.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "three")) |=
        del(.annotations)' twins/index.json >index.new
cat index.new >twins/index.json

# A nested index and a referrer, by hand: no tool here makes them.
blob() { # LAYOUT FILE: prints the digest
    digest=$(sha256sum <"$2" | cut -d' ' -f1)
    cp "$2" "$1/blobs/sha256/$digest"
    printf 'sha256:%s' "$digest"
}
skopeo --insecure-policy copy --quiet oci:app2:latest oci:multi:amd64
skopeo --insecure-policy copy --quiet oci:app3:latest oci:multi:arm64
jq -c '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [.manifests[] | .platform = {os: "linux",
            architecture: .annotations["org.opencontainers.image.ref.name"]} | del(.annotations)]}' \
    multi/index.json >index.json
index=$(blob multi index.json)
index_size=$(wc -c <index.json)
printf '{}' >empty.json
empty=$(blob multi empty.json)
printf 'signed by nobody' >signature
signature=$(blob multi signature)
jq -nc --arg subject "$index" --argjson size "$index_size" --arg empty "$empty" --arg s "$signature" '
    {schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
     artifactType: "application/vnd.example.signature",
     config: {mediaType: "application/vnd.oci.empty.v1+json", digest: $empty, size: 2},
     layers: [{mediaType: "application/vnd.example.signature", digest: $s, size: 16}],
     subject: {mediaType: "application/vnd.oci.image.index.v1+json", digest: $subject, size: $size}}' \
    >referrer.json
referrer=$(blob multi referrer.json)
referrer_size=$(wc -c <referrer.json)
jq -nc --arg index "$index" --argjson index_size "$index_size" \
    --arg referrer "$referrer" --argjson referrer_size "$referrer_size" '
    {schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
     manifests: [{mediaType: "application/vnd.oci.image.index.v1+json",
         digest: $index, size: $index_size,
         annotations: {"org.opencontainers.image.ref.name": "latest"}},
        {mediaType: "application/vnd.oci.image.manifest.v1+json",
         digest: $referrer, size: $referrer_size}]}' >index.new
cat index.new >multi/index.json

skopeo --insecure-policy copy --quiet oci:base:latest oci:from-umoci:latest
rootless=
[ "$(id -u)" -eq 0 ] || rootless=--rootless
umoci unpack $rootless --image from-umoci:latest bundle
echo changed >bundle/rootfs/changed
rm -rf bundle/rootfs/usr/share/base-files
umoci repack --image from-umoci:latest bundle
umoci gc --layout from-umoci

mkdir "$target"
mv base app? twins multi from-umoci "$target/"
cd /
rm -rf "$work"
printf '%s' "$stamp" >"$target.done"

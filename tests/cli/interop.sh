#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What other tools write: every way of skopeo, umoci, buildah, and a registry on
# loopback in between.  Each layout imports, verifies clean, survives gc, and is
# read back by skopeo.
. "${0%/*}/lib.sh"
need jq skopeo umoci
STORE=$TEMPORARY/store
run 0 init "$STORE"
copy() {
    skopeo --insecure-policy copy --quiet "$@" >"$TEMPORARY/err" 2>&1 || fail "skopeo copy $*"
}

# ---- an image by umoci, and an index of two platforms over it
mkdir -p root/etc
echo interop >root/etc/hostname
head -c 100000 /dev/urandom >root/etc/noise
tar -C root -cf layer.tar etc
umoci init --layout base
umoci new --image base:v1
umoci raw add-layer --image base:v1 layer.tar 2>/dev/null
umoci new --image base:v2
umoci config --image base:v2 --architecture arm64 2>/dev/null
mkdir many
cp -r base/blobs base/oci-layout many
jq -c '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests:
    [.manifests[] | del(.annotations) + {platform: {os: "linux", architecture:
        (if .size then "amd64" else "" end)}}]}
    | .manifests[1].platform.architecture = "arm64"' base/index.json | tr -d '\n' >list.json
list=$(sha256sum <list.json | cut -d ' ' -f 1)
cp list.json "many/blobs/sha256/$list"
jq -nc --arg d "sha256:$list" --argjson s "$(wc -c <list.json)" '{schemaVersion: 2, manifests:
    [{mediaType: "application/vnd.oci.image.index.v1+json", digest: $d, size: $s,
      annotations: {"org.opencontainers.image.ref.name": "all"}}]}' >many/index.json

# ---- skopeo, every way it writes
copy oci:base:v1 oci:plain:v1
copy --dest-compress-format zstd --dest-compress oci:base:v1 oci:zstd:v1
copy oci:base:v1 dir:as-dir
copy --dest-decompress oci:base:v1 dir:as-plain-dir
copy dir:as-plain-dir oci:uncompressed:v1
copy --format v2s2 oci:base:v1 dir:as-docker
copy dir:as-docker oci:from-docker:v1
copy --multi-arch system oci:many:all oci:arch-system:v1
copy --multi-arch all oci:many:all oci:arch-all:v1
copy --multi-arch index-only oci:many:all oci:arch-index:v1
copy oci:base:v1 oci-archive:archive.tar:v1
copy oci-archive:archive.tar:v1 oci:from-archive:v1
copy oci:base:v1 docker-archive:docker.tar:interop:v1
copy docker-archive:docker.tar oci:from-docker-archive:v1
mkdir shared
copy --dest-shared-blob-dir shared oci:base:v1 oci:sharing:v1

layouts='base many plain zstd uncompressed from-docker arch-system arch-all arch-index from-archive
    from-docker-archive'

# ---- buildah, where it is there
if command -v buildah >/dev/null 2>&1; then
    export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
    storage="--root $TEMPORARY/containers --runroot $TEMPORARY/run"
    # shellcheck disable=SC2086 # words
    if container=$(buildah $storage from scratch 2>err) &&
        buildah $storage add "$container" root/etc /etc >/dev/null 2>err &&
        buildah $storage commit -q --format oci "$container" oci:built:v1 >/dev/null 2>err; then
        layouts="$layouts built"
    else
        echo "buildah does not work here: $(tail -n 1 err)"
    fi
    # shellcheck disable=SC2086
    buildah $storage rm -a >/dev/null 2>&1
fi

# ---- a registry on loopback, filled and read by skopeo
if command -v docker-registry >/dev/null 2>&1; then
    port=$((20000 + $$ % 10000)) # below those that the kernel deals out
    serve() { # at the next port
        port=$((port + 1))
        cat >registry.yml <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $TEMPORARY/registry}}
http: {addr: 127.0.0.1:$port}
END
        docker-registry serve registry.yml >registry.log 2>&1 &
        registry=$!
        trap 'kill $registry 2>/dev/null; rm -rf "$TEMPORARY"' EXIT
    }
    serve
    starts=1 # skopeo is asked again and again, until it listens; another port where it cannot
    until skopeo --insecure-policy copy --quiet --dest-tls-verify=false oci:base:v1 \
        "docker://127.0.0.1:$port/interop:v1" >err 2>&1; do
        kill -0 "$registry" 2>/dev/null && continue
        [ "$starts" -lt 5 ] || fail "no registry: $(tail -n 3 registry.log)"
        starts=$((starts + 1))
        serve
    done
    copy --src-tls-verify=false "docker://127.0.0.1:$port/interop:v1" oci:pulled:v1
    layouts="$layouts pulled"
    kill "$registry"
fi

# ---- ours
# shellcheck disable=SC2086
run 0 --store "$STORE" import $layouts
run 0 --store "$STORE" import --shared-blobs shared sharing
run_json 0 --store "$STORE" fsck --deep
holds 'last.errors == 0'
holds 'all(.severity != "warning" or .id == "manifest-absent-sparse" or .id == "document-invalid")'
find "$STORE/blobs" -type f -exec touch -d 2020-01-01 {} +
run 0 --store "$STORE" gc --now
run 0 --store "$STORE" fsck
run 0 fsck --shared-blobs shared sharing
for layout in $layouts sharing; do
    [ "$layout" = sharing ] || run 0 fsck "$layout"
    [ "$layout" != arch-index ] || continue
    for tag in $(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' \
        "$STORE/layouts/$layout/index.json"); do
        [ "$tag" != v2 ] || continue # umoci's image without layers
        copy --multi-arch all --src-shared-blob-dir "$STORE/blobs" \
            "oci:$STORE/layouts/$layout:$tag" "dir:back-$layout-$tag"
    done
done

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Layouts by hand, of small images.  After lib.sh: . "$here/images.sh"
# shellcheck shell=sh

# put LAYOUT TEXT: a blob; its hex is in $hex, its descriptor's digest and size in $told.
put() {
    mkdir -p "$1/blobs/sha256"
    printf %s "$2" >"$1/blob"
    hex=$(sha256sum <"$1/blob" | cut -d' ' -f1)
    told="\"digest\":\"sha256:$hex\",\"size\":$(wc -c <"$1/blob")"
    mv "$1/blob" "$1/blobs/sha256/$hex"
}
type=application/vnd.oci.image
# image LAYOUT WORD [MORE]: config, layer and manifest; told and hex are the manifest's.
image() {
    put "$1" "{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"$2\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$zeros\"]}}"
    config="{\"mediaType\":\"$type.config.v1+json\",$told}"
    put "$1" "layer of $2"
    layer=$hex
    layer_told="{\"mediaType\":\"$type.layer.v1.tar\",$told}"
    put "$1" "{\"schemaVersion\":2,\"mediaType\":\"$type.manifest.v1+json\",\"config\":$config,\"layers\":[$layer_told]${3:-}}"
}
zeros=$(printf %064d 0)
# list LAYOUT DESCRIPTOR...
list() {
    layout=$1
    shift
    printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
    printf '{"schemaVersion":2,"manifests":[%s]}' "$*" >"$layout/index.json"
}
manifest() {
    printf '{"mediaType":"%s.manifest.v1+json",%s}' "$type" "$told"
}

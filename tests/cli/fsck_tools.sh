#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# fsck finds nothing wrong, not even a warning, in what skopeo and umoci write.
. "${0%/*}/lib.sh"
need skopeo umoci jq

# clean PATH: no finding but of garbage, which is no flaw of a layout.
clean() {
    run_json 0 fsck "$1"
    holds 'all(.type != "finding" or (.id | IN("orphan-blob", "manifest-dangling")))'
}

umoci init --layout made || fail 'umoci init'
clean made
umoci new --image made:v1 || fail 'umoci new'
run_json 0 fsck made
# an image without layers is legal, but nobody can do much with it
holds '[.[] | select(.type == "finding")] | map(.severity + " " + .id) == ["warning document-invalid"]'

mkdir -p bundle
umoci unpack --rootless --image made:v1 bundle/v1 >/dev/null 2>&1 || fail 'umoci unpack'
printf 'hello\n' >bundle/v1/rootfs/hello
umoci repack --image made:v1 bundle/v1 >/dev/null 2>&1 || fail 'umoci repack'
umoci config --image made:v1 --config.env A=b --config.cmd sh --config.label a=b || fail 'umoci config'
umoci tag --image made:v1 v2 || fail 'umoci tag'
umoci gc --layout made || fail 'umoci gc'
clean made

skopeo copy -q oci:made:v1 oci:copied:v1 || fail 'skopeo copy'
skopeo copy -q oci:made:v1 oci:copied:v2 || fail 'skopeo copy of the same under another tag'
skopeo copy -q --format v2s2 oci:made:v1 dir:docker || fail 'skopeo copy to schema 2'
skopeo copy -q dir:docker oci:copied:v1 || fail 'skopeo copy that moves a tag'
skopeo copy -q --dest-compress --dest-compress-format zstd dir:docker oci:zstd:v1 ||
    fail 'skopeo copy with zstd'
skopeo copy -q oci:made:v1 oci-archive:made.tar:v1 || fail 'skopeo copy to an archive'
mkdir archive
tar -C archive -xf made.tar
clean copied
clean zstd
clean archive

umoci rm --image made:v1 || fail 'umoci rm'
umoci rm --image made:v2 || fail 'umoci rm'
clean made

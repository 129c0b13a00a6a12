#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What cannot come in: a clear error, the exit status of cli.md, nothing left in the way.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
need_layouts
STORE=$TEMPORARY/store
run 0 init "$STORE"
OCISTORE=$STORE
export OCISTORE
run 0 import "$LAYOUTS/base"
(cd "$STORE" && find blobs layouts .ocistore/roots -type f | sort) >before

refuses() { # STATUS SOURCE TEXT
    run_json "$1" import "$2"
    complains "$3"
    complains "${2%:not-there}"
    (cd "$STORE" && find blobs layouts .ocistore/roots -type f | sort) >after
    same_files before after "import of $2 left something behind"
    [ -z "$(find "$STORE/.ocistore/tmp" -type f)" ] || fail "import of $2 left temporary files"
}

# A copy of a layout to be spoilt; the digest of its manifest and of a layer.
spoil() { # NAME
    rm -rf "$1"
    cp -a "$LAYOUTS/app1" "$1"
    manifest=$(jq -r '.manifests[0].digest' "$1/index.json")
    layer=$(jq -r '.layers[1].digest' "$1/blobs/sha256/${manifest#*:}")
    layer_file=$1/blobs/sha256/${layer#*:}
    manifest_file=$1/blobs/sha256/${manifest#*:}
}

mkdir empty
refuses 16 empty 'is no OCI layout'
refuses 16 not-there 'not-there'
refuses 16 "$LAYOUTS/base:not-there" "'not-there'"
touch file
refuses 16 file 'file'

spoil flipped
printf X | dd of="$layer_file" bs=1 seek=100 conv=notrunc status=none
refuses 4 flipped "flipped: $layer: the copy in flipped/blobs: has other bytes than its digest says"
spoil short
truncate -s -1 "$layer_file"
refuses 4 short "$layer"
spoil gone
rm "$layer_file"
refuses 4 gone "$layer"
spoil no-manifest
rm "$manifest_file"
refuses 4 no-manifest "$manifest"
spoil fifo
rm "$layer_file"
mkfifo "$layer_file"
refuses 4 fifo "$layer"
spoil link
mv "$layer_file" elsewhere
ln -s "$PWD/elsewhere" "$layer_file"
refuses 4 link "$layer"
spoil folder
rm "$layer_file"
mkdir "$layer_file"
refuses 4 folder "$layer"

spoil climbing
sed 's|sha256:'"${manifest#*:}"'|sha256:../../../../etc/passwd|' climbing/index.json >index.new
cat index.new >climbing/index.json
refuses 4 climbing 'digest'
spoil half
head -c 100 half/index.json >index.new
cat index.new >half/index.json
refuses 4 half 'index.json'
spoil object
echo '{}' >object/index.json
refuses 4 object 'index.json'
spoil index-fifo
rm index-fifo/index.json
mkfifo index-fifo/index.json
refuses 4 index-fifo 'index.json'

# One bad source does not keep the good ones out, and decides the exit status.
run_json 4 import "$LAYOUTS/app4" flipped "$LAYOUTS/app5"
holds 'map(select(.type == "image").layout) | unique == ["app4", "app5"]'
run 0 fsck

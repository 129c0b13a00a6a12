#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# One flipped byte in any blob: exit 4, the right digest, the right images; healed: 0.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
need_layouts
STORE=$TEMPORARY/store
run 0 init "$STORE"
for layout in base app1 twins multi; do
    run 0 --store "$STORE" import "$LAYOUTS/$layout"
done
run 0 --store "$STORE" fsck

flip() { # FILE: the byte in the middle; twice is as before
    at=$(($(wc -c <"$1") / 2))
    byte=$(od -An -tu1 -j "$at" -N 1 "$1")
    chmod u+w "$1"
    # shellcheck disable=SC2059
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

# "REFERRER SUBJECT" for each document that has a subject
blobs_in "$STORE/blobs" | while read -r digest; do
    file=$(blob_file "$STORE/blobs" "$digest")
    [ "$(head -c 1 "$file")" = '{' ] || continue
    subject=$(jq -r '.subject.digest? | strings' "$file")
    [ -z "$subject" ] || printf '%s %s\n' "$digest" "$subject"
done >referrers
[ -s referrers ] || fail 'no layout has a referrer'
# Reads a digest and prints it with everything below it, and what refers to any of that.
walk_referred() {
    walk_down "$STORE/blobs" >walk.needed
    while read -r referrer subject; do
        ! grep -qxF "$subject" walk.needed || printf '%s\n' "$referrer"
    done <referrers | cat - walk.needed | walk_down "$STORE/blobs" >walk.all
    cat walk.all # no referrer has one here
}
# layout, ref and the digest of each image, with everything that hurts it
for index in "$STORE"/layouts/*/index.json; do
    layout=$(basename "${index%/*}")
    jq -r --arg layout "$layout" '.manifests[] |
        [$layout, .annotations["org.opencontainers.image.ref.name"] // "-", .digest] | @tsv' "$index"
done >images
while read -r layout ref digest; do
    printf '%s\n' "$digest" | walk_referred | sed "s|\$|	$layout	$ref|"
done <images >needs

blobs_in "$STORE/blobs" | while read -r digest; do
    file=$(blob_file "$STORE/blobs" "$digest")
    flip "$file"
    run_json 4 --store "$STORE" fsck
    holds --arg digest "$digest" 'map(select(.type == "finding" and .severity == "error")) |
        any(.id == "blob-digest-mismatch" and .digest == $digest) and all(.digest == $digest)'
    jq -r --arg digest "$digest" 'select(.id == "blob-digest-mismatch") | .affects[] |
        [.layout, .ref // "-"] | @tsv' out | sort >said
    awk -F '\t' -v digest="$digest" '$1 == digest { print $2 "\t" $3 }' needs | sort -u >meant
    same_files meant said "$digest hurts other images than fsck says"
    flip "$file"
done || exit 1
run 0 --store "$STORE" fsck

layer=$(jq -r '.layers[0].digest' "$(blob_file "$STORE/blobs" "$(entries_of "$STORE/layouts/base/index.json")")")
flip "$(blob_file "$STORE/blobs" "$layer")"
run 4 --store "$STORE" fsck
prints "error: blob-digest-mismatch: $layer: got sha256:"
prints 'base:latest'
prints '1 error'
run 4 -q --store "$STORE" fsck
prints "blob-digest-mismatch: $layer"
! grep -q checked out || fail '-q prints a summary'

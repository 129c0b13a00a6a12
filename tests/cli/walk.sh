#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# An independent walk over layouts, by jq alone: what the store has to agree with.
# Sourced after lib.sh.
# shellcheck shell=sh

blob_file() { # BLOBS DIGEST
    printf '%s/%s/%s' "$1" "${2%%:*}" "${2#*:}"
}

# The digests that a document is made of, if it is one: all that it names but its subject.
edges_of() { # FILE
    [ "$(head -c 1 "$1" 2>/dev/null)" = '{' ] || return 0
    jq -r '[.manifests[]?, .layers[]?, .blobs[]?, .config? | .digest?],
           [.fsLayers[]?.blobSum?] | .[] | strings' "$1"
}

# Reads digests and prints them with everything below them, each once, sorted.
walk_down() { # BLOBS
    sort -u >walk.todo
    : >walk.done
    while [ -s walk.todo ]; do
        sort -u walk.done walk.todo >walk.more
        mv walk.more walk.done
        while read -r digest; do
            edges_of "$(blob_file "$1" "$digest")"
        done <walk.todo | sort -u | comm -23 - walk.done >walk.next
        mv walk.next walk.todo
    done
    cat walk.done
}

# The same with the subjects, and whatever has a live document as subject, and so on.
walk_live() { # BLOBS
    walk_down "$1" >walk.live
    find "$1" -type f | while read -r file; do
        [ "$(head -c 1 "$file")" = '{' ] || continue
        subject=$(jq -r '.subject.digest? | strings' "$file")
        [ -z "$subject" ] || printf '%s:%s %s\n' "$(basename "${file%/*}")" "${file##*/}" "$subject"
    done >walk.subjects
    while :; do
        while read -r referrer subject; do
            ! grep -qx "$subject" walk.live || echo "$referrer"
            ! grep -qx "$referrer" walk.live || echo "$subject"
        done <walk.subjects | sort -u | comm -23 - walk.live >walk.referrers
        [ -s walk.referrers ] || break
        cat walk.live walk.referrers | walk_down "$1" >walk.grown
        mv walk.grown walk.live
    done
    cat walk.live
}

# The digests of the entries of index.json files.
entries_of() { # INDEX...
    jq -r '.manifests[]?.digest' "$@"
}

# Every file in blobs/ as a digest, sorted.
blobs_in() { # BLOBS
    (cd "$1" && find . -type f) | sed 's|^\./||; s|/|:|' | sort
}

# Whether skopeo copies every entry of every layout out of a store, nameless ones too,
# and umoci unpacks the first one of each, if it is an image.
copies_out() { # STORE
    for layout in "$1"/layouts/*/; do
        rm -rf copy.layout
        mkdir copy.layout
        ln -s "$1/blobs" copy.layout/blobs
        cp "${layout}oci-layout" copy.layout/
        jq -c '.manifests |= [to_entries[] |
            .value.annotations["org.opencontainers.image.ref.name"] = "n\(.key)" | .value]' \
            "${layout}index.json" >copy.layout/index.json
        for name in $(jq -r '.manifests | keys[] | "n\(.)"' copy.layout/index.json); do
            skopeo --insecure-policy copy --quiet --all "oci:copy.layout:$name" dir:copy.out ||
                fail "$layout: entry $name is not whole any more"
            rm -rf copy.out
        done
        [ "$(jq -r '.manifests[0].mediaType' copy.layout/index.json)" = \
            application/vnd.oci.image.manifest.v1+json ] || continue
        umoci unpack --rootless --image copy.layout:n0 copy.bundle >/dev/null 2>&1 ||
            fail "$layout: umoci cannot unpack it"
        chmod -R u+rwx copy.bundle
        rm -rf copy.bundle
    done
}

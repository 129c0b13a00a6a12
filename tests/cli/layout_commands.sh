#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# tag, mv, attach, forget and adopt: what stands in index.json afterwards.
. "${0%/*}/lib.sh"
need jq sha256sum
STORE=$TEMPORARY/store
run 0 init "$STORE"

# put FOLDER TEXT: a blob of that text below FOLDER, in $digest
put() {
    digest=sha256:$(printf %s "$2" | sha256sum | cut -d ' ' -f 1)
    mkdir -p "$1/blobs/sha256"
    printf %s "$2" >"$1/blobs/sha256/${digest#*:}"
}

# layout FOLDER BLOBS TAG: a layout of one image, its manifest in $digest
layout() {
    put "$2" '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    config=$digest
    text="{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":\
{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":78,\"digest\":\"$config\"},\
\"layers\":[],\"annotations\":{\"of\":\"$1\"}}"
    put "$2" "$text"
    mkdir -p "$1"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    echo "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
\"size\":${#text},\"digest\":\"$digest\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"$3\",\
\"kept\":\"yes\"}}]}" >"$1/index.json"
}

tags() {
    jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$1" | sort | tr '\n' ' '
}

layout one one v1
layout two two v1
run 0 --store "$STORE" import one two

# tag keeps the old name and every other annotation; a tag that is there moves
run_json 0 --store "$STORE" tag one:v1 stable
holds --arg d "$(jq -r '.manifests[0].digest' one/index.json)" \
    '.[0] == {type: "change", action: "tag", layout: "one", ref: "stable", digest: $d}'
[ "$(tags "$STORE/layouts/one/index.json")" = 'stable v1 ' ] || fail 'tags of one'
jq -e 'all(.manifests[]; .annotations.kept == "yes")' "$STORE/layouts/one/index.json" >/dev/null ||
    fail 'an annotation was lost'
run 16 --store "$STORE" tag one:nothing x
run 16 --store "$STORE" tag one x
run 16 --store "$STORE" tag "one@sha256:$(printf %064d 0)" x
complains "tag: layout 'one': there is no image 'one@sha256:000"
for bad in '' 'a b' "a
b" a..b .a a/; do
    run 16 --store "$STORE" tag one:v1 "$bad"
    complains 'letters and digits, with one of'
done
run 16 --store "$STORE" tag nowhere:v1 x

# mv
run_json 0 --store "$STORE" mv one mirror/one
holds '.[0].action == "move" and .[0].layout == "mirror/one"'
[ -e "$STORE/layouts/one" ] && fail 'the old folder is still there'
[ "$(tags "$STORE/layouts/mirror/one/index.json")" = 'stable v1 ' ] || fail 'tags after mv'
run 16 --store "$STORE" mv nowhere x
run 16 --store "$STORE" mv two mirror
complains "other layouts lie below 'mirror', and so no layout can move there"
same "$(tail -n 1 err)" 'ocistore mv two mirror/two' 'the hint'
run 0 --store "$STORE" mv two mirror/two
run 16 --store "$STORE" mv mirror/two mirror
same "$(wc -l <err)" 1 'no hint, since that is its name'
run 0 --store "$STORE" mv mirror/two deep/er/two
run 0 --store "$STORE" mv deep/er/two two
[ ! -e "$STORE/layouts/deep" ] || fail 'empty folders stay behind'
mkdir "$STORE/layouts/empty"
run 0 --store "$STORE" mv two empty
mkdir "$STORE/layouts/two"
echo x >"$STORE/layouts/two/file"
run 4 --store "$STORE" mv empty two
complains 'layouts/two is there, and is no layout'
complains 'move it away, or choose another name'
run 0 --store "$STORE" fsck --quick
rm -r "$STORE/layouts/two"
run 0 --store "$STORE" mv empty two
run 16 --store "$STORE" mv two mirror/one
run 16 --store "$STORE" mv two ../x
run 16 --store "$STORE" mv two .

# attach: a layout elsewhere whose blobs lie here; gc spares them
layout elsewhere "$STORE" v9
find "$STORE/blobs" -type f -exec touch -d 2020-01-01 {} +
run 16 --store "$STORE" attach one
complains 'blobs of its own'
run 16 --store "$STORE" attach nowhere
run_json 0 --store "$STORE" attach elsewhere
holds '.[0].action == "attach" and .[0].layout == "elsewhere"'
run 0 --store "$STORE" attach elsewhere
run 0 --store "$STORE" gc --now
run 0 --store "$STORE" fsck
run 16 --store "$STORE" rm elsewhere
run_json 0 --store "$STORE" ls
holds 'any(.type == "layout" and .name == "elsewhere" and .attached and .images == 1)'

# one that is not there stops gc, and says what helps
mv elsewhere away
run 4 --store "$STORE" gc --now
complains 'elsewhere'
mv away elsewhere

# a damaged entry: nobody may say that there is no such layout
entry=$(grep -l elsewhere "$STORE"/.ocistore/roots/*.json)
mv "$entry" entry
echo garbage >"$entry"
for command in 'forget elsewhere' 'rm elsewhere:v9' 'tag elsewhere:v9 w' 'mv elsewhere there'; do
    # shellcheck disable=SC2086
    run 4 --store "$STORE" $command
    complains "no layout 'elsewhere' can be seen"
done
mv entry "$entry"

# forget
run 16 --store "$STORE" forget two
run_json 0 --store "$STORE" forget elsewhere
holds 'last.freed_blobs == 1'
[ -f elsewhere/index.json ] || fail 'forget touched the folder'

# adopt: the manifest is listed again, under a new layout
manifest=$(jq -r '.manifests[0].digest' elsewhere/index.json)
run_json 0 --store "$STORE" adopt "$manifest" saved:v9
[ "$(tags "$STORE/layouts/saved/index.json")" = 'v9 ' ] || fail 'tags after adopt'
run 0 --store "$STORE" gc --now
run 0 --store "$STORE" cat saved:v9
run 16 --store "$STORE" adopt sha256:nonsense saved:x
for bad in 'a b' '-a' 'a/' "$(printf 'b\374ro')"; do # as tag and import --tag do
    run 16 --store "$STORE" adopt "$manifest" "saved:$bad"
    complains 'cannot be a tag'
    run 16 --store "$STORE" tag -- saved:v9 "$bad"
    complains 'cannot be a tag'
done
run 16 --store "$STORE" adopt "sha256:$(printf 0 | sha256sum | cut -d ' ' -f 1)" saved:x
run 0 --store "$STORE" fsck

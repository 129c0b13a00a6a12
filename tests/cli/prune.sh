#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# prune: each rule alone, together, and what belongs to an image.
. "${0%/*}/lib.sh"
need jq sha256sum
STORE=$TEMPORARY/store
REF=org.opencontainers.image.ref.name
run 0 init "$STORE"
mkdir -p "$STORE/blobs/sha256"

# put DAYS TEXT: a blob that came so many days ago; its digest
put() {
    hex=$(printf %s "$2" | sha256sum | cut -d ' ' -f 1)
    printf %s "$2" >"$STORE/blobs/sha256/$hex"
    touch -d "$1 days ago" "$STORE/blobs/sha256/$hex"
    echo "sha256:$hex"
}
# image DAYS NAME [SUBJECT]: a manifest with a layer of its own; its digest
image() {
    layer=$(put "$1" "the layer of $2")
    put "$1" "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"c\",\"size\":2,\"digest\":\"$config\"},
\"layers\":[{\"mediaType\":\"l\",\"size\":1,\"digest\":\"$layer\"}]${3:+,
\"subject\":{\"mediaType\":\"m\",\"size\":1,\"digest\":\"$3\"}}}"
}
# layout NAME [TAG=]DIGEST...: with one entry each
layout() {
    mkdir -p "$STORE/layouts/$1"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$STORE/layouts/$1/oci-layout"
    name=$1
    shift
    for entry; do
        digest=${entry#*=}
        tag=${entry%"$digest"}
        printf '%s %s\n' "$digest" "${tag%=}"
    done | jq -Rn --arg ref "$REF" '{schemaVersion: 2, manifests: [inputs | split(" ") |
        {mediaType: "m", size: 1, digest: .[0]} +
        if .[1] == "" then {} else {annotations: {($ref): .[1]}} end]}' \
        >"$STORE/layouts/$name/index.json"
}
# lists NAME ENTRY...: these are left, as for layout()
lists() {
    name=$1
    shift
    printf '%s\n' "$@" >expected
    jq -r --arg ref "$REF" '.manifests[] | if .annotations then .annotations[$ref] + "=" else "" end
        + .digest' "$STORE/layouts/$name/index.json" >actual
    same_files actual expected "what $name lists"
}
config=$(put 9 '{}')
a=$(image 40 a)
b=$(image 30 b)
c=$(image 20 c)
d=$(image 10 d)

# Without a rule nothing is done.
layout app "one=$a" "two=$b"
run 16 --store "$STORE" prune
complains '--older-than'
run 16 --store "$STORE" prune app
run 16 --store "$STORE" prune --untagged no-such

# Left by retagging: nameless beside named. Elsewhere a nameless image is the image.
layout app "$a" "one=$b"
layout other "$c" "$d"
run_json 0 --store "$STORE" prune --untagged --dry-run
holds --arg a "$a" '.[0] == {type: "change", action: "prune", layout: "app", ref: null, digest: $a}'
holds '.[-1].images == 1 and .[-1].freed_blobs == 2'
lists app "$a" "one=$b"
freed=$(field .freed_bytes)
run 0 --store "$STORE" prune --untagged --dry-run
prints "would drop app@$a"
prints 'the next gc would take 2 blobs'
prints 'nothing was changed: this was a dry run'
run_json 0 --store "$STORE" prune --untagged
same "$(field .freed_bytes)" "$freed" 'what the dry run said'
lists app "one=$b"
lists other "$c" "$d"
run_json 0 --store "$STORE" gc --dry-run --grace 0
same "$(field .candidate_bytes)" "$freed" 'what gc frees'
[ -n "$(find "$STORE/.ocistore/trash" -name index.json)" ] || fail 'the old index.json is not kept'
run_json 0 --store "$STORE" prune --untagged
holds '.[-1].images == 0 and .[-1].freed_blobs == 0'

# Ages.
layout other "$c"
layout app "1=$a" "2=$b" "3=$c" "4=$d"
run 0 --store "$STORE" prune --older-than 15d app
lists app "4=$d"
lists other "$c"
layout app "1=$a" "2=$b" "3=$c" "4=$d"
run 0 --store "$STORE" prune --keep-last 1000000 app
run 16 --store "$STORE" prune --keep-last 1000000001 app
complains 'a number from 1 to 1000000000'
run 0 --store "$STORE" prune --keep-last 2 app
lists app "3=$c" "4=$d"
layout app "1=$a" "2=$b" "3=$c" "4=$d" "latest=$d"
run 0 --store "$STORE" prune --keep-last 2 --older-than 25d app
lists app "3=$c" "4=$d" "latest=$d"
layout app "1=$a" "2=$b" "3=$c" "latest=$d" "4=$d"
run 0 --store "$STORE" prune --keep-last 1 --older-than 25d app
lists app "3=$c" "latest=$d" "4=$d"
run 0 --store "$STORE" prune --keep-last 1 --older-than 25d app
same "$(cat out)" 'no image is one to drop' 'what is said of a prune that drops nothing'
layout app "1=$a" "$b" "3=$c"
run 0 --store "$STORE" prune --untagged --keep-last 1 app
lists app "3=$c"

# What is not there has no age.
layout app "gone=sha256:$(printf '%064d' 1)" "1=$a" "2=$b"
run 0 --store "$STORE" prune --keep-last 1 app
lists app "gone=sha256:$(printf '%064d' 1)" "2=$b"

# Signatures go with what they sign, whatever their own age.
sign=$(image 1 sign "$a")
more=$(image 1 more "$sign")
attest=$(image 1 attest "$d")
cosign=$(image 1 cosign)
layout app "1=$a" "4=$d" "$sign" "$more" "$attest" "sha256-${a#*:}.sig=$cosign" \
    "sha256-${d#*:}=$cosign"
run 0 --store "$STORE" prune --untagged --keep-last 1 app
lists app "4=$d" "$attest" "sha256-${d#*:}=$cosign"
run 0 --store "$STORE" gc --now
# ... and stay when another layout keeps that.
sign=$(image 1 sign "$b")
b=$(image 30 b)
a=$(image 40 a)
layout app "2=$b" "4=$d" "$sign"
layout other "$b"
run 0 --store "$STORE" prune --keep-last 1 app
lists app "4=$d" "$sign"

# A damaged index.json: the others are pruned, it is left alone, and that is no success.
layout app "1=$a" "4=$d"
layout more "1=$a"
echo '{' >"$STORE/layouts/other/index.json"
echo '{' >"$STORE/layouts/more/index.json"
run_json 4 --store "$STORE" prune --keep-last 1 --dry-run
holds '.[-1] | .images == 1 and .freed_unknown'
run_json 4 --store "$STORE" prune --keep-last 1
complains "layout 'more' is left alone"
complains "layout 'other' is left alone"
holds '.[-1] | .images == 1 and .freed_unknown'
lists app "4=$d"
run 4 --store "$STORE" --quiet prune --keep-last 1
complains 'is left alone'
run 4 --store "$STORE" prune --keep-last 1 other

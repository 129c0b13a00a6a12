#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# why: what keeps a blob, and since when nothing does.
. "${0%/*}/lib.sh"
need jq sha256sum
STORE=$TEMPORARY/store
run 0 init "$STORE"

# put TEXT: a blob of that text, in $digest
put() {
    digest=sha256:$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
    mkdir -p "$STORE/blobs/sha256"
    printf %s "$1" >"$STORE/blobs/sha256/${digest#*:}"
    touch -d '2020-01-01' "$STORE/blobs/sha256/${digest#*:}"
}

put 'a layer'
layer=$digest
put '{"architecture":"amd64"}'
config=$digest
put "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"c\",\"size\":24,\"digest\":\"$config\"},\
\"layers\":[{\"mediaType\":\"l\",\"size\":7,\"digest\":\"$layer\"}]}"
manifest=$digest
put 'nobody wants this'
garbage=$digest
mkdir -p "$STORE/layouts/app"
echo '{"imageLayoutVersion":"1.0.0"}' >"$STORE/layouts/app/oci-layout"
echo "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"m\",\"size\":1,\"digest\":\"$manifest\",
\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}" >"$STORE/layouts/app/index.json"

run 0 --store "$STORE" why "$layer"
prints 'app:v1'
prints "manifest  $manifest"
prints "layer     $layer"
prints 'needed by 1 image in 1 layout, in 1 way'
run_json 0 --store "$STORE" why "$layer"
holds --arg m "$manifest" --arg l "$layer" '.[0] == {type: "path", layout: "app", ref: "v1",
    steps: [{digest: $m, role: "manifest"}, {digest: $l, role: "layer"}]}'
holds '.[1] | .live and .paths == 1 and .images == 1 and .layouts == 1'

# Never needed, and not seen by gc yet; then seen.
run_json 0 --store "$STORE" why "$garbage"
holds '.[0].type == "garbage" and .[0].since == null and .[0].once == [] and (.[1].live | not)'
run 0 --store "$STORE" gc --dry-run
run_json 0 --store "$STORE" why "$garbage"
holds '.[0].since != null and .[0].due > .[0].since'
run 0 --store "$STORE" why --grace 0 "$garbage"
prints 'the next gc takes it'

# What was removed is known to have been a part of something.
run 0 --store "$STORE" rm app:v1
run_json 0 --store "$STORE" why "$layer"
holds --arg m "$manifest" '.[0].once == [$m] and .[0].since != null'

# In the trash only, and nowhere.
run 0 --store "$STORE" gc --grace 0
run 16 --store "$STORE" why "$garbage"
complains 'it lies in the trash'
run 16 --store "$STORE" why "sha256:$(printf '%064d' 0)"
run 16 --store "$STORE" why "no digest"
run 16 --store "$STORE" why

# An index.json that cannot be read: what it needs is not known, and that is said.
put 'another one'
echo '{' >"$STORE/layouts/app/index.json"
run 4 --store "$STORE" why "$digest"
complains "what layout 'app' needs is not known"
prints 'no layout needs it'
run_json 4 --store "$STORE" why "$digest"
holds 'any(.type == "garbage") and any(.type == "error")'

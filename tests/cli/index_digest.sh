#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# An entry of an index.json that has lost its digest: what it needs is not known.  gc
# refuses, every command says so, and what is the last good index.json stays that.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts
export OCISTORE="$STORE"
index=$STORE/layouts/app1/index.json
cp "$index" good
last=$(grep -lF '"name":"app1"' "$STORE"/.ocistore/roots/*.json)
cp "$last" last
blobs_in "$STORE/blobs" >before
ref=$(jq -r 'first(.manifests[].annotations["org.opencontainers.image.ref.name"] | values)' good)
digest=$(jq -r '.manifests[0].digest' good)

for edit in 's/"digest"/"digesu"/' 's/sha256:/sha256;/' "s/${digest#*:}/$(echo "${digest#*:}" | tr a-f A-F)/"; do
    sed "$edit" good >"$index"
    says='index.json: manifests[0] has no valid digest'
    run_json 4 gc --dry-run --grace 0
    holds 'last.refused != null and all(.type != "candidate")'
    complains "layout 'app1': $says"
    run_json 4 gc --now
    complains 'nothing was deleted'
    blobs_in "$STORE/blobs" >after
    same_files before after 'gc removed something'
    run_json 0 status
    holds --arg says "$says" 'any(.gc_refuses? | strings | contains($says))'
    for command in ls 'ls app1' du "why $digest" "rm app1:$ref" "tag app1:$ref again"; do
        # shellcheck disable=SC2086
        run 4 $command
        complains "$says"
    done
    run 4 import --name app1 "$LAYOUTS/app2"
    complains "$says"
    run_json 4 fsck --quick
    holds 'any(.id == "document-invalid" and .path == "layouts/app1/index.json")'
    same_files last "$last" 'the last good index.json is another one'
    # it comes back, with whatever the bad one has besides
    run_json 1 fsck --quick --repair
    holds 'any(.id == "document-invalid" and (.action | strings | contains("written anew from the last good")))'
    jq -S . good >expected
    jq -S . "$index" >mended
    same_files expected mended 'the entry did not come back'
    run 0 gc --dry-run --grace 0
    rm -f "$STORE"/layouts/app1/index.json.damaged.*
done

# a changed letter that makes the algorithm unknown: what the entry lists is not there
sed "s/$digest/shar56:${digest#sha256:}/" good >"$index"
run_json 4 gc --now
run_json 4 fsck --quick
holds --arg digest "shar56:${digest#sha256:}" 'any(.id == "manifest-missing" and .digest == $digest
    and .severity == "error")'
blobs_in "$STORE/blobs" >after
same_files before after 'gc removed something'

# no entries, by what is no index.json of today: as damaged for gc as for fsck
printf '{"schemaVersion":1,"manifests":[]}' >"$index"
touch -d '-1 minute' "$index"
run_json 4 gc --now
complains "empty, and 'schemaVersion' is not 2"
run_json 1 fsck --quick --repair
holds 'any(.id == "index-invalid" and (.action | strings | contains("written anew from the last good")))'
jq -S . "$index" >mended
same_files expected mended 'the entries did not come back'

# no entries at all are legal
printf '{"schemaVersion":2,"manifests":[]}' >"$index"
run 0 gc --dry-run --grace 0
cp good "$index"
run 0 gc --dry-run --grace 0

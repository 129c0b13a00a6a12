#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# trash: what gc and rm took away is listed, comes back, or goes for good.
. "${0%/*}/lib.sh"
need jq sha256sum
STORE=$TEMPORARY/store
OCISTORE=$STORE
export OCISTORE
run 0 init "$STORE"

# put FOLDER TEXT: a blob of that text below FOLDER, in $digest
put() {
    digest=sha256:$(printf %s "$2" | sha256sum | cut -d ' ' -f 1)
    mkdir -p "$1/blobs/sha256"
    printf %s "$2" >"$1/blobs/sha256/${digest#*:}"
}
# entry FOLDER TAG: a manifest of its own, its descriptor in $entry
entry() {
    put "$1" "{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"$1 $2\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"
    text="{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":\
{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":$(stat -c %s "$1/blobs/sha256/${digest#*:}"),\
\"digest\":\"$digest\"},\"layers\":[]}"
    put "$1" "$text"
    entry="{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":${#text},\
\"digest\":\"$digest\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"$2\"}}"
}
# layout FOLDER TAG...: an image for each tag
layout() {
    folder=$1 entries=
    shift
    for tag; do
        entry "$folder" "$tag"
        entries=$entries${entries:+,}$entry
    done
    echo '{"imageLayoutVersion":"1.0.0"}' >"$folder/oci-layout"
    echo "{\"schemaVersion\":2,\"manifests\":[$entries]}" >"$folder/index.json"
}
tags() {
    jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' \
        "$STORE/layouts/$1/index.json" | sort | tr '\n' ' '
}
blobs() {
    find "$STORE/blobs" -type f | wc -l
}

layout app v1 v2 v3
layout other w
run 0 import app other
run 0 trash
prints 'the trash is empty'
run 16 trash nonsense
run 16 trash restore
run 16 trash restore app
complains 'trash list'
run 16 trash restore "sha256:$(printf 0 | sha256sum | cut -d ' ' -f 1)"

# rm NAME:TAG, and back; what the layout has now stays as it is
run 0 rm app:v1
run_json 0 trash list
holds '.[0].images == 1'
holds '.[0].type == "entry" and .[0].layout == "app" and .[0].bytes > 0 and .[0].digest == null'
holds 'last.entries == length - 1 and last.bytes > 0'
run 0 tag app:v2 v9
run_json 0 trash restore app
holds '.[0].type == "change" and .[0].action == "restore" and .[0].layout == "app"'
same "$(tags app)" 'v1 v2 v3 v9 ' 'tags after rm app:v1 was undone'
run 0 fsck

# an image lies there under the name of its layout
run 0 rm app:v1
run 0 trash
prints '  app:v1'
run 16 trash restore app:v1
same "$(tail -n 1 err)" 'ocistore trash restore app' 'the hint'
run 16 trash restore nothing:v1
complains 'trash list'
run 0 trash restore app

# two rm, undone one after the other
run 0 rm app:v2
run 0 rm app:v3
run 0 trash restore app
complains 'once more brings that back'
same "$(tags app)" 'v1 v3 v9 ' 'tags after the newer rm was undone'
run 0 trash restore app
silent
same "$(tags app)" 'v1 v2 v3 v9 ' 'tags after two rm were undone'

# a tag that exists again stays, and that is said; its old image stays in the trash
old=$(jq -r '.manifests[] | select(.annotations[] == "v3").digest' "$STORE/layouts/app/index.json")
run 0 rm app:v3
run 0 tag app:v2 v3
run_json 4 trash restore app
complains 'app:v3 stays as it is'
complains "$old did not come back under this name"
complains 'nothing of layout '"'app'"' came back'
same "$(tail -n 1 err)" "under another tag: ocistore adopt $old app:v3-old" 'the hint'
run 0 rm app:v3
run 0 adopt "$old" app:v3

# a layout has it back under its new name, too
run 0 rm app:v1
run 0 mv app moved/app
run 16 trash restore app
run 0 trash restore moved/app
same "$(tags moved/app)" 'v1 v2 v3 v9 ' 'tags after rm, mv and restore'
[ ! -e "$STORE/layouts/app" ] || fail 'there is a second layout'
run 0 mv moved/app app

# with nothing of the newest rm to bring back, an older one is undone: that is said
run 0 rm app:v9
run 0 rm app:v3
run 0 tag app:v2 v3
run 0 trash restore app
complains 'an older rm took'
same "$(tags app)" 'v1 v2 v3 v9 ' 'tags after the older rm was undone'
run 4 trash restore app
! grep -q 'everything' err || fail 'what was left out counts as there'
run 0 rm app:v3
run 0 adopt "$old" app:v3

# what stays is said once, however many runs took something of it; all names are looked up first
run 0 import --name many app:v1
run 0 rm many:v1
run 0 adopt "$old" many:v1
run 0 rm many:v1
run 0 adopt "$(jq -r '.manifests[] | select(.annotations[] == "v1").digest' "$STORE/layouts/app/index.json")" many:v1
run 0 rm many:v1
run 0 adopt "$(jq -r '.manifests[] | select(.annotations[] == "v2").digest' "$STORE/layouts/app/index.json")" many:v1
cp "$STORE/layouts/many/index.json" many.json
run 4 trash restore many
same "$(grep -c 'stays as it is' err)" 2 'notices of two images that stay out'
run 0 rm app:v1
run 16 trash restore app nope
complains "nothing of 'nope' lies in the trash"
same "$(tags app)" 'v2 v3 v9 ' 'tags after a name was wrong'
run 16 trash restore app "sha256:$(printf nowhere | sha256sum | cut -d ' ' -f 1)"
same "$(tags app)" 'v2 v3 v9 ' 'tags after a digest was wrong'
run 0 trash restore app
run 0 rm many

# by time, the newest last, and by path
run_json 0 trash
holds '[.[] | select(.type == "entry") | [.run, .path]] | . == sort and length > 5'

# a tag that moved: the notice names what adopt moves back, also from the trash
run 0 import --name moving --tag t app:v1
run 0 import --name moving --tag t app:v2
was=$(sed -n 's/.*moving:t moved from \(sha256:[0-9a-f]*\) to .*/\1/p' err)
run 0 rm app:v1
run 0 gc --grace 0
run 0 adopt "$was" moving:t
same "$(tags moving)" 't ' 'tags after a move was undone'
same "$(jq -r '.manifests[].digest' "$STORE/layouts/moving/index.json")" "$was" 'what moving:t is'
run 0 rm moving
run 0 trash restore app

# somebody took the folder: the last good index.json is in the trash with its entry
run 0 import --name team/app app
rm -r "$STORE/layouts/team"
run 0 rm team/app
run 0 trash restore team/app
same "$(tags team/app)" 'v1 v2 v3 ' 'tags after rm of a layout without a folder was undone'

# also without rm: the entry of .ocistore/roots has it; not of an attached one.  What rm took
# before is told
run 0 rm team/app:v1
rm -r "$STORE/layouts/team"
run 4 fsck
run 0 trash restore team/app
complains 'took something else (team/app:v1): the same command once more brings that back'
same "$(tags team/app)" 'v2 v3 ' 'tags after a lost folder came back'
run 0 trash restore team/app
silent
same "$(tags team/app)" 'v1 v2 v3 ' 'tags after the rm before it was undone'
mkdir attached
cp "$STORE/layouts/team/app/index.json" "$STORE/layouts/team/app/oci-layout" attached
run 0 attach attached
mv attached elsewhere
run 16 trash restore attached
[ ! -e "$STORE/layouts/attached" ] || fail 'an attached layout was made in the store'
run 0 forget attached
run 0 fsck
run 0 rm team/app
run 0 fsck

# rm NAME, with the blobs gone into the trash meanwhile
run 0 rm other
[ -e "$STORE/layouts/other/index.json" ] && fail 'other is still there'
run 0 gc --grace 0
same "$(blobs)" 6 'blobs after gc'
run_json 0 trash
holds 'any(.digest != null and (.path | startswith("blobs/")))'
run 0 trash restore other
same "$(tags other)" 'w ' 'tags after rm other was undone'
same "$(blobs)" 8 'blobs after restore'
run 0 cat other:w
run 0 fsck

# adopt brings back what it needs; a digest that is nowhere is told as such
manifest=$(jq -r '.manifests[0].digest' "$STORE/layouts/other/index.json")
run 0 rm other
run 0 gc --grace 0
same "$(blobs)" 6 'blobs after gc'
run 0 trash restore "$manifest"
complains "ocistore adopt $manifest recovered lists it"
same "$(blobs)" 7 'blobs after the manifest alone was restored'
run 0 adopt "$manifest" other:w
same "$(tags other)" 'w ' 'tags after other was adopted'
same "$(blobs)" 8 'blobs after adopt'
run 16 adopt "sha256:$(printf nowhere | sha256sum | cut -d ' ' -f 1)" other:x
complains 'trash list'
run 0 fsck

# one blob, by its digest; gc does not take it at once again.  It is the config: a young
# manifest would need it
digest=$(jq -r .config.digest "$STORE/blobs/sha256/${manifest#*:}")
run 0 rm other
run 0 gc --grace 0
run_json 0 trash restore "$digest"
holds --arg d "$digest" '.[0].action == "restore" and .[0].digest == $d'
[ -e "$STORE/blobs/sha256/${digest#*:}" ] || fail 'the blob is not back'
run 0 trash restore "$digest"
complains 'is in the store already'
[ ! -s out ] || fail 'it was not in the trash'
run 0 gc --grace 1h
[ -e "$STORE/blobs/sha256/${digest#*:}" ] || fail 'gc took it again at once'
run 0 fsck

# a damaged one stays where it is
other=$manifest
chmod u+w "$STORE"/.ocistore/trash/*/blobs/sha256/"${other#*:}"
echo damage >"$(find "$STORE/.ocistore/trash" -name "${other#*:}")"
run 4 trash restore "$other"
complains damaged
[ -e "$STORE/blobs/sha256/${other#*:}" ] && fail 'a damaged blob came back'

# empty: all of it, but nothing that lies in blobs
before=$(blobs)
run_json 0 trash empty
holds 'last.purged > 0'
same "$(blobs)" "$before" 'blobs after empty'
run 0 trash
prints 'the trash is empty'
run 16 trash restore other
run 0 fsck

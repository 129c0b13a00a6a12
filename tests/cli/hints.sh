#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Whoever names what is not there is told what is.
. "${0%/*}/lib.sh"
store_with_layouts
export OCISTORE="$STORE"
digest=$(jq -r '.manifests[0].digest' "$LAYOUTS/base/index.json")
says() { # HINT ARG...
    hint=$1
    shift
    run 16 "$@"
    same "$(tail -n 1 err)" "$hint" "the hint of $*"
}
says "layouts: 'base', 'app1', 'app2', 'app3', 'app4' and 7 more" rm bas
for command in 'mv bas x' 'forget bas' 'tag bas:latest x' 'ls bas' 'tree bas' 'cat bas:latest' 'du bas'; do
    # shellcheck disable=SC2086
    says "layouts: 'base', 'app1', 'app2', 'app3', 'app4' and 7 more" $command
done
for command in 'rm app1:last' 'tag app1:last x' 'tree app1:last' 'inspect app1:last' 'cat app1:last' \
    'du app1:last' 'why app1:last'; do
    # shellcheck disable=SC2086
    says "tags of 'app1': 'latest', 'next'" $command
done
says "ocistore ls --digests app1" rm "app1@sha256:$(printf %064d 0)"
says "ocistore why $digest" why base:latest
says 'digests: ocistore ls, ocistore tree; at least 4 hex digits' cat sha256:12
says 'digests: ocistore ls, ocistore tree; at least 4 hex digits' why sha256:12
says 'a store is a folder that holds .ocistore/' --store "$STORE/.ocistore/store.json" ls

# Of a store in place there is one layout alone.
cp -r "$LAYOUTS/base" place
run 0 init place
skopeo --insecure-policy copy --quiet "oci:$LAYOUTS/app1:latest" oci:place:x || fail 'skopeo does not write'
printf '{"schemaVersion":2,"manifests":[]}' >place/index.json
run 0 fsck place
$(sed -n 's/.*\(ocistore adopt sha256:[0-9a-f]* \.\)$/\1/p' out | tail -n 1 | sed "s|ocistore|$OCISTORE_BIN --store place|") ||
    fail 'the hint does not work'
rm place/.ocistore/roots/*.json
run 4 --store place gc
same "$(tail -n 1 err)" 'nothing was deleted; ocistore fsck --repair registers them anew' 'the hint of gc'
run 1 --store place fsck --repair
run 0 --store place gc
sed -i 's/root_ids/unknown/' place/.ocistore/store.json
rm place/.ocistore/roots/*.json
run 4 --store place gc
same "$(tail -n 1 err)" 'nothing was deleted; ocistore forget --lost' 'the hint of gc'
run 0 --store place forget --lost
run 0 --store place gc

run 16 mv base base/x
complains "'base' cannot move into itself"
run 0 mv base base2
run 0 mv base2 base

# One folder has one name.
mkdir shared
skopeo --insecure-policy copy --quiet --src-shared-blob-dir "$STORE/blobs" --dest-shared-blob-dir "$STORE/blobs" \
    "oci:$STORE/layouts/base:latest" oci:shared/one:latest || fail 'skopeo does not write beside the store'
run 0 attach shared/one
run 0 attach shared/one
run 16 attach --name two shared/one
complains "is attached already, as 'one'"
complains 'ocistore mv one two'
run_json 0 ls
holds 'map(select(.attached == true)) | length == 1'

# The folder of a layout that is gone: whatever was asked for, its last good index.json has it back.
rm -r "$STORE/layouts/app1"
for command in 'rm app1:latest' 'tag app1:latest x' 'tree app1:latest' 'why app1:latest' 'mv app1 x' \
    "adopt $digest app1:x" "import $LAYOUTS/app1" gc; do
    # shellcheck disable=SC2086
    "$OCISTORE_BIN" $command >out 2>err && fail "$command worked"
    complains 'ocistore trash restore app1 makes it anew'
done
run 0 trash restore app1
run 0 tree app1:latest

# What a hint says can be pasted, whatever the paths are.
pasted() { # what it is in; the last line of err
    command=$(tail -n 1 err | sed 's/^.*\(ocistore .*\)$/\1/')
    eval "\"\$OCISTORE_BIN\" ${command#ocistore }" >out 2>err || fail "the hint of $1 does not work: $command"
}
mkdir "my folder"
skopeo --insecure-policy copy --quiet --src-shared-blob-dir "$STORE/blobs" --dest-shared-blob-dir "$STORE/blobs" \
    "oci:$STORE/layouts/base:latest" "oci:my folder/base:latest" || fail 'skopeo does not write beside the store'
run 16 attach "my folder/base"
complains "there is a layout 'base' already"
pasted 'attach of a taken name'
run 0 tree base-1:latest
run 0 forget base-1
run 16 attach "$STORE/layouts/base"
complains 'watched over by themselves'
cp -r "$LAYOUTS/app5" "my folder/own's"
run 16 attach --name own "my folder/own's"
same "$(tail -n 1 err)" "ocistore import '$PWD/my folder/own'\\''s'" 'the hint'
run 16 tag app1 x
pasted 'tag of a layout'
run 16 --store "my folder/store" ls
pasted 'no store'
run 0 --store "my folder/store" import "$LAYOUTS/app5"
run 16 import "my folder/store"
pasted 'import of a store'
run 16 import "$LAYOUTS/app1" "$LAYOUTS/app2/../app1"
complains '--name app1 merges them into one'
run 16 fsck --image nowhere:x
pasted 'fsck of no image'

# An image of one tag that is taken now comes back under another.
old=$(jq -r '.manifests[] | select(.annotations[] == "latest").digest' "$STORE/layouts/app1/index.json")
run 0 rm app1:latest
run 0 tag app1:next latest
run 4 trash restore app1
pasted 'trash restore of a taken tag'
run 0 tree app1:latest-old
same "$(jq -r '.manifests[] | select(.annotations[] == "latest-old").digest' "$STORE/layouts/app1/index.json")" "$old" \
    'what it was'

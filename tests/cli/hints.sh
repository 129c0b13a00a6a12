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
prints ' .:TAG'
$(sed -n 's/.*\(ocistore adopt sha256:[0-9a-f]*\) .:TAG/\1/p' out | tail -n 1 | sed "s|ocistore|$OCISTORE_BIN --store place|") .:x ||
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

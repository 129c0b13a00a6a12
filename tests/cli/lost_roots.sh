#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Entries of .ocistore/roots that are lost come back by themselves when every one is of a
# layout that is still seen in the store, and in no other case.
. "${0%/*}/lib.sh"
store_with_layouts
export OCISTORE="$STORE"
roots=$STORE/.ocistore/roots
marker=$STORE/.ocistore/store.json
cp -r "$STORE/layouts/app1" far1
cp -r "$STORE/layouts/app2" far2
skopeo_copy() { # SOURCE DEST
    skopeo --insecure-policy copy --quiet --dest-shared-blob-dir "$STORE/blobs" "$@" ||
        fail 'skopeo does not write'
}

cp "$marker" marker
lose() {
    rm -r "$roots"
    run 4 gc --now
    complains '.ocistore/roots is not there: there are 0, of '
}
all_back() { # what was done
    run 0 fsck --quick
    run 0 gc
    cmp -s marker "$marker" || fail "$1: store.json has changed"
    same "$(jq .roots "$marker")" "$(find "$roots" -name '*.json' | wc -l)" "$1: the count"
}

# none was attached: the folder, one entry, and where a layout cannot be read just now
lose
complains 'all that are lost are of layouts below layouts/'
complains 'ocistore fsck --repair registers them anew'
run 4 fsck --quick --repair --dry-run
prints 'would be registered anew from the layouts'
run 1 fsck --quick --repair
prints 'registered anew from the layouts'
all_back 'the folder'
rm "$roots/$(ls "$roots" | head -n 1)"
run 4 gc
run 1 fsck --quick --repair
all_back 'one entry'
lose
cp "$STORE/layouts/app1/index.json" index
echo '{' >"$STORE/layouts/app1/index.json"
touch -d '-1 minute' "$STORE/layouts/app1/index.json"
run 4 fsck --quick --repair
cp index "$STORE/layouts/app1/index.json"
all_back 'a layout that could not be read'

# whoever imports meanwhile does not disturb that
rm "$roots"/*
run 0 import "$LAYOUTS/app1"
run 1 fsck --quick --repair
all_back 'import of what is there'
rm "$roots"/*
run 0 import --name other "$LAYOUTS/app1"
run 1 fsck --quick --repair
run 0 fsck --quick
run 0 rm other
all_back 'import of something new'

# the folder of a layout is gone as well, and another came: nobody takes one for the other
rm "$roots"/*
mv "$STORE/layouts/app3" away
skopeo_copy "oci:$LAYOUTS/app4:latest" "oci:$STORE/layouts/stranger:latest"
run 4 fsck --quick --repair
complains_or_prints() { grep -qF -- "$1" out err || fail "neither says: $1"; }
complains_or_prints 'forget --lost'
run 4 gc --now
run 4 fsck --quick --repair
run 4 gc --now
mv away "$STORE/layouts/app3"
rm -r "$STORE/layouts/stranger" "$roots"
cp marker "$marker"
run 1 fsck --quick --repair
all_back 'with all folders'

# one was attached: how many, and when it is attached again, all is well
run 0 attach far1
cp "$marker" marker
lose
complains '; 1 of layouts that were attached, or whose folders are gone as well'
complains 'attach them again; then: ocistore forget --lost'
run 4 fsck --quick --repair
run 4 gc
run 0 attach far1
run 1 fsck --quick --repair
all_back 'an attached one'

# two: somebody has to say that these are all
run 0 attach far2
rm "$roots"/*
run 4 gc
complains '; 2 of layouts that were attached'
run 0 attach far1
run 4 fsck --quick --repair
run 0 attach far2
run 4 fsck --quick --repair
run 4 gc
run 0 forget --lost
run 0 gc
run 0 fsck --quick
cp "$marker" marker
rm "$roots/$(printf '%.16s.json' "$(printf app1 | sha256sum)")"
run 1 fsck --quick --repair
all_back 'after forget --lost'

# a store.json of an older version does not know which there were
jq -c 'del(.root_ids)' marker >"$marker"
rm "$roots/$(printf '%.16s.json' "$(printf app1 | sha256sum)")"
run 4 fsck --quick --repair
prints 'if layouts live elsewhere, attach them again; then: ocistore forget --lost'
run 4 gc
run 0 forget --lost
run 0 gc

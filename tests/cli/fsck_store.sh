#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# fsck of a store: a clean one, what is missing, what lies around, what it says in the end.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts
count=$(blobs_in "$STORE/blobs" | wc -l)
bytes=$(find "$STORE/blobs" -type f -printf '%s\n' | jq -s add)

for jobs in 1 2 7; do
    run_json 0 --store "$STORE" fsck -j "$jobs"
    holds --argjson count "$count" --argjson bytes "$bytes" 'last | .blobs_checked == $count
        and .bytes_checked == $bytes and .errors == 0 and .warnings == 0 and .findings == {}
        and .coverage == 1 and .interrupted == false and (.oldest_verified | fromdateiso8601 > 0)
        and .seconds >= 0'
done
run_json 0 --store "$STORE" fsck --quick
run 0 fsck "$STORE"
prints 'no errors'
run 16 --store "$STORE" fsck --shared-blobs x
run 16 --store "$STORE" fsck --quick --max-age 7d
run 16 --store "$STORE" fsck --quick --deep
run_json 0 --store "$STORE" fsck --deep
holds 'last.findings == {}'

# budgets: a part now, the rest in the next runs
run_json 0 --store "$STORE" fsck --max-age 7d
holds 'last | .blobs_checked == 0 and .blobs_left == 0 and .coverage == 0'
run 0 --store "$STORE" fsck --max-bytes 1B
prints 'not rehashed'
prints 'left for another run'
run_json 0 --store "$STORE" fsck --max-bytes 1B
holds 'last | .blobs_checked >= 1 and .blobs_left > 0 and .blobs_checked + .blobs_left <= .blobs_total'
run_json 0 --store "$STORE" fsck --image base:latest
holds 'last.blobs_checked == 3'
run 16 --store "$STORE" fsck --image base:nobody
for size in 1 5K 5KB 5KiB 4M 10GiB 0; do
    run 0 --store "$STORE" fsck --max-age 7d --max-bytes "$size" --rate "$size"
done
for size in x 5X 5MiBB 5iB -1 '' 99999999999999999999 99999999999G; do
    run 16 --store "$STORE" fsck --max-bytes "$size"
    complains 'is not a size'
done

# a lost graph is built again, without a finding
rm -r "$STORE/.ocistore/graph"
run_json 0 --store "$STORE" fsck
holds 'last.findings == {}'

# what no layout needs is information
run 0 --store "$STORE" rm app8
run_json 0 --store "$STORE" fsck
holds 'last.findings["orphan-blob"] >= 3 and last.errors == 0'
run 0 --store "$STORE" fsck
prints 'orphan-blob'
! grep -q '^info:' out || fail 'information is printed without -v'
run 0 --store "$STORE" -v fsck
grep -q '^info: orphan-blob: sha256:' out || fail '-v does not print information'

# absent, empty, of another size, held by something else
manifest=$(jq -r '.manifests[0].digest' "$STORE/layouts/app7/index.json")
layer=$(jq -r '.layers[1].digest' "$(blob_file "$STORE/blobs" "$manifest")")
config=$(jq -r '.config.digest' "$(blob_file "$STORE/blobs" "$manifest")")
file=$(blob_file "$STORE/blobs" "$layer")
cp "$file" saved
finds() { # ID DIGEST
    run_json 4 --store "$STORE" fsck
    holds --arg id "$1" --arg digest "$2" 'any(.type == "finding" and .id == $id and .digest == $digest
        and .severity == "error" and any(.affects[]; .layout == "app7" and .ref == "latest"))
        and last.findings[$id] >= 1 and last.errors >= 1'
}
rm -f "$file"
finds layer-missing "$layer"
mkfifo "$file"
finds layer-missing "$layer"
rm "$file"
: >"$file"
finds blob-empty "$layer"
# It is remembered as other damage is, and never taken for the blob: import brings a good copy.
run_json 0 --store "$STORE" status
same "$(field .bad_blobs)" 1 'bad blobs'
run_json 4 --store "$STORE" fsck --only-bad
run 0 --store "$STORE" import "$LAYOUTS/app7"
cmp -s saved "$file" || fail 'import took an empty file for the blob'
head -c 100 saved >"$file"
finds blob-size-mismatch "$layer"
run_json 0 --store "$STORE" status
same "$(field .bad_blobs)" 1 'bad blobs'
run 0 --store "$STORE" import "$LAYOUTS/app7"
cmp -s saved "$file" || fail 'import took a part for the blob'
run 0 --store "$STORE" fsck
run_json 0 --store "$STORE" status
same "$(field .bad_blobs)" 0 'bad blobs'
mv "$(blob_file "$STORE/blobs" "$config")" config
finds config-missing "$config"
mv config "$(blob_file "$STORE/blobs" "$config")"
mv "$(blob_file "$STORE/blobs" "$manifest")" manifest
finds manifest-missing "$manifest"
mv manifest "$(blob_file "$STORE/blobs" "$manifest")"
run 0 --store "$STORE" fsck

mv "$STORE/layouts/app6/index.json" index
run_json 4 --store "$STORE" fsck
holds 'any(.id == "index-unreadable" and (.path | contains("app6")))'
mv index "$STORE/layouts/app6/index.json"
mv "$STORE/layouts/app6" app6
run 4 --store "$STORE" fsck
prints 'No such file or directory (layout app6)'
run_json 4 --store "$STORE" fsck
holds 'any(.id == "layout-missing" and (.action | startswith("ocistore trash restore app6")
and endswith("if it is gone for good: ocistore rm app6")))'
mv app6 "$STORE/layouts/app6"
holds 'any(.id == "layout-missing" and .affects == [{layout: "app6", ref: null, digest: null}])'
run 0 --store "$STORE" fsck
run 0 --store "$STORE" -v fsck
dangling=$(sed -n 's/.*to list it again: ocistore adopt \(sha256:[0-9a-f]*\) recovered$/\1/p' out | head -n 1)
run 0 --store "$STORE" adopt "$dangling" again:it
run 0 --store "$STORE" fsck --image again:it
mv "$STORE/layouts/app6" app6
run 0 --store "$STORE" rm app6
run 0 --store "$STORE" fsck

# What is no store any more, or not yet one that this version knows
mkdir other
run 0 init other
cp other/.ocistore/store.json good
for command in 'fsck --repair' fsck; do
    rm other/.ocistore/store.json
    # shellcheck disable=SC2086
    run_json 8 --store other $command
    holds 'any(.id == "store-marker-missing" and .severity == "fatal" and .path == ".ocistore/store.json"
        and (.action | startswith("ocistore init"))) and last.fatal == 1'
    echo x >other/.ocistore/store.json
    # shellcheck disable=SC2086
    run_json 8 --store other $command
    holds 'any(.id == "store-marker-damaged" and .severity == "fatal" and .path == ".ocistore/store.json"
        and (.action | startswith("ocistore init"))) and last.fatal == 1'
    jq -c '.features.incompatible = ["zap"]' good >other/.ocistore/store.json
    # shellcheck disable=SC2086
    run 8 --store other $command
    prints "fatal: store-feature-unknown: .ocistore/store.json: the store needs the feature 'zap'"
    run 8 --store other ls
done

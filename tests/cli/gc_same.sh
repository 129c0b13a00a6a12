#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What a dry run says is what the run does, line by line: candidates that are due and
# that wait, temporary files, old trash; with every member, the summary's included.
# After each run skopeo and umoci read all that is listed.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts
hex=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a

# Trash of long ago: blobs, an index.json, and a blob that is needed (it stays).
run 0 --store "$STORE" rm app1 app2:next
run 0 --store "$STORE" gc --grace 0
for folder in "$STORE"/.ocistore/trash/*/; do
    mv "$folder" "$STORE/.ocistore/trash/20200101T000000Z-${folder##*-}"
done
needed=$(jq -r '.manifests[0].digest' "$STORE/layouts/app3/index.json" | cut -d: -f2)
mkdir -p "$STORE/.ocistore/trash/20190101T000000Z-00000000/blobs/sha256"
cp "$STORE/blobs/sha256/$needed" "$STORE/.ocistore/trash/20190101T000000Z-00000000/blobs/sha256/"

# Garbage that is due, garbage that waits, temporary files of both kinds, strangers.
run 0 --store "$STORE" rm app4
printf 'never needed' >"$STORE/blobs/sha256/$(printf 'never needed' | sha256sum | cut -d' ' -f1)"
printf x >"$STORE/blobs/sha256/${hex}12"
printf x >"$STORE/blobs/sha256/stranger"
printf x >"$STORE/layouts/app5/oci-put-blob1"
exec 8>>"$STORE/layouts/app5/oci-put-blob1"

compare() { # OPTION...
    run_json 0 --store "$STORE" gc --dry-run "$@"
    cp out dry
    run_json 0 --store "$STORE" gc "$@"
    for file in dry out; do
        jq -c 'select(.type != "summary")' "$file" >"$file.lines"
        jq -c 'select(.type == "summary") | del(.dry_run, .trashed, .trashed_bytes, .purged,
            .purged_bytes, .temporaries_trashed, .temporaries_trashed_bytes)' "$file" >"$file.end"
    done
    same_files dry.lines out.lines "gc $*: the run told other lines than the dry run"
    same_files dry.end out.end "gc $*: the run counted something else than the dry run"
    holds '.[-1] | .trashed == .candidates and .trashed_bytes == .candidate_bytes
        and .temporaries_trashed == .temporaries and .temporaries_trashed_bytes == .temporaries_bytes'
    copies_out "$STORE"
}
run 0 --store "$STORE" gc --dry-run
prints 'would go'
prints 'files in the trash'
compare --trash-for 36500d
holds '.[-1] | .waiting > 0 and .candidates == 0 and .purges == 0 and .temporaries_waiting == 2'
compare
holds '.[-1] | .purges > 0 and .purged == .purges and .purged_bytes == .purge_bytes'
holds '.[-1].purges as $n | map(select(.type == "purge")) | length == $n'
compare --grace 0
holds '.[-1] | .candidates > 0 and .waiting == 0 and .trashed > 0'
compare --grace 0
holds '.[-1] | .candidates == 0 and .trashed == 0'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# After rm of two layouts the plan names exactly what an independent walk calls
# unreachable, and the run removes exactly that.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts

run_json 0 --store "$STORE" gc --grace 0 --dry-run
holds 'last.candidates == 0 and last.dry_run and last.refused == null'

run 0 --store "$STORE" rm app4 multi
blobs_in "$STORE/blobs" >files
entries_of "$STORE"/layouts/*/index.json | walk_live "$STORE/blobs" >live
comm -23 files live >garbage
[ -s garbage ] || fail 'nothing became garbage'

run_json 0 --store "$STORE" gc --dry-run
jq -r 'select(.type == "candidate").digest' out | sort >said
same_files garbage said 'the plan with its grace names other blobs'
holds 'map(select(.type == "candidate")) | all(.action == "wait" and (.due | fromdateiso8601 > now)
       and .size > 0 and (.mtime | fromdateiso8601 > 0) and .reason != "")'
holds --argjson n "$(wc -l <garbage)" 'last | .candidates == 0 and .waiting == $n and .trashed == 0'

run_json 0 --store "$STORE" gc --grace 0 -n
jq -r 'select(.type == "candidate" and .action == "trash").digest' out | sort >said
same_files garbage said 'the plan names other blobs'
cp out plan
live_count=$(wc -l <live)
holds --argjson n "$(wc -l <garbage)" --argjson live "$live_count" \
    'last | .candidates == $n and .waiting == 0 and .trashed == 0 and .live_blobs == $live'
blobs_in "$STORE/blobs" >files.now
same_files files files.now 'the dry run removed something'

run_json 0 --store "$STORE" gc --grace 0
same_plan='select(.type == "candidate") | del(.due)'
jq -c "$same_plan" plan >plan.dry
jq -c "$same_plan" out >plan.real
same_files plan.dry plan.real 'the run did not do what the dry run said'
holds --argjson n "$(wc -l <garbage)" 'last | .trashed == $n and .candidates == $n and (.dry_run | not)'
blobs_in "$STORE/blobs" >files.now
same_files live files.now 'the run removed something else'
blobs_in "$STORE"/.ocistore/trash/*/blobs >trash
same_files garbage trash 'the trash holds something else'

run_json 0 --store "$STORE" gc --grace 0
holds 'last.trashed == 0 and last.purged == 0'
run_json 0 --store "$STORE" gc --now
holds --argjson n "$(wc -l <garbage)" 'last.purged >= $n'
[ -z "$(find "$STORE/.ocistore/trash" -type f)" ] || fail 'the trash is not empty'
run 0 --store "$STORE" fsck
copies_out "$STORE"

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# --metrics of gc and fsck: the numbers of the run, put in place at once.
. "${0%/*}/lib.sh"
store_with_layouts

# metric NAME[{...}]: its value
metric() {
    sed -n "s/^ocistore_$1{store=\"[^\"]*\"} //p" numbers.prom
}
well_formed() {
    grep -vE '^# (HELP|TYPE) ocistore_[a-z_]+ .*$' numbers.prom |
        grep -vE '^ocistore_[a-z_]+\{store="[^"]*"(,id="[a-z-]+")?\} [0-9.e+]+$' >strange
    [ ! -s strange ] || fail "no metric: $(head -n 1 strange)"
    same "$(ls -a | grep -c 'numbers\.prom')" 1 'files left'
    same "$(stat -c %a numbers.prom)" 644 'mode'
}

layout=$(ls "$LAYOUTS" | head -n 1)
run_json 0 --store "$STORE" rm "$layout"
freed=$(field .freed_bytes)
before=$(date +%s)
run_json 0 --store "$STORE" gc --grace 0 --metrics numbers.prom
well_formed
same "$(metric gc_exit_status)" 0 'exit status'
same "$(metric gc_trashed_bytes)" "$freed" 'what went'
same "$(metric gc_live_blobs)" "$(field .live_blobs)" 'live blobs'
[ "$(metric gc_trash_bytes)" -ge "$freed" ] || fail 'the trash is too small'
[ "$(metric gc_last_run_timestamp_seconds)" -ge "$before" ] || fail 'the time is wrong'
grep -qF "{store=\"$STORE\"}" numbers.prom || fail 'the store is not named'

run_json 0 --store "$STORE" fsck --metrics numbers.prom
well_formed
same "$(metric fsck_exit_status)" 0 'exit status'
same "$(metric fsck_error_findings)" 0 'errors'
same "$(metric fsck_checked_blobs)" "$(field .blobs_checked)" 'blobs'
[ "$(metric fsck_oldest_verification_timestamp_seconds)" -ge "$before" ] || fail 'not verified'

# A refusal is a run, too; its amounts are not known.
name=$(ls "$LAYOUTS" | tail -n 1)
echo '{' >"$STORE/layouts/$name/index.json"
run 4 --store "$STORE" gc --metrics numbers.prom
well_formed
same "$(metric gc_exit_status)" 4 'exit status'
same "$(metric gc_live_blobs)" '' 'live blobs of a refusal'
run 4 --store "$STORE" fsck --quick --metrics numbers.prom
grep -q '^ocistore_fsck_findings{store=".*",id="' numbers.prom || fail 'no findings by id'
well_formed

# Where it cannot be written, that is an error, and the old one stays.
cp numbers.prom old.prom
run 4 --store "$STORE" gc --metrics no/such/folder.prom
complains '--metrics: no/such/folder.prom'
complains 'the run itself was done, and ended with 4'
run 4 --store "$STORE" gc --metrics .
complains '--metrics: .: Is a directory'
mkfifo pipe
run 8 --store "$STORE" fsck --quick --image "$(ls "$LAYOUTS" | head -n 2 | tail -n 1)" --metrics pipe
complains '--metrics: pipe: is no regular file'
[ -p pipe ] || fail 'a file stands in the place of a pipe'
run 16 --store "$STORE" gc --dry-run --metrics numbers.prom
same_files numbers.prom old.prom 'a dry run changes the file'

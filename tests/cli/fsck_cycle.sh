#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# How many runs of this size come round to every blob.
. "${0%/*}/lib.sh"
need jq seq
run 0 init store
mkdir -p store/blobs/sha256
for i in $(seq 12); do # of a thousand bytes each
    printf '%01000d' "$i" >blob
    mv blob "store/blobs/sha256/$(sha256sum <blob | cut -d' ' -f1)"
done

cycle() { # MAX-BYTES RUNS
    run_json 0 --store store fsck --max-bytes "$1"
    same "$(field .cycle_runs)" "$2" "the runs of $1 bytes"
}
cycle 1000 12
cycle 3000 4
cycle 5000 3
cycle 6999 2
cycle 11000 2
cycle 12000 null
cycle 1 12 # one blob at least
cycle 0 null # no limit
run 0 --store store fsck --max-bytes 5000
prints 'not rehashed: 7 blobs, 7 of them left for another run; at this pace everything takes 3 runs'
run 0 --store store fsck --max-bytes 0 --max-time 0 --rate 0
prints 'checked 12 of 12 blobs'

# What nobody can verify is not to come.
mkdir store/blobs/blake3
echo x >"store/blobs/blake3/$(printf %064d 1)"
run_json 0 --store store fsck
holds 'last | .coverage == 1 and .blobs_total == 12 and .oldest_verified != null
    and .findings["blob-algorithm-unknown"] == 1'

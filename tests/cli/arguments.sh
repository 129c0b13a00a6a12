#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Global options stand anywhere; durations need a unit, except for 0.
. "${0%/*}/lib.sh"
need jq

for time in 0 90s 24h 7d 1d12h 500ms 2w; do
    run 0 --lock-timeout "$time" version
    run 0 version --lock-timeout="$time"
done
for time in 1 90 s -1s '1 s' 1x 1s2 '' 99999999999999999999s 9999999999999999d; do
    run 16 version --lock-timeout "$time"
    complains 'is not a duration'
done

"$OCISTORE_BIN" --json version >before
"$OCISTORE_BIN" version --json >after
same_files before after 'the place of --json matters'
run 0 version --color=never -q
run 0 -q --color never version
run 16 version -- --json
complains "what is '--json' for?"

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# doc/fsck.md tells of the findings that the program can make, with their severity,
# and of no others.
. tests/check/files

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The table of ids is in finding.c; what no other file mentions is never made.
sed -n 's/^ *{"\([a-z-]*\)", OCS_SEVERITY_\([A-Z]*\).*/\1 \2/p' src/fsck/finding.c |
    while read -r id severity; do
        ! tracked 'src/*.c' | grep -vx src/fsck/finding.c | xargs grep -qF "\"$id\"" ||
            printf '%s %s\n' "$id" "$(printf '%s' "$severity" | tr '[:upper:]' '[:lower:]')"
    done | sort >"$work/made"
[ -s "$work/made" ]

awk -F ' *\\| *' '/^## / { on = /Findings/ }
    on && /^\| `/ {
        n = split($2, id, /[`, ]+/)
        for (i = 1; i <= n; i++)
            if (id[i] != "")
                print id[i], $3
    }' doc/fsck.md | sort >"$work/told"
# Each has a row in the damage tables, or a test of the program.
while read -r id severity; do
    tracked 'tests/damage/*.c' 'tests/cli/fsck*.sh' | xargs grep -qE "(info|notice|warning|error|fatal):? $id\\b" ||
        printf '%s\n' "$id"
done <"$work/made" | none 'never shown by a test:'

comm -23 "$work/made" "$work/told" | none 'doc/fsck.md does not tell:'
comm -13 "$work/made" "$work/told" | none 'doc/fsck.md tells what is never found:'

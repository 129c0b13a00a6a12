#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# doc/fsck.md tells of the findings that the program can make, and of no others.
. tests/check/files

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The table of ids is in finding.c; what no other file mentions is never made.
sed -n 's/^ *{"\([a-z-]*\)", OCS_SEVERITY_.*/\1/p' src/fsck/finding.c | while IFS= read -r id; do
    ! tracked 'src/*.c' | grep -vx src/fsck/finding.c | xargs grep -qF "\"$id\"" ||
        printf '%s\n' "$id"
done | sort >"$work/made"
[ -s "$work/made" ] || exit 77

sed -n '/^## Findings/,/^## /s/^| \([^|]*\) |.*/\1/p' doc/fsck.md | grep -o '`[a-z-]*`' |
    tr -d '`' | sort >"$work/told"
comm -23 "$work/made" "$work/told" | none 'findings that doc/fsck.md does not tell:'
comm -13 "$work/made" "$work/told" | none 'doc/fsck.md tells what is never found:'

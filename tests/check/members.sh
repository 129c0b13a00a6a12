#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# doc/cli.md tells every object and member that --json prints: these are contract.
. tests/check/files

tracked 'src/cli/*.c' | xargs cat | tr '\n' ' ' |
    grep -oE 'ocs_output_[a-z]+\((&?[a-z>.-]*out), *"[a-z0-9_]+"' | sed 's/.*"\(.*\)"/\1/' | sort -u |
    while IFS= read -r member; do
    grep -qw -- "$member" doc/cli.md || printf '%s\n' "$member"
done | none 'members that doc/cli.md does not tell:'

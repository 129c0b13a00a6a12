#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Links between the texts lead somewhere.
. tests/check/files

tracked '*.md' | while IFS= read -r file; do
    grep -o '](\([^)#:]*\)[)#]' "$file" | sed 's/^](//; s/[)#]$//' | sort -u | while IFS= read -r link; do
        [ -z "$link" ] || [ -e "$(dirname "$file")/$link" ] || printf '%s: %s\n' "$file" "$link"
    done
done | none 'links to nothing:'

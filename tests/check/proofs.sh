#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What the tables of doc/safety.md name is there: `file` below src/ or tests/, and in
# `file: text` that text in it.
. tests/check/files

grep '^|' doc/safety.md | grep -o '`\(store\|gc\|fsck\|cli\|unit\|fault\|crash\|model\|soak\|damage\)/[A-Za-z0-9_]\{1,\}\(\.[a-z]*\)\{0,1\}\(: [^`]*\)\{0,1\}`' | tr -d '`' | sort -u |
    while IFS= read -r proof; do
        file=${proof%%: *}
        path=
        for room in src tests; do
            [ -f "$room/$file" ] && path=$room/$file
        done
        if [ -z "$path" ]; then
            printf 'no file %s\n' "$file"
        elif [ "$file" != "$proof" ] && ! grep -qF -- "${proof#*: }" "$path"; then
            printf '%s lacks: %s\n' "$path" "${proof#*: }"
        fi
    done | none 'doc/safety.md relies on what is not there:'

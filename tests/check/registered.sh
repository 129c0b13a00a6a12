#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Every test function of tests/unit stands in the table of its file.
. tests/check/files

tracked 'tests/unit/test_*.c' | while IFS= read -r file; do
    sed -n 's/^static void \([a-z0-9_]*\)(void \*\*[a-z_]*)$/\1/p' "$file" |
        grep -v -e '_setup$' -e '_teardown$' | while IFS= read -r function; do
        [ "$(grep -cw "$function" "$file")" -ge 2 ] || printf '%s: %s\n' "$file" "$function"
    done
done | none 'never run:'

tracked 'tests/cli/*.sh' 'tests/check/*.sh' 'tests/model/*.sh' 'tests/crash/*.sh' \
    'tests/damage/*.sh' | while IFS= read -r file; do
    [ -x "$file" ] || printf '%s\n' "$file"
done | none 'not executable:'

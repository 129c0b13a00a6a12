#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Nothing of the machine that it was written on, and nothing large.
. tests/check/files

own=tests/check/machine.sh
paths='(^|[^A-Za-z0-9_.~-])/(work|farm)/'
hosts='(deb|security|snapshot)\.debian\.org|registry\.npmjs\.org|proxy\.golang\.org|pypi\.org'

{
    tracked '*' | grep -vx "$own" | tr '\n' '\0' | xargs -0 grep -nIE -e "$paths" -e "$hosts" || :
} | none 'paths or hosts of a machine:'

tracked '*' | while IFS= read -r file; do
    [ "$(wc -c <"$file")" -le 1048576 ] || printf '%s\n' "$file"
done | none 'larger than 1 MiB:'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Functions of at most 60 lines, files of at most 500.
. tests/check/files
need ctags

tracked 'src/*.c' 'src/*.h' 'include/*.h' | xargs ctags -x --c-kinds=f --_xformat='%n %e %F %N' 2>/dev/null |
    awk '$2 - $1 + 1 > 60 { print $3 ": " $4 ": " $2 - $1 + 1 " lines" }' |
    none 'functions of more than 60 lines:'

tracked 'src/*.c' 'src/*.h' | while IFS= read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 500 ] || printf '%s: %s lines\n' "$file" "$lines"
done | none 'files of more than 500 lines:'

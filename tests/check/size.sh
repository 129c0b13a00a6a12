#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Functions of at most 60 lines, files of at most 600; those above
# 500 are named.
. tests/check/files
need ctags

tracked 'src/*.c' 'src/*.h' 'include/*.h' | xargs ctags -x --c-kinds=f --_xformat='%n %e %F %N' 2>/dev/null |
    awk '$2 - $1 + 1 > 60 { print $3 ": " $4 ": " $2 - $1 + 1 " lines" }' |
    none 'functions of more than 60 lines:'

tracked 'src/*.c' 'src/*.h' | xargs wc -l | awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines" }' |
    tee /dev/stderr | awk '$2 > 600' | none 'files of more than 600 lines:'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# The public header compiles alone, as C and as C++; every other header as C.
. tests/check/files

CC=${CC:-cc}

alone() {
    # shellcheck disable=SC2086 # a compiler with its options
    echo "#include \"$1\"" | $2 -fsyntax-only -Wall -Wextra -Werror -Iinclude -
}

alone ocistore.h "$CC -x c -std=c11 -pedantic-errors"
if command -v c++ >/dev/null 2>&1; then
    alone ocistore.h 'c++ -x c++ -std=c++11 -pedantic-errors'
fi

# `src` is on the path as for the sources themselves.
tracked 'src/*.h' | while IFS= read -r header; do
    alone "$header" "$CC -x c -std=gnu17 -D_GNU_SOURCE -I. -Isrc" || printf '%s\n' "$header"
done | none 'headers that do not compile alone:'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Every source carries the licence in its head.
. tests/check/files

{
    sources | while IFS= read -r file; do
        [ "$(sed -n 1p "$file")" = '/* SPDX-License-Identifier: MIT' ] &&
            [ "$(sed -n 2p "$file")" = ' * SPDX-FileCopyrightText: the ocistore developers */' ] ||
            printf '%s\n' "$file"
    done
    tracked '*.sh' 'scripts/*' '.ci/*' '*CMakeLists.txt' '*.cmake' | while IFS= read -r file; do
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || printf '%s\n' "$file"
    done
} | none 'without the SPDX head:'

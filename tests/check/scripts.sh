#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Shell scripts parse.
. tests/check/files

tracked '*.sh' 'scripts/*' 'bench/*' | while IFS= read -r file; do
    case $(sed -n 1p "$file") in
    '#!/bin/sh') sh -n "$file" || printf '%s\n' "$file" ;;
    *bash) bash -n "$file" || printf '%s\n' "$file" ;;
    esac
done | none 'do not parse:'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What the library exports begins with ocs_, it keeps no mutable global, and it has
# what the public header declares.
. tests/check/files
need nm
need objdump
[ -s "$OCS_LIBRARY" ]
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -g --defined-only "$OCS_LIBRARY" 2>/dev/null | awk 'NF == 3 { print $3 }' |
    grep -vi -e '^ocs_' -e '^__odr_asan\.' -e '^__gcov' -e '^__asan' | none 'global without ocs_:'

# Sanitizers and coverage put data of their own there; theirs have a dot or two
# underscores in front.
objdump -t "$OCS_LIBRARY" |
    awk '/file format/ { object = $1 }
        $4 ~ /^\.(data|bss|tdata|tbss)/ && $4 !~ /rel\.ro/ && $3 == "O" && $NF !~ /^(\.|__)/ \
            { print object $NF }
        $3 ~ /^\.(data|bss|tdata|tbss)/ && $3 !~ /rel\.ro/ && $2 ~ /O/ { print object, $NF }' |
    none 'mutable globals:'

# What the public header promises is there.
sed -n 's/^OCS_PUBLIC [^(]*[ *]\(ocs_[a-z0-9_]*\)(.*/\1/p' include/ocistore.h | sort >"$work/declared"
[ -s "$work/declared" ]
nm -g --defined-only "$OCS_LIBRARY" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u |
    comm -23 "$work/declared" - | none 'declared and not there:'

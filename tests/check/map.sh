#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# doc/architecture.md names every module: its own name, or that of the module that
# it is a part of (json_scan of json).
. tests/check/files

map=$(sed -n '/^## Rooms/,/^## Threads/p' doc/architecture.md | tr -c 'a-z0-9_\n' ' ')
told() {
    printf '%s\n' "$map" | grep -qw "$1"
}

tracked 'src/store/*.c' 'src/gc/*.c' 'src/fsck/*.c' | sed 's|.*/||; s|\.c$||' | while IFS= read -r module; do
    told "$module" || told "${module%%_*}" || printf '%s\n' "$module"
done | none 'modules that doc/architecture.md does not name:'

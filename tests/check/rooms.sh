#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# The direction of the rooms (doc/architecture.md):
#   src/cli -> include/ocistore.h;  src/gc, src/fsck -> src/store;  src/store -> nothing.
# Within a room a file includes only what stands above it in src/CMakeLists.txt;
# a header without a .c of its own stands above all, and the parts of a module that
# was split (import_fetch.c) know its header (import.h).
. tests/check/files

tracked 'src/*.c' 'src/*.h' | xargs awk -v list=src/CMakeLists.txt '
    BEGIN {
        while ((getline line < list) > 0)
            if (match(line, /(store|gc|fsck)\/[a-z0-9_]+\.c/)) {
                path = substr(line, RSTART, RLENGTH - 2)
                rank[path] = ++ranks
            }
        may["store", "store"] = may["gc", "store"] = may["gc", "gc"] = 1
        may["fsck", "store"] = may["fsck", "fsck"] = may["cli", "cli"] = 1
    }
    function module(path) {
        sub(/^src\//, "", path)
        sub(/\.[ch]$/, "", path)
        return path
    }
    function complain(what) {
        print FILENAME ":" FNR ": " what " (" name ")"
    }
    FNR == 1 {
        own = module(FILENAME)
        room = own
        sub(/\/.*/, "", room)
        if (FILENAME ~ /\.c$/ && room != "cli" && !(own in rank))
            print FILENAME ": not in " list
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, part, "\"")
        name = part[2]
        if (name == "ocistore.h")
            next
        target = name ~ /^(store|gc|fsck|cli)\// ? module(name) : room "/" module(name)
        to = target
        sub(/\/.*/, "", to)
        if (!((room, to) in may))
            complain("from " room " into " to)
        else if (room == to && room != "cli" && target != own &&
                 index(own, target "_") != 1 && rank[target] + 0 >= rank[own] + 0 &&
                 rank[target] > 0)
            complain("includes what stands below it")
    }' | none 'against the direction of the rooms:'

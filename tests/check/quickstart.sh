#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# scripts/quickstart comes to its end, with the program that is under test.
. tests/check/files
need skopeo
need umoci
need jq
need dpkg-query

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
OCISTORE_PROGRAM=$OCS_PROGRAM scripts/quickstart "$work/place" >"$work/log" 2>&1 ||
    { cat "$work/log" && exit 1; }
tail -n 3 "$work/log"

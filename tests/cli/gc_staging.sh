#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What an import that was killed left in .ocistore/tmp goes with the next gc; the folder
# of one that is at work stays.
. "${0%/*}/lib.sh"
need_layouts
run 0 init store
OCISTORE=$PWD/store
export OCISTORE
run 0 import "$LAYOUTS/base"
mkdir -p store/.ocistore/tmp/dead store/.ocistore/tmp/alive
echo half >store/.ocistore/tmp/dead/00000001
echo half >store/.ocistore/tmp/alive/00000001

run 0 gc --dry-run
[ -e store/.ocistore/tmp/dead/00000001 ] || fail 'a dry run took it'
exec 9<store/.ocistore/tmp/alive
flock 9
run 0 gc
[ ! -e store/.ocistore/tmp/dead ] || fail 'it is still there'
[ -e store/.ocistore/tmp/alive/00000001 ] || fail 'somebody was using it'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A layout that is attached by a path with a link in it: when the link leads elsewhere, what
# is written through it is not in the folder that gc reads, so gc refuses, and says the ways out.
. "${0%/*}/lib.sh"
need_layouts
cd "$(pwd -P)" || exit 1 # no link but those that are made here
OCISTORE=$PWD/store
export OCISTORE
copy() { # LAYOUT TO:TAG
    skopeo --insecure-policy copy -q --dest-shared-blob-dir store/blobs "oci:$LAYOUTS/$1:latest" "oci:$2" ||
        fail "skopeo could not copy $1"
}
refuses() { # WHAT: all who look say it
    run_json 4 gc --grace 0
    complains "layout '$1' (attached) is not there: $2"
    holds 'any(.type == "error" and (.hint | contains("ocistore forget")))'
    run_json 4 fsck
    holds 'any(.id == "layout-missing" and .severity == "error")'
    run_json 4 ls
    holds 'any(.type == "layout" and (.trouble | . != null))'
    run 4 tag "$1:1" other
    run 4 rm "$1:1"
    complains "$2"
    run 16 mv "$1" other
    complains "$2"
}
top=$PWD
run 0 init store
run 0 import "$LAYOUTS/base"
mkdir srv
copy app1 srv/v1:1
ln -s v1 srv/current
run 0 attach srv/current
run_json 0 ls
holds "any(.path == \"$top/srv/v1\" and .given == \"$top/srv/current\")"
run 0 ls
prints "in $top/srv/v1, by $top/srv/current"
run 0 fsck
run 0 gc

# The report of a newcomer: a release, and what is written through the link goes.
cp -r srv/v1 srv/v2
ln -sfn v2 srv/current
copy app2 srv/current:2
refuses current "$top/srv/current leads to $top/srv/v2 now, not to $top/srv/v1"
run_json 4 gc
holds "any(.type == \"error\" and (.hint | contains(\"ocistore attach --name current $top/srv/current makes\")))"
run 4 fsck --repair
run 4 gc --now

# Attached again, both are roots; the old one has the name of its folder.
run_json 0 attach --name current "$top/srv/current"
holds 'any(.action == "attach" and .layout == "v1") and any(.action == "attach" and .layout == "current")'
run 0 attach srv/current
run 0 gc --now
run 0 fsck
run 0 tree current:2
run 0 tree v1:1
run 0 forget v1

# Its new name is taken.
cp -r srv/v2 srv/base
ln -sfn base srv/current
run 0 attach srv/current
complains "$top/srv/current led to $top/srv/v2 before, which stays attached, as 'v2'"
ln -sfn v2 srv/current
refuses current "$top/srv/current leads to $top/srv/v2 now"
run 0 attach srv/current
complains "which stays attached, as 'current-1'"
run 0 gc
run 0 forget current-1
run 0 forget v2

# The folder alone is meant.
ln -sfn base srv/current
run 0 attach --name current srv/v2
run 0 gc --now
run_json 0 ls
holds "any(.path == \"$top/srv/v2\" and .given == null)"
run 0 forget current

# A link in the middle of the path, and one that leads nowhere.
mkdir -p disk1/here/in
copy app1 disk1/here/app:1
ln -s disk1 disk
(cd disk/here && run 0 attach ../here/./app//) || exit 1
run_json 0 ls
holds "any(.path == \"$top/disk1/here/app\" and .given == null)"
(cd disk/here && run 0 attach .//app/) || exit 1
run_json 0 ls
holds "any(.path == \"$top/disk1/here/app\" and .given == \"$top/disk/here/app\")"
run 0 mv app shop
run 0 gc
rm disk
refuses shop "$top/disk/here/app led to $top/disk1/here/app, and leads nowhere now: No such file or directory"
run_json 4 gc
holds "any(.type == \"error\" and (.hint | contains(\"ocistore attach --name shop $top/disk1/here/app;\")))"
ln -s disk1 disk
run 0 gc

# Nothing is mounted: that the link leads nowhere is not what is wrong.
mv disk1 away
run 4 gc
complains "layout 'shop' (attached) is not there: $top/disk1/here/app: No such file or directory"
complains 'mount it or put it back'
mv away disk1
run 0 gc

# Two paths to one folder are both followed; one path is attached once.
ln -s disk1/here/app second
run 16 attach disk1/here/app
complains "is attached already, as 'shop'"
run 16 attach --name again disk/here/app
complains "is attached already, as 'shop'"
run 0 attach second
run 0 gc
ln -sfn srv/v2 second
refuses second "$top/second leads to $top/srv/v2 now"
run 0 attach second
run 0 gc
run_json 0 ls
holds '[.[] | select(.type == "layout" and .attached) | .name] == ["second", "shop"]'
run 0 forget second

# A layout that has moved, with a link in its old place: that may lead elsewhere one day.
copy app2 lay:1
run 0 attach lay
mv lay elsewhere
ln -s elsewhere lay
refuses lay "$top/lay is no folder of its own any more: it leads to $top/elsewhere"
run 0 attach lay
run 0 gc
run_json 0 ls
holds "any(.name == \"lay\" and .path == \"$top/elsewhere\" and .given == \"$top/lay\")"
rm lay
mv elsewhere lay # the other way round
refuses lay "$top/lay leads to $top/lay now, not to $top/elsewhere"
run 0 attach lay
run 0 forget elsewhere
run 0 gc
run_json 0 ls
holds "any(.name == \"lay\" and .path == \"$top/lay\" and .given == null)"
run 0 forget lay

# An entry that an older version wrote has no such path, and none is needed.
grep -l '"shop"' store/.ocistore/roots/*.json >entry
sed -i '1s/"given":"[^"]*",//' "$(cat entry)"
rm disk
run 0 gc
run 0 tree shop:1

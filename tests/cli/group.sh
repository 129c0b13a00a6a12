#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What we make follows the umask: a group can share a store as doc/nightly.md says.
. "${0%/*}/lib.sh"
need_layouts
STORE=$TEMPORARY/store
OCISTORE=$STORE
export OCISTORE

# Everything but the blobs, which nobody writes into, and the reserve, which is only removed.
closed_to_the_group() {
    find "$STORE" ! -perm -020 ! -path '*/sha256/*' ! -name reserve | sort
}
umask 002
run 0 init "$STORE"
run 0 import "$LAYOUTS/app1" "$LAYOUTS/base"
run 0 tag app1:latest new
run 0 rm base
run 0 mv app1 moved/app
run 0 gc --grace 0
run 0 fsck
same "$(closed_to_the_group)" '' 'closed to the group'
find "$STORE" -perm -002 ! -type l >open
same_files open /dev/null 'open to everybody'
find "$STORE/blobs" -type f -perm -020 >open
same_files open /dev/null 'blobs that can be written into'

# Nor is more given than the umask lets be.
umask 077
run 0 --store other init other
run 0 --store other import "$LAYOUTS/app1"
find other -perm /077 >open
same_files open /dev/null 'open in spite of the umask'

# Two users of one group, in turn.
[ "$(id -u)" -eq 0 ] || exit 0
need setpriv
chmod 755 "$TEMPORARY"
umask 022
cp -R "$LAYOUTS" layouts && chmod -R a+rX layouts && LAYOUTS=$TEMPORARY/layouts
rm -r "$STORE"
run 0 init "$STORE"
run 0 import "$LAYOUTS/app4"
chgrp -R 3333 "$STORE" || skip 'groups cannot be given here'
chmod -R g+w "$STORE/.ocistore" "$STORE/layouts"
find "$STORE" -type d -exec chmod g+ws {} +
umask 002
as() { # USER STATUS ARG...
    user=$1
    expected=$2
    shift 2
    setpriv --reuid "$user" --regid "$user" --groups 3333 "$OCISTORE_BIN" "$@" >out 2>err
    same "$?" "$expected" "status of $*"
}
as 2001 0 import "$LAYOUTS/app1" "$LAYOUTS/base"
as 2002 0 import "$LAYOUTS/app2" "$LAYOUTS/app1"
as 2002 0 rm base
as 2002 0 tag app1:latest new
as 2001 0 gc --grace 0
as 2002 0 trash restore base
as 2001 0 rm app2
as 2001 0 gc --grace 0
as 2002 0 gc --now
as 2002 0 mv app1 moved
as 2001 0 fsck
as 2001 0 import "$LAYOUTS/app2"
same "$(closed_to_the_group)" '' 'closed to the group'

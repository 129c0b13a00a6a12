#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A store that one may not read or write: a clear error, nothing half-done.
. "${0%/*}/lib.sh"
need_layouts

chmod 755 "$TEMPORARY"
if [ "$(id -u)" -eq 0 ]; then
    need setpriv
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    as_nobody "$OCISTORE_BIN" version >/dev/null 2>&1 || skip 'nobody may not run the program here'
else
    as_nobody() { "$@"; }
fi
ends() { # STATUS ARG...: as run, without rights
    expected=$1
    shift
    as_nobody "$OCISTORE_BIN" "$@" >out 2>err
    status=$?
    [ "$status" -eq "$expected" ] || fail "'ocistore $*' ended with $status instead of $expected"
    complains 'denied'
}

run 0 init store
run 0 --store store import "$LAYOUTS/app1"
run 0 --store store rm app1:next
(cd store && find . -type f | sort) >before
[ -r "$LAYOUTS/base/index.json" ] && as_nobody cat "$LAYOUTS/base/index.json" >/dev/null 2>&1 ||
    { cp -a "$LAYOUTS/base" base && chmod -R a+rX base && LAYOUTS=$TEMPORARY; }

chmod -R a-w store
ends 8 --store store import "$LAYOUTS/base"
ends 8 --store store rm app1
ends 8 --store store gc --now
chmod -R u+w store
(cd store && find . -type f | sort) >after
same_files before after 'something was left behind'
chmod 000 store
ends 8 --store store ls
ends 8 --store store fsck
chmod 755 store
chmod 000 store/layouts/app1
ends 8 --store store ls
complains 'layouts/app1: '
chmod 755 store/layouts/app1
run 0 --store store fsck

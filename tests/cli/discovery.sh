#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Which store: --store, $OCISTORE, this folder or one above, the data folder.
. "${0%/*}/lib.sh"
need jq

mark() { # NAME: a store that can be told from the others
    mkdir -p "$1" && "$OCISTORE_BIN" -q init "$1" && mkdir -p "$1/layouts/$2" &&
        printf '{"imageLayoutVersion":"1.0.0"}' >"$1/layouts/$2/oci-layout" &&
        printf '{"schemaVersion":2,"manifests":[]}' >"$1/layouts/$2/index.json"
}
finds() { # NAME ARG...
    name=$1
    shift
    "$OCISTORE_BIN" "$@" --json ls >"$TEMPORARY/out" 2>"$TEMPORARY/err" || fail "ls ended with $?"
    holds --arg name "$name" 'any(.name == $name)'
}

mark "$PWD/given" given
mark "$PWD/environment" environment
mark "$PWD/above" above
mkdir -p above/a/b none

finds given --store given
OCISTORE=$PWD/environment finds environment
OCISTORE=$PWD/environment finds given --store given
cd above/a/b || exit 1
finds above
OCISTORE=../../../environment finds environment
OCISTORE='' finds above
run_json 16 --store '' ls # a variable that is not set is no wish for another store
complains '--store needs a value'
run_json 16 ls --store=
cd ../../.. || exit 1

cd none || exit 1
run_json 16 init ''
run_json 16 init --store ''
[ ! -e .ocistore ] || fail 'init of nothing made a store'
if [ "$(id -u)" -ne 0 ]; then
    mark "$TEMPORARY/data/ocistore" data
    XDG_DATA_HOME=$TEMPORARY/data finds data
    mark "$TEMPORARY/home/.local/share/ocistore" home
    HOME=$TEMPORARY/home finds home
    HOME=$TEMPORARY/nowhere run 16 ls
elif [ ! -d /var/lib/ocistore/.ocistore ]; then
    run 16 ls
else
    exit 0
fi
complains 'there is no store'
complains 'ocistore init'
for command in 'import x' ls 'tree x' 'inspect x' 'rm x' fsck gc; do
    # shellcheck disable=SC2086
    HOME=$TEMPORARY/nowhere run_json 16 $command
    holds '.[0].hint | contains("ocistore init")'
    # shellcheck disable=SC2086
    run_json 16 --store "$TEMPORARY/none" $command
    holds '.[0].hint | contains("ocistore init")'
done
[ -z "$(ls -A "$TEMPORARY/none")" ] || fail 'something was left behind'

# Without a home there is no store in it.
without_root
(
    unset HOME XDG_DATA_HOME OCISTORE
    exec "$rightless" ls
) >"$TEMPORARY/out" 2>"$TEMPORARY/err"
same "$?" 16 'the status without a home'
complains 'no $HOME to look in'
! grep -qF ' /.local' "$TEMPORARY/err" || fail 'it looks for a home in /'

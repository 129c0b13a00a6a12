#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What the tests of the command line share.  A test begins with
#     . "${0%/*}/lib.sh"
# and then stands in a temporary folder of its own, with the functions below.
# shellcheck shell=sh
set -u
here=$(cd "${0%/*}" && pwd) || exit 1
: "${OCISTORE_BIN:?the program to test}"
unset OCISTORE XDG_DATA_HOME
LC_ALL=C.UTF-8
export LC_ALL
umask 022

TEMPORARY=$(mktemp -d "${TMPDIR:-/tmp}/ocistore-test.XXXXXX") || exit 1
trap 'chmod -R u+rwx "$TEMPORARY" 2>/dev/null; rm -rf "$TEMPORARY"' EXIT
trap 'exit 1' HUP INT TERM
cd "$TEMPORARY" || exit 1

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    for file in out err; do
        [ -s "$TEMPORARY/$file" ] || continue
        printf -- '--- %s of the last run\n' "$file" >&2
        head -n 40 "$TEMPORARY/$file" >&2
    done
    exit 1
}

skip() {
    printf 'skipped: %s\n' "$*" >&2
    exit 77
}

# $rightless: the program as somebody who is not root.  Files of the test are root's:
# they have to be given to 65534.
without_root() {
    rightless=$OCISTORE_BIN
    [ "$(id -u)" -eq 0 ] || return 0
    need setpriv
    chmod 755 "$TEMPORARY"
    set -- setpriv --reuid 65534 --regid 65534 --clear-groups "$OCISTORE_BIN"
    "$@" version >/dev/null 2>&1 || skip 'nobody may not run the program here'
    printf '#!/bin/sh\nexec %s "$@"\n' "$*" >nobody
    chmod 755 nobody
    rightless=$PWD/nobody
}

need() {
    for tool; do
        command -v "$tool" >/dev/null 2>&1 || skip "no $tool here"
    done
}

# run STATUS ARG...: the program ends with STATUS; what it printed is in out and err.
run() {
    expected=$1
    shift
    "$OCISTORE_BIN" "$@" >"$TEMPORARY/out" 2>"$TEMPORARY/err"
    status=$?
    [ "$status" -eq "$expected" ] || fail "'ocistore $*' ended with $status instead of $expected"
}

# run_json STATUS ARG...: the same with --json, and the stream is as it has to be.
run_json() {
    expected=$1
    shift
    run "$expected" --json "$@"
    jq -e . "$TEMPORARY/out" >/dev/null || fail "'ocistore --json $*' printed something that is no JSON"
    [ "$(jq -c . "$TEMPORARY/out" | wc -l)" -eq "$(wc -l <"$TEMPORARY/out")" ] ||
        fail "'ocistore --json $*' is not one object per line"
    tail -n 1 "$TEMPORARY/out" |
        jq -e --argjson s "$expected" '.type == "summary" and .exit_status == $s' >/dev/null ||
        fail "'ocistore --json $*' does not end with a summary of exit status $expected"
    if [ "$expected" -ge 8 ]; then
        jq -s -e 'any(.type == "error" and has("message") and has("hint"))' "$TEMPORARY/out" >/dev/null ||
            fail "'ocistore --json $*' failed without an error object"
    fi
}

# Whether the last run printed TEXT on stdout, on stderr.
prints() {
    grep -qF -- "$1" "$TEMPORARY/out" || fail "stdout lacks: $1"
}
complains() {
    grep -qF -- "$1" "$TEMPORARY/err" || fail "stderr lacks: $1"
}
silent() {
    [ ! -s "$TEMPORARY/err" ] || fail "something stands on stderr"
}
# holds EXPRESSION: jq -s -e over the lines of the last --json run.
holds() {
    jq -s -e "$@" "$TEMPORARY/out" >/dev/null || fail "does not hold: $*"
}
# field JQ-EXPRESSION: of the last summary.
field() {
    tail -n 1 "$TEMPORARY/out" | jq -r "$1"
}

# in_hand PID: until the program has its signals in hand.  SIGUSR1 tells: a shell that is
# about to become it has SIGTERM from its parent.
in_hand() {
    until caught=$(sed -n 's/^SigCgt:[[:space:]]*/0x/p' "/proc/$1/status" 2>/dev/null) &&
        [ $((${caught:-0} & 0x200)) -ne 0 ]; do
        kill -0 "$1" 2>/dev/null || fail 'it does not run'
    done
}

same() {
    [ "$1" = "$2" ] || fail "$3: '$1' is not '$2'"
}
same_files() {
    cmp -s "$1" "$2" || {
        diff "$1" "$2" | head -n 20 >&2
        fail "$3"
    }
}

# Real layouts, made once per build folder: LAYOUTS/<name>, with an index.json each.
need_layouts() {
    need skopeo umoci jq flock
    LAYOUTS=${OCS_LAYOUTS:-$TEMPORARY/layouts}
    mkdir -p "${LAYOUTS%/*}"
    flock "$LAYOUTS.lock" sh "$here/make_layouts.sh" "$LAYOUTS" >"$TEMPORARY/make.log" 2>&1 || {
        tail -n 20 "$TEMPORARY/make.log" >&2
        fail "the layouts could not be made"
    }
}
# A store with every real layout in it.
store_with_layouts() {
    need_layouts
    STORE=$TEMPORARY/store
    run 0 init "$STORE"
    run 0 --store "$STORE" import "$LAYOUTS"/*/
}

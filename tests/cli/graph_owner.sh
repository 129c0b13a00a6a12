#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A graph outside of its store knows whose it is: neither another store nor a copy of the
# store uses it, or what one lets go would count for the other.
. "${0%/*}/lib.sh"
need_layouts
cd "$(pwd -P)" || exit 1
top=$PWD

# The report of a newcomer: two stores, one graph, and gc's breaker was off.
mkdir g g2 g3
run 0 init --graph-dir g a
run_json 4 init --graph-dir g b
holds --arg m "the graph in $top/g is that of $top/a, not of b" \
    'any(.type == "error" and (.message | endswith($m)) and (.hint | contains("init --graph-dir DIR b")))'
[ ! -e b ] || fail 'something was made'
run 0 init --graph-dir g a
run 0 --store a import "$LAYOUTS"/app1 "$LAYOUTS"/app2
run 0 --store a gc
run 0 init b
run 4 init --graph-dir g b
run 0 --store b gc --allow-empty
jq -e '.graph_dir == null' b/.ocistore/store.json >/dev/null || fail 'store.json was changed'

# A copy: each command says so, until it has a graph of its own.
cp -a a copy
for command in ls fsck 'gc --now' 'rm app1' "import $LAYOUTS/base" status; do
    # shellcheck disable=SC2086
    run_json 4 --store copy $command
    holds --arg m "the graph in $top/g is that of $top/a, not of $top/copy" \
        'any(.type == "error" and (.message | contains($m)))'
done
run 0 --store a gc
run 0 init --graph-dir g2 copy
prints 'copy is a store already; its graph is kept in the other folder now'
for layout in app1 app2; do
    echo '{"schemaVersion":2,"manifests":[]}' >"a/layouts/$layout/index.json"
done
run 0 --store copy rm app1 app2
run 0 --store copy import "$LAYOUTS/base"
run 0 --store copy gc
run 4 --store a gc --grace 0 # as ever: what the copy let go is none of its business
complains 'no command of ocistore removed'
run 0 --store copy fsck
run 0 --store a fsck

# Its own folder again, by another path, and after it has moved.
run 0 init --graph-dir g3 copy
run 0 init --graph-dir g2 copy
ln -s copy link
run 0 --store link gc
mv copy moved
run 0 --store moved gc
complains "the graph in $top/g2 was that of $top/copy, where this store is no more: it is taken along"
run 0 --store moved gc
silent
[ -e g2/data.mdb ] || fail 'the graph lies elsewhere'

# Restored from a backup, where it was, and elsewhere.
cp -a moved backup
rm -r moved
cp -a backup moved
run 0 --store moved gc
silent
rm -r moved
run 0 --store backup gc
complains 'it is taken along'

# A graph of an older version names nobody: its store takes it, a new one does not.
rm g2/store
run 4 init --graph-dir g2 fresh
run 0 --store backup gc
silent
[ -e g2/store ] || fail 'it names nobody still'
run 4 init --graph-dir g2 fresh

# The store lost its store.json, and is made anew with the graph that it had.
rm backup/.ocistore/store.json
run 0 init --graph-dir g2 backup
run 0 --store backup gc
silent
run 0 --store backup fsck

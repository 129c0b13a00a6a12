#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# tree --dot: each blob is a node, each naming an arrow, and Graphviz can read it.
. "${0%/*}/lib.sh"
store_with_layouts

run_json 0 --store "$STORE" tree multi:latest
blobs=$(jq -r 'select(.type == "node").digest' out | sort -u | wc -l)
edges=$(jq -r 'select(.type == "node" and .parent != null) | .parent + .digest' out | wc -l)
run 0 --store "$STORE" tree --dot multi:latest
same "$(grep -o '^    "[^"]*" \[label=' out | sort -u | wc -l)" "$blobs" 'nodes'
same "$(grep -c ' -> ' out)" "$edges" 'arrows'
same "$(head -n 1 out)" 'digraph "multi:latest" {' 'the title'
same "$(tail -n 1 out)" '}' 'the end'
if command -v dot >/dev/null 2>&1; then
    dot -Tsvg out >/dev/null || fail 'Graphviz does not read it'
fi

run 16 --store "$STORE" tree --dot no-such
[ ! -s out ] || fail 'a graph of nothing'
run_json 16 --store "$STORE" tree --dot multi:latest

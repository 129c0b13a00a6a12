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
same "$(grep -o '^    "[^"]*" \[label="subject' out)" '' 'an image that is drawn as a subject'
same "$(grep -c 'label="manifest.*peripheries=2' out)" 1 'the image itself'
same "$(grep -c ' -> ' out)" "$edges" 'arrows'
same "$(head -n 1 out)" 'digraph "multi:latest" {' 'the title'
same "$(tail -n 1 out)" '}' 'the end'
if command -v dot >/dev/null 2>&1; then
    dot -Tsvg out >/dev/null || fail 'Graphviz does not read it'
fi

run 16 --store "$STORE" tree --dot no-such
[ ! -s out ] || fail 'a graph of nothing'
run_json 16 --store "$STORE" tree --dot multi:latest

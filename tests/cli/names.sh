#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Whatever stands in a name goes out escaped: no terminal acts on it, JSON stays JSON.
. "${0%/*}/lib.sh"
need_layouts
STORE=$TEMPORARY/store
run 0 init "$STORE"
cp -a "$LAYOUTS/base" strange
jq -c '.manifests[0].annotations["org.opencontainers.image.ref.name"] = "a\u001b[31mred\nline\u202e\u0085 \"q\\ü"' \
    strange/index.json >index.new
cat index.new >strange/index.json
run 0 --store "$STORE" import strange
for command in 'ls strange' 'tree strange' 'inspect strange' 'fsck'; do
    # shellcheck disable=SC2086
    run 0 --store "$STORE" $command
    ! LC_ALL=C grep -q "$(printf '\033')" out || fail "$command prints an escape"
    ! LC_ALL=C grep -q "$(printf '\302\205')" out || fail "$command prints a control character"
    ! LC_ALL=C grep -q "$(printf '\342\200\256')" out || fail "$command turns the text around"
done
run 0 --store "$STORE" ls strange
prints 'strange:a\x1b[31mred\nline\u{202e}\x85 "q\ü'
[ "$(wc -l <out)" -eq 2 ] || fail 'a name breaks the line'
run_json 0 --store "$STORE" ls strange
holds 'any(.ref == "a\u001b[31mred\nline\u202e\u0085 \"q\\ü")'
run 16 --store "$STORE" ls "$(printf 'x\033[2J\n\377y')"
complains 'x\x1b[2J\n\xffy'
! LC_ALL=C grep -q "$(printf '\033')" err || fail 'an error prints an escape'
run_json 16 --store "$STORE" ls "$(printf 'x\033[2J\n\377y')"

run 0 --store "$STORE" --color always ls
LC_ALL=C grep -q "$(printf '\033')" out || fail '--color always has no colour'
run 0 --store "$STORE" --color never ls
! LC_ALL=C grep -q "$(printf '\033')" out || fail '--color never has colour'
run 0 --store "$STORE" ls
! LC_ALL=C grep -q "$(printf '\033')" out || fail 'colour without a terminal'

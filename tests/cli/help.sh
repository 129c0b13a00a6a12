#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# help and version answer everywhere, before and after a command.
. "${0%/*}/lib.sh"
need jq

run 0 help
prints 'Commands'
prints 'Exit status'
silent
cp out overview
run 0 --help
same_files out overview 'help and --help differ'
run 0 -h
same_files out overview 'help and -h differ'
run 0 --help --quiet
same_files out overview 'help and --help --quiet differ'
run_json 0 --help
holds '.[0].type == "help" and .[0].command == null'

commands=$(sed -n '/^Commands$/,/^$/s/^  \([a-z]*\) .*/\1/p' overview)
[ -n "$commands" ] || fail 'the overview names no commands'
for command in $commands; do
    run 0 help "$command"
    grep -q "^Usage: ocistore .*$command" out || fail "help $command has no usage line"
    [ -z "$(tail -c 1 out)" ] || fail "help $command does not end with a line's end"
    cp out text
    run 0 "$command" --help
    same_files out text "$command --help differs from help $command"
    run 0 -h "$command"
    same_files out text "-h $command differs from help $command"
    run 0 "$command" --version
    grep -qx 'ocistore [0-9.]*' out || fail "$command --version prints something else"
    run_json 0 help "$command"
    holds '.[0].type == "help" and (.[0].text | startswith("Usage: "))'
done

run 0 version
grep -qx 'ocistore [0-9.]*' out || fail 'version prints something else'
run 0 --version
run_json 0 version
holds '.[0].type == "version" and (.[0].version | test("^[0-9.]+$"))'

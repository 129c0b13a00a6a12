#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A wrong command line ends with 16, says why and what would help.
. "${0%/*}/lib.sh"
need jq

run 16
complains 'ocistore help'
run 16 vresion
complains "unknown command 'vresion'"
complains "did you mean 'version'?"
run 16 version --jsn
complains "unknown option '--jsn'"
complains "did you mean '--json'?"
run 16 version --foo=1
complains "unknown option '--foo'"
run 16 version -x
complains "unknown option '-x'"
run 16 version word
complains 'ocistore help version'
run 16 version --quiet=yes
complains 'takes no value'
run 16 version --store
complains '--store needs a value'
run 16 version -qv
complains 'contradict'
run 16 version --color sometimes
complains "'sometimes' is not one of auto, always, never"
run 16 help nothing-like-it

run_json 16 vresion
holds '.[0] == {type: "error", message: "unknown command '"'vresion'"'",
       hint: "did you mean '"'version'"'?"}'
run_json 16 version --foo
holds '.[0].hint == null'

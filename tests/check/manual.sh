#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# The manual page and doc/cli.md tell every command and option of the program's own
# help, and no others; README.md and the completion, which asks the program, every
# command.
. tests/check/files

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset OCISTORE

# "COMMAND" and "COMMAND OPTION", "- OPTION" for the global ones.
options_of_help() {
    sed -n "/^$2/,/^\$/s/^ \\{2,6\\}\\(-.*\\)/\\1/p" | grep -o -E '^-[a-zA-Z]\b|(^|, )--[a-z-]+|^--[a-z-]+' |
        sed "s/^, //; s/^/$1 /"
}
"$OCS_PROGRAM" help >"$work/overview"
sed -n '/^Commands/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p' "$work/overview" >"$work/commands"
[ -s "$work/commands" ]
{
    options_of_help - Options <"$work/overview"
    while IFS= read -r command; do
        printf '%s\n' "$command"
        "$OCS_PROGRAM" help "$command" | options_of_help "$command" 'Options$'
    done <"$work/commands"
} | sort >"$work/program"

# The manual: .SS is a command; options stand in the line after .TP.
sed 's/\\f[A-Z]//g; s/\\-/-/g' doc/ocistore.1 | awk '
    /^\.SH OPTIONS/ { section = "-" }
    /^\.SH/ && !/OPTIONS/ { section = "" }
    /^\.SS/ { section = $2; print section }
    section != "" && last == ".TP" {
        gsub(/[",]/, " ")
        for (i = 2; i <= NF; i++)
            if ($i ~ /^-/)
                print section, $i
    }
    { last = $0 }' | sort >"$work/manual"

# doc/cli.md: "### `COMMAND ...`" and table rows that begin with an option.
awk '
    /^## Options/ { section = "-" }
    /^## / && !/Options/ { section = "" }
    /^### `/ { section = $2; gsub(/`/, "", section); print section }
    section != "" && /^\| `-/ {
        split($0, cell, " \\| ")
        gsub(/[`|,]/, " ", cell[1])
        n = split(cell[1], word, " ")
        for (i = 1; i <= n; i++)
            if (word[i] ~ /^-/)
                print section, word[i]
    }' doc/cli.md | sort >"$work/cli"

sed -n '/^## Commands/,/^Exit status/s/^| \(`[^|]*\).*/\1/p' README.md |
    grep -o '`[a-z][a-z]*' | tr -d '`' | sort >"$work/readme"
bash -c '. contrib/ocistore.bash && _ocistore_commands "$OCS_PROGRAM"' | sort >"$work/completion"
sort "$work/commands" >"$work/names"

compare() {
    comm -23 "$work/$1" "$work/$2" | sed "s/^/$2: not told: /"
    comm -13 "$work/$1" "$work/$2" | sed "s/^/$2: not in the program: /"
}
{
    compare program manual
    compare program cli
    compare names readme
    compare names completion
} | none 'the texts and the program differ:'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# What bash offers: commands, options, and the names of what lies in the store.
. "${0%/*}/lib.sh"
need bash
store_with_layouts
run 0 --store "$STORE" rm app5

cat >complete.bash <<'END'
. "$CONTRIB/ocistore.bash"
COMP_LINE=$1 COMP_POINT=${#1}
IFS=' ' read -r -a COMP_WORDS <<<"$1"
[[ $1 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
_ocistore
printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
END
CONTRIB=$here/../../contrib
export CONTRIB
offers() { # LINE WHAT
    same "$(bash complete.bash "$OCISTORE_BIN $1")" "$2" "what is offered after '$1'"
}
offers 'ini' 'init '
offers "--store $STORE ls ba" 'base '
offers "--store $STORE mv app" 'app1 app2 app3 app4 app6 app7 app8 '
offers "--store $STORE cat app1" 'app1 app1:latest app1:next '
offers "--store $STORE cat app1:n" 'next '
offers "--store $STORE rm app1:latest app2:" 'latest next '
offers "--store $STORE fsck --image app1:l" 'latest '
offers "--store $STORE trash " 'empty list restore '
offers "--store $STORE trash restore " 'app5 '
offers 'fsck --max-t' '--max-time '
offers 'fsck --rate ' ' '
offers 'import --link ' 'auto copy reflink '
offers 'ls --color a' 'always auto '
